"""Calendar features: what a model has to know of an as_of so that it can tell a break from people leaving."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from fiel.core import Core
from fiel.program import Break, Program

LIVE_SHARE_OF_MEDIAN = 10
"""A live day has at least a tenth of the median daily actives: part of the feature's definition, so no setting."""
_WINDOW_DAYS = 28


def build(core: Core, as_of_dates: Sequence[date], program: Program) -> pl.LazyFrame:
    """Calendar features, `feat_calendar`: one row for each as_of.

    Live actives of a day are the customers with an event of a live origin on it. `live_days_d28` counts the days of
    the last 28 whose live actives are at least a tenth of the median over all days before as_of that had any.
    `planned_break_days` are days of planned breaks (program file, so known beforehand) in
    `as_of <= day < as_of + horizon`.
    """
    live_actives = core["customer_days"].filter(pl.col("live_transactions") > 0).group_by("day").agg(customers=pl.len())
    planned = pl.LazyFrame(
        {
            "as_of": list(as_of_dates),
            "planned_break_days": [
                _break_days(program.breaks, as_of, program.target.ends(as_of)) for as_of in as_of_dates
            ],
        },
        schema={"as_of": pl.Date, "planned_break_days": pl.Int64},
    )
    return (
        pl.concat([_live_days(live_actives, as_of) for as_of in as_of_dates])
        .join(planned, on="as_of")
        .select(
            "as_of",
            as_of_weekday=pl.col("as_of").dt.weekday().cast(pl.Int64),
            live_days_d28="live_days_d28",
            planned_break_days="planned_break_days",
        )
    )


def _live_days(live_actives: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    customers = pl.col("customers")
    in_window = pl.col("day") >= as_of - timedelta(days=_WINDOW_DAYS)
    return live_actives.filter(pl.col("day") < as_of).select(
        as_of=pl.lit(as_of),
        live_days_d28=(in_window & (customers * LIVE_SHARE_OF_MEDIAN >= customers.median())).sum().cast(pl.Int64),
    )


def _break_days(breaks: Sequence[Break], as_of: date, end: date) -> int:
    """Days of any break in `as_of <= day < end`; a day in two breaks counts once."""
    days = (as_of + timedelta(days=offset) for offset in range((end - as_of).days))
    return sum(any(planned.first <= day <= planned.last for planned in breaks) for day in days)
