"""How an undated program speaks of what cohorts and stages are elsewhere: the test part, the base rate.

Everything that is said of a model is written once, in the words of dated events. A program of kind `table` has no time
and one stage only, so "out of time" reads "test" there and the stage rule is the base rate (DOMAIN.md section 0).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from fiel.program import Program

T = TypeVar("T")

_WORDS = {
    "the stage rule (no machine learning)": "the base rate (no machine learning)",
    "stage rule": "base rate",
    "Stage rule": "Base rate",
    "the pooled out-of-time cohorts": "the test part",
    "the out-of-time cohorts": "the test part",
    "its first out-of-time cohort": "the test part",
    "out-of-time cohorts": "test part",
    "out-of-time": "test",
    "judging (out of time)": "judging (test)",
    "from train to out of time": "from train to test",
    "Differences out of time": "Differences on the test part",
    "out of time": "on the test part",
    "the same recipe on newer data": "the same recipe on newer rows",
    "cohorts for": "part for",
    "cohort for": "part for",
}
_PATTERN = re.compile("|".join(map(re.escape, _WORDS)))


def spoken(found: T, program: Program) -> T:
    """`found` (texts in any nesting of data classes, mappings and sequences) in the words of the program."""
    return _translated(found) if program.is_table else found


def _translated(value: Any) -> Any:
    if isinstance(value, str):
        return _PATTERN.sub(lambda match: _WORDS[match.group()], value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {item.name: _translated(getattr(value, item.name)) for item in dataclasses.fields(value) if item.init}
        return dataclasses.replace(value, **changed)
    if isinstance(value, Mapping):
        return {_translated(key): _translated(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_translated(item) for item in value)
    return value
