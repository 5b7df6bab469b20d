"""Named segments over recency and frequency scores, as data, and the moves between them.

The grid is `rfm_segments.csv` (DOMAIN.md section 5): each row a rectangle of scores, in the order in which they are
tried; `order` runs from the best segment to the worst. It is checked when it is loaded: all 25 cells have a segment,
and each segment has a cell.

>>> cells = pl.DataFrame({"r": [5, 4, 4, 1, 1, 2], "f": [5, 5, 1, 5, 1, 1]})
>>> cells.select(segment_expr(pl.col("r"), pl.col("f"))).to_series().to_list()
['champions', 'loyal', 'promising', 'cannot_lose', 'lost', 'hibernating']
"""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from typing import IO

import polars as pl

from fiel.errors import SegmentError
from fiel.features.arithmetic import ratio

SCORES = range(1, 6)
"""Recency, frequency and monetary scores, 1 the lowest."""

NOT_YET = "not_yet"
"""In migration: the segment of customers who had none, not having been there."""

_WHOLE = ("order", "r_from", "r_to", "f_from", "f_to")
_WORDS = ("segment", "title", "what_to_do")


def segment_grid(source: IO[bytes] | None = None) -> pl.DataFrame:
    """The segments in the order in which they are tried: order, segment, r_from, r_to, f_from, f_to, title, what_to_do.

    `source` is a CSV in that layout; ours without one. SegmentError where a column is missing or unreadable, a
    rectangle is empty or leaves the grid, a name or an order stands twice, a cell of the grid has no segment, or a
    segment has no cell that is not taken by one before it.
    """
    if source is None:
        with (files("fiel.segments") / "rfm_segments.csv").open("rb") as ours:
            return segment_grid(ours)
    grid = _read(source)
    for row, entry in enumerate(grid.iter_rows(named=True), start=2):
        for score in ("r", "f"):
            low, high = entry[f"{score}_from"], entry[f"{score}_to"]
            if not 1 <= low <= high <= 5:
                raise SegmentError(
                    f"RFM segments, row {row} ({entry['segment']}): {score}_from {low}, {score}_to {high}; "
                    "needs 1 <= from <= to <= 5"
                )
    for column in ("order", "segment"):
        twice = grid.filter(pl.col(column).is_duplicated())[column].to_list()
        if twice:
            raise SegmentError(f"RFM segments: {column} {twice[0]} stands twice; each segment is one row")
    cells = segment_cells(grid)
    bare = cells.filter(pl.col("segment").is_null())
    if not bare.is_empty():
        names = ", ".join(f"R{r} F{f}" for r, f in bare.select("r_score", "f_score").iter_rows())
        raise SegmentError(f"RFM segments: no segment for {names}; widen a row or add one")
    hidden = [name for name in grid["segment"] if name not in set(cells["segment"])]
    if hidden:
        raise SegmentError(f"RFM segments: {hidden[0]} has no cell left, rows before it take them all; move it up")
    return grid


def _read(source: IO[bytes]) -> pl.DataFrame:
    kinds: dict[str, pl.DataType] = {**dict.fromkeys(_WHOLE, pl.Int64()), **dict.fromkeys(_WORDS, pl.String())}
    try:
        table = pl.read_csv(source.read(), schema_overrides=kinds)
    except pl.exceptions.PolarsError as error:
        raise SegmentError(f"RFM segments cannot be read: {error}") from error
    missing = [column for column in kinds if column not in table.columns]
    if missing:
        raise SegmentError(f"RFM segments: column {missing[0]} is missing")
    for column in kinds:
        empty = table[column].is_null().arg_true()
        if len(empty):
            raise SegmentError(f"RFM segments, row {empty[0] + 2}: {column} is empty")
    return table.select("order", "segment", *_WHOLE[1:], "title", "what_to_do")


def segment_cells(grid: pl.DataFrame | None = None) -> pl.DataFrame:
    """One row for each of the 25 cells: r_score, f_score, segment (null where the grid has none)."""
    scores = pl.Series(SCORES, dtype=pl.Int64)
    return (
        pl.DataFrame({"r_score": scores})
        .join(pl.DataFrame({"f_score": scores}), how="cross")
        .with_columns(
            _first_match(pl.col("r_score"), pl.col("f_score"), GRID if grid is None else grid).alias("segment")
        )
    )


def segment_expr(r: pl.Expr, f: pl.Expr) -> pl.Expr:
    """Segment (String, one of `SEGMENTS`) of recency score `r` and frequency score `f`, both 1 to 5; null outside."""
    return _first_match(r, f, GRID)


def _first_match(r: pl.Expr, f: pl.Expr, grid: pl.DataFrame) -> pl.Expr:
    matches = [
        pl.when(r.is_between(entry["r_from"], entry["r_to"]) & f.is_between(entry["f_from"], entry["f_to"])).then(
            pl.lit(entry["segment"])
        )
        for entry in grid.iter_rows(named=True)
    ]
    return pl.coalesce(*matches, pl.lit(None, pl.String))


GRID = segment_grid()
"""The checked segments, in the order in which they are tried."""

SEGMENTS: tuple[str, ...] = tuple(GRID.sort("order")["segment"])
"""The segments from the best to the worst."""


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
