"""How the log odds of several models are best added up: non-negative logistic stacking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from fiel.errors import EstimatorError

Array = npt.NDArray[np.float64]

WEIGHT_DIGITS = 6
"""Decimals that weights and bias keep: what an optimiser's last steps decide is no part of a model."""

SHRINKAGE = 10.0
"""Strength of the pull towards the plain mean: as many rows' worth of loss for a squared distance of 1."""


@dataclass(frozen=True)
class Stack:
    """Log odds = bias + sum of weight x log odds of each model; no weight is negative."""

    weights: tuple[float, ...]
    bias: float

    @classmethod
    def mean(cls, count: int) -> Stack:
        """The plain mean of `count` models."""
        return cls((round(1 / count, WEIGHT_DIGITS),) * count, 0.0)

    def combine(self, raw: npt.ArrayLike) -> Array:
        """Combined log odds, one for each row of `raw` (rows x models)."""
        combined: Array = np.asarray(raw, dtype=np.float64) @ np.array(self.weights) + self.bias
        return combined


def fit_stack(labels: npt.ArrayLike, raw: npt.ArrayLike, shrinkage: float = SHRINKAGE) -> Stack:
    """The weights (>= 0) and the bias with the least log loss of 0/1 `labels` on `raw` log odds (rows x models).

    The models have to be fitted on other rows: stacked generalisation (Wolpert 1992), with weights that are not
    negative, without which models that are much alike get large weights of opposite sign (Breiman 1996). To the sum of
    the losses comes `shrinkage` x the squared distance of weights and bias from the plain mean (bias 0), so that few
    rows stay close to it. EstimatorError: lengths that differ, one class only, or a number that is not finite.

    >>> stack = fit_stack([0, 0, 1, 1] * 50, [[-2.0, 0.1], [-2.0, -0.1], [2.0, 0.1], [2.0, -0.1]] * 50)
    >>> stack.weights[0] > stack.weights[1]
    True
    """
    happened, odds = np.asarray(labels, dtype=np.float64), np.asarray(raw, dtype=np.float64)
    if odds.ndim != 2 or happened.shape != (len(odds),) or odds.shape[1] == 0:
        raise EstimatorError(f"log odds have the shape {odds.shape}, labels {happened.shape}: needs rows x models")
    if not np.isfinite(odds).all() or not np.isin(happened, (0.0, 1.0)).all():
        raise EstimatorError("labels have to be 0 or 1, and log odds finite numbers")
    if not 0 < happened.sum() < len(happened):
        raise EstimatorError("the labels hold one class only: weights cannot be fitted")
    models = odds.shape[1]
    start = np.append(np.full(models, 1 / models), 0.0)
    table = np.column_stack([odds, np.ones(len(odds))])

    def loss(point: Array) -> tuple[float, Array]:
        combined = table @ point
        away = point - start
        value = np.sum(np.logaddexp(0, combined) - happened * combined) + shrinkage * np.sum(away**2)
        # The logistic function by tanh: no overflow at either end.
        slope = table.T @ ((1 + np.tanh(combined / 2)) / 2 - happened) + 2 * shrinkage * away
        return float(value) / len(odds), slope / len(odds)

    bounds = [(0.0, None)] * models + [(None, None)]
    with threadpool_limits(limits=1):  # the last bits depend on the number of threads
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13, "gtol": 1e-9})
    rounded = [float(value) for value in np.round(found.x, WEIGHT_DIGITS)]
    return Stack(tuple(rounded[:-1]), rounded[-1])
