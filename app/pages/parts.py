"""The published parts of a program's pages, kept in memory for as long as the store holds the same set.

Parts are large (a figure holds its data, in two languages), and reading them costs more than all the rest of a page.
Each worker keeps the newest set of each program: headings as they are, specifications and tables as compressed JSON.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app.pages.words import Language
from app.service import Service
from fiel.store.reader import SetRow


@dataclass(frozen=True)
class FigureHead:
    """A figure without its data: what a page needs before the chart is seen."""

    name: str
    group: str
    title: Any
    subtitle: Any
    description: Any
    is_wide: bool
    is_half: bool
    has_table: bool
    packed: Mapping[str, bytes] = field(repr=False)

    def spec(self, language: Language) -> bytes:
        """The Vega-Lite specification in `language`, as JSON."""
        return zlib.decompress(self.packed[f"spec-{language}"])

    def table(self, language: Language) -> dict[str, Any] | None:
        """The figure's table in `language`: {"columns", "rows", "note", "exact"}."""
        if not self.has_table:
            return None
        found: dict[str, Any] = json.loads(zlib.decompress(self.packed[f"table-{language}"]))
        return {"note": "", "exact": {}, **found}


@dataclass(frozen=True)
class Parts:
    """What was published of a program: the newest set's parts."""

    as_of: date
    known_through: date | None
    published_at: datetime | None
    version: str
    overview: Mapping[str, Any]
    champion: Mapping[str, Any]
    rewards: Mapping[str, Any] | None
    figures: tuple[FigureHead, ...]

    def of_group(self, group: str) -> list[FigureHead]:
        """The figures of a group, in reading order."""
        return [figure for figure in self.figures if figure.group == group]

    def figure(self, name: str) -> FigureHead | None:
        """The figure `name`, None where there is none."""
        return next((figure for figure in self.figures if figure.name == name), None)


class PartsCache:
    """The newest parts of each program; reads the store only when a newer set was published."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, Parts] = {}

    def of(self, service: Service, program: str) -> Parts | None:
        """The parts of `program`, None where nothing was published; StoreUnavailableError where the store is away."""
        newest = service.reader.newest_set(program)
        if newest is None:
            return None
        version = f"{newest.as_of}-{newest.published_at}-{newest.model_version}"
        kept = self._kept.get(program)
        if kept is not None and kept.version == version:
            return kept
        with self._lock:
            kept = self._kept.get(program)
            if kept is None or kept.version != version:
                kept = self._kept[program] = _read(service, program, newest, version)
            return kept


def parts_of(service: Service, program: str) -> Parts | None:
    """The newest parts of `program`, from this worker's memory where they are there."""
    cache: PartsCache = vars(service).setdefault("page_parts", PartsCache())  # lives and ends with its service
    return cache.of(service, program)


def _read(service: Service, program: str, newest: SetRow, version: str) -> Parts:
    part = service.reader.part
    return Parts(
        as_of=newest.as_of,
        known_through=newest.known_through,
        published_at=newest.published_at,
        version=version,
        overview=part(program, "overview") or {},
        champion=part(program, "champion") or {},
        rewards=part(program, "rewards"),
        figures=tuple(_head(figure) for figure in part(program, "figures") or ()),
    )


def _head(figure: Mapping[str, Any]) -> FigureHead:
    packed = {f"spec-{language}": _packed(_in(figure["spec"], language)) for language in ("en", "pt")}
    table = figure.get("table")
    if table is not None:
        packed |= {f"table-{language}": _packed(_in(table, language)) for language in ("en", "pt")}
    return FigureHead(
        name=figure["name"],
        group=figure.get("group", ""),
        title=figure["title"],
        subtitle=figure.get("subtitle", ""),
        description=figure.get("description", ""),
        is_wide=bool(figure.get("is_wide")),
        is_half=bool(figure.get("is_half")),
        has_table=table is not None,
        packed=packed,
    )


def _in(found: Any, language: str) -> Any:
    """The value for `language` of a value by language; any other value is for all of them."""
    is_by_language = isinstance(found, Mapping) and set(found) <= {"en", "pt"} and found
    return found.get(language, found.get("en")) if is_by_language else found


def _packed(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(), 6)
