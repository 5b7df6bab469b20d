"""Columns brought to comparable size, whatever their unit and however long their tails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fiel.errors import EstimatorError
from fiel.estimators.habits import Parameters

Array = npt.NDArray[np.float64]


class TailScaling(Parameters):
    """asinh((x - median) / spread) of each column; a missing number (NaN) becomes 0, the median.

    `spread` is the interquartile range, where that is 0 the standard deviation, and 1 for a column that does not vary.
    The inverse hyperbolic sine is linear near the median and logarithmic in the tails, for either sign (Burbidge et
    al. 1988), so that a few large balances do not decide what everyone else looks like. A column without any number is
    0 for everyone. After `fit`: `center_`, `spread_` (columns).

    >>> TailScaling().fit([[1.0], [2.0], [3.0]]).transform([[2.0], [float("nan")], [3.0]]).round(3).tolist()
    [[0.0], [0.0], [0.881]]
    """

    def fit(self, points: npt.ArrayLike) -> Self:
        """Find center and spread of `points` (rows x columns). EstimatorError: no rows, or an infinite number."""
        table = table_of(points)
        if len(table) == 0:
            raise EstimatorError("points have no rows: there is nothing to scale by")
        low, center, high, deviation = (np.zeros(table.shape[1]) for _ in range(4))
        for column in range(table.shape[1]):
            known = table[~np.isnan(table[:, column]), column]
            if len(known):
                low[column], center[column], high[column] = np.quantile(known, (0.25, 0.5, 0.75))
                deviation[column] = known.std()
        spread = np.where(high > low, high - low, deviation)
        self.center_, self.spread_ = center, np.where(spread > 0, spread, 1.0)
        self.n_features_in_ = table.shape[1]
        return self

    def transform(self, points: npt.ArrayLike) -> Array:
        """The scaled columns; each row by itself. EstimatorError: another number of columns."""
        table = table_of(points)
        if table.shape[1] != self.n_features_in_:
            raise EstimatorError(f"points have {table.shape[1]} columns, the scaling {self.n_features_in_}")
        return np.where(np.isnan(table), 0.0, np.arcsinh((table - self.center_) / self.spread_))

    def to_parameters(self) -> dict[str, Any]:
        """What `transform` needs, as numbers that JSON keeps exactly."""
        return {"center": self.center_.tolist(), "spread": self.spread_.tolist()}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """A fitted scaling from `to_parameters`."""
        model = cls()
        model.center_ = np.asarray(parameters["center"], dtype=np.float64)
        model.spread_ = np.asarray(parameters["spread"], dtype=np.float64)
        model.n_features_in_ = len(model.center_)
        return model


def table_of(points: npt.ArrayLike) -> Array:
    """`points` as rows x columns of floats. EstimatorError: another shape, or an infinite number and where it is."""
    table = np.asarray(points, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] == 0:
        raise EstimatorError(f"points need rows and columns; they have the shape {table.shape}")
    if np.isinf(table).any():
        row, column = np.argwhere(np.isinf(table))[0]
        raise EstimatorError(f"points row {row} column {column} is infinite")
    return table
