"""Dates as people write them: the order of day and month is decided once for a whole table, by what stands in it.

`12/1/2010` is 1 December or 12 January. A table decides by a number above 12 in one of the two places; without one, or
with one in each, nothing is guessed. Dates that begin with the year cannot be misread.
"""

from __future__ import annotations

import polars as pl

from fiel.errors import SourceError
from fiel.sources.rules import in_utc, instants

_YEAR_FIRST = r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]|$)"
_YEAR_LAST = (
    r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})"
    r"(?:[T ]+(\d{1,2}:\d{2})(:\d{2})?(?:\.\d+)? ?([AaPp][Mm])?)?$"
)
_CENTURY = 69
"""Two-digit years from here on are of the 20th century, as strptime reads them."""
_EXCEL_DAY_ZERO = pl.date(1899, 12, 30)
_EXCEL_DAYS = (10_000, 100_000)
"""Day numbers that are taken for dates (1927 to 2173)."""
_HINT = "write every date alike, best as YYYY-MM-DD, or set source.time_format (such as %d/%m/%Y %H:%M)"


def instants_of(times: pl.DataFrame, where: str, column: str, time_zone: str, time_format: str | None) -> pl.Series:
    """Naive UTC instants, in the order of the rows; null where there is no time, or the zone's clock skips it.

    `times` holds the row number and the time (text, or already a date, a time, or an Excel day number). SourceError:
    the texts contradict each other about the order of day and month, mix orders, or leave it open.
    """
    row, time = times.columns
    stamps = times.get_column(time)
    if stamps.dtype.is_temporal():
        zone = getattr(stamps.dtype, "time_zone", None)
        stamp = stamps.cast(pl.Datetime("us", zone))
        return stamp.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else in_utc(stamp, time_zone)
    if stamps.dtype.is_numeric():
        return in_utc(_excel_days(stamps), time_zone)
    if time_format is not None:
        return instants(stamps, time_zone, time_format)
    spelled = (
        times.lazy()
        .filter(pl.col(time).is_not_null())
        .group_by(pl.col(time).alias("text"))
        .agg(pl.col(row).min().alias("row"))
        .sort("row")
        .collect()
    )
    read = spelled.select("text", _instants(spelled, where, column, time_zone).alias("instant"))
    return times.join(read, left_on=time, right_on="text", how="left", maintain_order="left").get_column("instant")


def _instants(spelled: pl.DataFrame, where: str, column: str, time_zone: str) -> pl.Series:
    """The instant of each distinct text (columns text, row: the first that has it)."""
    text = pl.col("text")
    kinds = spelled.with_columns(
        text.str.contains(_YEAR_FIRST).alias("year_first"), text.str.contains(_YEAR_LAST).alias("year_last")
    )
    year_first, year_last = kinds.filter("year_first"), kinds.filter("year_last")
    if year_last.is_empty():
        padded = text.str.replace(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", "$1-$2-$3")
        padded = padded.str.replace(r"^(\d{4})-(\d)-", "$1-0$2-").str.replace(
            r"^(\d{4}-\d{2})-(\d)([T ]|$)", "$1-0$2$3"
        )
        return instants(spelled.select(padded).to_series(), time_zone)
    if not year_first.is_empty():
        raise SourceError(
            f"{where}: column {column} mixes dates like {_shown(year_first)} and like {_shown(year_last)}: which "
            f"number of the latter is the day cannot be told; {_HINT}"
        )
    day_first = _is_day_first(year_last, where, column)
    return in_utc(spelled.select(_local(day_first)).to_series(), time_zone)


def _is_day_first(spelled: pl.DataFrame, where: str, column: str) -> bool:
    """Whether the first number is the day, by the dates that can be read in one way only."""
    first, second = (pl.col("text").str.extract(_YEAR_LAST, place).cast(pl.Int64) for place in (1, 2))
    says_day_first = spelled.filter(first.is_between(13, 31), second.is_between(1, 12))
    says_month_first = spelled.filter(second.is_between(13, 31), first.is_between(1, 12))
    if says_day_first.is_empty() and says_month_first.is_empty():
        raise SourceError(
            f"{where}: column {column} has dates like {_shown(spelled)}, and none of them tells which number is the "
            f"day: {_HINT}"
        )
    if not says_day_first.is_empty() and not says_month_first.is_empty():
        raise SourceError(
            f"{where}: column {column} contradicts itself: {_shown(says_day_first)} begins with the day, "
            f"{_shown(says_month_first)} with the month; {_HINT}"
        )
    return says_month_first.is_empty()


def _shown(spelled: pl.DataFrame) -> str:
    text, row = spelled.select("text", "row").row(0)
    return f"{text!r} (row {row})"


def _local(day_first: bool) -> pl.Expr:
    """Column `text` of dates with the year last, as local times."""
    part = [pl.col("text").str.extract(_YEAR_LAST, place) for place in range(1, 7)]
    day, month = (part[0], part[1]) if day_first else (part[1], part[0])
    short = pl.when(part[2].cast(pl.Int64) >= _CENTURY).then(pl.lit("19")).otherwise(pl.lit("20")) + part[2]
    year = pl.when(part[2].str.len_chars() == 2).then(short).otherwise(part[2])
    date = pl.concat_str(year, month.str.zfill(2), day.str.zfill(2), separator="-")
    clock = part[3].fill_null("00:00").str.zfill(5) + part[4].fill_null(":00")
    plain = pl.concat_str(date, clock, separator=" ").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    halves = pl.concat_str(date, clock, part[5].str.to_uppercase(), separator=" ")
    by_halves = halves.str.to_datetime("%Y-%m-%d %I:%M:%S %p", time_unit="us", strict=False)
    return pl.when(part[5].is_null()).then(plain).otherwise(by_halves)


def _excel_days(days: pl.Series) -> pl.Series:
    """Day numbers of Excel (1 is 1 January 1900, 60 the leap day that it invents) as local times, to the second."""
    number = pl.col("days")
    seconds = (number * 86_400).round(0).cast(pl.Int64)
    stamp = _EXCEL_DAY_ZERO.cast(pl.Datetime("us")) + pl.duration(seconds=seconds)
    return (
        pl.DataFrame({"days": days.cast(pl.Float64)})
        .select(pl.when(number.is_between(*_EXCEL_DAYS)).then(stamp))
        .to_series()
    )
