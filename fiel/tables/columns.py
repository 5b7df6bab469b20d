"""How a table is declared: columns with meaning, unit and known-at rule; tables with key and generated columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

import dataframely as dy
import polars as pl

from fiel.errors import SchemaError

KnownAt = Literal["event_time", "published", "first_version", "derived", "never"]
Layer = Literal["core", "feat", "out"]


def meta(known_at: KnownAt, unit: str | None = None) -> dict[str, Any]:
    """What a column says beside its type: when its values were known, and their unit."""
    return {"known_at": known_at, "unit": unit}


def text(about: str, known_at: KnownAt = "event_time", **more: Any) -> dy.String:
    """A text column."""
    return dy.String(description=about, metadata=meta(known_at), **more)


def whole(about: str, known_at: KnownAt = "event_time", unit: str | None = None, **more: Any) -> dy.Int64:
    """A column of integers."""
    return dy.Int64(description=about, metadata=meta(known_at, unit), **more)


def number(about: str, known_at: KnownAt = "derived", unit: str | None = None, **more: Any) -> dy.Float64:
    """A column of floats; features and outputs, so `derived` by default."""
    return dy.Float64(description=about, metadata=meta(known_at, unit), **more)


def date(about: str, known_at: KnownAt = "event_time", **more: Any) -> dy.Date:
    """A column of days."""
    return dy.Date(description=about, metadata=meta(known_at), **more)


def instant(about: str, known_at: KnownAt = "event_time", **more: Any) -> dy.Datetime:
    """A column of instants: naive UTC, microseconds."""
    return dy.Datetime(time_unit="us", description=about, metadata=meta(known_at), **more)


def flag(about: str, known_at: KnownAt = "event_time", **more: Any) -> dy.Bool:
    """A column of booleans."""
    return dy.Bool(description=about, metadata=meta(known_at), **more)


@dataclass(frozen=True)
class Pattern:
    """Columns whose names depend on the program or on the data: a pattern, one type, one meaning."""

    name: str
    dtype: pl.DataType
    about: str
    unit: str | None = None
    known_at: KnownAt | None = None
    """When the values were known, for columns of core tables."""

    def matches(self, column: str) -> bool:
        """Whether `column` is of this pattern (`{w}` life or d + days, `{key}` a program's or the data's key)."""
        shape = re.escape(self.name).replace(r"\{w\}", r"(life|d\d+)").replace(r"\{key\}", r"[a-z0-9_]+")
        return re.fullmatch(shape, column) is not None


@dataclass(frozen=True)
class Table:
    """One table: its schema, its layer, how it is partitioned, and its generated columns."""

    name: str
    schema: type[dy.Schema]
    patterns: tuple[Pattern, ...] = field(default=())
    by_as_of: bool = False
    by_date: str | None = None
    """The column that a table that only grows is partitioned by (fiel.lake_appends); None for every other table."""

    @property
    def layer(self) -> Layer:
        """core, feat or out."""
        return self.name.split("_")[0]  # type: ignore[return-value]

    @property
    def key(self) -> list[str]:
        """Primary key columns."""
        return list(self.schema.primary_key())

    @property
    def declared(self) -> dict[str, pl.DataType]:
        """Fixed columns and their Polars types."""
        return {name: column.dtype for name, column in self.schema.columns().items()}

    def check(self, found: pl.Schema) -> None:
        """SchemaError unless `found` has every fixed column in its type and nothing undeclared."""
        wrong = []
        for name, dtype in self.declared.items():
            if name not in found:
                wrong.append(f"column {name} is missing")
            elif found[name] != dtype:
                wrong.append(f"column {name} is {found[name]}, declared {dtype}")
        for name, dtype in found.items():
            if name in self.declared:
                continue
            pattern = next((p for p in self.patterns if p.matches(name)), None)
            if pattern is None:
                wrong.append(f"column {name} is not declared")
            elif dtype != pattern.dtype:
                wrong.append(f"column {name} is {dtype}, declared {pattern.dtype}")
        if wrong:
            raise SchemaError(f"table {self.name}: " + "; ".join(wrong))
