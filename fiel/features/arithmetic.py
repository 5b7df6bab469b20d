"""Arithmetic whose result depends on the row alone, to the last bit."""

from __future__ import annotations

import polars as pl


def ratio(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Numerator over denominator (Float64), rounded once, as IEEE 754 divides.

    Polars multiplies by the reciprocal where the denominator is one value for all rows (a literal, a window over a
    single group), which is rounded twice: a customer's feature would then depend, in the last bit, on who else is in
    the batch. Adding the numerator's own zero makes the denominator a value of each row.

    >>> frame = pl.DataFrame({"a": [7, 7]})
    >>> (frame.select(pl.col("a") / 3.25).item(0, 0), 7 / 3.25)
    (2.153846153846154, 2.1538461538461537)
    >>> frame.select(ratio(pl.col("a"), pl.lit(3.25))).item(0, 0)
    2.1538461538461537
    """
    return numerator / (denominator + (numerator - numerator))


def days_between(earlier: pl.Expr, later: pl.Expr) -> pl.Expr:
    """Days from date `earlier` to date `later` (Int32), without the microseconds that date minus date goes through."""
    return later.to_physical() - earlier.to_physical()


def plus_days(day: pl.Expr, days: pl.Expr | int) -> pl.Expr:
    """The date `days` days after `day`."""
    return (day.to_physical() + days).cast(pl.Date)
