"""From which probability to treat: by theory, by validation, and what no rule could know; and what each one earns.

Maximum profit (MP) is the best point of the profit curve, found with the labels in hand. Expected maximum profit (EMP)
is its mean over the acceptance rate, where that is uncertain: Verbraken, Verbeke and Baesens, "A novel profit
maximizing metric for measuring classification performance of customer churn prediction models", IEEE TKDE 25 (2013).
Here as there the threshold may differ with the acceptance rate; with a certain one, EMP is MP.
"""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
from scipy.special import betainc

from fiel.models.metrics import Array
from fiel.models.profit import threshold, worth
from fiel.program import Economics

THRESHOLD_SCHEMA = {
    "by": pl.String(),
    "threshold": pl.Float64(),
    "valid_profit": pl.Float64(),
    "oot_treated": pl.Int64(),
    "oot_profit": pl.Float64(),
}
THEORY, VALIDATION, HINDSIGHT, EXPECTED = "theory", "validation", "hindsight", "expected"


def threshold_table(predictions: pl.DataFrame, economics: Economics | None) -> pl.DataFrame:
    """One row for each way to choose the threshold; empty without economics, or where validation or test has no rows.

    `by`: theory (the program's economics, for calibrated probabilities), validation (the most profitable one on the
    validation rows), hindsight (the most profitable one on the judging rows themselves, the maximum profit: no rule can
    promise it); where the acceptance rate is uncertain also expected (its mean over the rate, without one threshold).
    Customers above `threshold` are treated. Profits are sums, in the program's currency.
    """
    parts = {name: predictions.filter(pl.col("split") == name) for name in ("valid", "oot")}
    if economics is None or any(part.is_empty() for part in parts.values()):
        return pl.DataFrame(schema=THRESHOLD_SCHEMA)
    valid, oot = ((part["label"].to_numpy().astype(np.float64), part["prob"].to_numpy()) for part in parts.values())
    chosen = {
        THEORY: threshold(economics),
        VALIDATION: best_threshold(*valid, economics),
        HINDSIGHT: best_threshold(*oot, economics),
    }
    rows: list[tuple[str, float | None, float, int | None, float]] = [
        (by, cut, profit_above(*valid, cut, economics), int((oot[1] > cut).sum()), profit_above(*oot, cut, economics))
        for by, cut in chosen.items()
    ]
    if economics.acceptance_customers is not None and economics.acceptance_rate < 1:
        expected = [expected_maximum_profit(*part, economics) * len(part[0]) for part in (valid, oot)]
        rows.append((EXPECTED, None, expected[0], None, expected[1]))
    return pl.DataFrame(rows, schema=THRESHOLD_SCHEMA, orient="row")


def profit_above(labels: Array, probs: Array, cut: float, economics: Economics) -> float:
    """Profit of treating everyone whose probability is above `cut`."""
    right, wrong = worth(economics)
    treated = np.asarray(probs) > cut
    hits = float(np.asarray(labels)[treated].sum())
    return hits * right + (float(treated.sum()) - hits) * wrong


def best_threshold(labels: Array, probs: Array, economics: Economics) -> float:
    """The threshold above which treating everyone earned most on these rows; of equal ones the highest.

    It lies half-way between two probabilities, so that rows that come later are not cut at one of these rows; above
    all of them where treating nobody was best.
    """
    values, profits = _curve(labels, probs, economics)
    best = int(np.argmax(profits))
    if best == 0:
        return float((values[0] + 1) / 2)
    lower = float(values[best]) if best < len(values) else min(0.0, np.nextafter(float(values[-1]), -1.0))
    middle = float((values[best - 1] + lower) / 2)
    return middle if middle < values[best - 1] else lower  # between neighbours there is no number


def maximum_profit(labels: Array, probs: Array, economics: Economics) -> float:
    """The highest point of the profit curve (MP), in the program's currency for each row; 0 where nobody is treated."""
    return float(_curve(labels, probs, economics)[1].max() / len(labels))


def expected_maximum_profit(labels: Array, probs: Array, economics: Economics) -> float:
    """EMP in the program's currency for each row: MP where the acceptance rate is certain.

    With `economics.acceptance_customers` the rate is known as from so many customers asked: a Beta distribution with
    the mean `acceptance_rate` (Verbraken et al. take a mean of .3 from 20).
    """
    rate, asked = economics.acceptance_rate, economics.acceptance_customers
    if asked is None or rate >= 1:
        return maximum_profit(labels, probs, economics)
    hits, misses = _hull(*_roc(labels, probs))
    share = float(np.mean(labels))
    gain = economics.benefit * share * hits
    loss = economics.contact_cost * share * hits + (economics.cost + economics.contact_cost) * (1 - share) * misses
    turns = np.clip(np.diff(loss) / np.diff(gain), 0, 1)  # the rate from which the next point of the hull is better
    edges = np.concatenate([[0.0], np.maximum.accumulate(turns), [1.0]])
    a, b = rate * asked, (1 - rate) * asked
    mass = np.diff(betainc(a, b, edges))
    mean = np.diff(betainc(a + 1, b, edges)) * rate  # the integral of the rate over its density
    return float(np.sum(gain * mean - loss * mass))


def _curve(labels: Array, probs: Array, economics: Economics) -> tuple[Array, Array]:
    """Distinct probabilities, highest first, and the profit of treating the first 0, 1, 2 … of them."""
    right, wrong = worth(economics)
    values, place = np.unique(-np.asarray(probs), return_inverse=True)
    gains = np.bincount(place, np.where(np.asarray(labels) == 1, right, wrong), len(values))
    return -values, np.concatenate([[0.0], np.cumsum(gains)])


def _roc(labels: Array, probs: Array) -> tuple[Array, Array]:
    """Shares of positives and of negatives that are treated, for each distinct probability, from nobody to everyone."""
    values, place = np.unique(-np.asarray(probs), return_inverse=True)
    positives = np.bincount(place, np.asarray(labels) == 1, len(values))
    negatives = np.bincount(place, np.asarray(labels) != 1, len(values))
    return (
        np.concatenate([[0.0], np.cumsum(positives) / max(1, positives.sum())]),
        np.concatenate([[0.0], np.cumsum(negatives) / max(1, negatives.sum())]),
    )


def _hull(hits: Array, misses: Array) -> tuple[Array, Array]:
    """The upper convex hull of a ROC curve, without points on its straight parts or straight up or right of another."""
    kept: list[int] = []
    for point in range(len(hits)):
        while len(kept) > 1 and _turns_up(hits, misses, kept[-2], kept[-1], point):
            kept.pop()
        kept.append(point)
    rising = [kept[0]]
    rising += [after for before, after in itertools.pairwise(kept) if hits[after] > hits[before]]
    return hits[rising], misses[rising]


def _turns_up(hits: Array, misses: Array, first: int, middle: int, last: int) -> bool:
    left = (hits[middle] - hits[first]) * (misses[last] - misses[middle])
    right = (hits[last] - hits[middle]) * (misses[middle] - misses[first])
    return bool(left <= right)
