"""Clusters of customers on log-scaled, standardised recency, frequency and monetary value, in words and numbers.

Where the named segments cut recency and frequency at fixed ranks, clusters go where the customers are, and look at
money too. They are a second opinion on the segments: the adjusted Rand index says how far the two agree.

A cluster is named by where its middle customer stands among all who have a purchase: "recent, frequent, high value".
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from sklearn.metrics import adjusted_rand_score

from fiel.estimators.clusters import RankedKMeans, Stability
from fiel.features.arithmetic import ratio
from fiel.program import Program
from fiel.tables import TABLES

WITHOUT = "without a standing purchase"
"""Name of the last cluster: customers all of whose purchases were taken back, who have no recency to speak of."""

STARTS = 10
"""Initial draws of each KMeans."""

_CUTS = (1 / 10, 1 / 3, 2 / 3, 9 / 10)
"""Places among all buyers (0 the lowest, 1 the highest) between the words below. The outer two cut off `very`."""

_RECENCY = ("very recent", "recent", "less recent", "long ago", "very long ago")
_FREQUENCY = ("very rare", "rare", "occasional", "frequent", "very frequent")
_VALUE = ("very low value", "low value", "middling value", "high value", "very high value")


@dataclass(frozen=True)
class _Fit:
    """What stands on every row of the profiles."""

    k: int
    silhouette: float | None
    stability: Stability | None
    segments_ari: float | None


def rfm_clusters(rfm: pl.DataFrame, program: Program) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cluster of every customer (out_segments) and the clusters themselves (out_cluster_profiles).

    `rfm` holds feat_rfm rows of one as_of. Coordinates are log(1 + x) of days since the last purchase, of purchase
    days and of net value in the window (in whole units of the program's value, below zero as zero), each
    standardised; k, seed and stability come from `clusters` and `training.seed`. Clusters are numbered by median net
    value, 1 the highest. Customers without a purchase that stands are the last cluster, `without a standing purchase`,
    and take no part in the others. Whatever the order of the rows, the outcome is the same.
    """
    window = f"d{program.rfm.window_days}"
    people = rfm.sort("customer_id").select(
        "customer_id",
        "as_of",
        "rfm_segment",
        recency="days_since_last",
        frequency=f"purchase_days_{window}",
        money=f"revenue_net_{window}",
    )
    buyers = people.filter(pl.col("recency").is_not_null())
    clustered, fit = _clustered(buyers, program)
    clustered = pl.concat([clustered, _others(people, fit.k)]).sort("customer_id")
    profiles = _profiles(clustered, fit)
    named = clustered.join(profiles.select("cluster", "cluster_name"), on="cluster", how="left", maintain_order="left")
    return (
        named.select("customer_id", "as_of", "rfm_segment", "cluster", "cluster_name"),
        profiles,
    )


def _clustered(buyers: pl.DataFrame, program: Program) -> tuple[pl.DataFrame, _Fit]:
    if buyers.is_empty():
        return buyers.with_columns(cluster=pl.lit(1, pl.Int64)), _Fit(0, None, None, None)
    units = ratio(pl.col("money").clip(0), pl.lit(program.value.scale))
    points = buyers.select(*(of.log1p() for of in (pl.col("recency"), pl.col("frequency"), units))).to_numpy()
    rules = program.clusters
    model = RankedKMeans(rules.k_min, rules.k_max, program.training.seed, starts=STARTS)
    labels = model.fit(points, buyers["money"].to_numpy()).labels_
    agreement = float(adjusted_rand_score(buyers["rfm_segment"].to_numpy(), labels)) if model.k_ > 1 else None
    fit = _Fit(model.k_, model.silhouette_, model.stability(points, rules.bootstraps), agreement)
    return buyers.with_columns(cluster=pl.Series(labels + 1, dtype=pl.Int64)), fit


def _others(people: pl.DataFrame, k: int) -> pl.DataFrame:
    return people.filter(pl.col("recency").is_null()).with_columns(cluster=pl.lit(k + 1, pl.Int64))


def _profiles(clustered: pl.DataFrame, fit: _Fit) -> pl.DataFrame:
    total = int(clustered["money"].sum() or 0)
    stability = fit.stability
    found = (
        clustered.group_by("as_of", "cluster")
        .agg(
            customers=pl.len().cast(pl.Int64),
            median_days_since_last=pl.col("recency").cast(pl.Float64).median(),
            median_purchase_days=pl.col("frequency").cast(pl.Float64).median(),
            median_revenue_net=pl.col("money").cast(pl.Float64).median(),
            revenue=pl.col("money").sum(),
        )
        .sort("cluster")
    )
    return found.with_columns(
        cluster_name=pl.Series(_names(found, clustered), dtype=pl.String),
        share=ratio(pl.col("customers"), pl.lit(max(clustered.height, 1))),
        revenue_share=ratio(pl.col("revenue"), pl.lit(total)) if total > 0 else pl.lit(None, pl.Float64),
        k=pl.lit(fit.k, pl.Int64),
        silhouette=pl.lit(fit.silhouette, pl.Float64),
        ari_mean=pl.lit(stability.mean if stability else None, pl.Float64),
        ari_low=pl.lit(stability.low if stability else None, pl.Float64),
        segments_ari=pl.lit(fit.segments_ari, pl.Float64),
    ).select(list(TABLES["out_cluster_profiles"].declared))


def _names(found: pl.DataFrame, clustered: pl.DataFrame) -> list[str]:
    """Names of the clusters, in their order, each different: words, finer words, then numbers where words are equal."""
    buyers = clustered.filter(pl.col("recency").is_not_null())
    middles = found.filter(pl.col("median_days_since_last").is_not_null())
    recency = _places(middles["median_days_since_last"], buyers["recency"])
    frequency = _places(middles["median_purchase_days"], buyers["frequency"])
    value = _places(middles["median_revenue_net"], buyers["money"])
    facts = list(middles.select("median_days_since_last", "median_purchase_days", "cluster").iter_rows())

    def words(row: int, finer: bool) -> str:
        since, purchase_days = _word(recency[row], _RECENCY, finer), facts[row][1]
        if purchase_days == 0:
            return f"{since}, nothing in the window"
        often = "once" if purchase_days == 1 else _word(frequency[row], _FREQUENCY, finer)
        return f"{since}, {often}, {_word(value[row], _VALUE, finer)}"

    rows = range(middles.height)
    names = [words(row, finer=False) for row in rows]
    names = [words(row, finer=True) if names.count(names[row]) > 1 else names[row] for row in rows]
    for detail in ("{0:.0f} days ago, {1:.0f} purchase days", "cluster {2}"):
        shared = [name for name in names if names.count(name) > 1]
        names = [
            f"{name} ({detail.format(*fact)})" if name in shared else name
            for name, fact in zip(names, facts, strict=True)
        ]
    return [*names, *[WITHOUT] * (found.height - middles.height)]


def _places(middles: pl.Series, everybody: pl.Series) -> list[float]:
    """Where each value stands among all: the share below it and half of the share that is equal."""
    return [
        float((everybody < middle).sum() + (everybody <= middle).sum()) / (2 * len(everybody)) for middle in middles
    ]


def _word(place: float, words: tuple[str, ...], finer: bool) -> str:
    step = sum(place > cut for cut in _CUTS)
    return words[step if finer else min(max(step, 1), 3)]
