"""Another future for a pension fund's accounts and for the outside facts: what a later source version could show.

Rows that were published before as_of stay as they are. Of the later ones a third is gone and a third has other values,
every account has a new quarter, half of the open ones close in it, and every fact has a new period.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import polars as pl

from fiel.core import Core
from fiel.features.other_future import NEW, SEED
from fiel.program import Program
from fiel.program.pension import quarter_start_before
from fiel.tables import TABLES, known_at

QUARTERLY = ("core_accounts", "core_closings", "core_operations", "core_context", "core_places")
"""Core tables that a source format fills itself, each row with the day on which it was published."""


def quarterly_rows(core: Core) -> dict[str, pl.DataFrame]:
    """These tables as they are, by name; none where the program has no accounts."""
    frames = {name: core[name.removeprefix("core_")].collect() for name in QUARTERLY}
    return {} if frames["core_accounts"].is_empty() else frames


def other_quarters(tables: dict[str, pl.DataFrame], as_of: date, program: Program) -> dict[str, pl.DataFrame]:
    """`tables` (by name, from quarterly_rows) with another future from `as_of` on."""
    if not tables:
        return {}
    end = quarter_start_before(as_of, -1) - timedelta(days=1)
    lag = timedelta(days=program.pension.lags.accounts if program.pension is not None else 0)
    published = max(end + lag, as_of)
    more: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
        "core_accounts": lambda frame: _new_rows("core_accounts", frame, end, published),
        "core_operations": lambda frame: _new_rows("core_operations", frame, end, published),
        "core_closings": lambda frame: _new_closings(tables["core_accounts"], frame, end, published),
        "core_context": lambda frame: _new_facts(frame, end, published),
        "core_places": lambda frame: _new_places(frame, published),
    }
    found = {}
    for name, frame in tables.items():
        past = frame.filter(pl.col("known_from") < as_of)
        future = _changed(name, frame.filter(pl.col("known_from") >= as_of))
        made = more[name](past).select(frame.columns).cast(dict(frame.schema))  # type: ignore[arg-type]
        key = TABLES[name].key
        kept = pl.concat([past, future]).unique(key, keep="first", maintain_order=True)
        found[name] = pl.concat([kept, made.join(kept, on=key, how="anti")])
    return found


def _changed(name: str, future: pl.DataFrame) -> pl.DataFrame:
    """A third of the rows gone, a third with other values."""
    draw = pl.struct(TABLES[name].key).hash(SEED) % 3
    fixed = {*TABLES[name].key, "known_from", "day", "client_id"}
    columns = [column for column in future.columns if column not in fixed and known_at(name, column) != "never"]
    return future.filter(draw != 0).with_columns(
        pl.when(draw == 1).then(_other(column, future.schema[column])).otherwise(pl.col(column)).alias(column)
        for column in columns
    )


def _other(column: str, dtype: pl.DataType) -> pl.Expr:
    """Another value that the table's rules allow."""
    values = pl.col(column)
    if dtype == pl.String:
        return pl.concat_str(values.fill_null(""), pl.lit(f" {NEW}"))
    if dtype == pl.Boolean:
        return ~values
    if column == "gender":
        return -values
    if column in ("age", "latitude", "longitude"):
        return values / 2 if dtype.is_float() else values // 2
    if dtype.is_numeric():
        return values * 3 + 7
    return values - pl.duration(days=3)


def _new_rows(name: str, past: pl.DataFrame, end: date, published: date) -> pl.DataFrame:
    """A new quarter of every account of the past, everything in it different, and of new accounts."""
    newest = past.sort("day").unique("customer_id", keep="last", maintain_order=True)
    fixed = {"customer_id", "day", "known_from", "client_id"}
    columns = [column for column in past.columns if column not in fixed and known_at(name, column) != "never"]
    changed = newest.with_columns(_other(column, past.schema[column]).alias(column) for column in columns)
    strangers = changed.head(20).with_columns(pl.format(f"{NEW}-{{}}", "customer_id").alias("customer_id"))
    return pl.concat([changed, strangers]).with_columns(day=pl.lit(end), known_from=pl.lit(published))


def _new_closings(accounts: pl.DataFrame, past: pl.DataFrame, end: date, published: date) -> pl.DataFrame:
    """Every second account that was open closes."""
    still = accounts.select("customer_id", "client_id").unique("customer_id").join(past, on="customer_id", how="anti")
    return still.filter(pl.col("customer_id").hash(SEED) % 2 == 0).with_columns(
        day=pl.lit(end), known_from=pl.lit(published)
    )


def _new_facts(past: pl.DataFrame, end: date, published: date) -> pl.DataFrame:
    """Every fact about the new quarter, and about a year that was over long before it was published."""
    kinds = past.unique(["fact", "subject"], keep="last", maintain_order=True)
    years = [date(end.year - back, 12, 31) for back in (2, 1)]
    frames = [
        kinds.with_columns(period_end=pl.lit(period), known_from=pl.lit(published), value=pl.col("value") * 5 + 1)
        for period in (end, *years)
    ]
    return pl.concat(frames).unique(["fact", "subject", "period_end"], maintain_order=True)


def _new_places(past: pl.DataFrame, published: date) -> pl.DataFrame:
    """Postcodes that were not listed before."""
    return past.head(5).with_columns(pl.format("9{}", "postal_code").alias("postal_code"), known_from=pl.lit(published))
