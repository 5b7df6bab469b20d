"""What treating customers is worth: expected profit, the profit curve over thresholds, and the best threshold.

The rule itself, what a right and a wrong treatment bring, is fiel.models.profit. Amounts are in the program's currency.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from fiel.errors import PlanError
from fiel.models.profit import expected_profit, threshold, worth
from fiel.program import Economics

__all__ = [
    "MaximumProfit",
    "expected_profit",
    "maximum_profit",
    "profit_curve",
    "realised_profit",
    "threshold",
]


@dataclass(frozen=True)
class MaximumProfit:
    """The most profitable threshold of a curve: treat where the probability is at least `threshold`."""

    threshold: float
    treated: int
    profit: float


def profit_curve(scored: pl.DataFrame, economics: Economics) -> pl.DataFrame:
    """Profit of treating everybody with a probability of at least each threshold.

    `scored` has `prob` and `label` (0 or 1), one row for each customer, both known. One row for each distinct
    probability, highest first, after one that treats nobody (threshold above 1): `threshold`, `treated`,
    `treated_share`, `positives`, `profit`. Rows of equal probability are treated together. PlanError without rows.
    """
    if scored.is_empty() or scored.select(pl.any_horizontal(pl.col("prob", "label").is_null().any())).item():
        raise PlanError("the profit curve needs at least one customer, each with a probability and a label")
    nobody = pl.DataFrame({"threshold": [float("inf")], "treated": [0], "positives": [0]})
    by_threshold = (
        scored.group_by(threshold=pl.col("prob").cast(pl.Float64))
        .agg(treated=pl.len().cast(pl.Int64), positives=pl.col("label").cast(pl.Int64).sum())
        .sort("threshold", descending=True)
    )
    right, wrong = worth(economics)
    profit = pl.col("positives") * right + (pl.col("treated") - pl.col("positives")) * wrong
    return (
        pl.concat([nobody, by_threshold])
        .with_columns(pl.col("treated", "positives").cum_sum())
        .select("threshold", "treated", (pl.col("treated") / scored.height).alias("treated_share"), "positives")
        .with_columns(profit=profit)
    )


def maximum_profit(curve: pl.DataFrame) -> MaximumProfit:
    """The point of a profit curve with the highest profit; of equal ones that with the fewest treated."""
    best = curve.sort("profit", "treated", descending=[True, False]).row(0, named=True)
    return MaximumProfit(best["threshold"], best["treated"], best["profit"])


def realised_profit(scored: pl.DataFrame, economics: Economics, at_least: float | None = None) -> float:
    """Profit of treating everybody with a probability above the theoretical threshold (or of at least `at_least`)."""
    treated = pl.col("prob") > threshold(economics) if at_least is None else pl.col("prob") >= at_least
    counts = scored.filter(treated).select(positives=pl.col("label").cast(pl.Int64).sum(), treated=pl.len())
    positives, total = counts.row(0)
    right, wrong = worth(economics)
    return float(positives * right + (total - positives) * wrong)
