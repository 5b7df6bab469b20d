"""JSON that Polars writes: every value reads back as it was."""

from __future__ import annotations

import json
import struct
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiel.serving.json_text import json_array, json_array_of, json_column, json_list, json_object, json_value

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


@given(st.lists(FLOATS, min_size=1, max_size=50))
def test_a_float_reads_back_to_the_last_bit(values: list[float]) -> None:
    frame = pl.DataFrame({"x": values})
    texts = frame.select(one=json_value(pl.col("x")), two=json_column("x", pl.Float64()))
    for value, one, two in zip(values, texts["one"], texts["two"], strict=True):
        assert bits(float(json.loads(one))) == bits(value)
        assert one == two


@given(st.lists(st.text(), min_size=1, max_size=20))
def test_a_text_reads_back_whatever_stands_in_it(values: list[str]) -> None:
    texts = pl.DataFrame({"x": values}, schema={"x": pl.String}).select(json_value(pl.col("x"))).to_series()
    assert [json.loads(text) for text in texts] == values


@pytest.mark.parametrize(
    ("dtype", "value", "text"),
    [
        (pl.Float64(), 1e21, "1e+21"),
        (pl.Float64(), float("nan"), None),
        (pl.Float64(), float("-inf"), None),
        (pl.Int64(), 2**62, str(2**62)),
        (pl.Boolean(), False, "false"),
        (pl.Date(), date(2025, 3, 1), '"2025-03-01"'),
        (pl.String(), 'a "b"\n\\é', '"a \\"b\\"\\n\\\\é"'),
        (pl.String(), "null", '"null"'),
        (pl.String(), None, None),
    ],
)
def test_a_value_of_each_type_is_written_as_json_knows_it(dtype: pl.DataType, value: object, text: str | None) -> None:
    frame = pl.DataFrame({"x": [value]}, schema={"x": dtype})
    assert frame.select(json_value(pl.col("x"))).item() == text
    assert frame.select(json_column("x", dtype)).item() == text


def test_an_array_keeps_its_order_and_says_null_for_what_is_empty() -> None:
    frame = pl.DataFrame({"b": [1, None], "a": ["x", None]})
    values = [pl.col("b"), pl.col("a")]
    assert frame.select(json_array(values)).to_series().to_list() == ['[1,"x"]', "[null,null]"]
    assert frame.select(json_array_of([])).item() == "[]"


def test_an_object_leaves_out_what_is_empty_and_is_empty_itself_without_anything() -> None:
    frame = pl.DataFrame({"a": [1, None, None], "b": ["x", "y", None]})
    told = frame.select(json_object(a=pl.col("a"), b=pl.col("b"))).to_series().to_list()
    assert told == ['{"a":1,"b":"x"}', '{"b":"y"}', None]


def test_texts_of_a_group_become_one_array_in_the_order_of_the_rows() -> None:
    frame = pl.DataFrame({"who": ["a", "b", "a"], "day": [2, 5, 1]})
    told = frame.group_by("who", maintain_order=True).agg(day=json_list(json_array([pl.col("day")])))
    assert told["day"].to_list() == ["[[2],[1]]", "[[5]]"]
