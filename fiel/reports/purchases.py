"""The purchase half of a report: RFM, clusters, purchase models, value at stake, disagreement, cohorts.

Everything is gathered from frames of one as_of. A part whose table is not there is None, and its page is left out or
says what to run. Nothing here grows with the number of customers but what is counted: lists are cut, points sampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from fiel.core import Core
from fiel.features.rfm_segments import GRID, SEGMENTS, segment_cells
from fiel.program import Program
from fiel.reports import cohorts, people
from fiel.reports.histories import Histories, histories
from fiel.reports.metrics import Frame
from fiel.reports.purchase_models import PurchaseModels, purchase_models
from fiel.reports.stake import Disagreement, Stake, disagreement, stake
from fiel.segments.rfm import NOT_YET

DRAWN = 1_200
"""Points of the clusters' scatter."""


@dataclass(frozen=True)
class RfmView:
    """Named segments over recency and frequency, with their money.

    `grid`: r_score, f_score, segment, customers, revenue_net (25 rows). `segments`, best to worst: segment, title,
    customers, share, revenue_net, revenue_share (empty where nothing was taken), median_days_since_last,
    median_purchase_days, what_to_do. `moves`: from_segment, to_segment, customers, revenue_net, share (of
    from_segment); empty without `previous_as_of`. Money is in the program's smallest unit, within the window.
    """

    window_days: int
    customers: int
    revenue_net: int
    grid: pl.DataFrame
    segments: pl.DataFrame
    moves: pl.DataFrame
    previous_as_of: date | None


@dataclass(frozen=True)
class ClustersView:
    """Clusters of recency, frequency and money. `profiles` is out_cluster_profiles; `points` a sample for the scatter.

    `points`: cluster, rfm_segment, days_since_last, purchase_days, revenue_net. `crossed`: cluster, segment,
    customers, share (of the cluster), every pair that occurs.
    """

    profiles: pl.DataFrame
    points: pl.DataFrame
    customers: int
    crossed: pl.DataFrame


@dataclass(frozen=True)
class PurchaseView:
    """What the pages of purchases show; a part is None where the program or the chain has not made it.

    `cohort_months` is `cohorts.cohort_months`, empty where no month is complete.
    """

    rfm: RfmView | None
    clusters: ClustersView | None
    models: PurchaseModels | None
    histories: Histories | None
    stake: Stake | None
    disagreement: Disagreement | None
    cohort_months: pl.DataFrame


def purchase_view(
    core: Core,
    snapshot: pl.DataFrame,
    *,
    program: Program,
    as_of: date,
    scores: pl.DataFrame | None = None,
    plan: pl.DataFrame | None = None,
    segments: Frame | None = None,
    cluster_profiles: Frame | None = None,
    segment_moves: Frame | None = None,
    purchase_fits: Frame | None = None,
    hold_out: Frame | None = None,
    disagreements: Frame | None = None,
) -> PurchaseView | None:
    """The purchase pages of `program` at `as_of`; None for a program with neither of the groups rfm and purchase.

    `snapshot`, `scores` and `plan` hold the rows of `as_of`; of the other tables (out_segments, out_cluster_profiles,
    out_segment_moves, feat_purchase_fits, out_hold_out, out_disagreements) only the rows of `as_of` are read.
    """
    has_rfm, has_models = "rfm_segment" in snapshot.columns, "purchase_frequency" in snapshot.columns
    if not (has_rfm or has_models):
        return None
    fits = _of(purchase_fits, as_of)
    models = purchase_models(core, snapshot, fits, _of(hold_out, as_of), program, as_of) if has_models else None
    has_stake = scores is not None and scores["value_at_stake"].is_not_null().any()
    found = None if disagreements is None else disagreements.lazy().filter(pl.col("as_of") == as_of).collect()
    return PurchaseView(
        rfm=_rfm(snapshot, _of(segment_moves, as_of), program.rfm.window_days) if has_rfm else None,
        clusters=_clusters(snapshot, _of(segments, as_of), _of(cluster_profiles, as_of), program) if has_rfm else None,
        models=models,
        histories=histories(core, snapshot, models, program, as_of) if models is not None else None,
        stake=stake(scores, snapshot, plan) if has_stake and scores is not None else None,
        disagreement=disagreement(found, scores, snapshot) if found is not None and scores is not None else None,
        cohort_months=cohorts.cohort_months(core, as_of),
    )


