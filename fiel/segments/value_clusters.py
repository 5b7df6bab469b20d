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

from fiel.errors import EstimatorError
from fiel.estimators.clusters import RankedKMeans
from fiel.program import ValueClusters


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

    k is the one with the best silhouette (`fiel.estimators.clusters.RankedKMeans`). Labels are numbered by mean value,
    0 lowest, so that equal input gives equal labels. Customers without an active day are not clusters of their own:
    leave them out. Where no k of the range can be tried there is one cluster, k = 1, and no silhouette.
    """
    points = np.column_stack([np.asarray(active_days, dtype=np.float64), np.asarray(value_earned, dtype=np.float64)])
    if len(k_range) == 0 or k_range.step != 1:
        raise EstimatorError(f"k_range {k_range} is no range of whole numbers")
    found = RankedKMeans(k_range.start, k_range.stop - 1, seed, rank_by="mean").fit(points, points[:, 1])
    return found.k_, found.k_ - 1 - found.labels_, found.silhouettes_
