"""What becomes of the odd rows of a purchase log: one rule after another, each of them named, switchable, counted.

The order is that of RULES, and it matters: a row is counted under the first rule that takes it out. Repeats go first,
so that nothing is counted twice; then rows that belong to nobody; then what is no sale of a product; cancellations
last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from fiel.program import PurchaseRules
from fiel.sources.reading import ROW
from fiel.sources.rules import Sieve

RULES = {
    "repeated_invoices": "rows of an invoice that an earlier file or sheet holds already",
    "exact_duplicates": "rows that repeat another row of their invoice in every column",
    "missing_customer": "rows without a customer",
    "non_product_codes": "rows whose stock code is no product: postage, manual, fees, discount, bad debt, test",
    "zero_price": "rows with unit price 0: gifts, stock corrections, lost goods",
    "negative_price": "rows with a unit price below 0: bad debt corrections",
    "zero_quantity": "rows with quantity 0",
    "negative_without_cancellation": "rows with a quantity below 0 on an invoice that is no cancellation",
    "cancellations": "rows of cancellations",
}
"""The rules in the order in which they are applied, in words."""
RULE = "_aside"
"""Column: the rule that takes a row out; empty for the rows that are kept."""
_CONTENT = ("invoice", "product_id", "product_name", "quantity", "occurred_at", "price", "customer_id", "origin")


def is_on(rule: str, rules: PurchaseRules) -> bool:
    """Whether the program file switches the rule on."""
    return rules.cancellations == "drop" if rule == "cancellations" else bool(getattr(rules, rule))


def marked(rows: pl.DataFrame, rules: PurchaseRules, sieve: Sieve) -> pl.DataFrame:
    """The rows of all tables (schema ROWS, tables in the order of their names) with the rule that takes each out."""
    repeats = _repeats(rows, sieve) if rules.repeated_invoices else pl.lit(value=False)
    rows = rows.with_columns(repeats.alias("_repeated"))
    same = ["table_name", *_CONTENT]
    breaks = {
        "repeated_invoices": pl.col("_repeated"),
        "exact_duplicates": ~pl.struct(same).is_first_distinct(),
        "missing_customer": pl.col("customer_id").is_null(),
        "non_product_codes": _is_code(rules.codes),
        "zero_price": pl.col("price") == 0,
        "negative_price": pl.col("price") < 0,
        "zero_quantity": pl.col("quantity") == 0,
        "negative_without_cancellation": (pl.col("quantity") < 0) & ~pl.col("is_cancellation"),
        "cancellations": pl.col("is_cancellation"),
    }
    assert list(breaks) == list(RULES)
    broken = [pl.when(breaks[rule]).then(pl.lit(rule)) for rule in RULES if is_on(rule, rules)]
    return rows.with_columns(pl.coalesce(*broken, pl.lit(None, pl.String)).alias(RULE)).drop("_repeated")


def _repeats(rows: pl.DataFrame, sieve: Sieve) -> pl.Expr:
    """True for rows of an invoice that an earlier table holds; warns of those that do not hold the same rows."""
    first = pl.col("table_name").first().over("invoice")  # the tables are in the order of their names
    repeated = pl.col("table_name") != first
    held_twice = rows.filter(pl.col("invoice").is_in(rows.filter(repeated).get_column("invoice").unique().implode()))
    contents = (
        held_twice.group_by("invoice", "table_name")
        .agg(pl.struct(_CONTENT).sort().hash().alias("content"))
        .group_by("invoice")
        .agg(pl.col("content").n_unique().alias("contents"))
    )
    different = contents.filter(pl.col("contents") > 1).sort("invoice").get_column("invoice")
    sieve.warn(
        different.len(),
        "invoices stand in several files or sheets with different rows (those of the first in the order of names "
        f"count): {', '.join(different.head(5))}",
    )
    return repeated


def _is_code(codes: Sequence[str]) -> pl.Expr:
    """True where the stock code is one of `codes`; a `*` at the end of one stands for anything."""
    patterns = [re.escape(code.removesuffix("*")) + (".*" if code.endswith("*") else "") for code in codes]
    if not patterns:
        return pl.lit(value=False)
    return pl.col("product_id").str.contains(f"(?i)^(?:{'|'.join(patterns)})$")


def kept(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that no rule took out, in the order of tables and rows."""
    return rows.filter(pl.col(RULE).is_null()).drop(RULE).sort("table_name", ROW)
