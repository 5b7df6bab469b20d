"""Risk groups by the probability of leaving (DOMAIN.md section 4).

>>> frame = pl.DataFrame({"prob": [0.05, 0.051, 0.1, 0.3, 0.31, None]})
>>> frame.select(risk_group(pl.col("prob"))).to_series().to_list()
['low', 'medium', 'medium', 'high', 'critical', None]
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from fiel.errors import SegmentError

RISK_GROUPS = ("low", "medium", "high", "critical")


@dataclass(frozen=True)
class RiskCuts:
    """Highest probability (inclusive) of each group but the last; SegmentError unless they rise between 0 and 1."""

    low: float = 0.05
    medium: float = 0.1
    high: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.medium < self.high < 1:
            raise SegmentError(
                f"risk cuts low {self.low}, medium {self.medium}, high {self.high}: they have to rise between 0 and 1"
            )


def risk_group(prob: pl.Expr, cuts: RiskCuts | None = None) -> pl.Expr:
    """Group (String, one of RISK_GROUPS) of a probability of leaving; null where there is none."""
    cuts = cuts or RiskCuts()
    known = pl.when(prob.is_not_null() & prob.is_not_nan())
    inside = (
        pl.when(prob <= cuts.low)
        .then(pl.lit("low"))
        .when(prob <= cuts.medium)
        .then(pl.lit("medium"))
        .when(prob <= cuts.high)
        .then(pl.lit("high"))
        .otherwise(pl.lit("critical"))
    )
    return known.then(inside)
