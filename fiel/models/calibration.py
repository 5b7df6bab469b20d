"""Are probabilities calibrated, and the sigmoid that mends them (docs/decisions/007-calibration.md).

The check is Cox's (1958): the outcome is regressed on the log odds of the prediction. A calibrated model has slope 1
(its odds are neither too bold nor too shy) and, with the slope held at 1, intercept 0 (its mean is right). Intervals
come from a variance that is robust to a customer's rows being alike. Rows of one cohort are alike too: a good or a
bad month moves everyone. How much, is measured on the folds and on validation (`cohort_spread`) and widens the
intervals, else every second month would ask for a correction that the next month takes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl
from scipy.optimize import brentq
from scipy.stats import t as student_t

from fiel.models.bootstrap import Interval
from fiel.models.metrics import Array

Fit = tuple[Array, Array]
"""Coefficients and their covariance."""

_STEPS = 50
_FARTHEST_LOG_ODDS = 20.0
_FARTHEST_BIAS = 100.0


@dataclass(frozen=True)
class CalibrationCheck:
    """Slope and intercept with intervals; None where they are not defined, and `note` says why.

    `curvature` is what a squared term of the log odds would add: an interval without 0 says that a sigmoid is not
    enough. It is given from the program's `training.calibrate_sigmoid_below` positives on.
    """

    rows: int
    positives: int
    slope: Interval | None
    intercept: Interval | None
    curvature: Interval | None = None
    note: str | None = None

    @property
    def holds(self) -> bool | None:
        """Whether both intervals hold their ideal value; None where the rows cannot say."""
        if self.slope is None or self.intercept is None:
            return None
        return self.slope.holds(1.0) and self.intercept.holds(0.0)


@dataclass(frozen=True)
class CohortSpread:
    """Standard deviations, between `cohorts` cohorts, of calibration slope and intercept (log odds), beyond chance."""

    slope_sd: float
    intercept_sd: float
    cohorts: int


@dataclass(frozen=True)
class Sigmoid:
    """Calibrated log odds = scale x raw log odds + bias; `reason` says why these numbers."""

    scale: float
    bias: float
    reason: str

    @property
    def is_identity(self) -> bool:
        """Whether nothing is changed."""
        return self.scale == 1.0 and self.bias == 0.0

    def apply(self, raw: Array) -> Array:
        """Probabilities from raw log odds."""
        return sigmoid(self.scale * raw + self.bias)


def sigmoid(raw: Array) -> Array:
    """Probabilities of log odds."""
    return np.asarray(0.5 * (1.0 + np.tanh(np.asarray(raw) / 2)))


def log_odds(probs: Array) -> Array:
    """Log odds of probabilities, held within +-20 so that 0 and 1 stay finite."""
    smallest = sigmoid(np.array(-_FARTHEST_LOG_ODDS))
    clipped = np.clip(probs, smallest, 1 - smallest)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def check_calibration(
    labels: Array,
    raw: Array,
    customers: Array,
    *,
    confidence: float,
    cohorts: int = 1,
    spread: CohortSpread | None = None,
    curvature_from: int | None = None,
) -> CalibrationCheck:
    """Slope and intercept of `labels` on raw log odds `raw`, with intervals robust to rows of one customer.

    `spread` says how far slope and intercept lie apart from one cohort to the next (`cohort_spread`) and `cohorts` is
    the number of cohorts in the rows: together they widen the intervals.
    """
    labels, raw = np.asarray(labels, dtype=np.float64), np.asarray(raw, dtype=np.float64)
    rows, positives = len(labels), int(labels.sum())
    if not 0 < positives < rows:
        note = f"one class only: {positives} of {rows} rows reached the target"
        return CalibrationCheck(rows, positives, None, None, note=note)
    _, owner = np.unique(np.asarray(customers), return_inverse=True)
    apart = spread or CohortSpread(0.0, 0.0, 0)
    ones = np.ones((rows, 1))

    def interval(fitted: Fit | None, place: int, sd: float = 0.0) -> Interval | None:
        return _interval(fitted, place, confidence, sd**2 / cohorts, apart.cohorts - 1 if sd > 0 else None)

    intercept = interval(_fit(ones, labels, owner, offset=raw), 0, apart.intercept_sd)
    if np.ptp(raw) == 0:
        return CalibrationCheck(rows, positives, None, intercept, note="all predictions are equal: there is no slope")
    slope = interval(_fit(np.column_stack([ones, raw]), labels, owner), 1, apart.slope_sd)
    if slope is None or intercept is None:
        note = "the predictions separate the classes: there is no finite slope"
        return CalibrationCheck(rows, positives, None, intercept, note=note)
    bent = None
    if curvature_from is not None and positives >= curvature_from:
        bent = interval(_fit(np.column_stack([ones, raw, raw**2]), labels, owner), 2)
    return CalibrationCheck(rows, positives, slope, intercept, bent)


def fit_sigmoid(check: CalibrationCheck, labels: Array, raw: Array) -> Sigmoid:
    """The smallest change that mends what `check` found on these rows.

    Nothing; a shift with the slope held at 1; a scale that leaves the mean probability where it is; or both at once.
    """
    if check.slope is None or check.intercept is None:
        return Sigmoid(1.0, 0.0, f"left as it is: {check.note}")
    if check.holds:
        return Sigmoid(1.0, 0.0, f"left as it is: {_words(check)}, no further off than chance and months explain")
    labels, raw = np.asarray(labels, dtype=np.float64), np.asarray(raw, dtype=np.float64)
    if check.slope.holds(1.0):
        return Sigmoid(1.0, check.intercept.estimate, f"shifted: {_words(check)}")
    fitted = _fit(np.column_stack([np.ones(len(raw)), raw]), labels, np.arange(len(raw)))
    assert fitted is not None, "the check found a finite slope"
    bias, scale = float(fitted[0][0]), float(fitted[0][1])
    if scale <= 0:
        return Sigmoid(1.0, 0.0, f"left as it is: {_words(check)}; a slope below zero is no calibration problem")
    if check.intercept.holds(0.0):
        return Sigmoid(scale, _bias_for_mean(scale * raw, float(sigmoid(raw).mean())), f"rescaled: {_words(check)}")
    return Sigmoid(scale, bias, f"rescaled and shifted: {_words(check)}")


def cohort_spread(unseen: pl.DataFrame) -> CohortSpread:
    """How far slope and intercept lie apart between cohorts, on predictions for rows that no fit has seen.

    `unseen` has as_of, customer_id, label and raw log odds. By moments: the variance between the cohorts' values less
    the mean of their own variances; 0 with fewer than three cohorts of both classes, where nothing can be said.
    """
    slopes: list[Fit | None] = []
    intercepts: list[Fit | None] = []
    for part in unseen.sort("as_of", "customer_id").partition_by("as_of"):
        labels, raw = part["label"].to_numpy().astype(np.float64), part["raw"].to_numpy()
        if 0 < labels.sum() < len(labels) and np.ptp(raw) > 0:
            _, owner = np.unique(part["customer_id"].to_numpy(), return_inverse=True)
            ones = np.ones((len(labels), 1))
            intercepts.append(_fit(ones, labels, owner, offset=raw))
            slopes.append(_fit(np.column_stack([ones, raw]), labels, owner))
    return CohortSpread(_between(slopes, 1), _between(intercepts, 0), len(slopes))


def _between(fitted: list[Fit | None], place: int) -> float:
    found = [(weights[place], variance[place, place]) for weights, variance in filter(None, fitted)]
    if len(found) < 3:
        return 0.0
    values, variances = np.array(found).T
    return float(np.sqrt(max(0.0, values.var(ddof=1) - variances.mean())))


def _bias_for_mean(raw: Array, mean: float) -> float:
    """The bias that gives probabilities of `raw` the mean `mean`."""
    return float(brentq(lambda bias: float(sigmoid(raw + bias).mean()) - mean, -_FARTHEST_BIAS, _FARTHEST_BIAS))


def _words(check: CalibrationCheck) -> str:
    assert check.slope is not None
    assert check.intercept is not None
    return (
        f"slope {check.slope.estimate:.2f} ({check.slope.low:.2f} to {check.slope.high:.2f}), "
        f"intercept {check.intercept.estimate:+.2f} ({check.intercept.low:+.2f} to {check.intercept.high:+.2f}) "
        f"on {check.rows} rows"
    )


def _interval(
    fitted: Fit | None, place: int, confidence: float, more_variance: float, degrees: int | None
) -> Interval | None:
    """Normal interval; Student's t with `degrees` of freedom where a spread from few cohorts is part of it."""
    if fitted is None:
        return None
    share = (1 + confidence) / 2
    quantile = NormalDist().inv_cdf(share) if degrees is None else float(student_t.ppf(share, degrees))
    estimate, error = float(fitted[0][place]), float(np.sqrt(fitted[1][place, place] + more_variance))
    return Interval(estimate, estimate - quantile * error, estimate + quantile * error)


def _fit(design: Array, labels: Array, owner: Array, offset: Array | None = None) -> Fit | None:
    """Logistic regression by Newton's method: coefficients and cluster-robust covariance; None without a maximum."""
    start = np.zeros(len(labels)) if offset is None else offset
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        probs = sigmoid(start + design @ weights)
        information = (design * (probs * (1 - probs))[:, None]).T @ design
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, design.T @ (labels - probs))
        weights = weights + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-10:
            return weights, _robust(design, labels - sigmoid(start + design @ weights), owner, information)
    return None


def _robust(design: Array, residuals: Array, owner: Array, information: Array) -> Array:
    """The sandwich variance, rows summed within each customer (Liang and Zeger 1986)."""
    clusters = int(owner.max()) + 1
    scores = np.column_stack([np.bincount(owner, design[:, j] * residuals, clusters) for j in range(design.shape[1])])
    inverse = np.linalg.inv(information)
    return np.asarray(inverse @ (scores.T @ scores) @ inverse)
