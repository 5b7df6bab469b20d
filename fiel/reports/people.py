"""Who: ranking by score, who is about to drop a stage, the F x V plane, and who is counted where.

Frames in are a snapshot or scores of one as_of (fiel/tables/); frames out are collected and sorted.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from fiel.program import STAGES
from fiel.reports.metrics import LEAVING, Frame

_STAGE = pl.Enum(STAGES)


def ranking(scores: Frame, at_most: int | None = None) -> pl.DataFrame:
    """Customers with a score, the most likely first: rank (1 first), then the columns of `scores`."""
    ranked = (
        scores.lazy()
        .filter(pl.col("prob").is_not_null())
        .sort(["prob", "customer_id"], descending=[True, False])
        .with_row_index("rank", offset=1)
        .with_columns(pl.col("rank").cast(pl.Int64))
    )
    return (ranked if at_most is None else ranked.head(at_most)).collect()


def with_segment(listed: pl.DataFrame, snapshot: pl.DataFrame) -> pl.DataFrame:
    """`listed` (customer_id, …) with each customer's named segment as `segment`, where the snapshot has segments."""
    if "rfm_segment" not in snapshot.columns or listed.is_empty():
        return listed
    named = snapshot.select("customer_id", segment=pl.col("rfm_segment").cast(pl.String))
    return listed.join(named, on="customer_id", how="left", maintain_order="left")


def dropping_soon(frame: Frame, as_of: date, days: int = 7) -> pl.DataFrame:
    """Customers who fall into a stage of absence within `days` days unless they visit; the soonest first.

    `frame` is a snapshot or scores. Columns: customer_id; stage; next_stage; next_stage_date; days_left;
    stage_after_visit; prob and loss_prob (empty where there is no score). A day's customers come in the order of the
    score, the most likely to be lost first. next_stage_date lies in (as_of, as_of + days].
    """
    found = frame.lazy().collect_schema()
    missing = [pl.lit(None, pl.Float64).alias(name) for name in ("prob", "loss_prob") if name not in found]
    return (
        frame.lazy()
        .with_columns(missing)
        .filter(
            pl.col("next_stage").is_in(LEAVING)
            & (pl.col("next_stage_date") > as_of)
            & (pl.col("next_stage_date") <= as_of + timedelta(days=days))
        )
        .with_columns(days_left=(pl.col("next_stage_date") - pl.lit(as_of)).dt.total_days())
        .select(
            "customer_id",
            "stage",
            "next_stage",
            "next_stage_date",
            "days_left",
            "stage_after_visit",
            "prob",
            "loss_prob",
        )
        .sort(
            ["next_stage_date", "loss_prob", "prob", "customer_id"],
            descending=[False, True, True, False],
            nulls_last=True,
        )
        .collect()
    )


def dropping_by_day(dropping: pl.DataFrame, as_of: date, days: int = 7) -> pl.DataFrame:
    """Customers of `dropping_soon` by day and by the stage that they fall into: day, next_stage, customers.

    Every day has a row for each stage of absence, zero where nobody falls.
    """
    dates = pl.date_range(as_of + timedelta(days=1), as_of + timedelta(days=days), eager=True)
    grid = pl.DataFrame({"day": dates}).join(pl.DataFrame({"next_stage": LEAVING}), how="cross", maintain_order="left")
    counts = dropping.group_by(day="next_stage_date", next_stage="next_stage").agg(customers=pl.len().cast(pl.Int64))
    return grid.join(counts, on=["day", "next_stage"], how="left", maintain_order="left").with_columns(
        pl.col("customers").fill_null(0)
    )


def value_plane(snapshot: Frame, window_days: int) -> pl.DataFrame:
    """The F x V plane: one row for each customer who was active in the window, in the order of customer_id.

    Columns: customer_id; active_days (F, days); value_earned (V, the program's smallest unit); value_cluster (the
    fixed cuts); kmeans_cluster (empty here; 1 is the cluster of the lowest mean value).
    """
    return (
        snapshot.lazy()
        .filter(pl.col(f"active_days_d{window_days}") > 0)
        .select(
            "customer_id",
            "value_cluster",
            active_days=f"active_days_d{window_days}",
            value_earned=f"value_earned_d{window_days}",
            kmeans_cluster=pl.lit(None, pl.Int64),
        )
        .sort("customer_id")
        .collect()
    )


