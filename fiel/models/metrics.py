"""Measures of one set of probabilities: ranking, error, calibration, money. Arrays in, numbers out.

Labels are 0/1 and probabilities in [0, 1], one row each. A measure that is not defined for the rows (one class only,
no rows) is None, and `Metrics.note` says why.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fiel.models.profit import threshold, worth
from fiel.program import Economics

Array = npt.NDArray[Any]
_SMALLEST = 1e-15


@dataclass(frozen=True)
class Metrics:
    """Measures of one model on one set of rows."""

    rows: int
    positives: int
    target_rate: float | None
    mean_prob: float | None
    auc: float | None
    log_loss: float | None
    brier: float | None
    average_precision: float | None
    profit: float | None
    note: str | None

    def row(self) -> dict[str, Any]:
        """The measures as one row of a table."""
        return asdict(self)


def measure(labels: Array, probs: Array, economics: Economics | None = None) -> Metrics:
    """All measures of `probs` against `labels`; profit (summed, in its currency) only with `economics`."""
    rows, positives = len(labels), int(np.sum(labels))
    if rows == 0:
        return Metrics(0, 0, None, None, None, None, None, None, None, "no rows")
    both = 0 < positives < rows
    return Metrics(
        rows=rows,
        positives=positives,
        target_rate=positives / rows,
        mean_prob=float(np.mean(probs)),
        auc=auc(labels, probs) if both else None,
        log_loss=float(np.mean(log_losses(labels, probs))),
        brier=float(np.mean((probs - labels) ** 2)),
        average_precision=average_precision(labels, probs) if both else None,
        profit=float(np.sum(profits(labels, probs, economics))) if economics else None,
        note=None if both else f"one class only: {positives} of {rows} rows reached the target",
    )


def auc(labels: Array, probs: Array) -> float:
    """Area under the ROC curve: the chance that a positive row ranks above a negative one, ties counting half.

    Needs both classes (the Mann-Whitney statistic over the number of pairs).
    """
    from scipy.stats import rankdata  # here, because a service that only loads models does not need it at its start

    positive = np.asarray(labels) == 1
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    rank_sum = float(rankdata(probs)[positive].sum())
    return (rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)


def log_losses(labels: Array, probs: Array) -> Array:
    """Log loss of each row, in nats."""
    clipped = np.clip(probs, _SMALLEST, 1 - _SMALLEST)
    return np.asarray(-(labels * np.log(clipped) + (1 - labels) * np.log1p(-clipped)))


def average_precision(labels: Array, probs: Array, negative_weight: float = 1.0) -> float:
    """Area under the precision-recall steps; tied probabilities enter together. Needs at least one positive.

    `negative_weight`: as many rows as each negative stands for, where a share of them was drawn.
    """
    _, hits, misses = _from_the_top(labels, probs)
    precision = hits / (hits + misses * negative_weight)
    recall_steps = np.diff(hits, prepend=0.0) / hits[-1]
    return float(np.sum(precision * recall_steps))


def best_f1_threshold(labels: Array, probs: Array) -> float | None:
    """The probability from which on rows have to be called positive for the highest F1; None without a positive.

    Of several equally good ones the highest.
    """
    if not np.sum(labels):
        return None
    steps, hits, misses = _from_the_top(labels, probs)
    return float(steps[np.argmax(2 * hits / (hits + misses + hits[-1]))])


def f1(labels: Array, probs: Array, threshold: float) -> float | None:
    """Harmonic mean of precision and recall, rows from `threshold` on called positive; None without a positive row.

    >>> f1(np.array([1, 1, 0, 0]), np.array([0.9, 0.2, 0.8, 0.1]), 0.5)
    0.5
    """
    called, positive = np.asarray(probs) >= threshold, np.asarray(labels) == 1
    if not positive.any():
        return None
    return float(2 * (called & positive).sum() / (called.sum() + positive.sum()))


def _from_the_top(labels: Array, probs: Array) -> tuple[Array, Array, Array]:
    """Each distinct probability, highest first, and the positives and negatives at or above it."""
    order = np.argsort(-np.asarray(probs), kind="stable")
    ranked, hits = np.asarray(probs)[order], np.cumsum(np.asarray(labels)[order])
    last_of_tie = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    positives = hits[last_of_tie].astype(np.float64)
    return ranked[last_of_tie], positives, last_of_tie + 1 - positives


def profits(labels: Array, probs: Array, economics: Economics) -> Array:
    """Profit of each row when everyone above the theoretical threshold is treated (fiel.models.profit)."""
    right, wrong = worth(economics)
    treated = np.asarray(probs) > threshold(economics)
    return np.where(treated, np.where(np.asarray(labels) == 1, right, wrong), 0.0)
