"""Values as a fund writes them: decimal commas, `2017Q4`, `31.12.2017`, да and нет. Null where a text is none."""

from __future__ import annotations

from datetime import date

import polars as pl

from fiel.program.pension import quarter_end
from fiel.sources.rules import LARGEST, cleaned

_FIRST_YEAR, _LAST_YEAR = 1900, 2099
_QUARTERS: dict[str, date] = {
    spelled: quarter_end(f"{year}Q{number}")
    for year in range(_FIRST_YEAR, _LAST_YEAR + 1)
    for number in range(1, 5)
    for spelled in (f"{year}Q{number}", f"{year}q{number}")
}
_YES = ("да", "1", "1.0", "1,0", "true", "yes", "есть")
_NO = ("нет", "0", "0.0", "0,0", "false", "no", "-1", "-1.0")


def money(text: pl.Expr, scale: int) -> pl.Expr:
    """An amount (`1234,56` or `1234.56`) as whole smallest units, halves away from zero; null for anything else."""
    number = real(text)
    return pl.when(number.abs() < LARGEST).then((number * scale).round()).cast(pl.Int64, strict=False)


def real(text: pl.Expr) -> pl.Expr:
    """A number with a decimal comma or point as Float64; null for anything else, and for infinities."""
    number = text.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def integer(text: pl.Expr) -> pl.Expr:
    """A whole number (`7`, `7.0`, `7,0`) as Int64; null for anything else."""
    number = real(text)
    return pl.when((number == number.round()) & (number.abs() < LARGEST)).then(number.cast(pl.Int64, strict=False))


def quarter_last_day(quarter: pl.Expr, year: pl.Expr | None = None) -> pl.Expr:
    """Last day of `2017Q4`, or of `Q4` beside its year.

    >>> frame = pl.DataFrame({"quarter": ["2017Q4", "Q1", "2017Q5"], "year": ["2017", "1999", "2017"]})
    >>> frame.select(quarter_last_day(pl.col("quarter"), pl.col("year"))).to_series().to_list()
    [datetime.date(2017, 12, 31), datetime.date(1999, 3, 31), None]
    """
    spelled = quarter
    if year is not None:
        spelled = pl.when(quarter.str.len_bytes() == 2).then(year.str.head(4) + quarter).otherwise(quarter)
    return spelled.replace_strict(_QUARTERS, default=None, return_dtype=pl.Date)


def day(text: pl.Expr) -> pl.Expr:
    """`2017-12-31` (a time behind it does not matter) or, as Russians write, `31.12.2017`."""
    begin = text.str.head(10)
    return pl.coalesce(begin.str.to_date("%Y-%m-%d", strict=False), begin.str.to_date("%d.%m.%Y", strict=False))


def yes_or_no(text: pl.Expr) -> pl.Expr:
    """да, нет, 1, 0, true, false as a flag."""
    known = {**dict.fromkeys(_YES, True), **dict.fromkeys(_NO, False)}
    return text.str.to_lowercase().replace_strict(known, default=None, return_dtype=pl.Boolean)


def gender(text: pl.Expr) -> pl.Expr:
    """1 man, -1 woman, from 1 / -1 or М / Ж."""
    known = {"1": 1, "1.0": 1, "-1": -1, "-1.0": -1, "м": 1, "ж": -1, "m": 1, "f": -1, "муж": 1, "жен": -1}
    return text.str.to_lowercase().replace_strict(known, default=None, return_dtype=pl.Int64)


def code(text: pl.Expr) -> pl.Expr:
    """A code or postcode that went through a float (`446254.0`) as it was."""
    return text.str.replace(r"^(-?\d+)[.,]0+$", "$1")


def present(column: str) -> pl.Expr:
    """The column's text without blanks around it; null where nothing is left."""
    return cleaned(column)
