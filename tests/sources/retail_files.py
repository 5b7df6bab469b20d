"""A gift shop of a few invoices, written in either layout as Parquet, CSV or XLSX."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter

from fiel.program import Program

Row = tuple[str, str, str | None, int, datetime, float, float | None, str]
COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
COLUMNS_2 = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
DTYPES = [pl.String, pl.String, pl.String, pl.Int64, pl.Datetime("us"), pl.Float64, pl.Float64, pl.String]
UK, FRANCE = "United Kingdom", "France"


def at(day: int, hour: int = 10, month: int = 12) -> datetime:
    """A local time in 2010."""
    return datetime(2010, month, day, hour, 26)


MUG, BAG, LAMP = ("71053", "MUG £1"), ("85123A", "BAG"), ("22423", "LAMP")
ROWS: list[Row] = [
    ("536365", *MUG, 6, at(1), 2.55, 17850.0, UK),
    ("536365", *BAG, 2, at(1), 0.85, 17850.0, UK),
    ("536366", *MUG, 1, at(2), 2.55, 13047.0, FRANCE),
    ("C536379", *MUG, -2, at(14), 2.55, 17850.0, UK),
    ("536380", *LAMP, 10, at(15), 12.75, 17850.0, UK),
    ("536381", *LAMP, 1, at(16), 12.75, 13047.0, FRANCE),
]


def program(rules: dict[str, Any] | None = None, **source: Any) -> Program:
    content = {"format": "online_retail", "time_zone": "Europe/London", "tolerated_reject_share": 0.5}
    return Program.model_validate(
        {
            "name": "tiny",
            "title": "Tiny",
            "day_time_zone": "Europe/London",
            "source": content | {"purchase_rules": rules or {}} | source,
            "value": {"unit": "GBP", "scale": 100},
        }
    )


def frame(rows: Sequence[Row], columns: Sequence[str] = COLUMNS) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(zip(columns, DTYPES, strict=True)), orient="row")


def write_parquet(folder: Path, rows: Sequence[Row] = ROWS, name: str = "retail.parquet") -> Path:
    folder.mkdir(exist_ok=True)
    frame(rows).write_parquet(folder / name)
    return folder


def write_csv(
    folder: Path,
    rows: Sequence[Row] = ROWS,
    name: str = "retail.csv",
    dates: str = "%-m/%-d/%Y %-H:%M",
    columns: Sequence[str] = COLUMNS,
    encoding: str = "utf-8",
    separator: str = ",",
) -> Path:
    """CSV as the copies on Kaggle have it: month first, ids as whole numbers."""
    folder.mkdir(exist_ok=True)
    lines = [separator.join(columns)]
    for invoice, code, words, number, moment, price, customer, country in rows:
        who = "" if customer is None else f"{customer:.0f}"
        values = [invoice, code, words or "", str(number), moment.strftime(dates), str(price), who, country]
        lines.append(separator.join(values))
    (folder / name).write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding))
    return folder


def write_xlsx(
    folder: Path,
    sheets: dict[str, Sequence[Sequence[Any]]],
    name: str = "retail.xlsx",
    columns: Sequence[str] = COLUMNS_2,
    date_format: str | None = "m/d/yy h:mm",
) -> Path:
    """A workbook as UCI publishes it: invoice numbers and stock codes are numbers where they can be."""
    folder.mkdir(exist_ok=True)
    book = xlsxwriter.Workbook(folder / name)
    style = book.add_format({"num_format": date_format} if date_format else {})
    for sheet, rows in sheets.items():
        page = book.add_worksheet(sheet)
        page.write_row(0, 0, columns if rows else [])
        for line, row in enumerate(rows, 1):
            for place, value in enumerate(row):
                if isinstance(value, datetime):
                    page.write_datetime(line, place, value, style)
                elif isinstance(value, str) and value.isdigit():
                    page.write_number(line, place, int(value))
                elif value is not None:
                    page.write(line, place, value)
    book.close()
    return folder
