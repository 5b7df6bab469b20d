"""Paired bootstrap by customer: how sure the difference between two models is on the same rows.

A customer is in several cohorts, so rows are not independent: whole customers are drawn, and both models are measured
on every draw (Efron and Tibshirani 1993, percentile intervals). A draw is a vector of row weights, so no row is copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fiel.models.metrics import Array, auc, log_losses, profits
from fiel.models.profit import worth
from fiel.program import Economics

_CELLS = 4_000_000
"""Weights held at once: draws are taken in chunks so that memory stays bounded."""


@dataclass(frozen=True)
class Interval:
    """An estimate with the bounds of its interval."""

    estimate: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether `value` lies within the bounds."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Comparison:
    """Challenger minus champion on the same rows. AUC and profit: above zero is better; log loss: below zero is."""

    rows: int
    customers: int
    draws: int
    confidence: float
    auc: Interval | None
    log_loss: Interval | None
    profit: Interval | None
    note: str | None


def compare(
    labels: Array,
    challenger: Array,
    champion: Array,
    customers: Array,
    *,
    economics: Economics | None,
    draws: int,
    confidence: float,
    seed: int,
) -> Comparison:
    """Differences between two sets of probabilities on the same rows, with percentile intervals by customer.

    `customers` names the customer of each row. Profit is the mean for each row, in the program's currency. AUC is None
    with one class only; draws that happen to hold one class are left out of its interval.
    """
    labels = np.asarray(labels, dtype=np.float64)
    if len(labels) == 0:
        return Comparison(0, 0, draws, confidence, None, None, None, "no rows to compare")
    _, owner = np.unique(np.asarray(customers), return_inverse=True)
    losses = log_losses(labels, challenger) - log_losses(labels, champion)
    gains = profits(labels, challenger, economics) - profits(labels, champion, economics) if economics else None
    both = 0 < labels.sum() < len(labels)
    drawn: dict[str, list[Array]] = {"auc": [], "log_loss": [], "profit": []}
    for weights in _weights(owner, draws, seed):
        total = weights.sum(axis=1)
        drawn["log_loss"].append(weights @ losses / total)
        if gains is not None:
            drawn["profit"].append(weights @ gains / total)
        if both:
            drawn["auc"].append(auc_draws(labels, challenger, weights) - auc_draws(labels, champion, weights))
    return Comparison(
        rows=len(labels),
        customers=int(owner.max()) + 1,
        draws=draws,
        confidence=confidence,
        auc=_interval(auc(labels, challenger) - auc(labels, champion), drawn["auc"], confidence) if both else None,
        log_loss=_interval(float(losses.mean()), drawn["log_loss"], confidence),
        profit=None if gains is None else _interval(float(gains.mean()), drawn["profit"], confidence),
        note=None if both else f"one class only: {int(labels.sum())} of {len(labels)} rows reached the target",
    )


def auc_interval(
    labels: Array, probs: Array, customers: Array, *, draws: int, confidence: float, seed: int
) -> Interval | None:
    """AUC with its percentile interval by customer; None with one class only."""
    labels = np.asarray(labels, dtype=np.float64)
    if not 0 < labels.sum() < len(labels):
        return None
    _, owner = np.unique(np.asarray(customers), return_inverse=True)
    drawn = [auc_draws(labels, probs, weights) for weights in _weights(owner, draws, seed)]
    return _interval(auc(labels, probs), drawn, confidence)


def profit_intervals(
    labels: Array,
    probs: Array,
    customers: Array,
    thresholds: Array,
    *,
    economics: Economics,
    draws: int,
    confidence: float,
    seed: int,
) -> list[Interval]:
    """For each threshold the summed profit of treating everyone at or above it, with its interval by customer."""
    _, owner = np.unique(np.asarray(customers), return_inverse=True)
    right, wrong = worth(economics)
    treated = np.asarray(probs)[:, None] >= np.asarray(thresholds)[None, :]
    gains = treated * np.where(np.asarray(labels) == 1, right, wrong)[:, None]
    drawn = np.concatenate([weights @ gains for weights in _weights(owner, draws, seed)])
    totals = gains.sum(axis=0)
    return [_interval(float(totals[place]), [drawn[:, place]], confidence) for place in range(len(totals))]


def auc_draws(labels: Array, probs: Array, weights: Array) -> Array:
    """Weighted AUC of each row of `weights` (draws x rows), ties counting half; NaN where a draw holds one class."""
    order = np.argsort(probs, kind="stable")
    ranked = np.asarray(probs)[order]
    starts = np.append(0, np.flatnonzero(np.diff(ranked)) + 1)
    drawn = weights[:, order]
    positive = np.add.reduceat(drawn * labels[order], starts, axis=1)
    negative = np.add.reduceat(drawn * (1.0 - labels[order]), starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((positive * below).sum(axis=1) / pairs)


def _weights(owner: Array, draws: int, seed: int) -> Iterator[Array]:
    """Chunks of (draws x rows) weights: how often the draw holds the row's customer."""
    rng = np.random.default_rng(seed)
    customers = int(owner.max()) + 1
    chunk = max(1, _CELLS // max(len(owner), customers))
    shares = np.full(customers, 1 / customers)
    for start in range(0, draws, chunk):
        counts = rng.multinomial(customers, shares, size=min(chunk, draws - start))
        yield counts[:, owner].astype(np.float64)


def _interval(estimate: float, drawn: list[Array], confidence: float) -> Interval:
    outside = (1 - confidence) / 2
    low, high = np.nanquantile(np.concatenate(drawn), [outside, 1 - outside])
    return Interval(float(estimate), float(low), float(high))
