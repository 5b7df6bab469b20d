"""Online Retail and Online Retail II (UCI): a purchase log with cancellations, files to parsed tables.

An invoice is an event (one for each day and customer, should it have several), its rows are lines. A purchase is worth
the sum of its kept lines. A cancellation (`C...`) is an event below zero that the operator's books cause: it counts in
balances, never as activity. What it takes back is in `returns`, dated by the cancellation
(docs/decisions/009-returns.md). Which rows are kept: `online_retail_rules.py`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from fiel.program import Program
from fiel.sources import cancellations
from fiel.sources.event_ids import event_ids
from fiel.sources.intake import purchase_intake
from fiel.sources.landing import PARSED
from fiel.sources.online_retail_rules import RULE, is_on, kept, marked
from fiel.sources.online_retail_tables import ROWS, raw_tables, typed_rows, wanted_files
from fiel.sources.rules import Sieve
from fiel.sources.values import DECIMAL, rounded

__all__ = ["read", "wanted_files"]


def read(program: Program, folders: dict[str, Path], sieve: Sieve, now: datetime) -> dict[str, pl.DataFrame]:
    """The parsed tables (PARSED) of every file and sheet; rows that cannot be read are set aside in `sieve`.

    `now` (naive UTC): an event after it is wrong. SourceError: a file is missing, unreadable or laid out otherwise, or
    the order of day and month in a column of dates cannot be told.
    """
    rules = program.source.purchase_rules
    typed, rejected = [pl.DataFrame(schema=ROWS)], []
    tables = raw_tables(program, folders, sieve)
    while tables:  # let go of each, so that no two are there as text
        table = tables.pop(0)
        if table.encoding != "utf-8":
            sieve.warnings.append(f"{table.name} is not UTF-8: read as {table.encoding}")
        good, bad = typed_rows(table, program, sieve, now, needs_customer=not rules.missing_customer)
        typed.append(good)
        rejected.append(bad.select(pl.lit(table.name).alias("table_name"), "rule", "rows", "value"))
    rows = marked(pl.concat(typed), rules, sieve)
    for rule, number in rows.group_by(RULE).len().drop_nulls().sort("len", descending=True).iter_rows():
        sieve.count(f"set_aside_{rule}", number)
    lines = _lines(kept(rows), program)
    pieces = cancellations.match(lines) if rules.cancellations == "match" else cancellations.unmatched(lines)
    intake = purchase_intake(sieve, rows, pl.concat(rejected), lines, pieces, lambda rule: is_on(rule, rules))
    return _parsed(lines) | {"returns": pieces, "intake": intake}


def _lines(rows: pl.DataFrame, program: Program) -> pl.DataFrame:
    """Kept rows as numbered lines of their events: an invoice, of one day and one customer."""
    scale = pl.lit(program.value.scale).cast(DECIMAL)
    return rows.with_row_index("_order").with_columns(event_ids(rows, "invoice", program.day_time_zone)).with_columns(
        pl.int_range(1, pl.len() + 1).over("event_id").cast(pl.String).alias("line_id"),
        pl.col("occurred_at").min().over("event_id"),
        pl.col("origin").replace(program.source.origins),
        rounded(pl.col("price") * scale).alias("unit_value"),
    )  # fmt: skip


def _parsed(lines: pl.DataFrame) -> dict[str, pl.DataFrame]:
    by_time = ("occurred_at", "_order")
    events = lines.group_by("event_id").agg(
        pl.col("customer_id").first(),
        pl.col("occurred_at").first(),
        pl.col("amount").sum().alias("value"),
        pl.col("origin").drop_nulls().first(),
        pl.col("is_cancellation").first(),
    )
    products = lines.group_by("product_id").agg(
        pl.col("product_name").sort_by(*by_time).drop_nulls().first(),
        pl.lit(None, pl.String).alias("source_category"),
    )
    below_zero = events.filter(pl.col("is_cancellation") | (pl.col("value") < 0))
    return {
        "events": events.select(list(PARSED["events"])),
        "lines": lines.with_columns(pl.col("unit_value").alias("value")).select(list(PARSED["lines"])),
        "products": products.select(list(PARSED["products"])),
        "customers": pl.DataFrame(schema=PARSED["customers"]),
        "operator_events": below_zero.select("event_id"),
    }
