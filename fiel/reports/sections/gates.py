"""The gates of a promotion, as people read them."""

from __future__ import annotations

import re

import polars as pl

from fiel.reports import format as fmt
from fiel.reports.charts import About
from fiel.reports.labels import feature_label
from fiel.reports.sections.base import Block, Shown
from fiel.reports.tables import column, table

_PSI = "PSI of "


def gates(found: pl.DataFrame, judged: About) -> list[Block]:
    """The table of the gates (gate, outcome, detail); nothing where none was needed."""
    if found.is_empty():
        return []
    shown = table(
        found,
        [
            column("gate", show=_gate),
            column("outcome", show=_outcome),
            column("detail", show=_detail, kind="prose"),
        ],
    )
    subtitle = judged.subtitle("what a challenger has to pass to become champion")
    return [Shown("Gates of the promotion", subtitle, shown)]


def _gate(name: str) -> str:
    """A gate's name, with features in words."""
    column = name.removeprefix(_PSI)
    return fmt.words(name) if column in (name, "scores") else f"{_PSI}{feature_label(column)}"


def _detail(text: str) -> str:
    """What a gate found, with features in words."""
    named = re.sub(r"^input (\w+) has moved", lambda found: f"{feature_label(found[1])} has moved", text)
    return fmt.typeset(named)


def _outcome(word: str) -> str:
    signs = {"passed": "✓ passed", "warned": "! warned", "failed": "✗ failed"}
    return signs.get(word, fmt.words(word))
