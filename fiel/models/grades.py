"""Grades 1 to 5 by expected profit (DOMAIN.md section 2): 1 where treating pays, 2 to 5 the quartiles of the rest."""

from __future__ import annotations

import polars as pl

GRADES = (1, 2, 3, 4, 5)


def grade(expected_profit: pl.Expr) -> pl.Expr:
    """The grade of each row by its `expected_profit`, over all rows of the frame; null where that is null.

    1: above 0. Of the others the best quarter is 2, the next 3, then 4, and the last 5; equal profits share the better
    grade, so a grade never depends on the order of rows.

    >>> found = pl.DataFrame({"profit": [5.0, -1.0, -2.0, -3.0, -4.0]}).select(grade(pl.col("profit")))
    >>> found.to_series().to_list()
    [1, 2, 3, 4, 5]
    """
    rest = pl.when(expected_profit <= 0).then(expected_profit)
    better = rest.rank("min", descending=True).cast(pl.Int64) - 1
    quartile = better * 4 // rest.count().cast(pl.Int64) + 2
    return pl.when(expected_profit > 0).then(pl.lit(1, pl.Int64)).otherwise(quartile)
