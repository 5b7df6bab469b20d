"""A finished figure in another language: its heading, its chart, its table."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fiel import words
from fiel.reports.sections.base import Figure
from fiel.reports.tables import Table

Say = Callable[[str], str]

_LISTS = frozenset({"sort", "domain", "values"})
"""Keys of a specification whose lists name categories of the data. `range` names colours and shapes: never said."""

_COMPARED = re.compile(r"(datum\.(\w+) *[!=]={1,2} *)'((?:[^'\\]|\\.)*)'")
_LITERAL = re.compile(r"'((?:[^'\\]|\\.)*)'")


def figure(shown: Figure, language: str) -> Figure:
    """`shown` in `language`: every text that a reader sees or a screen reader reads; numbers in the data stay numbers.

    The page gives Vega the language's own number format, so axes and tooltips follow. FielError for an unknown
    language.
    """
    if language == "en":
        return shown
    return _said(shown, lambda text: words.translate(text, language))


def untranslated(shown: Figure, language: str) -> list[str]:
    """Texts of `shown` that the catalogue of `language` does not know, in reading order, each once."""
    missing: dict[str, None] = {}

    def say(text: str) -> str:
        said = words.find(text, language)
        if said is None:
            missing[text] = None
        return text if said is None else said

    _said(shown, say)
    return list(missing)


def _said(shown: Figure, say: Say) -> Figure:
    return dataclasses.replace(
        shown,
        title=_text(shown.title, say),
        subtitle=_text(shown.subtitle, say),
        description=_text(shown.description, say),
        spec=spec(shown.spec, say),
        table=None if shown.table is None else table(shown.table, say),
    )


def table(shown: Table, say: Say) -> Table:
    """`shown` with headings, cells and note in another language; ids and names of stages stay."""
    columns = tuple(dataclasses.replace(item, title=_text(item.title, say)) for item in shown.columns)
    kept = [item.kind in ("id", "stage") for item in shown.columns]
    rows = tuple(
        tuple(cell if stays else _text(cell, say) for cell, stays in zip(row, kept, strict=True)) for row in shown.rows
    )
    exact = {place: _text(text, say) for place, text in shown.exact.items()}
    return dataclasses.replace(shown, columns=columns, rows=rows, note=_text(shown.note, say), exact=exact)


def spec(drawn: Mapping[str, Any], say: Say) -> dict[str, Any]:
    """A Vega-Lite specification with its titles, labels, legends and the categories of its data said by `say`."""
    fields = frozenset(_shown_fields(drawn))
    return {name: _part(name, value, say, fields) for name, value in drawn.items()}


def _shown_fields(part: Any) -> Iterator[str]:
    """Fields of the data that some encoding shows as text: those that are no quantity and no date."""
    if isinstance(part, Mapping):
        if isinstance(part.get("field"), str) and part.get("type") in ("nominal", "ordinal"):
            yield part["field"]
        for name, value in part.items():
            if name != "datasets":
                yield from _shown_fields(value)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from _shown_fields(value)


def _part(name: str, value: Any, say: Say, fields: frozenset[str]) -> Any:
    if name == "datasets":
        return {key: _rows(rows, say, fields) for key, rows in value.items()}
    if name in ("title", "subtitle", "description"):
        return _heading(value, say, fields)
    if name == "labelExpr":
        return _expression(value, say)
    if name in ("filter", "test") and isinstance(value, str):
        return _condition(value, say, fields)
    if name in _LISTS and isinstance(value, list):
        return [_text(item, say) if isinstance(item, str) else item for item in value]
    if name == "text" and isinstance(value, Mapping) and isinstance(value.get("value"), str):
        return {**value, "value": _text(value["value"], say)}
    if name == "text" and isinstance(value, str):
        return _text(value, say)
    if isinstance(value, Mapping):
        return {key: _part(key, item, say, fields) for key, item in value.items()}
    if isinstance(value, list):
        return [_part("", item, say, fields) for item in value]
    return value


def _heading(value: Any, say: Say, fields: frozenset[str]) -> Any:
    if isinstance(value, str):
        return _text(value, say)
    if isinstance(value, Mapping):
        return {key: _part(key, item, say, fields) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_text(item, say) for item in value]
    return value


def _rows(rows: Any, say: Say, fields: frozenset[str]) -> Any:
    if not isinstance(rows, list):
        return rows
    return [
        {name: _text(value, say) if name in fields and isinstance(value, str) else value for name, value in row.items()}
        if isinstance(row, Mapping)
        else row
        for row in rows
    ]


def _expression(text: str, say: Say) -> str:
    """A Vega expression; only its literals that have letters and are no format are texts."""

    def literal(match: re.Match[str]) -> str:
        inside = match[1]
        if not inside or not re.search("[A-Za-z]{2}", inside):
            return match[0]
        return f"'{say(inside)}'"

    return _LITERAL.sub(literal, text)


def _condition(text: str, say: Say, fields: frozenset[str]) -> str:
    """A condition on the data: a literal follows its field, which is said in another language or stays."""

    def literal(match: re.Match[str]) -> str:
        return f"{match[1]}'{say(match[3])}'" if match[2] in fields else match[0]

    return _COMPARED.sub(literal, text)


def _text(text: str, say: Say) -> str:
    """Each line of a text; a label ends its lines by a line break, or by `|` before a number."""
    if not text:
        return text
    parts = re.split(r"(\n|\|(?=\d))", text)
    return "".join(part if place % 2 else (say(part) if part else part) for place, part in enumerate(parts))
