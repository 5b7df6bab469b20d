"""Published sets of scores, as the pipeline's own steps look them up; the service reads through `fiel.store.reader`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fiel.store.schema import SCORE_SETS, SCORES


@dataclass(frozen=True)
class ScoreSet:
    """One published set of scores."""

    program: str
    as_of: date
    model_version: str
    customers: int
    content_digest: str
    loaded_at: datetime
    changed: bool = False


def read_set(connection: Connection, program: str, as_of: date | None = None) -> ScoreSet | None:
    """The set of `as_of`, or the newest; None if it is not there."""
    names = ("program", "as_of", "model_version", "customers", "content_digest", "loaded_at")
    wanted = sa.select(*(SCORE_SETS.c[name] for name in names)).where(SCORE_SETS.c.program == program)
    if as_of is not None:
        wanted = wanted.where(SCORE_SETS.c.as_of == as_of)
    found = connection.execute(wanted.order_by(SCORE_SETS.c.as_of.desc()).limit(1)).one_or_none()
    return None if found is None else ScoreSet(**found._mapping)


def read_score(connection: Connection, program: str, customer_id: str, as_of: date | None) -> dict[str, Any] | None:
    """The customer's row of the set `as_of`, or of the newest; None if it holds no such customer."""
    newest = read_set(connection, program, as_of)
    if newest is None:
        return None
    found = connection.execute(
        sa.select(SCORES).where(
            SCORES.c.program == program, SCORES.c.as_of == newest.as_of, SCORES.c.customer_id == customer_id
        )
    ).one_or_none()
    return None if found is None else dict(found._mapping)
