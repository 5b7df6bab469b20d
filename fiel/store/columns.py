"""Column types that mean the same in SQLite and PostgreSQL, and the collection that every table of the store is in."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

METADATA = sa.MetaData()


def bytewise(length: int) -> TypeEngine[str]:
    """Text of at most `length` characters that sorts by its bytes, as SQLite and Polars sort; for ids and prefixes."""
    return sa.String(length).with_variant(postgresql.VARCHAR(length, collation="C"), "postgresql")


def bytewise_text() -> TypeEngine[str]:
    """Text of any length that sorts by its bytes."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


class UtcInstant(TypeDecorator[datetime]):
    """An instant with its time zone outside, naive UTC inside, the same in every database."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant in UTC without its zone; ValueError for one that has none."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone: give an instant in UTC")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant in UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


class JsonText(TypeDecorator[Any]):
    """A JSON value as canonical text: sorted keys, numbers that are not finite as null."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """Canonical JSON text."""
        return canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """The value."""
        return None if value is None else json.loads(value)


def canonical_json(value: Any) -> str:
    """JSON text that is the same for equal values: sorted keys, no blanks, numbers that are not finite as null."""
    return json.dumps(_finite(value), sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
