"""Ranges of days cover every day once, in order, and reach over no as_of."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from fiel.sources.ranges import day_ranges
from tests.features.frames import on

Ranges = list[tuple[int, int, int]]


def ranges(days: dict[int, int], as_of: tuple[int, ...] = (), rows_at_once: int = 10) -> Ranges:
    """Days and their rows to ranges, as offsets."""
    frame = pl.LazyFrame({"day": [on(day) for day, rows in days.items() for _ in range(rows)]}, schema={"day": pl.Date})
    found = day_ranges(frame, [on(offset) for offset in as_of], rows_at_once)
    return [tuple((day - on(0)).days for day in line) for line in found]


@pytest.mark.parametrize(
    ("days", "as_of", "expected"),
    [
        ({}, (), []),
        ({3: 1}, (), [(3, 3, 4)]),
        ({0: 5, 1: 5, 2: 1}, (), [(0, 1, 2), (2, 2, 3)]),
        ({0: 99, 1: 1}, (), [(0, 0, 1), (1, 1, 2)]),
        ({0: 1, 1: 1, 5: 1}, (2, 9), [(0, 1, 2), (5, 5, 9)]),
        ({0: 1, 1: 1, 2: 1}, (2, 1), [(0, 0, 1), (1, 1, 2)]),
        ({0: 6, 1: 6}, (9,), [(0, 0, 9), (1, 1, 9)]),
        ({4: 1}, (4,), []),
    ],
)
def test_ranges_of_a_few_days(days: dict[int, int], as_of: tuple[int, ...], expected: Ranges) -> None:
    assert ranges(days, as_of) == expected


@examples(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.integers(0, 40), st.integers(1, 6), max_size=15),
    st.sets(st.integers(1, 41), max_size=4),
    st.integers(1, 12),
)
def test_every_day_that_an_as_of_knows_is_in_one_range_between_two_as_of(
    days: dict[int, int], as_of: set[int], rows_at_once: int
) -> None:
    found = ranges(days, tuple(as_of), rows_at_once)
    assert all(
        first <= last < following[0] for (first, last, _), following in zip(found, [*found[1:], (99,)], strict=False)
    )
    wanted = [day for day in days if not as_of or day < max(as_of)]
    for day in wanted:
        ((first, last, known_from),) = [line for line in found if line[0] <= day <= line[1]]
        assert sum(days.get(other, 0) for other in range(first, last + 1)) <= max(rows_at_once, days[first])
        if as_of:
            assert known_from == min(other for other in as_of if other > day)
            assert not [other for other in as_of if first < other <= last]
