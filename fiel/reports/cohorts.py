"""Cohorts of customers by the month of their first purchase: who buys again, and what they bring."""

from __future__ import annotations

from datetime import date

import polars as pl

from fiel.core import Core
from fiel.features.purchase_days import purchase_days, unmatched_returns

SCHEMA = {
    "cohort_month": pl.Date(),
    "month": pl.Int64(),
    "customers": pl.Int64(),
    "buyers": pl.Int64(),
    "share": pl.Float64(),
    "revenue_net": pl.Int64(),
    "revenue_per_customer": pl.Float64(),
    "revenue_so_far": pl.Float64(),
}


def cohort_months(core: Core, as_of: date, at_most_months: int = 24) -> pl.DataFrame:
    """Retention and revenue by month of the first purchase: one row for each cohort and each of its complete months.

    Columns: cohort_month (its first day); month (0 is the month of the first purchase); customers (of the cohort);
    buyers (of them, in that calendar month); share (buyers over customers); revenue_net (smallest unit; what was taken
    back before `as_of` is deducted on the purchase's day, or where no purchase matches on its own day);
    revenue_per_customer and revenue_so_far (mean over the cohort, of the month and up to its end). Purchases that were
    taken back before `as_of` are none. The month that `as_of` lies in is not complete and left out; the newest
    `at_most_months` cohorts are kept.
    """
    this_month = as_of.replace(day=1)
    bought = (
        purchase_days(core, as_of)
        .filter(pl.col("day") < this_month)
        .select("customer_id", "day", "value", is_purchase=pl.lit(True))
    )
    first = bought.group_by("customer_id").agg(cohort_month=pl.col("day").min().dt.truncate("1mo"))
    taken_back = (
        unmatched_returns(core, as_of)
        .filter(pl.col("day") < this_month)
        .select("customer_id", "day", value=-pl.col("value"), is_purchase=pl.lit(False))
    )
    months = (
        pl.concat([bought, taken_back])
        .join(first, on="customer_id")
        .with_columns(month=_months_between("cohort_month", pl.col("day")))
        .filter(pl.col("month") >= 0)
        .group_by("cohort_month", "month")
        .agg(
            buyers=pl.col("customer_id").filter("is_purchase").n_unique().cast(pl.Int64),
            revenue_net=pl.col("value").sum(),
        )
    )
    sizes = first.group_by("cohort_month").agg(customers=pl.len().cast(pl.Int64))
    reached = _months_between("cohort_month", pl.lit(this_month)) - 1
    return (
        sizes.sort("cohort_month")
        .tail(at_most_months)
        .with_columns(month=pl.int_ranges(0, reached + 1, dtype=pl.Int64))
        .explode("month")
        .join(months, on=["cohort_month", "month"], how="left")
        .with_columns(pl.col("buyers", "revenue_net").fill_null(0))
        .sort("cohort_month", "month")
        .with_columns(
            share=pl.col("buyers") / pl.col("customers"),
            revenue_per_customer=pl.col("revenue_net") / pl.col("customers"),
            revenue_so_far=pl.col("revenue_net").cum_sum().over("cohort_month") / pl.col("customers"),
        )
        .select(list(SCHEMA))
        .collect()
    )


def _months_between(start: str, end: pl.Expr) -> pl.Expr:
    """Whole calendar months from the month of `start` to that of `end`."""
    years = end.dt.year().cast(pl.Int64) - pl.col(start).dt.year().cast(pl.Int64)
    return 12 * years + end.dt.month().cast(pl.Int64) - pl.col(start).dt.month().cast(pl.Int64)
