"""KMeans with what it leaves open decided: how many clusters, how they are numbered, and whether they can be trusted.

k is the one with the best mean silhouette (Rousseeuw 1987), the smaller of equals; clusters are numbered by a value
that the caller names; stability is the adjusted Rand index (Hubert and Arabie 1985) between the clusters and those
that a bootstrap sample would have given. Equal customers give equal numbers, in whatever order the rows come: points
are sorted before anything is drawn or added up, and one thread adds.

>>> points = np.array([[0.0], [0.1], [0.2], [9.0], [9.1], [5.0], [5.1]])
>>> found = RankedKMeans(k_min=2, k_max=4, seed=1).fit(points, value=[1, 1, 1, 50, 60, 7, 7])
>>> found.k_, found.labels_.tolist()
(3, [2, 2, 2, 0, 0, 1, 1])
>>> found.predict([[8.0]]).tolist()
[0]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

from fiel.errors import EstimatorError
from fiel.estimators.inputs import numbers

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Stability:
    """Adjusted Rand index between the clusters of bootstrap samples and those of the whole: 1 the same, 0 chance."""

    mean: float
    low: float
    """The 5 % quantile."""
    bootstraps: int


@dataclass(frozen=True)
class _Centres:
    """Cluster centres on a standardised scale."""

    mean: Array
    spread: Array
    at: Array

    def nearest(self, points: Array) -> Labels:
        """The nearest centre of each point (the first of equals), which depends on no other point."""
        scaled = (points - self.mean) / self.spread
        best = np.full(len(points), np.inf)
        labels = np.zeros(len(points), dtype=np.int64)
        for label, centre in enumerate(self.at):
            distance = np.zeros(len(points))
            for axis, place in enumerate(centre):
                distance += (scaled[:, axis] - place) ** 2
            closer = distance < best
            best[closer] = distance[closer]
            labels[closer] = label
        return labels


class RankedKMeans(BaseEstimator):  # type: ignore[misc]
    """KMeans on points standardised to mean 0 and variance 1, k by silhouette, labels by rank.

    Parameters: `k_min` and `k_max`, the range of k that is tried; `seed`, of all that is drawn; `starts`, initial
    draws of each KMeans; `rank_by`, the statistic of the value that numbers the clusters, 0 the highest;
    `fit_rows`, `silhouette_rows`, `stability_rows`: rows at the most that centres, silhouettes and stability are
    measured on, drawn with the seed, so that a million points stay feasible (a silhouette costs the square).

    After `fit`: `k_`, `labels_` (Int64, 0 the highest value), `silhouettes_` (by k; empty where no k could be tried),
    `silhouette_` (of k_; None without), `centres_` (k_ x columns, in the units of the points).
    """

    def __init__(
        self,
        k_min: int = 2,
        k_max: int = 8,
        seed: int = 0,
        *,
        starts: int = 4,
        rank_by: Literal["median", "mean"] = "median",
        fit_rows: int = 50_000,
        silhouette_rows: int = 5_000,
        stability_rows: int = 20_000,
    ) -> None:
        self.k_min = k_min
        self.k_max = k_max
        self.seed = seed
        self.starts = starts
        self.rank_by = rank_by
        self.fit_rows = fit_rows
        self.silhouette_rows = silhouette_rows
        self.stability_rows = stability_rows

    def fit(self, points: npt.ArrayLike, value: npt.ArrayLike) -> Self:
        """Find the clusters of `points` (rows x columns), numbered by `value` (one number a row).

        With fewer than k_min + 1 distinct points there is one cluster and no silhouette. EstimatorError for points
        that are no table of finite numbers, values of another length, or a range of k that is none.
        """
        if not 2 <= self.k_min <= self.k_max:
            raise EstimatorError(f"k_min {self.k_min}, k_max {self.k_max}: needs 2 <= k_min <= k_max")
        table, worth = _table(points), numbers(value, "value")
        if worth.shape != (len(table),):
            raise EstimatorError(f"value has the shape {worth.shape}, points have {len(table)} rows")
        order = np.lexsort((worth, *table.T[::-1]))
        table, worth = table[order], worth[order]
        with threadpool_limits(limits=1):
            centres, self.silhouettes_ = self._best(table)
        found = centres.nearest(table)
        rank = self._ranks(found, worth, centres.at)
        self._centres = _Centres(centres.mean, centres.spread, centres.at[np.argsort(rank)])
        self.k_ = len(centres.at)
        self.silhouette_ = self.silhouettes_.get(self.k_)
        self.centres_ = self._centres.at * centres.spread + centres.mean
        self.n_features_in_ = table.shape[1]
        self.labels_ = np.empty(len(table), dtype=np.int64)
        self.labels_[order] = rank[found]
        return self

    def predict(self, points: npt.ArrayLike) -> Labels:
        """The cluster of each point, 0 the one with the highest value."""
        table = _table(points)
        if table.shape[1] != self.n_features_in_:
            raise EstimatorError(f"points have {table.shape[1]} columns, the clusters {self.n_features_in_}")
        return self._centres.nearest(table)

    def to_parameters(self) -> dict[str, Any]:
        """What `predict` needs, as numbers that JSON keeps exactly."""
        fitted = self._centres
        return {"mean": fitted.mean.tolist(), "spread": fitted.spread.tolist(), "centres": fitted.at.tolist()}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """Clusters that predict like the ones `to_parameters` was asked of; they have no labels and no silhouettes."""
        mean, spread, at = (np.asarray(parameters[name], dtype=np.float64) for name in ("mean", "spread", "centres"))
        if at.ndim != 2 or mean.shape != at.shape[1:] or spread.shape != at.shape[1:]:
            raise EstimatorError(f"centres have the shape {at.shape}, mean {mean.shape}, spread {spread.shape}")
        model = cls()
        model._centres = _Centres(mean, spread, at)
        model.k_, model.n_features_in_ = at.shape
        model.centres_ = at * spread + mean
        return model

    def stability(self, points: npt.ArrayLike, bootstraps: int) -> Stability | None:
        """How far the clusters of `points` hang on who was there; None with one cluster.

        Each of `bootstraps` samples is drawn with replacement, as many rows as there are (`stability_rows` at the
        most, which makes them look less stable, never more), clustered with the same k from its own scaling on, and
        the centres found there are asked for everybody (a fixed draw of `fit_rows` at the most).
        """
        table = _table(points)
        if self.k_ < 2:
            return None
        table = table[np.lexsort(table.T[::-1])]
        draw = np.random.default_rng([self.seed, 2])
        size = min(len(table), self.stability_rows)
        asked = _drawn(table, self.fit_rows, self.seed)
        whole = self._centres.nearest(asked)
        agreements = []
        with threadpool_limits(limits=1):
            for _ in range(bootstraps):
                sample = table[np.sort(draw.integers(len(table), size=size))]
                seed = int(draw.integers(2**31))
                again = _centres(sample, min(self.k_, len(np.unique(sample, axis=0))), seed, self.starts)
                agreements.append(float(adjusted_rand_score(whole, again.nearest(asked))))
        return Stability(float(np.mean(agreements)), float(np.quantile(agreements, 0.05)), bootstraps)

    def _best(self, table: Array) -> tuple[_Centres, dict[int, float]]:
        """The clustering with the best silhouette, and all silhouettes; one centre where no k can be tried."""
        sample = _drawn(table, self.fit_rows, self.seed)
        distinct = len(np.unique(sample, axis=0))
        measured = _drawn(table, self.silhouette_rows, self.seed)
        tried: dict[int, _Centres] = {}
        silhouettes: dict[int, float] = {}
        for k in range(self.k_min, min(self.k_max, distinct - 1) + 1):
            tried[k] = _centres(sample, k, self.seed, self.starts)
            labels = tried[k].nearest(measured)
            if 1 < len(np.unique(labels)) < len(measured):
                scaled = (measured - tried[k].mean) / tried[k].spread
                silhouettes[k] = float(silhouette_score(scaled, labels))
        if not silhouettes:
            return _one_centre(table), {}
        return tried[max(silhouettes, key=lambda k: (silhouettes[k], -k))], silhouettes

    def _ranks(self, labels: Labels, value: Array, centres: Array) -> Labels:
        """Rank of each label by the statistic of its value, 0 the highest; equals by mean, then by centre."""
        statistic = np.median if self.rank_by == "median" else np.mean
        found = []
        for label, centre in enumerate(centres):
            worth = value[labels == label]
            figures = (-float(statistic(worth)), -float(np.mean(worth))) if len(worth) else (np.inf, np.inf)
            found.append((*figures, *centre, label))
        ranks = np.empty(len(centres), dtype=np.int64)
        ranks[[entry[-1] for entry in sorted(found)]] = np.arange(len(centres))
        return ranks


def _table(points: npt.ArrayLike) -> Array:
    table = numbers(points, "points")
    if table.ndim != 2 or table.shape[1] == 0:
        raise EstimatorError(f"points need rows and columns; they have the shape {table.shape}")
    return table


def _drawn(table: Array, rows: int, seed: int) -> Array:
    """At most so many rows of the sorted table, in its order."""
    if len(table) <= rows:
        return table
    return table[np.sort(np.random.default_rng([seed, 1]).choice(len(table), rows, replace=False))]


def _centres(sample: Array, k: int, seed: int, starts: int) -> _Centres:
    mean, spread = _scale(sample)
    return _Centres(
        mean, spread, KMeans(k, n_init=starts, random_state=seed).fit((sample - mean) / spread).cluster_centers_
    )


def _one_centre(table: Array) -> _Centres:
    mean, spread = _scale(table)
    return _Centres(mean, spread, np.zeros((1, table.shape[1])))


def _scale(table: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each column; 1 where a column does not vary, 0 and 1 for no rows."""
    if not len(table):
        return np.zeros(table.shape[1]), np.ones(table.shape[1])
    spread = table.std(axis=0)
    return table.mean(axis=0), np.where(spread > 1e-12 * (1 + np.abs(table).max(axis=0)), spread, 1.0)
