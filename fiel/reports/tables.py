"""Frames as tables that people read: right formats, right words, in HTML and in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from fiel.reports import format as fmt

Kind = Literal["text", "prose", "number", "stage", "id"]

_SHARES = ("_prob", "_share", "_rate", "share", "rate", "prob")


@dataclass(frozen=True)
class Column:
    """One column of a table: its name in the frame, its heading, how a value is shown, and what it is.

    `prose` wraps, everything else stays on one line.
    """

    name: str
    title: str
    show: Callable[[Any], str]
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """A table ready to be shown: columns, rows of text, and a note (what is left out, and where it is).

    `exact` has what a cell (row, column) shows on hover: shares that are too near to 0 or 1 for the digits given.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    exact: Mapping[tuple[int, int], str] = field(default_factory=dict)


def text(value: Any) -> str:
    """A value as it is; a dash where there is none."""
    return fmt.MISSING if value is None or value == "" else str(value)


def column(
    name: str, title: str | None = None, show: Callable[[Any], str] | None = None, kind: Kind = "text"
) -> Column:
    """A column; numbers say how they are shown, ids and stages what they are."""
    return Column(name, title or fmt.words(name), show or text, kind)


def number(name: str, title: str | None = None, show: Callable[[Any], str] = fmt.whole) -> Column:
    """A column of numbers, whole unless `show` says otherwise."""
    return column(name, title, show, "number")


def columns_of(frame: pl.DataFrame) -> tuple[Column, ...]:
    """Columns of `frame` with the formats that their names and types ask for (`_prob` is a percentage …)."""
    return tuple(_guessed(name, dtype) for name, dtype in frame.schema.items())


def _guessed(name: str, dtype: pl.DataType) -> Column:
    if dtype == pl.Date:
        return column(name, show=fmt.day)
    if dtype.is_integer():
        return number(name)
    if dtype.is_float():
        return number(name, show=fmt.percent if name.endswith(_SHARES) else fmt.ratio)
    if name == "stage" or name.endswith("_stage"):
        return column(name, kind="stage")
    return column(name, kind="id" if name.endswith("_id") else "text")


def table(frame: pl.DataFrame, columns: Sequence[Column] | None = None, note: str = "", at_most: int = 1_000) -> Table:
    """`frame` as a table of at most `at_most` rows; a longer one says how many rows are left out."""
    chosen = tuple(columns_of(frame) if columns is None else columns)
    shown = frame.select(item.name for item in chosen).head(at_most)
    rows = tuple(tuple(item.show(value) for item, value in zip(chosen, row, strict=True)) for row in shown.iter_rows())
    left_out = f"The first {fmt.whole(at_most)} of {fmt.whole(frame.height)} rows." if frame.height > at_most else ""
    exact = {
        (place, at): fmt.exact_percent(value)
        for at, item in enumerate(chosen)
        if item.show is fmt.percent
        for place, value in enumerate(shown[item.name])
        if fmt.is_coarse(value)
    }
    return Table(chosen, rows, " ".join(part for part in (left_out, note) if part), exact)


def markdown_table(frame: pl.DataFrame, columns: Sequence[Column] | None = None, at_most: int = 50) -> str:
    """`frame` as a Markdown table, numbers to the right; empty frames say so, longer ones how many rows are left out.

    >>> print(markdown_table(pl.DataFrame({"stage": ["fiel"], "customers": [1204], "active_share": [0.3219]})))
    | stage | customers | active share |
    | --- | ---: | ---: |
    | fiel | 1,204 | 32.2 % |
    """
    if frame.is_empty():
        return "No rows."
    made = table(frame, columns, at_most=at_most)
    lines = [
        [item.title for item in made.columns],
        ["---:" if item.kind == "number" else "---" for item in made.columns],
        *(row for row in made.rows),
    ]
    drawn = "\n".join(f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in lines)
    return f"{drawn}\n\n{made.note}" if made.note else drawn


def _escaped(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
