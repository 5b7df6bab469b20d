"""The mirror of scores: what a service or an operator looks up, one set for each program and as_of.

The lake keeps the history; the mirror keeps the newest sets. A set is seen whole or not at all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fiel.errors import StoreError
from fiel.store.ledger import ROWS_A_STATEMENT
from fiel.store.schema import SCORE_SETS, SCORES

COLUMNS = tuple(column.name for column in SCORES.c if column.name not in ("program", "as_of"))


@dataclass(frozen=True)
class ScoreSet:
    """One mirrored set of scores."""

    program: str
    as_of: date
    model_version: str
    customers: int
    content_digest: str
    loaded_at: datetime
    changed: bool = False


def load(
    connection: Connection, program: str, as_of: date, frame: pl.DataFrame, model_version: str, keep_sets: int
) -> ScoreSet:
    """Replace the set of `as_of` by `frame` if it differs, and drop all but the `keep_sets` newest sets."""
    rows = _rows(program, as_of, frame)
    digest = hashlib.sha256(model_version.encode() + b"\n" + rows.write_ndjson().encode()).hexdigest()
    found = read_set(connection, program, as_of)
    if found is not None and found.content_digest == digest:
        return found
    _drop(connection, program, [as_of])
    loaded = ScoreSet(program, as_of, model_version, rows.height, digest, datetime.now(UTC), changed=True)
    connection.execute(
        SCORE_SETS.insert().values(
            program=program,
            as_of=as_of,
            model_version=model_version,
            content_digest=digest,
            customers=rows.height,
            loaded_at=loaded.loaded_at,
        )
    )
    keys = (pl.lit(program).alias("program"), pl.lit(as_of).alias("as_of"))
    for part in rows.iter_slices(ROWS_A_STATEMENT):
        connection.execute(SCORES.insert(), part.with_columns(*keys).to_dicts())
    _drop(connection, program, _dates(connection, program)[keep_sets:])
    return loaded


def read_set(connection: Connection, program: str, as_of: date | None = None) -> ScoreSet | None:
    """The set of `as_of`, or the newest; None if it is not mirrored."""
    wanted = sa.select(SCORE_SETS).where(SCORE_SETS.c.program == program)
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


def _rows(program: str, as_of: date, frame: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in (*COLUMNS, "as_of") if name not in frame.columns]
    if missing:
        raise StoreError(f"scores of {program} {as_of}: columns are missing: {', '.join(missing)}")
    if frame.is_empty() or frame.get_column("as_of").unique().to_list() != [as_of]:
        raise StoreError(f"scores of {program}: the frame is empty or holds other dates than {as_of}")
    if frame.get_column("customer_id").is_duplicated().any():
        raise StoreError(f"scores of {program} {as_of}: a customer has two rows")
    return frame.select(COLUMNS).sort("customer_id")


def _dates(connection: Connection, program: str) -> list[date]:
    table = SCORE_SETS.c
    wanted = sa.select(table.as_of).where(table.program == program).order_by(table.as_of.desc())
    return list(connection.execute(wanted).scalars())


def _drop(connection: Connection, program: str, dates: list[date]) -> None:
    for table in (SCORES, SCORE_SETS):
        connection.execute(table.delete().where(table.c.program == program, table.c.as_of.in_(dates)))
