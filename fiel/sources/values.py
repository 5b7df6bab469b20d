"""Foreign values as exact ones: texts, identifiers, decimals, amounts of money. The same for every format."""

from __future__ import annotations

import polars as pl

from fiel.sources.rules import LARGEST, cleaned

SCALE = 6
"""Decimal places that are read of a value or a quantity."""
DECIMAL = pl.Decimal(38, SCALE)


def as_text(column: str, dtype: pl.DataType) -> pl.Expr:
    """A column as cleaned text; whole numbers that were stored as floats without their `.0`."""
    if dtype.is_float():
        number = pl.col(column)
        integer = number.cast(pl.Int64, strict=False)
        text = pl.when(number == integer).then(integer.cast(pl.String)).otherwise(number.cast(pl.String))
        return pl.when(number.is_finite()).then(text).alias(column)
    return cleaned(column)


def identifier(column: str) -> pl.Expr:
    """An id that went through a float (`12345.0`) as it was (`12345`)."""
    return pl.col(column).str.replace(r"^(\d+)\.0+$", "$1")


def decimal(column: str, mark: str = ".") -> pl.Expr:
    """A text as an exact decimal; null for anything else, and beyond LARGEST."""
    text = pl.col(column)
    if mark == ",":
        text = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    number = text.cast(DECIMAL, strict=False)
    return pl.when(number.abs() < pl.lit(LARGEST).cast(DECIMAL)).then(number)


def rounded(amount: pl.Expr) -> pl.Expr:
    """A decimal as a whole number, halves to the even one."""
    return amount.round(0, mode="half_to_even").cast(pl.Int64, strict=False)
