"""What pages about customers are made of: key figures and small tables, ready to be shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.pages.voice import Voice


@dataclass(frozen=True)
class Fact:
    """One key figure: its label, its value, a note below, the exact value on hover, and a tone (with a word)."""

    label: str
    value: str
    note: str = ""
    exact: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Rows:
    """A small table: columns as (title, kind) and rows of text."""

    caption: str
    columns: tuple[dict[str, str], ...]
    rows: tuple[tuple[Any, ...], ...]


def rows(caption: str, columns: Sequence[tuple[str, str]], found: Sequence[Sequence[Any]]) -> Rows:
    """A table of `columns` (title, kind: text, number, stage, id, prose)."""
    shown = tuple({"title": title, "kind": kind} for title, kind in columns)
    return Rows(caption, shown, tuple(tuple(row) for row in found))


def share(label: str, value: float | None, voice: Voice, note: str = "") -> Fact | None:
    """A share of one as a fact; None where there is none."""
    return None if value is None else Fact(label, voice.percent(value), note, repr(float(value)))


def told(label: str, show: Callable[[float], str], value: float | None, note: str) -> Fact | None:
    """A number as a fact, shown by `show`; None where there is none."""
    return None if value is None else Fact(label, show(value), note, repr(value))


def amount(label: str, value: float | None, voice: Voice, note: str = "") -> Fact | None:
    """An amount in the smallest unit as a fact; None where there is none."""
    if value is None:
        return None
    return Fact(label, voice.amount(value), note, repr(value / voice.program.value.scale))