def sampled(frame: pl.DataFrame, at_most: int) -> pl.DataFrame:
    """At most `at_most` rows, evenly spaced in the order of the frame: the same rows every time."""
    if frame.height <= at_most:
        return frame
    places = pl.int_range(at_most, eager=True) * frame.height // at_most
    return frame[places]


def cluster_sizes(plane: pl.DataFrame, clusters: tuple[str, ...]) -> pl.DataFrame:
    """Customers of each value cluster: value_cluster, customers, share, mean_active_days, mean_value_earned."""
    order = pl.DataFrame({"value_cluster": clusters, "order": range(len(clusters))})
    return (
        plane.group_by("value_cluster")
        .agg(
            customers=pl.len().cast(pl.Int64),
            mean_active_days=pl.col("active_days").mean(),
            mean_value_earned=pl.col("value_earned").mean(),
        )
        .with_columns(share=pl.col("customers") / max(plane.height, 1))
        .join(order, on="value_cluster", how="left")
        .sort("order")
        .select("value_cluster", "customers", "share", "mean_active_days", "mean_value_earned")
    )


def cluster_agreement(plane: pl.DataFrame, clusters: tuple[str, ...]) -> pl.DataFrame:
    """Where the KMeans clusters lie in the fixed cuts: value_cluster, kmeans_cluster, customers (pairs that occur)."""
    order = pl.DataFrame({"value_cluster": clusters, "order": range(len(clusters))})
    return (
        plane.group_by("value_cluster", "kmeans_cluster")
        .agg(customers=pl.len().cast(pl.Int64))
        .join(order, on="value_cluster", how="left")
        .sort("order", "kmeans_cluster")
        .select("value_cluster", "kmeans_cluster", "customers")
    )


def agreement_index(agreement: pl.DataFrame) -> float:
    """The adjusted Rand index (Hubert and Arabie 1985) of the two groupings of `cluster_agreement`.

    1 where both make the same groups, about 0 where they agree no more than by chance, and 1 for a single group each.
    """

    def pairs(sizes: pl.Series) -> float:
        return float((sizes * (sizes - 1) / 2).sum())

    both = pairs(agreement["customers"])
    fixed, found = (
        pairs(agreement.group_by(name).agg(pl.col("customers").sum())["customers"])
        for name in ("value_cluster", "kmeans_cluster")
    )
    everyone = int(agreement["customers"].sum())
    chance = fixed * found / max(everyone * (everyone - 1) / 2, 1)
    most = (fixed + found) / 2
    return 1.0 if most == chance else (both - chance) / (most - chance)


def coverage(
    customers: Frame,
    customer_days: Frame,
    snapshot: Frame,
    scores: Frame | None,
    as_of: date,
    outside: str = "gone, or without a live event",
) -> pl.DataFrame:
    """Who is counted where: one row for each group: group, customers, about.

    Registered customers are those that the source version shows; customers that were merged away count with the
    survivor. `outside` says why a customer with a stage is not in the population.
    """
    present = customers.lazy().filter(pl.col("status") == "present").select("customer_id")
    active = customer_days.lazy().filter(pl.col("day") < as_of).select("customer_id").unique()

    def size(frame: Frame) -> int:
        return int(frame.lazy().select(pl.len()).collect().item())

    groups = [
        ("registered", size(present), "in the source version, merged ones with their survivor"),
        (
            "registered, never active",
            size(present.join(active, on="customer_id", how="anti")),
            f"no active day before {as_of}: counted, not modelled",
        ),
        ("active at least once", size(snapshot), f"an active day before {as_of}"),
        (
            "outside the model's population",
            size(snapshot.lazy().filter(~pl.col("in_population"))),
            f"{outside}: a stage, no probability, never granted anything",
        ),
        ("in the model's population", size(snapshot.lazy().filter(pl.col("in_population"))), "asked the question"),
    ]
    if scores is not None:
        groups.append(("scored", size(scores.lazy().filter(pl.col("prob").is_not_null())), "with a probability"))
    return pl.DataFrame(groups, schema=["group", "customers", "about"], orient="row")


def stage_sort() -> pl.Expr:
    """The stage as an ordered category, for sorting in the order in which stages are always shown."""
    return pl.col("stage").cast(_STAGE)
