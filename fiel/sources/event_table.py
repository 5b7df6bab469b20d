"""Any event table, mapped by a program file alone: CSV, Parquet or SQLite, one file or several.

Rules of this format (docs/bring-your-own-data.md tells them to users):
- rows with the same event id, customer and day are lines of one event: its time is the earliest of them, its value
  the sum; without an event column each row is an event, named by customer, time and its number among equal ones;
- value x quantity is multiplied as decimals and rounded half to even to the program's smallest unit, row by row;
- a product's name and category are those of the earliest row that has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from fiel.errors import ProgramError, SourceError
from fiel.program import EventColumns, Program
from fiel.sources.event_ids import event_ids
from fiel.sources.files import by_patterns
from fiel.sources.landing import PARSED
from fiel.sources.profile import add_profile
from fiel.sources.reading import (
    ENDINGS,
    PARQUET_ENDINGS,
    ROW,
    SQLITE_ENDINGS,
    RawTable,
    pick_columns,
    read_csv,
    read_parquet,
    read_sqlite,
    sqlite_tables,
)
from fiel.sources.rules import (
    LARGEST,
    Rule,
    Sieve,
    in_utc,
    instants,
    missing,
    time_rules,
    too_many_fields,
    unparsed,
)
from fiel.sources.values import DECIMAL, as_text, decimal, identifier, rounded


def read(program: Program, folders: dict[str, Path], sieve: Sieve, now: datetime) -> dict[str, pl.DataFrame]:
    """The parsed events, lines and products of every file, rejected rows set aside in `sieve`.

    `now` (naive UTC): an event after it is wrong. SourceError: a file or column is missing or unreadable.
    """
    columns = program.source.columns
    if columns is None:
        raise ProgramError(f"program {program.name}: source.columns is needed for format event_table")
    found = [_typed(table, columns, program, sieve, now) for table in _tables(program, folders)]
    rows = pl.concat(found).with_row_index("_order")
    return _events_and_lines(rows, columns, program)


def _tables(program: Program, folders: dict[str, Path]) -> list[RawTable]:
    source = program.source
    tables = []
    for folder in folders.values():
        names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
        chosen = names if len(names) == 1 else by_patterns(source.files, ENDINGS)(names)
        tables += [_read_one(folder / name, program) for name in chosen]
    return tables


def _read_one(path: Path, program: Program) -> RawTable:
    source, ending = program.source, path.suffix.lower()
    if ending in PARQUET_ENDINGS:
        return read_parquet(path)
    if ending in SQLITE_ENDINGS:
        tables = sqlite_tables(path)
        table = source.table or (tables[0] if len(tables) == 1 else None)
        if table not in tables or table is None:
            raise SourceError(
                f"{path.name}: {f'table {table} is missing' if table else 'which table holds the events is not said'}; "
                f"there are {', '.join(tables) or 'none'}: set source.table in the program file"
            )
        return read_sqlite(path, table)
    if not path.name.lower().endswith(ENDINGS):
        raise SourceError(f"{path.name} cannot be read: known are {', '.join(ENDINGS)}; save the table as CSV")
    return read_csv(path, source.separator, source.header)


def _typed(table: RawTable, columns: EventColumns, program: Program, sieve: Sieve, now: datetime) -> pl.DataFrame:
    """Rows of one file with parsed values under our names, the bad ones set aside."""
    source = program.source
    mapped = {ours: theirs for ours, theirs in columns.model_dump().items() if theirs is not None}
    sieve.read[table.name] = sieve.read.get(table.name, 0) + table.rows.height
    picked = pick_columns(table, {ours: (theirs,) for ours, theirs in mapped.items()})
    add_profile(sieve, table, _people(table, columns))
    rows = picked.with_columns(as_text(ours, picked.schema[ours]) for ours in mapped)
    rows = rows.with_columns(
        pl.lit(None, pl.String).alias(name) for name in EventColumns.model_fields if name not in mapped
    )
    rows = rows.with_columns(
        identifier("customer"),
        identifier("event"),
        _instants(picked.get_column("time"), program).alias("occurred_at"),
        decimal("value", source.decimal_mark).alias("_value"),
        decimal("quantity", source.decimal_mark).alias("_quantity"),
    )
    if source.missing_customer == "drop":
        expected = rows.filter(pl.col("customer").is_null())
        sieve.put_aside(table.name, "dropped_missing_customer", expected.height)
        rows = rows.filter(pl.col("customer").is_not_null())
    good = sieve.sift(table.name, rows, _rules(columns, now), list(mapped))
    return good.select(
        ROW,
        pl.col("customer").alias("customer_id"),
        "event",
        "occurred_at",
        *_amounts(columns, program),
        "product",
        "product_name",
        "category",
        "origin",
    )


def _people(table: RawTable, columns: EventColumns) -> list[str]:
    """The column of the customer, as the table spells it."""
    return [name for name in table.columns if name.strip().lower() == columns.customer.strip().lower()]


def _rules(columns: EventColumns, now: datetime) -> list[Rule]:
    rules: list[Rule] = [
        ("too_many_fields", too_many_fields()),
        ("customer_missing", missing("customer")),
        *time_rules("time", "occurred_at", now),
    ]
    if columns.event is not None:
        rules.append(("event_missing", missing("event")))
    for name, column in (("value", columns.value), ("quantity", columns.quantity)):
        if column is not None:
            rules.append((f"{name}_missing", missing(name)))
            rules.append((f"{name}_unparseable", unparsed(name, f"_{name}")))
    if columns.value is not None and columns.quantity is not None:
        product = pl.col("_value").cast(pl.Float64) * pl.col("_quantity").cast(pl.Float64)
        rules.append(("amount_too_large", product.abs() >= LARGEST))
    return rules


def _amounts(columns: EventColumns, program: Program) -> list[pl.Expr]:
    """`amount` (value x quantity) and `unit_value`, integers of the smallest unit, and `quantity` where it is whole."""
    scale = pl.lit(program.value.scale).cast(DECIMAL)
    unit = pl.col("_value") if columns.value else pl.lit(0).cast(DECIMAL)
    number = pl.col("_quantity") if columns.quantity else pl.lit(1).cast(DECIMAL)
    is_whole = number == number.round(0)
    return [
        rounded(unit * number * scale if columns.quantity else unit * scale).alias("amount"),
        rounded(unit * scale).alias("unit_value"),
        pl.when(is_whole).then(number.cast(pl.Int64, strict=False)).alias("quantity"),
    ]


def _events_and_lines(rows: pl.DataFrame, columns: EventColumns, program: Program) -> dict[str, pl.DataFrame]:
    rows = rows.with_columns(_event_id(rows, columns, program), _product_id(columns).alias("product_id"))
    rows = rows.with_columns(
        pl.int_range(1, pl.len() + 1).over("event_id").cast(pl.String).alias("line_id"),
        pl.col("origin").replace(program.source.origins).alias("origin"),
    )
    by_time = ("occurred_at", "_order")
    events = rows.group_by("event_id").agg(
        pl.col("customer_id").first(),
        pl.col("occurred_at").min(),
        pl.col("amount").sum().alias("value"),
        pl.col("origin").sort_by(*by_time).drop_nulls().first(),
    )
    named = rows.filter(pl.col("product_id").is_not_null())
    products = named.group_by("product_id").agg(
        pl.col("product_name").sort_by(*by_time).drop_nulls().first(),
        pl.col("category").sort_by(*by_time).drop_nulls().first().alias("source_category"),
    )
    lines = named.select("event_id", "line_id", "product_id", "quantity", pl.col("unit_value").alias("value"))
    return {
        "events": events.select(list(PARSED["events"])),
        "lines": lines.select(list(PARSED["lines"])),
        "products": products.select(list(PARSED["products"])),
        "customers": pl.DataFrame(schema=PARSED["customers"]),
    }


def _event_id(rows: pl.DataFrame, columns: EventColumns, program: Program) -> pl.Expr | pl.Series:
    """The source's event id, told apart by day and customer where they share it; else customer, time and a number."""
    if columns.event is not None:
        return event_ids(rows, "event", program.day_time_zone)
    number = pl.int_range(1, pl.len() + 1).over("customer_id", "occurred_at")
    moment = pl.col("occurred_at").dt.strftime("%Y-%m-%dT%H:%M:%S%.f")
    return pl.format("{}@{}#{}", "customer_id", moment, number).alias("event_id")


def _product_id(columns: EventColumns) -> pl.Expr:
    """The product column; without one the product's name, or its category."""
    named: Sequence[str | None] = (columns.product, columns.product_name, columns.category)
    ours = ("product", "product_name", "category")
    return next((pl.col(name) for name, given in zip(ours, named, strict=True) if given), pl.lit(None, pl.String))


def _instants(times: pl.Series, program: Program) -> pl.Series:
    """The time column as naive UTC, whether it is text or already a date or a time."""
    source = program.source
    if not times.dtype.is_temporal():
        text = pl.DataFrame(times).select(as_text(times.name, times.dtype)).to_series()
        return instants(text, source.time_zone, source.time_format)
    zone = getattr(times.dtype, "time_zone", None)
    stamp = times.cast(pl.Datetime("us", zone))
    return stamp.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else in_utc(stamp, source.time_zone)
