"""Grades by expected profit."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiel.models.grades import grade

PROFITS = st.lists(st.one_of(st.none(), st.floats(-10, 10, allow_nan=False)), max_size=40)


def grades_of(profits: list[float | None]) -> list[int | None]:
    return pl.DataFrame({"p": pl.Series(profits, dtype=pl.Float64)}).select(grade(pl.col("p"))).to_series().to_list()


@pytest.mark.parametrize(
    ("profits", "expected"),
    [
        ([], []),
        ([0.0], [2]),
        ([1e-9, 0.0, -1e-9], [1, 2, 4]),
        ([3.0, None, -1.0], [1, None, 2]),
        ([-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0, -8.0], [2, 2, 3, 3, 4, 4, 5, 5]),
        ([-1.0, -1.0, -1.0, -1.0], [2, 2, 2, 2]),
    ],
)
def test_grades_of_a_few(profits: list[float | None], expected: list[int | None]) -> None:
    assert grades_of(profits) == expected


@given(PROFITS)
def test_grade_one_is_a_profit_above_zero_and_a_better_grade_never_a_lower_profit(profits: list[float | None]) -> None:
    found = list(zip(profits, grades_of(profits), strict=True))
    known = [(profit, given) for profit, given in found if profit is not None and given is not None]
    assert len(known) == sum(profit is not None for profit in profits)
    assert all((given == 1) == (profit > 0) and 1 <= given <= 5 for profit, given in known)
    assert all(one[1] <= other[1] for one in known for other in known if one[0] > other[0])
    assert all(one[1] == other[1] for one in known for other in known if one[0] == other[0])
