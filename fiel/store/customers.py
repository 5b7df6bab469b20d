"""One customer, or many, of the newest set: one statement each, without an object mapper."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from fiel.store.connections import Connections
from fiel.store.schema import SCORES

SCORE_NAMES = tuple(column.name for column in SCORES.c if column.name not in ("program", "as_of"))
_DATES = tuple(
    SCORE_NAMES.index(column.name) for column in SCORES.c if isinstance(column.type, sa.Date) and column.name != "as_of"
)
_BOOLEANS = tuple(SCORE_NAMES.index(column.name) for column in SCORES.c if isinstance(column.type, sa.Boolean))

IDS_A_STATEMENT = 500
"""SQLite before 3.32 takes no more than 999 values."""

_NEWEST = "(SELECT max(as_of) FROM score_sets WHERE program = ?)"
_COLUMNS = "sets.as_of, sets.content_digest, sets.feature_names, d.features, d.document, " + ", ".join(
    f"s.{name}" for name in SCORE_NAMES
)
_FROM = (
    "FROM score_sets AS sets JOIN scores AS s ON s.program = sets.program AND s.as_of = sets.as_of "
    "LEFT JOIN customer_documents AS d "
    "ON d.program = s.program AND d.as_of = s.as_of AND d.customer_id = s.customer_id "
    f"WHERE sets.program = ? AND sets.as_of = {_NEWEST}"
)
ONE = f"SELECT {_COLUMNS} {_FROM} AND s.customer_id = ?"
_LEADING = 5


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer of a set: `scores` by column (customer_id and every score column), `features` and `document` as JSON.

    `feature_names` are those of the same set, in the order of `features`; `set_digest` is the set's content digest.
    """

    as_of: date
    scores: dict[str, Any]
    features: str | None
    document: str | None
    feature_names: tuple[str, ...]
    set_digest: str


def one(connections: Connections, program: str, customer_id: str) -> CustomerRow | None:
    """The customer of the newest set; None if the set holds no such customer, or there is none."""
    if is_no_id(customer_id):
        return None
    rows = connections.fetch(ONE, (program, program, customer_id))
    return _customer(rows[0], connections.is_sqlite) if rows else None


def many(connections: Connections, program: str, ids: Sequence[str]) -> dict[str, CustomerRow]:
    """The customers of the newest set by id; those that it does not hold are left out."""
    wanted = [customer for customer in dict.fromkeys(ids) if not is_no_id(customer)]
    if not connections.is_sqlite:
        rows = connections.fetch(f"SELECT {_COLUMNS} {_FROM} AND s.customer_id = ANY(?)", (program, program, wanted))
        return {found.scores["customer_id"]: found for found in _customers(rows, is_sqlite=False)}
    found: dict[str, CustomerRow] = {}
    for first in range(0, len(wanted), IDS_A_STATEMENT):
        part = wanted[first : first + IDS_A_STATEMENT]
        places = ", ".join("?" * len(part))
        rows = connections.fetch(
            f"SELECT {_COLUMNS} {_FROM} AND s.customer_id IN ({places})", (program, program, *part)
        )
        found |= {row.scores["customer_id"]: row for row in _customers(rows, is_sqlite=True)}
    return found


def scores_of(values: Sequence[Any], is_sqlite: bool) -> dict[str, Any]:
    """A row of SCORE_NAMES by name, with the types that PostgreSQL gives."""
    if not is_sqlite:
        return dict(zip(SCORE_NAMES, values, strict=True))
    plain = list(values)
    for index in _DATES:
        if plain[index] is not None:
            plain[index] = date.fromisoformat(plain[index])
    for index in _BOOLEANS:
        plain[index] = bool(plain[index])
    return dict(zip(SCORE_NAMES, plain, strict=True))


def _customers(rows: Iterable[tuple[Any, ...]], is_sqlite: bool) -> Iterable[CustomerRow]:
    return (_customer(row, is_sqlite) for row in rows)


def _customer(row: tuple[Any, ...], is_sqlite: bool) -> CustomerRow:
    as_of, digest, names, features, document = row[:_LEADING]
    return CustomerRow(
        as_of=date.fromisoformat(as_of) if is_sqlite else as_of,
        scores=scores_of(row[_LEADING:], is_sqlite),
        features=features,
        document=document,
        feature_names=_names(names),
        set_digest=digest,
    )


@lru_cache(maxsize=64)
def _names(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def is_no_id(customer_id: str) -> bool:
    """PostgreSQL's text holds no NUL, and no text is half a surrogate pair: nobody has such an id."""
    if customer_id.isascii():
        return "\0" in customer_id
    return "\0" in customer_id or any("\ud800" <= letter <= "\udfff" for letter in customer_id)
