"""Recency, frequency and monetary value as scores 1 to 5, and the named segment over them (DOMAIN.md section 5).

A score is 1 + the number of the 20, 40, 60 and 80 % cuts strictly below the value, over the customers with a purchase
in the window that stands at as_of; days since the last purchase count reversed. A cut is the quantile by linear
interpolation between the two nearest ranks (Hyndman and Fan 1996, type 7, which is numpy's default); cut and value are
compared as whole numbers, so that no rounding decides on a score. Equal customers have equal scores, and a score may be
nobody's: where three in five customers bought once, the 20, 40 and 60 % cuts are all 1, and whoever bought twice has at
least 4.

Everyone else has the scores 1, 1, 1 and takes no part in the cuts. Were the long gone among them, in an old shop two
customers in five would have a frequency of 0, so would the 20 and 40 % cuts, and a first purchase would score 3: nobody
would be `new`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from fiel.core import Core
from fiel.features.arithmetic import days_between
from fiel.features.purchase_days import purchase_days, unmatched_returns
from fiel.features.rfm_segments import segment_expr
from fiel.program import Program

PARTS = 5
"""Scores run from 1 to this: part of their definition, so no setting."""


def build(core: Core, as_of_dates: Sequence[date], program: Program) -> pl.LazyFrame:
    """RFM, `feat_rfm`: one row for each as_of and customer with an active day before it. No row order.

    Frequency is the purchase days in the window (`rfm.window_days`) that stand at as_of, monetary value the net value
    of these days less the returns of the window that no purchase matches; it may be negative.
    """
    return pl.concat([_at(core, as_of, program) for as_of in as_of_dates])


def score(value: pl.Expr) -> pl.Expr:
    """Score 1 to 5 (Int64) of whole numbers among all of the frame's; null where the value is.

    >>> frame = pl.DataFrame({"value": [1, 1, 1, 2, 7, None]})
    >>> frame.select(score(pl.col("value"))).to_series().to_list()
    [1, 1, 1, 4, 5, None]
    """
    known = value.drop_nulls().sort()
    last = value.count().cast(pl.Int64) - 1
    cuts_below = pl.lit(1, pl.Int64)
    for part in range(1, PARTS):
        # The cut lies at rank last * part / 5, counted from 0; five times the cut is a whole number.
        below, fifths = last * part // PARTS, last * part % PARTS
        low, high = (known.get(rank, null_on_oob=True) for rank in (below, below + (fifths > 0)))
        cuts_below = cuts_below + (low * PARTS + (high - low) * fifths < value * PARTS)
    return cuts_below


def _at(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    window = f"d{program.rfm.window_days}"
    since = pl.col("day") >= as_of - timedelta(days=program.rfm.window_days)
    bought = (
        purchase_days(core, as_of)
        .group_by("customer_id")
        .agg(
            days_since_last=days_between(pl.col("day").max(), pl.lit(as_of)).cast(pl.Int64),
            days=since.sum().cast(pl.Int64),
            value=pl.when(since).then(pl.col("value")).otherwise(0).sum(),
        )
    )
    returned = unmatched_returns(core, as_of).filter(since).group_by("customer_id").agg(returned=pl.col("value").sum())
    days, value = pl.col("days"), pl.col("value")
    return (
        core["customer_days"]
        .filter(pl.col("day") < as_of)
        .select("customer_id")
        .unique()
        .join(bought, on="customer_id", how="left")
        .join(returned, on="customer_id", how="left")
        .with_columns(days.fill_null(0), value.fill_null(0) - pl.col("returned").fill_null(0))
        .with_columns(
            score(pl.when(days > 0).then(of)).fill_null(1).alias(name)
            for name, of in (("r_score", -pl.col("days_since_last")), ("f_score", days), ("m_score", value))
        )
        .select(
            "customer_id",
            pl.lit(as_of).alias("as_of"),
            "days_since_last",
            "r_score",
            "f_score",
            "m_score",
            segment_expr(pl.col("r_score"), pl.col("f_score")).alias("rfm_segment"),
            days.alias(f"purchase_days_{window}"),
            value.alias(f"revenue_net_{window}"),
        )
    )
