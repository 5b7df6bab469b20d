"""The values of a customer as a caller or the store gives them: what may stand in a row, and what is wrong with one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import polars as pl

from fiel.errors import FeatureError

Row = Sequence[Any]
"""A customer's values, in the order of a model's `inputs`: numbers, booleans, text (categories), None for empty."""

NUMBERS = frozenset({float, int, bool, type(None)})
"""Types that a number may have."""

CATEGORIES = frozenset({str, type(None)})
"""Types that a category may have."""


def wrong_value(inputs: Sequence[str], categorical: Sequence[str], rows: Sequence[Row]) -> FeatureError:
    """What is wrong with the first value that its input cannot have."""
    texts = set(categorical)
    for row in rows:
        for name, value in zip(inputs, row, strict=True):
            if name in texts and type(value) not in CATEGORIES:
                return FeatureError(f"{name} is {_kind_of(value)}: give text, or null for empty", name)
            if name not in texts and type(value) not in NUMBERS:
                return FeatureError(f"{name} is {_kind_of(value)}: give a number, or null for empty", name)
            if name in texts and value is not None and not _is_text(value):
                return FeatureError(f"{name} is no text that can be written: half a character stands alone", name)
            if name not in texts and value is not None and not _is_finite(value):
                return FeatureError(f"{name} is too large: give a finite number", name)
    return FeatureError("the values cannot be read by the model", inputs[0])


def picker(places: list[int]) -> Callable[[Row], Row]:
    """A function that gives the values at `places`, in that order; `itemgetter` for any number of them."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple(values[place] for place in places)


def same(row: Row) -> Row:
    """The row itself: a `picker` of everything."""
    return row


def dtype_of(values: Sequence[Any]) -> type[pl.DataType]:
    """The type of a column of numbers, as a snapshot has it: whole numbers and booleans stay what they are."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {bool}:
        return pl.Boolean
    return pl.Int64 if kinds == {int} and all(abs(v) < 2**63 for v in values if v is not None) else pl.Float64


def _kind_of(value: Any) -> str:
    kinds = {str: "text", bool: "a boolean", list: "a list", tuple: "a list", dict: "an object"}
    return kinds.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_finite(value: float) -> bool:
    try:
        return not math.isinf(float(value))
    except OverflowError:
        return False
