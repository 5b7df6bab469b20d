# ruff: noqa: S608 - statements are made of the store's own table and column names; values are always bound
"""One customer, or many, of the newest set: plain statements, without an object mapper."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from fiel.errors import StoreUnavailableError
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
_SCORES = ", ".join(f"s.{name}" for name in SCORE_NAMES)
_HEAD = f"SELECT as_of, content_digest, feature_names FROM score_sets WHERE program = ? AND as_of = {_NEWEST}"
_JOINED = (
    "FROM score_sets AS sets JOIN scores AS s ON s.program = sets.program AND s.as_of = sets.as_of "
    "LEFT JOIN customer_documents AS d "
    "ON d.program = s.program AND d.as_of = s.as_of AND d.customer_id = s.customer_id"
)
ONE = (
    f"SELECT sets.as_of, sets.content_digest, sets.feature_names, d.features, d.document, {_SCORES} {_JOINED} "
    f"WHERE sets.program = ? AND sets.as_of = {_NEWEST} AND s.customer_id = ?"
)
_TRIES = 5
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


def many(
    connections: Connections, program: str, ids: Sequence[str], *, with_documents: bool = True
) -> dict[str, CustomerRow]:
    """The customers of the newest set by id; those that it does not hold are left out.

    What is the same for all of a set is asked for once: names of 80 features beside each of 1,000 rows are megabytes.
    A set that is replaced in between is asked for again, so no answer mixes two.
    """
    wanted = [customer for customer in dict.fromkeys(ids) if not is_no_id(customer)]
    for _ in range(_TRIES):
        heads = connections.fetch(_HEAD, (program, program))
        if not heads:
            return {}
        rows = _rows(connections, program, heads[0][0], wanted, with_documents)
        if all(row[0] == heads[0][1] for row in rows):
            found = (_customer((*heads[0], *row[1:]), connections.is_sqlite) for row in rows)
            return {row.scores["customer_id"]: row for row in found}
    raise StoreUnavailableError(f"the scores of {program} are replaced faster than they can be read: try again")


def _rows(
    connections: Connections, program: str, as_of: Any, wanted: Sequence[str], with_documents: bool
) -> list[tuple[Any, ...]]:
    document = "d.document" if with_documents else "NULL"
    columns = f"sets.content_digest, d.features, {document}, {_SCORES}"
    text = f"SELECT {columns} {_JOINED} WHERE sets.program = ? AND sets.as_of = ?"
    if not connections.is_sqlite:
        return connections.fetch(f"{text} AND s.customer_id = ANY(?)", (program, as_of, list(wanted)))
    rows: list[tuple[Any, ...]] = []
    for first in range(0, len(wanted), IDS_A_STATEMENT):
        part = wanted[first : first + IDS_A_STATEMENT]
        places = ", ".join("?" * len(part))
        rows += connections.fetch(f"{text} AND s.customer_id IN ({places})", (program, as_of, *part))
    return rows


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
