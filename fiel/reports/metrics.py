"""Key figures of a program, as pure frames (DOMAIN.md section 1, General metrics).

Everything is cut strictly before `as_of`: a row at or after it changes nothing. Frames in may be lazy; frames out are
collected and sorted, so that equal input gives equal output.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from fiel.features.spans import cut_spans, stage_counts
from fiel.program import STAGES

Frame = pl.DataFrame | pl.LazyFrame

LEAVING = ("turista", "desencantado", "zumbi")
"""Stages that a customer falls into by staying away, in the order of falling."""


def days_before(customer_days: Frame, as_of: date) -> pl.LazyFrame:
    """Active days strictly before `as_of`: customer_id, day."""
    return customer_days.lazy().filter(pl.col("day") < as_of).select("customer_id", "day")


def daily_active(customer_days: Frame, as_of: date, window_days: int = 28) -> pl.DataFrame:
    """Daily and monthly active customers: one row for each day from the first active day to the day before `as_of`.

    Columns: day; daily_active; new (first active day ever) and returning customers of that day; monthly_active
    (customers active in the `window_days` days that end with the day); mean_daily_active (mean of daily_active over
    those days) and stickiness (that mean over monthly_active), both empty before `window_days` days have passed.
    """
    days = days_before(customer_days, as_of).with_columns(
        first_day=pl.col("day").min().over("customer_id"),
        next_day=pl.col("day").sort().shift(-1).over("customer_id", order_by="day"),
    )
    last_counted = pl.min_horizontal(
        pl.col("day").dt.offset_by(f"{window_days}d"), pl.col("next_day").fill_null(date.max)
    )
    by_day = days.group_by("day").agg(
        daily_active=pl.len().cast(pl.Int64),
        new=(pl.col("day") == pl.col("first_day")).sum().cast(pl.Int64),
    )
    begun = days.group_by("day").agg(begun=pl.len().cast(pl.Int64))
    ended = days.group_by(day=last_counted).agg(ended=pl.len().cast(pl.Int64))
    first = days.select(pl.col("day").min()).collect().item()
    if first is None:
        return pl.DataFrame(schema=_DAILY_ACTIVE)
    calendar = pl.LazyFrame({"day": pl.date_range(first, as_of - timedelta(days=1), eager=True)})
    return (
        calendar.join(by_day, on="day", how="left")
        .join(begun, on="day", how="left")
        .join(ended, on="day", how="left")
        .with_columns(pl.exclude("day").fill_null(0))
        .sort("day")
        .with_columns(
            returning=pl.col("daily_active") - pl.col("new"),
            monthly_active=(pl.col("begun") - pl.col("ended")).cum_sum(),
            mean_daily_active=pl.col("daily_active").rolling_mean(window_days),
        )
        .with_columns(stickiness=pl.col("mean_daily_active") / pl.col("monthly_active"))
        .with_columns(pl.col("stickiness").fill_nan(None))
        .select(list(_DAILY_ACTIVE))
        .collect()
    )


_DAILY_ACTIVE = {
    "day": pl.Date,
    "daily_active": pl.Int64,
    "new": pl.Int64,
    "returning": pl.Int64,
    "monthly_active": pl.Int64,
    "mean_daily_active": pl.Float64,
    "stickiness": pl.Float64,
}


def weekly_joins(daily: pl.DataFrame) -> pl.DataFrame:
    """New customers and the mean of daily returning customers, by complete week before the last day of `daily`.

    `daily` is the frame of `daily_active`. Columns: week (its first day), days, new (sum), returning (mean a day).
    Weeks end with the last day, so the newest one is complete.
    """
    if daily.is_empty():
        return pl.DataFrame(schema={"week": pl.Date, "new": pl.Int64, "returning": pl.Float64})
    last: date = daily["day"].max()  # type: ignore[assignment]
    back = (pl.lit(last) - pl.col("day")).dt.total_days() // 7
    return (
        daily.group_by(weeks_back=back)
        .agg(days=pl.len(), week=pl.col("day").min(), new=pl.col("new").sum(), returning=pl.col("returning").mean())
        .filter(pl.col("days") == 7)
        .sort("week")
        .select("week", "new", "returning")
    )


def stage_mix(spans: Frame, as_of_dates: Sequence[date]) -> pl.DataFrame:
    """Customers in each stage: one row for each date of `as_of_dates` and stage, zero where nobody is.

    Columns: as_of; stage; customers; share (of all); active_share (of the customers who are not zumbi; empty for
    zumbi). Read from the spans' ends alone, without one row for each customer and day.
    """
    dates = sorted(set(as_of_dates))
    counts = stage_counts(cut_spans(spans.lazy(), dates[-1]), dates[0], dates[-1])
    stages = pl.LazyFrame({"stage": STAGES, "order": range(len(STAGES))})
    asked = pl.LazyFrame({"as_of": dates}, schema={"as_of": pl.Date}).join(stages, how="cross")
    everyone = pl.col("customers").sum().over("as_of")
    active = pl.when(pl.col("stage") != "zumbi").then("customers")
    return (
        asked.join(counts, on=["as_of", "stage"], how="left")
        .with_columns(pl.col("customers").fill_null(0))
        .with_columns(share=pl.col("customers") / everyone, active_share=active / active.sum().over("as_of"))
        .with_columns(pl.col("share", "active_share").fill_nan(None))
        .sort("as_of", "order")
        .select("as_of", "stage", "customers", "share", "active_share")
        .collect()
    )


def stage_at(spans: Frame, as_of: date) -> pl.LazyFrame:
    """The stage of each customer at `as_of`: customer_id, stage."""
    return cut_spans(spans.lazy(), as_of).filter(pl.col("last_as_of") == as_of).select("customer_id", "stage")


def transitions(spans: Frame, before: date, as_of: date) -> pl.DataFrame:
    """What became until `as_of` of the customers of each stage at `before`: one row for each pair of stages.

    Columns: from_stage; to_stage; customers; from_customers (of the stage at `before`); share (of from_customers,
    empty where there was nobody). With `before` 28 days earlier it is the 28-day transition matrix.
    """
    then = stage_at(spans, before).rename({"stage": "from_stage"})
    now = stage_at(spans, as_of).rename({"stage": "to_stage"})
    pairs = then.join(now, on="customer_id").group_by("from_stage", "to_stage").agg(customers=pl.len().cast(pl.Int64))
    order = pl.LazyFrame({"stage": STAGES, "order": range(len(STAGES))})
    grid = order.select(from_stage="stage", from_order="order").join(
        order.select(to_stage="stage", to_order="order"), how="cross"
    )
    return (
        grid.join(pairs, on=["from_stage", "to_stage"], how="left")
        .with_columns(pl.col("customers").fill_null(0))
        .with_columns(from_customers=pl.col("customers").sum().over("from_stage"))
        .with_columns(share=(pl.col("customers") / pl.col("from_customers")).fill_nan(None))
        .sort("from_order", "to_order")
        .select("from_stage", "to_stage", "customers", "from_customers", "share")
        .collect()
    )


def retention(customer_days: Frame, as_of: date, at_most_months: int = 24) -> pl.DataFrame:
    """Retention by month of the first active day: one row for each join month and later complete month.

    Columns: join_month (its first day); month (0 is the join month); customers (who joined); active (of them, in that
    calendar month); share. Months that are not complete before `as_of` are left out; the newest `at_most_months` join
    months are kept.
    """
    this_month = as_of.replace(day=1)
    days = days_before(customer_days, this_month).with_columns(
        join_month=pl.col("day").min().over("customer_id").dt.truncate("1mo"),
        active_month=pl.col("day").dt.truncate("1mo"),
    )
    number = 12 * (pl.col("active_month").dt.year() - pl.col("join_month").dt.year()) + (
        pl.col("active_month").dt.month().cast(pl.Int64) - pl.col("join_month").dt.month().cast(pl.Int64)
    )
    active = (
        days.select("customer_id", "join_month", "active_month")
        .unique()
        .group_by("join_month", "active_month")
        .agg(active=pl.len().cast(pl.Int64))
        .with_columns(month=number.cast(pl.Int64))
        .drop("active_month")
    )
    joined = active.filter(pl.col("month") == 0).select("join_month", customers="active")
    last_month = this_month - timedelta(days=1)
    reached = 12 * (last_month.year - pl.col("join_month").dt.year()) + (
        last_month.month - pl.col("join_month").dt.month().cast(pl.Int64)
    )
    return (
        joined.sort("join_month")
        .tail(at_most_months)
        .with_columns(month=pl.int_ranges(0, reached + 1, dtype=pl.Int64))
        .explode("month")
        .join(active, on=["join_month", "month"], how="left")
        .with_columns(pl.col("active").fill_null(0))
        .with_columns(share=pl.col("active") / pl.col("customers"))
        .select("join_month", "month", "customers", "active", "share")
        .sort("join_month", "month")
        .collect()
    )


@dataclass(frozen=True)
class ReturnCurve:
    """How often customers come back: the distribution of their mean gap, over those with two active days or more.

    `curve` has one row for each whole number of days: gap_days, customers (with a mean gap of at most that),
    share_within. `half_days` and `most_days` are the mean gaps within which half and 80 % of the customers lie.
    """

    curve: pl.DataFrame
    customers: int
    half_days: float | None
    most_days: float | None


def return_curve(customer_days: Frame, as_of: date, at_most_days: int = 120) -> ReturnCurve:
    """The distribution, over customers with at least two active days before `as_of`, of their mean gap in days."""
    gaps = (
        days_before(customer_days, as_of)
        .group_by("customer_id")
        .agg(days=pl.len(), span=(pl.col("day").max() - pl.col("day").min()).dt.total_days())
        .filter(pl.col("days") > 1)
        .select(gap=pl.col("span") / (pl.col("days") - 1))
        .sort("gap")
        .collect()["gap"]
    )
    everyone = len(gaps)
    axis = pl.DataFrame({"gap_days": range(1, at_most_days + 1)}, schema={"gap_days": pl.Int64})
    if not everyone:
        return ReturnCurve(axis.clear().with_columns(customers=0, share_within=0.0), 0, None, None)
    within = gaps.search_sorted(axis["gap_days"].cast(pl.Float64), side="right")
    curve = axis.with_columns(customers=within.cast(pl.Int64)).with_columns(share_within=pl.col("customers") / everyone)
    half, most = (float(gaps[math.ceil(share * everyone) - 1]) for share in (0.5, 0.8))
    return ReturnCurve(curve, everyone, half, most)
