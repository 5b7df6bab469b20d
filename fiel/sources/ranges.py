"""Ranges of days: a large table is grouped one range after the other, so that memory holds one range's groups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

ROWS_AT_ONCE = 2_000_000
"""Rows of a large table that are grouped together; it is what bounds the memory of a group-by."""

_ONE_DAY = timedelta(days=1)


def day_ranges(
    frame: pl.LazyFrame, as_of_dates: Sequence[date] = (), rows_at_once: int = ROWS_AT_ONCE
) -> list[tuple[date, date, date]]:
    """Ranges of days (first, last, known_from) that cover the days of `frame` in order, of about `rows_at_once` rows.

    With `as_of_dates` no range reaches over one of them, `known_from` is the first as_of after the range, and days
    from the newest as_of on are left out; without, it is the day after the range. A single day is never split.
    """
    counts = frame.group_by("day").agg(rows=pl.len()).sort("day").collect(engine="streaming")
    dates = sorted(as_of_dates)
    found: list[tuple[date, date, date]] = []
    rows = 0
    for day, size in counts.iter_rows():
        known_from = next((as_of for as_of in dates if as_of > day), None) if dates else day + _ONE_DAY
        if known_from is None:
            break
        same_interval = bool(found) and (not dates or found[-1][2] == known_from)
        if same_interval and rows + size <= rows_at_once:
            found[-1] = (found[-1][0], day, known_from)
            rows += size
        else:
            found.append((day, day, known_from))
            rows = size
    return found
