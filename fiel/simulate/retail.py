"""Simulates the `retail` shop in the files of UCI Online Retail and Online Retail II: same columns, types and oddities.

The shape is fitted to the real file (shares of rows without a customer, of cancellations, gaps, lines, concentration of
the revenue); no row and no product of it is used. Who buys when and for how much follows purchase models with the known
parameters of `Rates`. The same shop (seed, customers, start) simulated to a later end has the same history up to the
earlier one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import polars as pl

from fiel.errors import SettingsError
from fiel.simulate.calendar import EPOCH, day_number
from fiel.simulate.draws import Draws
from fiel.simulate.retail_calendar import Trade, at_minute, trade
from fiel.simulate.retail_catalogue import catalogue
from fiel.simulate.retail_invoices import PURCHASE, Heads, invoices
from fiel.simulate.retail_people import Rates, purchases
from fiel.simulate.retail_rows import rows

Layout = Literal["parquet", "csv", "xlsx"]
LAST_MINUTE = 12 * 60 + 50  # the real file ends at 12:50
CHUNK_INVOICES = 50_000
OVERLAP_DAYS = 9  # days that two neighbouring files of Online Retail II both hold
XLSX_ROWS = 1_048_575  # rows of a sheet below its header

_SECOND = {"InvoiceNo": "Invoice", "UnitPrice": "Price", "CustomerID": "Customer ID"}  # Online Retail II's names


@dataclass(frozen=True)
class Simulation:
    """A written shop: where it is and what it holds."""

    folder: Path
    layout: Layout
    files: tuple[Path, ...]
    rows: int  # in the files; what overlapping files share counts in each
    first_day: date
    last_day: date  # the last complete day
    exported_at: datetime  # local; nothing in the files is later
    seed: int
    customers: int  # asked for: about so many buy for the first time in the first 669 days
    buyers: int  # who bought at least once
    purchases: int
    rates: Rates

    def __str__(self) -> str:
        return (
            f"{self.buyers:,} customers and {self.rows:,} rows from {self.first_day} to {self.last_day} "
            f"(seed {self.seed}) in {self.folder}"
        )


def simulate(
    folder: Path,
    *,
    customers: int = 5_000,
    start: date = date(2024, 2, 1),
    end: date = date(2025, 11, 30),
    seed: int = 7,
    layout: Layout = "parquet",
    rates: Rates | None = None,
) -> Simulation:
    """Writes a simulated shop's invoice lines into `folder`.

    About `customers` people buy for the first time in the first 669 days. `end` is the last complete day; as in the
    real file the rows go on until 12:50 of the next open day. `layout` "parquet" writes `online_retail.parquet` (in
    parts where it is large), "xlsx" the same as `Online Retail.xlsx`, both with the columns of Online Retail; "csv"
    writes the columns of Online Retail II, one file for each year, which overlap by nine days.
    """
    if customers < 1:
        raise SettingsError(f"customers is {customers}: simulate at least 1")
    if start > end:
        raise SettingsError(f"start {start} and end {end}: start must not be after end")
    if layout not in get_args(Layout):
        raise SettingsError(f"layout {layout!r}: retail is written as {', '.join(get_args(Layout))}")
    rates = rates or Rates()
    draws = Draws(seed)
    trading = _until_export(trade(start, end + timedelta(days=14), rates.season), end)
    bought = purchases(draws, trading, customers, rates)
    heads = invoices(draws, trading, bought, rates, LAST_MINUTE)
    sold = heads.kind == PURCHASE
    last = EPOCH + timedelta(days=trading.first + len(trading.pull) - 1)
    files, written = _write(draws, heads, Path(folder), layout, start)
    return Simulation(
        folder=Path(folder), layout=layout, files=files, rows=written, first_day=start, last_day=end,
        exported_at=at_minute(last, LAST_MINUTE), seed=seed, customers=customers,
        buyers=len(np.unique(heads.customer[sold])), purchases=int(sold.sum()), rates=rates,
    )  # fmt: skip


def _until_export(trading: Trade, end: date) -> Trade:
    """The calendar up to the first open day after `end`, on whose noon the files are made."""
    after = int(trading.next_open(np.array([day_number(end) + 1]))[0])
    return Trade(trading.first, trading.pull[: after - trading.first + 1])


def _frames(draws: Draws, heads: Heads) -> Iterator[pl.DataFrame]:
    """The rows in order, in chunks of so many invoices."""
    goods = catalogue(draws)
    for first in range(0, max(len(heads), 1), CHUNK_INVOICES):
        yield rows(draws, goods, heads.take(slice(first, first + CHUNK_INVOICES)))


def _write(draws: Draws, heads: Heads, folder: Path, layout: Layout, start: date) -> tuple[tuple[Path, ...], int]:
    """The files and how many rows they hold together."""
    folder.mkdir(parents=True, exist_ok=True)
    match layout:
        case "parquet":
            return _write_parquet(_frames(draws, heads), folder, len(heads) > CHUNK_INVOICES)
        case "csv":
            return _write_csv(_frames(draws, heads), folder, start)
        case "xlsx":
            return _write_xlsx(pl.concat(list(_frames(draws, heads))), folder)


def _write_parquet(frames: Iterator[pl.DataFrame], folder: Path, in_parts: bool) -> tuple[tuple[Path, ...], int]:
    files, written = [], 0
    for number, frame in enumerate(frames, start=1):
        files.append(folder / (f"online_retail_{number:04}.parquet" if in_parts else "online_retail.parquet"))
        frame.write_parquet(files[-1], compression="zstd")
        written += frame.height
    return tuple(files), written


def _write_csv(frames: Iterator[pl.DataFrame], folder: Path, start: date) -> tuple[tuple[Path, ...], int]:
    """A file for each year from `start`; each begins with the last nine days of the one before."""
    files: list[Path] = []
    written = 0
    for frame in frames:
        local = frame.rename(_SECOND)
        day = pl.col("InvoiceDate").dt.date()
        newest = frame.select(pl.col("InvoiceDate").max().dt.date()).item() or start
        for number in range(((newest - start).days + 364) // 365 + 1):
            begins = start + timedelta(days=365 * number)
            ends = begins + timedelta(days=364 + OVERLAP_DAYS)
            part = local.filter(day.is_between(begins, ends))
            if part.is_empty() and (number or files):
                continue
            path = folder / f"online_retail_II_{begins}.csv"
            is_new = path not in files
            with path.open("wb" if is_new else "ab") as file:
                part.write_csv(file, include_header=is_new, datetime_format="%Y-%m-%d %H:%M:%S")
            files += [path] * is_new
            written += part.height
    return tuple(files), written


def _write_xlsx(frame: pl.DataFrame, folder: Path) -> tuple[tuple[Path, ...], int]:
    """One workbook with one sheet, as UCI offers Online Retail."""
    if find_spec("xlsxwriter") is None:
        raise SettingsError("layout xlsx needs the package xlsxwriter, which is not installed: use parquet or csv")
    if frame.height > XLSX_ROWS:
        raise SettingsError(f"{frame.height:,} rows do not fit in a sheet: simulate fewer customers, or use parquet")
    from xlsxwriter import Workbook  # type: ignore[import-untyped]  # it has no stubs

    path = folder / "Online Retail.xlsx"
    with Workbook(path) as book:
        book.set_properties({"created": datetime.combine(date(2015, 11, 6), time())})  # same seed, same bytes
        frame.write_excel(book, "Online Retail", dtype_formats={pl.Datetime: "m/d/yyyy h:mm"}, autofilter=False)
    return (path,), frame.height
