"""Life totals: what activity features over life are added up from, in as few rows as the asked dates allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import polars as pl

from fiel.core import Core
from fiel.features.ranges import day_ranges
from fiel.program import Program


def life_totals(core: Core, program: Program) -> pl.LazyFrame:
    """Rows that add up to a customer's life, each known from its `known_from`: life at as_of is `known_from <= as_of`.

    Two kinds of rows: of customer-days (active_days, transactions, value_net, value_earned, seconds,
    transactions_morning, transactions_afternoon, first_day, last_day) and of lines (lines, lined_events,
    `product_{key}`, `category_{key}`; operator events left out); the columns of the other kind are null. Here there is
    a row for each day, in `merged_day_totals` and
    `merged_line_totals` one for all days that no asked as_of tells apart.
    """
    known_from = (pl.col("day") + pl.duration(days=1)).alias("known_from")
    days = core["customer_days"].with_columns(known_from).group_by("customer_id", "known_from").agg(**_day_sums())
    if not tracks_lines(program):
        return days
    lines = active_lines(core).with_columns(known_from).group_by("customer_id", "known_from")
    return pl.concat([days, lines.agg(**_line_sums(program))], how="diagonal")


def merged_day_totals(customer_days: pl.LazyFrame, as_of_dates: Sequence[date]) -> Iterator[pl.LazyFrame]:
    """Yield the life totals of customer-days for `as_of_dates` and no others, a part for each range of days."""
    return _merged(customer_days, as_of_dates, _day_sums())


def merged_line_totals(core: Core, as_of_dates: Sequence[date], program: Program) -> Iterator[pl.LazyFrame]:
    """Yield the life totals of lines for `as_of_dates` and no others, a part for each range of days; none untracked."""
    return _merged(active_lines(core), as_of_dates, _line_sums(program)) if tracks_lines(program) else iter(())


def _merged(frame: pl.LazyFrame, as_of_dates: Sequence[date], sums: Mapping[str, pl.Expr]) -> Iterator[pl.LazyFrame]:
    nothing = (date.min, date.min, date.min)  # so that an empty table still gives its columns
    for first, last, as_of in day_ranges(frame, as_of_dates) or [nothing]:
        rows = frame.filter(pl.col("day").is_between(first, last))
        yield rows.group_by("customer_id").agg(**sums).with_columns(known_from=pl.lit(as_of))


def active_lines(core: Core) -> pl.LazyFrame:
    """The lines of events that are not operator events."""
    return core["event_lines"].filter(~pl.col("is_operator"))


def tracks_lines(program: Program) -> bool:
    """Whether the program asks for shares of lines."""
    return bool(program.features.tracked_products or program.features.tracked_categories)


def _day_sums() -> dict[str, pl.Expr]:
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


def _line_sums(program: Program) -> dict[str, pl.Expr]:
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
