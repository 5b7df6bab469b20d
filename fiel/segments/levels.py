"""Loyalty levels of accounts: loyalty = 1 - p(closing), and the risk against everyone's (DOMAIN.md section 3).

Closing rates of .01 to .04 a quarter make almost everyone highly loyal, so a relative level stands beside the level.

>>> frame = pl.DataFrame({"prob": [0.005, 0.02, 0.05, 0.21, 0.81, None]})
>>> frame.select(level=loyalty_level(pl.col("prob")), relative=relative_level(pl.col("prob"), 0.02)).rows()
[('high', 'calm'), ('high', 'usual'), ('high', 'raised'), ('middle', 'raised'), ('low', 'raised'), (None, None)]
"""

from __future__ import annotations

import polars as pl

from fiel.program.pension import Levels

LOYALTY_LEVELS = ("low", "middle", "high")
RELATIVE_LEVELS = ("calm", "usual", "raised")


def loyalty_level(prob: pl.Expr, levels: Levels | None = None) -> pl.Expr:
    """Level (one of LOYALTY_LEVELS) of loyalty = 1 - `prob`; null without a probability."""
    cuts, loyalty = levels or Levels(), (1 - prob).round(12)  # 1 - .8 is a little less than .2
    inside = (
        pl.when(loyalty < cuts.low_below)
        .then(pl.lit("low"))
        .when(loyalty < cuts.high_from)
        .then(pl.lit("middle"))
        .otherwise(pl.lit("high"))
    )
    return pl.when(prob.is_not_null()).then(inside)


def relative_level(prob: pl.Expr, base_prob: float, levels: Levels | None = None) -> pl.Expr:
    """Level (one of RELATIVE_LEVELS) of `prob` against `base_prob`, the mean of all accounts; null without one."""
    cuts = levels or Levels()
    inside = (
        pl.when(prob < cuts.calm_below * base_prob)
        .then(pl.lit("calm"))
        .when(prob < cuts.raised_from * base_prob)
        .then(pl.lit("usual"))
        .otherwise(pl.lit("raised"))
    )
    return pl.when(prob.is_not_null()).then(inside)
