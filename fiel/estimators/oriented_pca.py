"""Principal components whose signs mean something: higher is less of the outcome.

A component's sign is arbitrary, and two libraries may well disagree on it; anything built on the components would turn
with it. So each one is turned by the rows that it is fitted on, until its mean is lower among those with the outcome
(for churn: a higher component means less churn). Full singular value decomposition of the centred numbers (Jolliffe
2002), which are not scaled: they are components already, and their spread says what they are worth.

>>> points = np.array([[0.0, 0.0], [1.0, 0.1], [2.0, -0.1], [3.0, 0.0]])
>>> model = OrientedPCA(components=1).fit(points, outcome=[0, 0, 1, 1])
>>> model.transform([[0.0, 0.0], [3.0, 0.0]]).round(2).tolist()
[[1.5], [-1.5]]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from fiel.errors import EstimatorError
from fiel.estimators.scaling import table_of

Array = npt.NDArray[np.float64]


class OrientedPCA(BaseEstimator):  # type: ignore[misc]
    """PCA with `components` components at the most, each oriented against the outcome.

    A number that is missing (NaN) counts as the column's mean over the rows of the fit. After `fit`: `mean_` (columns),
    `axes_` (components x columns, unit length, orthogonal), `explained_ratio_` (share of the variance of each),
    `is_oriented_` (False where the outcome does not tell the two ends apart, as with one class: then the largest
    loading is positive).
    """

    def __init__(self, components: int = 50) -> None:
        self.components = components

    def fit(self, points: npt.ArrayLike, outcome: npt.ArrayLike) -> Self:
        """Find the components of `points` (rows x columns); `outcome` is 0 or 1 for each row.

        Fewer components where there are fewer rows or columns. EstimatorError: no table of numbers, a column without
        any number, or an outcome of another length or with another value.
        """
        if self.components < 1:
            raise EstimatorError(f"components is {self.components}: needs at least 1")
        table, happened = table_of(points), np.asarray(outcome, dtype=np.float64)
        if happened.shape != (len(table),):
            raise EstimatorError(f"outcome has the shape {happened.shape}, points have {len(table)} rows")
        if not np.isin(happened, (0.0, 1.0)).all():
            raise EstimatorError(f"outcome row {int(np.flatnonzero(~np.isin(happened, (0, 1)))[0])} is neither 0 nor 1")
        if len(table) < 2:
            raise EstimatorError(f"points have {len(table)} rows: needs at least 2")
        empty = np.flatnonzero(np.isnan(table).all(axis=0))
        if len(empty):
            raise EstimatorError(f"points column {int(empty[0])} has no number at all")
        self.mean_ = np.nanmean(table, axis=0)
        self.n_features_in_ = table.shape[1]
        centred = self._centred(table)
        with threadpool_limits(limits=1):  # the last bits depend on the number of threads
            _, spread, axes = np.linalg.svd(centred, full_matrices=False)
        total = float((spread**2).sum())
        kept = min(self.components, int((spread > 1e-10 * max(spread[0], 1e-300)).sum()))
        if kept == 0 or total == 0:
            raise EstimatorError("points do not vary: every row is the same")
        self.explained_ratio_ = spread[:kept] ** 2 / total
        self.axes_, self.is_oriented_ = _oriented(axes[:kept], centred, happened)
        return self

    def transform(self, points: npt.ArrayLike) -> Array:
        """Components (rows x components) of `points`; each row by itself. EstimatorError: another number of columns."""
        table = table_of(points)
        if table.shape[1] != self.n_features_in_:
            raise EstimatorError(f"points have {table.shape[1]} columns, the components {self.n_features_in_}")
        centred = self._centred(table)
        # A sum over the columns in their order, so that no row depends on how many others come with it.
        return np.stack([(centred * axis).sum(axis=1) for axis in self.axes_], axis=1)

    def to_parameters(self) -> dict[str, Any]:
        """What `transform` needs, as numbers that JSON keeps exactly."""
        return {
            "mean": self.mean_.tolist(),
            "axes": self.axes_.tolist(),
            "explained_ratio": self.explained_ratio_.tolist(),
            "is_oriented": self.is_oriented_.tolist(),
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """A fitted model from `to_parameters`."""
        model = cls(components=len(parameters["axes"]))
        model.mean_ = np.asarray(parameters["mean"], dtype=np.float64)
        model.axes_ = np.asarray(parameters["axes"], dtype=np.float64)
        model.explained_ratio_ = np.asarray(parameters["explained_ratio"], dtype=np.float64)
        model.is_oriented_ = np.asarray(parameters["is_oriented"], dtype=bool)
        model.n_features_in_ = len(model.mean_)
        if model.axes_.ndim != 2 or model.axes_.shape[1] != model.n_features_in_:
            raise EstimatorError(f"axes have the shape {model.axes_.shape}, the mean {model.n_features_in_} columns")
        return model

    def _centred(self, table: Array) -> Array:
        return np.where(np.isnan(table), 0.0, table - self.mean_)


def _oriented(axes: Array, centred: Array, happened: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    """The axes, turned; and which of them the outcome turned."""
    scores = centred @ axes.T
    both = 0 < happened.sum() < len(happened)
    slope = scores.T @ (happened - happened.mean()) if both else np.zeros(len(axes))
    tells = np.abs(slope) > 1e-12 * (1 + np.abs(scores).sum(axis=0))
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    sign = np.where(tells, -np.sign(slope), np.sign(largest))
    return axes * sign[:, None], tells
