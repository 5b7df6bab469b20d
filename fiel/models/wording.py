"""How programs without stages, and undated ones, speak of what stages and cohorts are elsewhere.

Everything that is said of a model is written once, in the words of dated events of customers in stages. Where everyone
is in one stage the stage rule is the base rate; a program of kind `table` has no time either, so "out of time" reads
"test" there (DOMAIN.md section 0). The customers of a pension fund are accounts.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from fiel.program import Program

T = TypeVar("T")

_NO_STAGES = {
    "the stage rule (no machine learning)": "the base rate (no machine learning)",
    "stage rule": "base rate",
    "Stage rule": "Base rate",
}
_NO_TIME = {
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
_ACCOUNTS = {"customers": "accounts", "customer": "account", "Customers": "Accounts", "Customer": "Account",
             "monthly": "quarterly"}  # fmt: skip


def spoken(found: T, program: Program) -> T:
    """`found` (texts in any nesting of data classes, mappings and sequences) in the words of the program."""
    words = {} if program.has_stages else _NO_STAGES
    if program.is_table:
        words = words | _NO_TIME
    if program.is_quarterly:
        words = words | _ACCOUNTS
    return _translated(found, words) if words else found


def _translated(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _pattern(tuple(words)).sub(lambda match: words[match.group()], value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {
            item.name: _translated(getattr(value, item.name), words) for item in dataclasses.fields(value) if item.init
        }
        return dataclasses.replace(value, **changed)
    if isinstance(value, Mapping):
        return {_translated(key, words): _translated(item, words) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_translated(item, words) for item in value)
    return value


@cache
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in sorted(words, key=len, reverse=True)))
