"""Value clusters: frequency F (active days) by value V (earned) over the frequency window, as fixed cuts and as KMeans.

The cuts (DOMAIN.md section 1), with the default numbers of a program:

>>> from fiel.program import ValueClusters
>>> cases = pl.DataFrame(
...     [(10, 1500), (11, 1500), (10, 750), (11, 750), (4, 749), (5, 0), (11, 0), (0, 0)],
...     schema=["f", "v"], orient="row",
... )
>>> cases.select(value_cluster_expr(pl.col("f"), pl.col("v"), ValueClusters())).to_series().to_list()
['hyper', 'eficiente', 'indeciso', 'esforcado', 'lurker', 'preguicoso', 'potencial', 'none']
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler

from fiel.program import ValueClusters

SILHOUETTE_SAMPLE = 5_000
"""Customers at the most that one silhouette is measured on: its cost grows with the square of them."""


def value_cluster_expr(active_days: pl.Expr, value_earned: pl.Expr, cuts: ValueClusters) -> pl.Expr:
    """Cluster (String, one of `fiel.tables.CLUSTERS`) by the program's cuts; `none` without an active day."""
    frequent = active_days > cuts.frequent_above
    return (
        pl.when(active_days < 1)
        .then(pl.lit("none"))
        .when(value_earned >= cuts.high_value)
        .then(pl.when(frequent).then(pl.lit("eficiente")).otherwise(pl.lit("hyper")))
        .when(value_earned >= cuts.middle_value)
        .then(pl.when(frequent).then(pl.lit("esforcado")).otherwise(pl.lit("indeciso")))
        .when(active_days < cuts.rare_below)
        .then(pl.lit("lurker"))
        .when(frequent)
        .then(pl.lit("potencial"))
        .otherwise(pl.lit("preguicoso"))
    )


def kmeans_clusters(
    active_days: npt.ArrayLike, value_earned: npt.ArrayLike, seed: int, k_range: range = range(2, 9)
) -> tuple[int, npt.NDArray[np.int64], dict[int, float]]:
    """KMeans on F and V, each scaled to mean 0 and variance 1: (k, label of each customer, silhouette by k).

    k is the one with the best silhouette (the smaller of equals), measured on at most `SILHOUETTE_SAMPLE` customers
    drawn with `seed`. Labels are numbered by mean value, 0 lowest, so that equal input gives equal labels. Customers
    without an active day are not clusters of their own: leave them out. With fewer than three distinct points there
    is one cluster, k = 1, and no silhouette.
    """
    points = np.column_stack([np.asarray(active_days, dtype=np.float64), np.asarray(value_earned, dtype=np.float64)])
    distinct = len(np.unique(points, axis=0))
    candidates = [k for k in k_range if 2 <= k < distinct]
    if not candidates:
        return 1, np.zeros(len(points), dtype=np.int64), {}
    scaled = StandardScaler().fit_transform(points)
    labels = {k: KMeans(k, n_init=4, random_state=seed).fit_predict(scaled) for k in candidates}
    sample = _sample(len(points), seed)
    silhouettes = {
        k: float(silhouette_score(scaled[sample], found[sample]))
        for k, found in labels.items()
        if len(np.unique(found[sample])) > 1
    }
    if not silhouettes:
        return 1, np.zeros(len(points), dtype=np.int64), {}
    best = max(silhouettes, key=lambda k: (silhouettes[k], -k))
    return best, _numbered_by_value(labels[best], points[:, 1]), silhouettes


def _sample(size: int, seed: int) -> npt.NDArray[np.int64]:
    if size <= SILHOUETTE_SAMPLE:
        return np.arange(size)
    return np.sort(np.random.default_rng(seed).choice(size, SILHOUETTE_SAMPLE, replace=False))


def _numbered_by_value(labels: npt.NDArray[np.int32], value: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    means = np.array([value[labels == label].mean() for label in range(labels.max() + 1)])
    return np.argsort(np.argsort(means, kind="stable"), kind="stable")[labels].astype(np.int64)
