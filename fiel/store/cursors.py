"""Cursors of a ranking: where a page begins or ends, as text that callers hand back and need not understand."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import dataclass
from datetime import date
from typing import Any

from fiel.errors import CursorError
from fiel.store.customers import is_no_id

LONGEST = 2_000
"""Characters; a longer text is none of ours (an id has at most 200)."""

_SUM = 8


@dataclass(frozen=True)
class Cursor:
    """The key of a row: pages begin after it, or end before it. `value` is the sort's; None where the row has none."""

    as_of: date
    value: float | str | None
    customer_id: str
    is_before: bool


def fingerprint(*query: Any) -> str:
    """What a cursor belongs to: program, sort and filters. Equal for equal queries; "" and None filter the same."""
    return hashlib.sha256(json.dumps([part if part != "" else None for part in query]).encode()).hexdigest()[:16]


def write_cursor(cursor: Cursor, query: str) -> str:
    """The cursor as text, for the query with the fingerprint; a sum over all of it shows what was changed."""
    value = None if cursor.value == cursor.customer_id else cursor.value
    said = [1, query, cursor.as_of.isoformat(), value, cursor.customer_id, int(cursor.is_before)]
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sum(text) + text).decode().rstrip("=")


def read_cursor(text: str, query: str) -> Cursor:
    """The cursor of the query; CursorError for a text that is none, was changed, or belongs to another query."""
    try:
        if len(text) > LONGEST:
            raise ValueError("too long")
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if _sum(raw[_SUM:]) != raw[:_SUM]:
            raise ValueError("another sum")
        version, found, as_of, value, customer_id, is_before = json.loads(raw[_SUM:])
        if version != 1:
            raise ValueError("another version")
        cursor = Cursor(date.fromisoformat(as_of), _number(value), _id(customer_id), bool(is_before))
    except (ValueError, TypeError, OverflowError) as error:
        raise CursorError(f"the cursor is not one of ours, or was changed ({error}): start at the first page") from None
    if found != query:
        raise CursorError(
            "the cursor belongs to another ranking (program, order or filters differ): start at the first page"
        )
    return cursor


def _number(value: Any) -> float | None:
    """The value of a sort. Anybody can make the sum, so what a statement is given has to be looked at."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("no number")
    return float(value)


def _id(value: Any) -> str:
    if not isinstance(value, str) or is_no_id(value):
        raise ValueError("no id")
    return value


def _sum(text: bytes) -> bytes:
    return hashlib.sha256(b"fiel ranking cursor\n" + text).digest()[:_SUM]
