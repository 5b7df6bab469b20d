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
    """Standard deviations, between cohorts, of calibration slope and intercept (log odds), beyond chance.

    `degrees` of freedom: cohorts less parts of the data that they were compared in; 0 where the spread is assumed.
    """

    slope_sd: float
    intercept_sd: float
    degrees: int


ASSUMED_SPREAD = CohortSpread(slope_sd=0.1, intercept_sd=0.35, degrees=0)
"""The spread where there are too few cohorts to measure it: about what the real months of teomewhy show."""


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
        return _interval(fitted, place, confidence, sd**2 / cohorts, apart.degrees if apart.degrees else None)

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
    """The change that mends what `check` found on these rows, held back as far as `check` is unsure.

    Nothing where both intervals hold their ideal value. Else the scale goes from 1 towards the slope and leaves the
    mean probability where it is, and the bias goes towards the right mean, each by `_certainty` of the way.
    """
    if check.slope is None or check.intercept is None:
        return Sigmoid(1.0, 0.0, f"left as it is: {check.note}")
    if check.holds:
        return Sigmoid(1.0, 0.0, f"left as it is: {_words(check)}, no further off than chance and months explain")
    if check.slope.estimate <= 0:
        return Sigmoid(1.0, 0.0, f"left as it is: {_words(check)}; a slope below zero is no calibration problem")
    labels, raw = np.asarray(labels, dtype=np.float64), np.asarray(raw, dtype=np.float64)
    scale, bias, done = 1.0, 0.0, []
    if not check.slope.holds(1.0):
        scale += _certainty(check.slope, 1.0) * (check.slope.estimate - 1.0)
        bias = _bias_for_mean(scale * raw, float(sigmoid(raw).mean()))
        done.append("rescaled")
    if not check.intercept.holds(0.0):
        right = _bias_for_mean(scale * raw, float(labels.mean()))
        bias += _certainty(check.intercept, 0.0) * (right - bias)
        done.append("shifted")
    return Sigmoid(scale, bias, f"{' and '.join(done)}: {_words(check)}")


def _certainty(found: Interval, ideal: float) -> float:
    """1 - (half width / distance)^2: 0 where the interval just leaves the ideal value, near 1 far away from it.

    The garrote's shrinkage (Breiman 1995): without it a borderline finding would be corrected in full.
    """
    reach = (found.high - found.low) / 2
    return max(0.0, 1.0 - (reach / (found.estimate - ideal)) ** 2)


def cohort_spread(unseen: pl.DataFrame) -> CohortSpread:
    """How far slope and intercept lie apart between cohorts, on predictions for rows that no fit has seen.

    `unseen` has part, as_of, customer_id, label and raw log odds. Cohorts are compared within their part (folds,
    validation), so that a shift that lasts from one part to the next is not taken for the luck of single months. By
    moments: the variance within parts less the mean of the cohorts' own variances. Below two degrees of freedom
    nothing can be measured and ASSUMED_SPREAD is returned: one month alone cannot say whether it is off or the model.
    """
    parts: list[str] = []
    slopes: list[Fit | None] = []
    intercepts: list[Fit | None] = []
    for cohort in unseen.sort("part", "as_of", "customer_id").partition_by("part", "as_of"):
        labels, raw = cohort["label"].to_numpy().astype(np.float64), cohort["raw"].to_numpy()
        if 0 < labels.sum() < len(labels) and np.ptp(raw) > 0:
            _, owner = np.unique(cohort["customer_id"].to_numpy(), return_inverse=True)
            ones = np.ones((len(labels), 1))
            parts.append(cohort["part"][0])
            intercepts.append(_fit(ones, labels, owner, offset=raw))
            slopes.append(_fit(np.column_stack([ones, raw]), labels, owner))
    degrees = len(parts) - len(set(parts))
    if degrees < 2:
        return ASSUMED_SPREAD
    return CohortSpread(_between(parts, slopes, 1), _between(parts, intercepts, 0), degrees)


def _between(parts: list[str], fitted: list[Fit | None], place: int) -> float:
    found = pl.DataFrame(
        [
            (part, fit[0][place], fit[1][place, place])
            for part, fit in zip(parts, fitted, strict=True)
            if fit is not None
        ],
        schema={"part": pl.String(), "value": pl.Float64(), "variance": pl.Float64()},
        orient="row",
    )
    degrees = max(1, found.height - found["part"].n_unique())
    squares = found.select(((pl.col("value") - pl.col("value").mean().over("part")) ** 2).sum()).item()
    return float(np.sqrt(max(0.0, squares / degrees - float(found["variance"].to_numpy().mean()))))


def _bias_for_mean(raw: Array, mean: float) -> float:
    """The bias that gives probabilities of `raw` the mean `mean`."""
    from scipy.optimize import brentq  # here, because a service that only loads models does not need it at its start

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
    from scipy.stats import t as student_t  # here for the same reason as brentq above

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