def _of(frame: Frame | None, as_of: date) -> pl.DataFrame | None:
    """The rows of `as_of`; None where there is no table or no row."""
    if frame is None:
        return None
    rows = frame.lazy().filter(pl.col("as_of") == as_of).collect()
    return rows if rows.height else None


def _rfm(snapshot: pl.DataFrame, moves: pl.DataFrame | None, window_days: int) -> RfmView:
    revenue, days = f"revenue_net_d{window_days}", f"purchase_days_d{window_days}"
    known = snapshot.filter(pl.col("r_score").is_not_null())
    cells = known.group_by("r_score", "f_score").agg(
        customers=pl.len().cast(pl.Int64), revenue_net=pl.col(revenue).sum()
    )
    grid = (
        segment_cells()
        .with_columns(pl.col("r_score", "f_score").cast(pl.Int64))
        .join(cells, on=["r_score", "f_score"], how="left", maintain_order="left")
        .with_columns(pl.col("customers", "revenue_net").fill_null(0))
    )
    counts = known.group_by(segment="rfm_segment").agg(
        customers=pl.len().cast(pl.Int64),
        revenue_net=pl.col(revenue).sum(),
        median_days_since_last=pl.col("days_since_last").median(),
        median_purchase_days=pl.col(days).median(),
    )
    money = int(known[revenue].sum() or 0)
    segments = (
        GRID.sort("order")
        .select("segment", "title", "what_to_do")
        .join(counts, on="segment", how="left", maintain_order="left")
        .with_columns(pl.col("customers", "revenue_net").fill_null(0))
        .with_columns(
            share=pl.col("customers") / max(known.height, 1),
            revenue_share=pl.col("revenue_net") / money if money > 0 else pl.lit(None, pl.Float64),
        )
    )
    return RfmView(
        window_days=window_days,
        customers=known.height,
        revenue_net=money,
        grid=grid,
        segments=segments,
        moves=_moves(moves),
        previous_as_of=None if moves is None else moves["previous_as_of"].max(),  # type: ignore[arg-type]
    )


def _moves(moves: pl.DataFrame | None) -> pl.DataFrame:
    """The newest migration, every pair of segments that occurs, best to worst; empty without one."""
    schema = {"from_segment": pl.String, "to_segment": pl.String, "customers": pl.Int64, "revenue_net": pl.Int64}
    if moves is None:
        return pl.DataFrame(schema=schema | {"share": pl.Float64})
    order = pl.Enum([*SEGMENTS, NOT_YET])
    return (
        moves.filter(pl.col("previous_as_of") == pl.col("previous_as_of").max(), pl.col("customers") > 0)
        .select(list(schema))
        .with_columns(share=pl.col("customers") / pl.col("customers").sum().over("from_segment"))
        .sort(pl.col("from_segment").cast(order), pl.col("to_segment").cast(order))
    )


def _clusters(
    snapshot: pl.DataFrame, segments: pl.DataFrame | None, profiles: pl.DataFrame | None, program: Program
) -> ClustersView | None:
    if segments is None or profiles is None:
        return None
    window = program.rfm.window_days
    crossed = (
        segments.group_by("cluster", segment="rfm_segment")
        .agg(customers=pl.len().cast(pl.Int64))
        .with_columns(share=pl.col("customers") / pl.col("customers").sum().over("cluster"))
        .sort("cluster", pl.col("segment").cast(pl.Enum(SEGMENTS)))
    )
    measures = snapshot.select(
        "customer_id",
        "days_since_last",
        purchase_days=f"purchase_days_d{window}",
        revenue_net=f"revenue_net_d{window}",
    )
    joined = people.sampled(segments.sort("customer_id"), DRAWN).join(
        measures, on="customer_id", how="inner", maintain_order="left"
    )
    return ClustersView(
        profiles=profiles.sort("cluster"),
        points=joined.filter(pl.col("days_since_last").is_not_null()).select(
            "cluster", "rfm_segment", "days_since_last", "purchase_days", "revenue_net"
        ),
        customers=segments.height,
        crossed=crossed,
    )
