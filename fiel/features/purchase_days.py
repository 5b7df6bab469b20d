"""Purchase days and returns as they were known at an as_of: what RFM, the purchase models and their target stand on.

A purchase day is an active day. A return (`core_returns`) takes back value of the purchase day that it was matched to,
and is known from its own `day`: at an as_of between purchase and return the purchase is whole. A purchase day
**stands** at as_of unless the returns known before as_of have taken back everything that was bought on it. Programs
without returns have as many purchase days as active days. Everything here works with customer ids and with the
positions of a prepared core (fiel/features/derived.py).
"""

from __future__ import annotations

from datetime import date

import polars as pl

from fiel.core import Core
from fiel.features.arithmetic import days_between, ratio


def purchase_days(core: Core, as_of: date) -> pl.LazyFrame:
    """Purchase days before `as_of` that stand at `as_of`: customer_id, day, value (net, smallest unit). No row order.

    `value` is what was bought on the day less what returns known before `as_of` took back of it; above 0 on every day
    that has a return, so that a day without any stands whatever its value.

    >>> days = pl.DataFrame({"customer_id": ["ana", "ana"], "day": [date(2025, 1, 1), date(2025, 1, 9)],
    ...                      "value_earned": [500, 300]})
    >>> returns = pl.DataFrame({"customer_id": ["ana"], "day": [date(2025, 1, 5)],
    ...                         "purchase_day": [date(2025, 1, 1)], "value": [500]})
    >>> core = Core.of({"customer_days": days, "returns": returns}, date(2025, 2, 1))
    >>> [purchase_days(core, date(2025, 1, day)).collect().height for day in (5, 6, 10)]
    [1, 0, 1]
    """
    taken_back = (
        _known_returns(core, as_of)
        .filter(pl.col("purchase_day").is_not_null())
        .group_by("customer_id", day="purchase_day")
        .agg(returned=pl.col("value").sum())
    )
    returned = pl.col("returned")
    return (
        core["customer_days"]
        .filter(pl.col("day") < as_of)
        .select("customer_id", "day", "value_earned")
        .join(taken_back, on=["customer_id", "day"], how="left")
        .filter(returned.is_null() | (pl.col("value_earned") > returned))
        .select("customer_id", "day", value=pl.col("value_earned") - returned.fill_null(0))
    )


def unmatched_returns(core: Core, as_of: date) -> pl.LazyFrame:
    """Returns known before `as_of` that no purchase matches: customer_id, day (of the return), value (positive)."""
    return _known_returns(core, as_of).filter(pl.col("purchase_day").is_null()).select("customer_id", "day", "value")


def purchase_summary(core: Core, as_of: date) -> pl.LazyFrame:
    """One row for each customer with a standing purchase day, in the words of the purchase models. No row order.

    Columns: customer_id, frequency (purchase days - 1), recency_days (last - first), age_days (T: as_of - first),
    mean_value (mean net value of the repeat days, the first excluded; null without one), total_value (net, all days),
    days_since_last (as_of - last). Days and values are Int64, values in the program's smallest unit.
    """
    at, first, last = pl.lit(as_of), pl.col("first_day"), pl.col("last_day")
    frequency = pl.col("frequency")
    return (
        purchase_days(core, as_of)
        .group_by("customer_id")
        .agg(
            frequency=pl.len().cast(pl.Int64) - 1,
            first_day=pl.col("day").min(),
            last_day=pl.col("day").max(),
            first_value=pl.col("value").get(pl.col("day").arg_min()),
            total_value=pl.col("value").sum(),
        )
        .select(
            "customer_id",
            "frequency",
            recency_days=days_between(first, last).cast(pl.Int64),
            age_days=days_between(first, at).cast(pl.Int64),
            mean_value=pl.when(frequency > 0).then(ratio(pl.col("total_value") - pl.col("first_value"), frequency)),
            total_value="total_value",
            days_since_last=days_between(last, at).cast(pl.Int64),
        )
    )


def _known_returns(core: Core, as_of: date) -> pl.LazyFrame:
    return core["returns"].filter(pl.col("day") < as_of)
