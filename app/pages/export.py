"""The ranking as a CSV file: the whole filtered ranking, streamed in chunks, values exact.

Numbers are written as Python's `repr` writes them, so that reading them back gives the same bits. A text that a
spreadsheet would run as a formula gets an apostrophe before it, which spreadsheets take as "this is text".
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import polars as pl

from app.pages.words import Language
from fiel.words import translate_series

COLUMNS = (
    "customer_id", "stage", "segment", "value_cluster", "risk", "in_population", "prob", "gain_prob", "loss_prob",
    "value_at_stake", "expected_profit", "grade", "alive_prob", "value", "next_stage", "next_stage_date",
    "stage_after_visit", "reason_1", "reason_2", "reason_3", "model_version", "as_of",
)  # fmt: skip

REASONS = ("reason_1", "reason_2", "reason_3")

_RUN_AS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


def harmless(text: str) -> str:
    """`text` so that no spreadsheet runs it: an apostrophe before what would start a formula; plain numbers stay.

    >>> harmless("=1+1"), harmless("@SUM(A1)"), harmless("-5"), harmless("c-17"), harmless(" =1")
    ("'=1+1", "'@SUM(A1)", '-5', 'c-17', "' =1")
    """
    is_formula = text.lstrip(" \u00a0\ufeff").startswith(_RUN_AS_FORMULA) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text


def cell(value: Any) -> str:
    """One value as a cell: empty for null, exact for a number, true or false, ISO for a date.

    >>> cell(None), cell(0.1 + 0.2), cell(True), cell(date(2025, 9, 1)), cell("=cmd")
    ('', '0.30000000000000004', 'true', '2025-09-01', "'=cmd")
    """
    if value is None:
        return ""
    if type(value) is str:  # most cells begin with a letter or a digit, and no formula does
        return value if value[:1].isalnum() else harmless(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, date):
        return value.isoformat()
    return harmless(str(value))


def file_name(program: str, as_of: date) -> str:
    """Name of the exported file.

    >>> file_name("teomewhy", date(2025, 10, 31))
    'fiel-teomewhy-ranking-2025-10-31.csv'
    """
    return f"fiel-{program}-ranking-{as_of.isoformat()}.csv"


def lines(chunks: Iterable[list[dict[str, Any]]], as_of: date, language: Language = "en") -> Iterator[bytes]:
    """The file chunk by chunk: the header, then one line for each customer (UTF-8, RFC 4180).

    The names of columns are those of `out_scores` in every language; reasons are said in `language`.
    """
    yield _written([COLUMNS])
    for chunk in chunks:
        if language != "en":
            _say_reasons(chunk, language)
        yield _written([cell(_value(row, name, as_of)) for name in COLUMNS] for row in chunk)


def begun(content: Iterator[bytes]) -> Iterator[bytes]:
    """`content` with its first two pieces already made.

    A store that cannot be read fails here, before an answer has begun, and not in the middle of a file.
    """
    first = list(itertools.islice(content, 2))
    return itertools.chain(first, content)


def _say_reasons(chunk: list[dict[str, Any]], language: Language) -> None:
    for name in REASONS:
        said = translate_series(pl.Series(name, [row.get(name) for row in chunk], dtype=pl.String), language)
        for row, text in zip(chunk, said, strict=True):
            row[name] = text


def _value(row: Mapping[str, Any], name: str, as_of: date) -> Any:
    return as_of if name == "as_of" else row.get(name)


def _written(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
