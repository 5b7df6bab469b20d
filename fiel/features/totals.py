"""Life totals: what activity features over life are added up from, in as few rows as the asked dates allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import polars as pl
from polars.lazyframe.group_by import LazyGroupBy

from fiel.core import Core
from fiel.program import Program
from fiel.sources.ranges import day_ranges


def day_totals(core: Core, program: Program) -> pl.LazyFrame:
    """Rows that add up to a customer's life, each known from its `known_from`: life at as_of is `known_from <= as_of`.

    Columns: customer_id, known_from, active_days, transactions, value_net, value_earned, seconds,
    transactions_morning, transactions_afternoon, first_day, last_day. Here there is a row for each customer-day, in a
    prepared core (fiel/features/derived.py) one for all days of a customer that no asked as_of tells apart.
    """
    return _daily(core["customer_days"]).agg(**day_sums())


def line_totals(core: Core, program: Program) -> pl.LazyFrame:
    """The same for lines, operator events left out: lines, lined_events, `product_{key}`, `category_{key}`."""
    return _daily(active_lines(core)).agg(**line_sums(program))


def merged_totals(
    frame: pl.LazyFrame, as_of_dates: Sequence[date], sums: Mapping[str, pl.Expr], key: pl.Expr
) -> Iterator[pl.LazyFrame]:
    """Yield totals for `as_of_dates` and no others: `sums` by `key` (column `key`), a part for each range of days."""
    nothing = (date.min, date.min, date.min)  # so that an empty table still gives its columns
    for first, last, as_of in day_ranges(frame, as_of_dates) or [nothing]:
        rows = frame.filter(pl.col("day").is_between(first, last))
        yield rows.group_by(key.alias("key")).agg(**sums).with_columns(known_from=pl.lit(as_of))


def _daily(frame: pl.LazyFrame) -> LazyGroupBy:
    known_from = (pl.col("day") + pl.duration(days=1)).alias("known_from")
    return frame.with_columns(known_from).group_by("customer_id", "known_from")


def active_lines(core: Core) -> pl.LazyFrame:
    """The lines of events that are not operator events."""
    return core["event_lines"].filter(~pl.col("is_operator"))


def tracks_lines(program: Program) -> bool:
    """Whether the program asks for shares of lines."""
    return bool(program.features.tracked_products or program.features.tracked_categories)


def day_sums() -> dict[str, pl.Expr]:
    """What is added up of customer-days."""
    return {
        "active_days": pl.len().cast(pl.Int64),
        "transactions": pl.col("transactions").sum(),
        "value_net": pl.col("value_net").sum(),
        "value_earned": pl.col("value_earned").sum(),
        "seconds": pl.col("active_seconds").sum(),
        "transactions_morning": pl.col("transactions_morning").sum(),
        "transactions_afternoon": pl.col("transactions_afternoon").sum(),
        "first_day": pl.col("day").min(),
        "last_day": pl.col("day").max(),
    }


def line_sums(program: Program) -> dict[str, pl.Expr]:
    """Lines, events with lines, and lines of each tracked product and category.

    Events are told apart by a 64-bit hash of their id: only ids of one customer in one range of days meet, so that
    two would have to be mistaken for one among some thousands (a chance below one in 10^12), at half the memory.
    """
    tracked = {
        f"{kind}_{key}": (pl.col(column) == name).sum().cast(pl.Int64)
        for kind, column, names in (
            ("product", "product_name", program.features.tracked_products),
            ("category", "category", program.features.tracked_categories),
        )
        for key, name in names.items()
    }
    return {
        "lines": pl.len().cast(pl.Int64),
        "lined_events": pl.col("event_id").hash().n_unique().cast(pl.Int64),
        **tracked,
    }
