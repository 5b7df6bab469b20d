"""The files of Online Retail and Online Retail II as typed rows: which files, which columns, which values.

Both layouts in Parquet, CSV (UTF-8 or Windows-1252) and XLSX, several files and sheets at once. A row that cannot be
read is set aside here, with its rule; what becomes of odd rows that can be read is said in `online_retail_rules.py`.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl

from fiel.errors import SourceError
from fiel.program import Program
from fiel.sources.dates import instants_of
from fiel.sources.files import Wanted
from fiel.sources.profile import add_profile
from fiel.sources.reading import EXTRA, PARQUET_ENDINGS, ROW, RawTable, check_flat, read_csv, read_parquet
from fiel.sources.rules import LARGEST, Rule, Sieve, missing, time_rules, too_many_fields, unparsed, whole
from fiel.sources.values import DECIMAL, as_text, decimal, identifier, rounded
from fiel.sources.xlsx import XLSX_ENDINGS, read_xlsx

COLUMNS = {
    "invoice": ("InvoiceNo", "Invoice"),
    "product_id": ("StockCode",),
    "product_name": ("Description",),
    "quantity": ("Quantity",),
    "time": ("InvoiceDate",),
    "price": ("UnitPrice", "Price"),
    "customer_id": ("CustomerID", "Customer ID"),
    "origin": ("Country",),
}
"""Our names, and how the two layouts spell them; blanks and case do not matter."""
ENDINGS = (".csv", ".csv.gz", *PARQUET_ENDINGS, *XLSX_ENDINGS)
_OTHER_ENCODINGS = ("cp1252", "latin-1")
_NOTHING = ("nan", "nat", "none", "null", "na", "n/a", "<na>")
"""How programs spell a missing id once they have made a text of it."""

ROWS: dict[str, pl.DataType] = {
    "table_name": pl.String(),
    ROW: pl.Int64(),
    "invoice": pl.String(),
    "product_id": pl.String(),
    "product_name": pl.String(),
    "quantity": pl.Int64(),
    "occurred_at": pl.Datetime("us"),
    "price": DECIMAL,
    "amount": pl.Int64(),
    "customer_id": pl.String(),
    "origin": pl.String(),
    "is_cancellation": pl.Boolean(),
}
"""A typed row: `price` of one unit in the program's unit, `amount` = quantity x price in its smallest unit."""


def wanted_files(program: Program) -> Wanted:
    """Chooses the readable files of a folder, and of those the ones that match source.files where it says more."""
    patterns = [pattern.lower() for pattern in program.source.files]

    def wanted(names: list[str]) -> list[str]:
        readable = [name for name in names if name.lower().endswith(ENDINGS)]
        chosen = [name for name in readable if any(fnmatch.fnmatch(name.lower(), pattern) for pattern in patterns)]
        if not chosen:
            there = ", ".join(sorted(names)[:12]) or "no files at all"
            hint = "; unpack the archive first" if any(name.lower().endswith(".zip") for name in names) else ""
            raise SourceError(
                f"no file of Online Retail is there: source.files is {', '.join(program.source.files)}, readable are "
                f"{', '.join(ENDINGS)}; there are: {there}{hint}"
            )
        return sorted(chosen)

    return wanted


def raw_tables(program: Program, folders: dict[str, Path], sieve: Sieve) -> list[RawTable]:
    """Every table of the folders under our column names, in the order of its name: FILE, or FILE/SHEET.

    What they looked like before goes into `sieve`, customers unshown.
    """
    tables: list[RawTable] = []
    for part, folder in folders.items():
        names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
        for name in names if len(names) == 1 else wanted_files(program)(names):
            prefix = f"{part}/" if len(folders) > 1 else ""
            tables += [
                replace(table, name=prefix + name + table.name.removeprefix(Path(name).name))
                for table in _read_one(folder / name)
            ]
    tables.sort(key=lambda table: table.name)
    ours = [_in_our_words(table) for table in tables]
    for table in tables:
        people = [name for name in table.columns if _plain(name) in _spellings("customer_id")]
        add_profile(sieve, table, people)
    return ours


