"""Value clusters by KMeans on frequency and value, beside the fixed cuts of `fiel.features.value_clusters`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fiel.errors import EstimatorError
from fiel.estimators.clusters import RankedKMeans


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
