"""The parts that sections are made of: paragraphs, tiles, tables, figures, empty states."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fiel.reports.charts.base import Chart
from fiel.reports.tables import Table
from fiel.reports.theme import bare_spec


@dataclass(frozen=True)
class Tile:
    """One key figure: what it is, its value with its unit, and what stands beside it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Tiles:
    """Key figures side by side."""

    tiles: tuple[Tile, ...]
    kind: str = "tiles"


@dataclass(frozen=True)
class Words:
    """A paragraph. `level` is plain, muted or warning (then a word says so)."""

    text: str
    level: str = "plain"
    kind: str = "words"


@dataclass(frozen=True)
class Empty:
    """What stands where there is nothing yet: what is missing, and the command that makes it."""

    text: str
    command: str = ""
    kind: str = "empty"


@dataclass(frozen=True)
class Shown:
    """A table with its heading; a folded one is opened by the reader."""

    title: str
    subtitle: str
    table: Table
    is_folded: bool = False
    kind: str = "table"


@dataclass(frozen=True)
class Figure:
    """A chart, its heading as text, its description for a screen reader, and its table.

    `is_wide` charts keep a least width and scroll inside their frame on a phone; `is_half` ones stand side by side.
    """

    name: str
    title: str
    subtitle: str
    description: str
    spec: dict[str, Any]
    table: Table | None
    is_wide: bool = False
    is_half: bool = False
    kind: str = "figure"

    @property
    def json(self) -> str:
        """The specification, safe inside a script element."""
        return json.dumps(self.spec, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


Block = Tiles | Words | Empty | Shown | Figure


@dataclass(frozen=True)
class Section:
    """One question and what answers it."""

    name: str
    title: str
    blocks: tuple[Block, ...]


def figure(name: str, chart: Chart, table: Table | None, *, wide: bool = False, half: bool = False) -> Figure:
    """`chart` as a figure: its heading becomes text of the page, so that it wraps and is read aloud."""
    spec = bare_spec(chart)
    heading = spec.pop("title")
    description = spec.pop("description")
    spec.pop("$schema", None)
    return Figure(name, heading["text"], heading["subtitle"], description, spec, table, wide, half)
