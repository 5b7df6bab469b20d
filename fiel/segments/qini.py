"""The Qini curve: what treating the customers with the highest predicted uplift first would have kept.

Radcliffe (2007), for an outcome that the treatment is to prevent. Of the first share of customers by predicted uplift,
the outcome's rate among the control is what would have happened to the treated; the difference, added up over the
treated, is the gain:

    gain(share) = (treated(share) x outcomes_control(share) / control(share) - outcomes_treated(share)) / treated(1)

in outcomes prevented for each treated customer of all. A ranking that knows nothing gives a straight line from 0 to
gain(1). The Qini coefficient is the area between curve and line; below 0, the ranking is worse than none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from fiel.errors import SegmentError
from fiel.models.bootstrap import Interval

Array = npt.NDArray[np.float64]

POINTS = 101
"""Points of the curve, evenly spaced over the share of customers."""


@dataclass(frozen=True)
class Qini:
    """`curve`: share, gain, low, high, random (rows: POINTS; the band is pointwise); with intervals by customer.

    `coefficient` is the area between curve and random line, `gain` the curve's end: outcomes prevented for each treated
    customer when all are treated, which is the average effect of the treatment.
    """

    curve: pl.DataFrame
    coefficient: Interval
    gain: Interval
    customers: int
    draws: int
    confidence: float

    @property
    def ranks(self) -> bool:
        """Whether the ranking is better than none beyond chance."""
        return self.coefficient.low > 0


def qini_curve(
    label: npt.ArrayLike,
    is_treated: npt.ArrayLike,
    uplift: npt.ArrayLike,
    *,
    draws: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> Qini:
    """The curve of customers ranked by `uplift`, which has to be out of fold, with percentile intervals.

    Customers of equal uplift come at once, so the order of the rows does not matter. Each draw takes as many customers
    with replacement; their ranking stays as it is, so the band says how sure the curve is of this ranking, not of
    another training. SegmentError: lengths differ, an uplift is missing, or an arm is empty.
    """
    outcome, treated = np.asarray(label, dtype=np.float64), np.asarray(is_treated, dtype=np.float64)
    ranked = np.asarray(uplift, dtype=np.float64)
    if not outcome.shape == treated.shape == ranked.shape or not np.isfinite(ranked).all():
        raise SegmentError("Qini needs a label, a treatment and a finite uplift for each customer")
    if not 0 < treated.sum() < len(treated):
        raise SegmentError(f"Qini needs both arms: {int(treated.sum())} of {len(treated)} customers are treated")
    order = np.lexsort((outcome, treated, -ranked))  # by more than the uplift: a draw must not hang on the rows' order
    arms = np.stack([treated, 1 - treated, treated * outcome, (1 - treated) * outcome])[:, order]
    ends = np.append(np.flatnonzero(np.diff(ranked[order])), len(ranked) - 1)
    grid = np.linspace(0, 1, POINTS)
    gain = _gain(arms, np.ones(len(ranked)), ends, grid)
    draw = np.random.default_rng(seed)
    shares = np.full(len(ranked), 1 / len(ranked))
    drawn = np.stack([_gain(arms, draw.multinomial(len(ranked), shares), ends, grid) for _ in range(draws)])
    drawn = drawn[np.isfinite(drawn).all(axis=1)]  # a draw without one of the arms tells nothing
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(drawn, tails, axis=0)
    areas = _area(drawn, grid)
    area_low, area_high = np.quantile(areas, tails)
    return Qini(
        curve=pl.DataFrame({"share": grid, "gain": gain, "low": low, "high": high, "random": grid * gain[-1]}),
        coefficient=Interval(float(_area(gain[None, :], grid)[0]), float(area_low), float(area_high)),
        gain=Interval(float(gain[-1]), float(low[-1]), float(high[-1])),
        customers=len(ranked),
        draws=draws,
        confidence=confidence,
    )


def _gain(
    arms: Array, weights: npt.NDArray[np.float64] | npt.NDArray[np.int64], ends: npt.NDArray[np.int64], grid: Array
) -> Array:
    """Gain at the shares of `grid`; NaN everywhere where an arm has no weight."""
    weighted = np.cumsum(arms * weights, axis=1)[:, ends]
    total = weighted[0, -1] + weighted[1, -1]
    if weighted[0, -1] == 0 or weighted[1, -1] == 0:
        return np.full(len(grid), np.nan)
    share = np.concatenate([[0.0], (weighted[0] + weighted[1]) / total])
    treated, control, treated_out, control_out = (
        np.interp(grid, share, np.concatenate([[0.0], counts])) for counts in weighted
    )
    # Before the first control customer nothing can be compared: no gain is claimed.
    rate = np.divide(control_out, control, out=np.zeros_like(control), where=control > 0)
    gain: Array = np.where(control > 0, treated * rate - treated_out, 0.0) / weighted[0, -1]
    return gain


def _area(gains: Array, grid: Array) -> Array:
    """Area between each curve and its straight line."""
    return np.asarray(np.trapezoid(gains - gains[:, -1:] * grid, grid, axis=1))
