"""The shape of a column's values as core_profile holds it: range, quartiles, outliers, histogram, frequent values."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import polars as pl

LISTED = 10
"""So many frequent values are listed."""

_BINS, _MOST_BINS = 20, 60
_DAY_US = 86_400_000_000
_EPOCH = date(1970, 1, 1)


def frequent(values: pl.Series) -> str:
    """The most frequent values, most first, equal ones in their order."""
    counted = values.value_counts(name="rows").sort(["rows", values.name], descending=[True, False]).head(LISTED)
    listed = [[_as_text(value), number] for value, number in counted.iter_rows()]
    return json.dumps(listed, ensure_ascii=False)


def shortest_and_longest(values: pl.Series) -> dict[str, Any]:
    """The shortest and the longest text, the first in order of several."""
    length = values.str.len_chars()
    return {
        "lowest": values.filter(length == length.min()).min(),
        "highest": values.filter(length == length.max()).min(),
    }


def _quantiles(values: pl.Series, shares: Sequence[float]) -> list[Any]:
    """The values at these shares of the sorted ones, each a value that is there."""
    ordered = values.sort()
    last = ordered.len() - 1
    return [ordered[round(share * last)] for share in shares]


def number_shape(values: pl.Series) -> dict[str, Any]:
    """Range, quartiles, outliers (not told where the middle half is one value) and histogram of numbers.

    The histogram has equal bins between the fences of outliers (without a spread in the middle half: between the first
    and the last percentile), and one bin beyond each.
    """
    lowest, first, median, third, highest = _quantiles(values, (0.0, 0.25, 0.5, 0.75, 1.0))
    fence_low, fence_high = first - 3 * (third - first), third + 3 * (third - first)
    outliers = int(((values < fence_low) | (values > fence_high)).sum()) if third > first else None
    if outliers is None:
        fence_low, fence_high = _quantiles(values, (0.01, 0.99))
    edges = _edges(values, max(lowest, fence_low), min(highest, fence_high), lowest, highest)
    return _range(lowest, first, median, third, highest) | {
        "outliers": outliers,
        "histogram": json.dumps(_counted(values, edges)),
    }


def _range(*five: Any) -> dict[str, str]:
    names = ("lowest", "quartile_1", "median", "quartile_3", "highest")
    return {name: _as_text(value) for name, value in zip(names, five, strict=True)}


def _edges(values: pl.Series, low: float, high: float, lowest: float, highest: float) -> list[float]:
    """Edges of equal bins over the range without outliers; what lies outside has a bin of its own at each end."""
    width = (high - low) / _BINS
    if not 0 < width < math.inf:
        return [lowest, highest]
    if bool((values == values.floor()).all()):  # whole numbers: whole edges, and the highest below the last edge
        width = math.ceil(width)
        edges = [low + width * number for number in range(math.floor((high - low) / width) + 2)]
        edges[-1] = high + 1 if high < highest else edges[-1]
    else:
        edges = [low + width * number for number in range(_BINS)] + [high]
    return [lowest] * (lowest < edges[0]) + edges + [highest] * (highest > edges[-1])


def _counted(values: pl.Series, edges: list[float]) -> list[list[Any]]:
    """Values in each bin, from its lower edge on and below its upper one; the last bin holds its upper edge too."""
    if len(edges) < 3:
        return [[_plain(edges[0]), _plain(edges[-1]), values.len()]]
    place = pl.Series(edges[1:-1]).search_sorted(values, side="right")
    counts = place.alias("bin").value_counts(name="rows")
    found = dict(counts.iter_rows())
    return [
        [_plain(low), _plain(high), int(found.get(number, 0))] for number, (low, high) in enumerate(pairwise(edges))
    ]


_MONTHS = (1, 3, 12, 120, 1_200, 12_000)
_MOST_DAYS = 62


def date_shape(values: pl.Series) -> dict[str, Any]:
    """Range, quartiles and rows by calendar of times; days where none has a time of day."""
    microseconds = values.cast(pl.Int64)
    has_time = bool((microseconds % _DAY_US != 0).any())
    epoch = datetime.combine(_EPOCH, time())
    five = [epoch + timedelta(microseconds=us) for us in _quantiles(microseconds, (0.0, 0.25, 0.5, 0.75, 1.0))]
    spelled = [stamp.isoformat(" ", "seconds") if has_time else stamp.date().isoformat() for stamp in five]
    return _range(*spelled) | {"histogram": json.dumps(_by_calendar(values))}


def _by_calendar(values: pl.Series) -> list[list[Any]]:
    """Rows by day for up to two months, else by month, quarter, ..., in at most 60 bins; empty bins are there too."""
    days = values.dt.date().cast(pl.Int64)
    first, last = int(days.min()), int(days.max())  # type: ignore[arg-type]
    if last - first < _MOST_DAYS:
        return _bins(days - first, last - first + 1, lambda place: _EPOCH + timedelta(days=first + place))
    months = values.dt.year().cast(pl.Int64) * 12 + values.dt.month().cast(pl.Int64) - 1
    start, end = int(months.min()), int(months.max())  # type: ignore[arg-type]
    unit = next(unit for unit in _MONTHS if end // unit - start // unit < _MOST_BINS)
    begin = start // unit
    return _bins(months // unit - begin, end // unit - begin + 1, lambda place: _month((begin + place) * unit))


def _bins(places: pl.Series, number: int, start: Callable[[int], date]) -> list[list[Any]]:
    found = dict(places.alias("bin").value_counts(name="rows").iter_rows())
    return [[start(bin_).isoformat(), start(bin_ + 1).isoformat(), int(found.get(bin_, 0))] for bin_ in range(number)]


def _month(months: int) -> date:
    """The first day of a month, counted from year 0; calendars know the years 1 to 9999."""
    year, month = divmod(months, 12)
    return date(year, month + 1, 1) if 1 <= year <= 9_999 else date.min if year < 1 else date.max


def _as_text(value: Any) -> str:
    return str(_plain(value))


def _plain(value: Any) -> Any:
    """A float without its `.0` where it is whole."""
    if not isinstance(value, float):
        return value
    return int(value) if value.is_integer() and abs(value) < 1e15 else float(f"{value:.12g}")
