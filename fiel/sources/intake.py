"""Where the rows and the money of a source version went: read = set aside by each rule + rejected + kept.

For each source table: what was read, what each rule set aside or rejected, what is kept but counts otherwise, what was
kept. `core_intake` holds it; every format fills it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl

from fiel.sources.online_retail_rules import RULE, RULES
from fiel.sources.rules import Sieve
from fiel.tables import TABLES

INTAKE = pl.Schema(TABLES["core_intake"].declared)
_READ, _KEPT = "everything that was there", "rows that became events and lines"
_KEPT_ROWS = "rows that were kept"
_REJECTS = {
    "too_many_fields": "rows with more fields than the header",
    "invoice_missing": "rows without an invoice number",
    "stock_code_missing": "rows without a stock code",
    "quantity_missing": "rows without a quantity",
    "quantity_unparseable": "rows whose quantity is no whole number",
    "price_missing": "rows without a unit price",
    "price_unparseable": "rows whose unit price is no number",
    "amount_too_large": "rows whose amount is beyond what sums can hold",
    "time_missing": "rows without a time",
    "time_unparseable": "rows whose time cannot be read, or that the zone's clock skips",
    "time_in_future": "rows with a time after the ingest",
    "cancellation_quantity_positive": "rows of a cancellation with a quantity above 0",
    "customer_missing": "rows without a customer",
    "duplicate_key": "rows that contradict another with the same key",
    "repeated_rows": "rows that repeat another one",
    "transaction_rejected": "lines whose transaction was rejected",
    "dropped_missing_customer": "rows without a customer, as the program expects them",
}
"""Rules that more than one format has, in words."""
_CHANGED = {
    "cancellation_matched": "cancelled lines that took a purchase back wholly (kept as operator events)",
    "cancellation_partly_matched": "cancelled lines that took back less than they say (the rest counts on its own)",
    "cancellation_unmatched": "cancelled lines without a purchase (they count against the customer's net value)",
}
_Step = tuple[str, str, str | None, str, bool, int, int | None]
"""table, step, rule, about, is_on, rows, value"""


def purchase_intake(
    sieve: Sieve,
    rows: pl.DataFrame,
    rejected: pl.DataFrame,
    lines: pl.DataFrame,
    pieces: pl.DataFrame,
    is_on: Callable[[str], bool],
) -> pl.DataFrame:
    """core_intake of a purchase log, with the money of each step.

    `rows`: all readable rows with the rule that took them out; `rejected`: the others by table_name and rule (rows,
    value; money that cannot be read counts 0); `lines`: the kept ones; `pieces`: what cancelled lines took back.
    """
    counted = rows.group_by("table_name", RULE).agg(pl.len(), pl.col("amount").sum())
    aside = {(table, rule): (number, value) for table, rule, number, value in counted.iter_rows()}
    broken = {(table, rule): (number, value) for table, rule, number, value in rejected.sort("rule").iter_rows()}
    changed = _changed(lines, pieces)

    def steps(table: str) -> Iterator[_Step]:
        here = [counts for (name, _), counts in (*aside.items(), *broken.items()) if name == table]
        yield table, "read", None, _READ, True, sieve.read[table], sum(value for _, value in here)
        for (name, rule), counts in broken.items():
            if name == table:
                yield table, "rejected", rule, _words(rule), True, *counts
        for rule, about in RULES.items():
            yield table, "set_aside", rule, about, is_on(rule), *aside.get((table, rule), (0, 0))
        for rule, about in _CHANGED.items():
            if (table, rule) in changed:
                yield table, "changed", rule, about, True, *changed[table, rule]
        yield table, "kept", None, _KEPT, True, *aside.get((table, None), (0, 0))

    return _frame(step for table in sieve.read for step in steps(table))


def sieve_intake(sieve: Sieve, core: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """core_intake of any other format: rows only, as the sieve counted them; `core` are the core tables.

    A row of a core table that broke its schema is counted under that table, whose rows were made of source rows.
    """
    rejected = sieve.rejected_rows().group_by("table_name", "rule").len().sort("table_name", "rule")
    out = [(table, "set_aside", rule, number) for (table, rule), number in sieve.aside.items() if number]
    out += [(table, "rejected", rule, number) for table, rule, number in rejected.iter_rows()]
    made = {table: core[table].height for table, *_ in out if table not in sieve.read and table in core}
    undated = "core_attributes" in core and core["core_attributes"].height > 0

    def steps(table: str) -> Iterator[_Step]:
        gone = [step for step in out if step[0] == table]
        lost = sum(number for *_, number in gone)
        read = sieve.read[table] if table in sieve.read else made[table] + lost
        yield table, "read", None, _READ, True, read, None
        for _, step, rule, number in gone:
            yield table, step, rule, _words(rule), True, number, None
        yield table, "kept", None, _KEPT_ROWS if undated else _KEPT, True, read - lost, None

    return _frame(step for table in (*sieve.read, *made) for step in steps(table))


def _changed(lines: pl.DataFrame, pieces: pl.DataFrame) -> dict[tuple[str, str], tuple[int, int]]:
    """Cancelled lines by table and by how much of them found a purchase."""
    found, lost = pl.col("purchase_event_id").is_not_null(), pl.col("purchase_event_id").is_null()
    ends = (
        pieces.with_columns(pl.col("line_id").str.replace(r"/\d+$", ""))
        .group_by("event_id", "line_id")
        .agg(found.any().alias("_found"), lost.any().alias("_lost"))
    )
    matched, partly, unmatched = _CHANGED
    rule = (
        pl.when(pl.col("_found") & ~pl.col("_lost"))
        .then(pl.lit(matched))
        .when("_found")
        .then(pl.lit(partly))
        .otherwise(pl.lit(unmatched))
    )
    counted = (
        lines.join(ends, on=["event_id", "line_id"])
        .group_by("table_name", rule.alias("rule"))
        .agg(pl.len(), pl.col("amount").sum())
    )
    return {(table, name): (number, value) for table, name, number, value in counted.iter_rows()}


def _words(rule: str) -> str:
    return _REJECTS.get(rule, rule.replace("_", " "))


def _frame(steps: Iterator[_Step]) -> pl.DataFrame:
    names = ["table_name", "step", "rule", "about", "is_on", "rows", "value"]
    schema: dict[str, Any] = {name: INTAKE[name] for name in names}
    return (
        pl.DataFrame(list(steps), schema=schema, orient="row")
        .with_columns(pl.int_range(1, pl.len() + 1).over("table_name").cast(pl.Int64).alias("position"))
        .select(list(INTAKE))
    )
