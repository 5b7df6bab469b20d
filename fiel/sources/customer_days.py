"""Customer-days: the one table that life cycle and activity features are made of, built once from events."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from fiel.program import Program
from fiel.sources.ranges import day_ranges


def customer_days(events: pl.LazyFrame, program: Program, utc_offset: timedelta | None = None) -> pl.LazyFrame:
    """Active days of customers: `core_customer_days`, one row for each customer and day with an active event.

    `events` has the columns of `core_events`; operator events are left out. Days are those of the events (cut in the
    program's `day_time_zone` by whoever made them), hours are local hours of that zone. Sums are integer sums; the
    seconds between the first and the last event of a day are whole seconds, rounded down. No row order. Where all the
    events are of days with one offset from UTC, `utc_offset` says so: the same hours in a quarter of the time.
    """
    hour = local_hour(pl.col("occurred_at"), program.day_time_zone, utc_offset)
    morning = _within(hour, program.parts_of_day.morning)
    afternoon = _within(hour, program.parts_of_day.afternoon) & ~morning
    value = pl.col("value")
    span = pl.col("occurred_at").max() - pl.col("occurred_at").min()
    return (
        events.filter(~pl.col("is_operator"))
        .select(
            "customer_id",
            "day",
            "occurred_at",
            "is_live",
            "value",
            earned=pl.when(value > 0).then(value).otherwise(0),
            morning=morning,
            afternoon=afternoon,
        )
        .group_by("customer_id", "day")
        .agg(
            transactions=pl.len().cast(pl.Int64),
            live_transactions=_count("is_live"),
            value_net=pl.col("value").sum(),
            value_earned=pl.col("earned").sum(),
            active_seconds=span.dt.total_seconds(),
            transactions_morning=_count("morning"),
            transactions_afternoon=_count("afternoon"),
        )
        .select(
            "customer_id",
            "day",
            "transactions",
            "live_transactions",
            "value_net",
            "value_earned",
            value_spent=pl.col("value_earned") - pl.col("value_net"),
            active_seconds="active_seconds",
            transactions_morning="transactions_morning",
            transactions_afternoon="transactions_afternoon",
            transactions_night=(
                pl.col("transactions") - pl.col("transactions_morning") - pl.col("transactions_afternoon")
            ),
        )
    )


def collected_customer_days(events: pl.LazyFrame, program: Program) -> pl.DataFrame:
    """The customer-days of `events` in memory, sorted by customer and day.

    Made a range of days at a time: beside the result, memory holds one range's groups, whatever the events' number.
    """
    nothing = (date.min, date.min, date.min)  # so that no events still give the columns
    frames = [
        customer_days(
            events.filter(pl.col("day").is_between(first, last)), program, _only_utc_offset(program.tz, first, last)
        ).collect(engine="streaming")
        for first, last, _ in day_ranges(events) or [nothing]
    ]
    return pl.concat(frames).sort("customer_id", "day")


def local_hour(instant: pl.Expr, time_zone: str, utc_offset: timedelta | None = None) -> pl.Expr:
    """Hour 0 to 23 in `time_zone` of a naive UTC instant; `utc_offset` where the zone has no other at the instants."""
    if utc_offset is not None or time_zone == "UTC":
        return (instant + (utc_offset or timedelta(0))).dt.hour()
    return instant.dt.replace_time_zone("UTC").dt.convert_time_zone(time_zone).dt.hour()


def _only_utc_offset(zone: ZoneInfo, first: date, last: date) -> timedelta | None:
    """The offset from UTC of every instant of the local days `first` to `last`, None where it (nearly) changes.

    Looked up at every hour: no zone has changed its clocks and changed them back within one.
    """
    if first == date.min:
        return None
    start = datetime.combine(first, time(), zone)
    hours = ((last - first).days + 1) * 24
    offsets = {(start + timedelta(hours=hour)).utcoffset() for hour in range(-1, hours + 2)}
    return offsets.pop() if len(offsets) == 1 else None


def _within(hour: pl.Expr, hours: tuple[int, int]) -> pl.Expr:
    return hour.is_between(*hours, closed="both")


def _count(flag: str) -> pl.Expr:
    return pl.col(flag).sum().cast(pl.Int64)