def typed_rows(
    table: RawTable, program: Program, sieve: Sieve, now: datetime, *, needs_customer: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of one table that could be read (schema ROWS), and the others by rule (columns rule, rows, value).

    The others are rejected in `sieve`. `value` is their money as far as it can be read. `needs_customer`: a row without
    a customer is rejected too. SourceError: the order of day and month cannot be told.
    """
    source = program.source
    sieve.read[table.name] = table.rows.height
    rows = table.rows.with_columns(as_text(name, table.rows.schema[name]) for name in COLUMNS)
    times = table.rows.get_column("time")
    when = table.rows.select(ROW, "time") if _is_typed(times) else rows.select(ROW, "time")
    scale = pl.lit(program.value.scale).cast(DECIMAL)
    rows = rows.with_columns(
        pl.lit(table.name).alias("table_name"),
        _known(identifier("invoice")).str.to_uppercase(),
        _known(identifier("customer_id")),
        instants_of(when, table.name, "InvoiceDate", source.time_zone, source.time_format).alias("occurred_at"),
        whole("quantity").alias("_quantity"),
        decimal("price", source.decimal_mark).alias("_price"),
    ).with_columns(pl.col("invoice").str.contains(r"^C\d").fill_null(value=False).alias("is_cancellation"))
    is_too_large = (pl.col("_quantity").cast(pl.Float64) * pl.col("_price").cast(pl.Float64)).abs() >= LARGEST
    amount = rounded(pl.col("_price") * pl.col("_quantity").cast(DECIMAL) * scale)
    rows = rows.with_columns(pl.when(~is_too_large).then(amount).alias("amount"))

    before = len(sieve.rejected)
    good = sieve.sift(table.name, rows, _rules(is_too_large, now, needs_customer=needs_customer), list(COLUMNS))
    rejected = pl.concat([pl.DataFrame(schema={"row": pl.Int64, "rule": pl.String}), *(
        frame.select("row", "rule") for frame in sieve.rejected[before:]
    )])  # fmt: skip
    by_rule = (
        rejected.join(rows.select(pl.col(ROW).alias("row"), "amount"), on="row")
        .group_by("rule")
        .agg(pl.len().cast(pl.Int64).alias("rows"), pl.col("amount").sum().alias("value"))
    )
    good = good.drop("quantity", "price").rename({"_quantity": "quantity", "_price": "price"})
    return good.select(list(ROWS)).cast(pl.Schema(ROWS)), by_rule


def _rules(is_too_large: pl.Expr, now: datetime, *, needs_customer: bool) -> list[Rule]:
    return [
        ("too_many_fields", too_many_fields()),
        ("invoice_missing", missing("invoice")),
        ("stock_code_missing", missing("product_id")),
        ("quantity_missing", missing("quantity")),
        ("quantity_unparseable", unparsed("quantity", "_quantity")),
        ("price_missing", missing("price")),
        ("price_unparseable", unparsed("price", "_price")),
        ("amount_too_large", is_too_large),
        *time_rules("time", "occurred_at", now),
        ("cancellation_quantity_positive", pl.col("is_cancellation") & (pl.col("_quantity") > 0)),
        *([("customer_missing", missing("customer_id"))] if needs_customer else []),
    ]


def _known(text: pl.Expr) -> pl.Expr:
    """An id, null where it is a word for nothing: else everyone without one would be the customer `nan`."""
    return pl.when(~text.str.to_lowercase().is_in(_NOTHING)).then(text)


def _is_typed(times: pl.Series) -> bool:
    return times.dtype.is_temporal() or times.dtype.is_numeric()


def _read_one(path: Path) -> list[RawTable]:
    ending = path.suffix.lower()
    if ending in PARQUET_ENDINGS:
        return [read_parquet(path)]
    if ending in XLSX_ENDINGS:
        return read_xlsx(path, lambda name: _plain(name) in _spellings("time"))
    if not path.name.lower().endswith(ENDINGS):
        raise SourceError(f"{path.name} cannot be read: known are {', '.join(ENDINGS)}; save the table as CSV")
    return [read_csv(path, other_encodings=_OTHER_ENCODINGS)]


def _in_our_words(table: RawTable) -> RawTable:
    """The table with the columns of COLUMNS and no other; SourceError where it is of neither layout."""
    there: dict[str, list[str]] = {}
    for name in table.columns:
        there.setdefault(_plain(name), []).append(name)
    found = {ours: [name for spelling in _spellings(ours) for name in there.get(spelling, [])] for ours in COLUMNS}
    lacking = [" or ".join(COLUMNS[ours]) for ours, names in found.items() if not names]
    twice = [" and ".join(names) for names in found.values() if len(names) > 1]
    if lacking or twice:
        has = ", ".join(table.columns)[:400] or "no columns"
        if len(table.columns) == 1 and EXTRA in table.rows.columns:
            has += " (read as one single column: the separator is probably another than `,` or `;`)"
        wrong = f"column {', '.join(lacking)} is missing" if lacking else f"columns {twice[0]} mean the same: drop one"
        raise SourceError(
            f"{table.name} is not laid out as Online Retail or Online Retail II: {wrong}; it has: {has}. Needed are "
            f"{', '.join(' or '.join(spellings) for spellings in COLUMNS.values())}; another layout reads with format "
            "event_table"
        )
    check_flat(table.rows.select(name for names in found.values() for name in names), table.name)
    extra = pl.col(EXTRA) if EXTRA in table.rows.columns else pl.lit(None, pl.String).alias(EXTRA)
    rows = table.rows.select(ROW, *(pl.col(names[0]).alias(ours) for ours, names in found.items()), extra)
    return replace(table, rows=rows)


def _plain(name: str) -> str:
    """A column's name without case, blanks and underscores."""
    return "".join(name.lower().replace("_", " ").replace("\ufeff", "").split())


def _spellings(ours: str) -> Sequence[str]:
    return list(dict.fromkeys(_plain(spelling) for spelling in COLUMNS[ours]))
