"""The named RFM segments of a date: who moved between them, and what each holds.

The grid itself is `fiel.features.rfm_segments`, since the segment is a column of the features.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from fiel.errors import SegmentError
from fiel.features.arithmetic import ratio
from fiel.features.rfm_segments import GRID, SEGMENTS

NOT_YET = "not_yet"
"""In migration: the segment of customers who had none, not having been there."""


def rfm_moves(before: pl.DataFrame, now: pl.DataFrame, previous_as_of: date, as_of: date) -> pl.DataFrame:
    """Migration between segments (out_segment_moves) from feat_rfm rows `before` to feat_rfm rows `now`.

    One row for each pair of segments that occurs, best to worst; customers who are only in `now` come from `not_yet`.
    `customers` sums to those of `now`, `revenue_net` (net value in the window, now) to theirs. SegmentError where
    `before` holds somebody whom `now` does not: a customer who was once there stays, so the two come from different
    data.
    """
    if previous_as_of >= as_of:
        raise SegmentError(f"moves need an earlier date to compare with: {previous_as_of} is not before {as_of}")
    gone = before.join(now, on="customer_id", how="anti")["customer_id"].sort().to_list()
    if gone:
        raise SegmentError(
            f"{len(gone)} customers of {previous_as_of} are missing at {as_of} (first {gone[0]}); "
            "build both dates from the same data"
        )
    then = before.select("customer_id", from_segment="rfm_segment")
    order = {name: place for place, name in enumerate((*SEGMENTS, NOT_YET))}
    return (
        now.join(then, on="customer_id", how="left")
        .group_by(pl.col("from_segment").fill_null(NOT_YET), to_segment="rfm_segment")
        .agg(customers=pl.len().cast(pl.Int64), revenue_net=_revenue(now).sum())
        .sort(pl.col("from_segment", "to_segment").replace_strict(order, return_dtype=pl.Int64))
        .select(
            pl.lit(as_of).alias("as_of"),
            pl.lit(previous_as_of).alias("previous_as_of"),
            "from_segment",
            "to_segment",
            "customers",
            "revenue_net",
        )
    )


def segment_profile(rfm: pl.DataFrame, scores: pl.DataFrame | None = None) -> pl.DataFrame:
    """One row for each of the segments, best to worst, from feat_rfm rows of one as_of and, if given, out_scores rows.

    Columns: rfm_segment, title, customers, share, revenue_net, revenue_share (empty unless the whole is above zero),
    median_days_since_last, median_purchase_days, median_revenue_net, mean_prob, value_at_stake (both empty without
    scores), what_to_do. Money is in the program's smallest unit, in the window of `rfm.window_days`.
    """
    scored = rfm.with_columns(prob=pl.lit(None, pl.Float64), value_at_stake=pl.lit(None, pl.Float64))
    if scores is not None:
        scored = rfm.join(scores.select("customer_id", "prob", "value_at_stake"), on="customer_id", how="left")
    revenue, stake = _revenue(rfm), pl.col("value_at_stake")
    found = (
        # Floats are added in one order, so that equal customers give equal sums.
        scored.sort("customer_id")
        .group_by("rfm_segment", maintain_order=True)
        .agg(
            customers=pl.len().cast(pl.Int64),
            revenue_net=revenue.sum(),
            median_days_since_last=pl.col("days_since_last").median(),
            median_purchase_days=_purchase_days(rfm).cast(pl.Float64).median(),
            median_revenue_net=revenue.cast(pl.Float64).median(),
            mean_prob=pl.col("prob").mean(),
            value_at_stake=pl.when(stake.is_not_null().any()).then(stake.sum()),
        )
    )
    total = pl.col("revenue_net").sum()
    return (
        GRID.sort("order")
        .select("title", "what_to_do", rfm_segment="segment")
        .join(found, on="rfm_segment", how="left", maintain_order="left")
        .with_columns(pl.col("customers", "revenue_net").fill_null(0))
        .with_columns(
            share=ratio(pl.col("customers"), pl.lit(max(rfm.height, 1))),
            revenue_share=pl.when(total > 0).then(ratio(pl.col("revenue_net"), total)),
        )
        .select(
            "rfm_segment",
            "title",
            "customers",
            "share",
            "revenue_net",
            "revenue_share",
            "median_days_since_last",
            "median_purchase_days",
            "median_revenue_net",
            "mean_prob",
            "value_at_stake",
            "what_to_do",
        )
    )


def _purchase_days(rfm: pl.DataFrame) -> pl.Expr:
    return pl.col(_windowed(rfm, "purchase_days_"))


def _revenue(rfm: pl.DataFrame) -> pl.Expr:
    return pl.col(_windowed(rfm, "revenue_net_"))


def _windowed(rfm: pl.DataFrame, prefix: str) -> str:
    """The one column of the window, whose name says how long that is."""
    found = [column for column in rfm.columns if column.startswith(prefix)]
    if len(found) != 1:
        raise SegmentError(f"feat_rfm needs one column {prefix}{{window}}; it has {', '.join(found) or 'none'}")
    return found[0]
