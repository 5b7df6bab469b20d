"""Which columns of an anonymous table say nothing, on the training rows only."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from fiel.models.columns import dropped_columns

VALUES = st.sampled_from([None, 0.0, 1.0, 2.5])


def test_a_column_that_varies_in_other_rows_only_is_constant_here() -> None:
    rows = pl.DataFrame({"a": [0.0, 0.0, 1.0], "b": [1.0, 2.0, 3.0]})
    assert dropped_columns(rows.head(2), ["a", "b"])["column"].to_list() == ["a"]
    assert dropped_columns(rows, ["a", "b"]).is_empty()


def test_of_equal_columns_the_first_stays_and_is_named() -> None:
    rows = pl.DataFrame({"a": [0.0, 1.0], "b": [0.0, 1.0], "c": [0.0, 1.0]})
    found = dropped_columns(rows, ["b", "a", "c"])
    assert found.rows() == [("a", "duplicate", "b"), ("c", "duplicate", "b")]


def test_empty_values_are_values() -> None:
    rows = pl.DataFrame({"a": [None, 1.0], "b": [0.0, 1.0], "c": [None, 1.0], "d": [None, None]}).cast(pl.Float64)
    found = dropped_columns(rows, ["a", "b", "c", "d"])
    assert found.rows() == [("c", "duplicate", "a"), ("d", "constant", None)]


def test_equal_numbers_and_texts_are_not_the_same_column() -> None:
    rows = pl.DataFrame({"a": ["0", "1"], "b": ["0", "1"]}).with_columns(c=pl.col("a").cast(pl.Float64))
    assert dropped_columns(rows, ["a", "b", "c"]).rows() == [("b", "duplicate", "a")]


@given(st.lists(st.tuples(VALUES, VALUES, VALUES, VALUES), min_size=1, max_size=6))
def test_it_finds_what_a_comparison_of_all_pairs_finds(cells: list[tuple[float | None, ...]]) -> None:
    names = ["a", "b", "c", "d"]
    columns = {name: [row[place] for row in cells] for place, name in enumerate(names)}
    rows = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.Float64))
    expected = []
    for place, name in enumerate(names):
        if len(set(columns[name])) == 1:
            expected.append((name, "constant", None))
            continue
        same = [other for other in names[:place] if columns[other] == columns[name]]
        if same:
            expected.append((name, "duplicate", same[0]))
    assert dropped_columns(rows, names).rows() == expected
