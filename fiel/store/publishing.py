"""Publishing a set: scores, documents and parts of a program as of a date become visible together, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fiel.errors import StoreError
from fiel.store.bulk import csv_slices, replace_rows
from fiel.store.documents import COLUMNS, Documents, check_ids
from fiel.store.schema import DOCUMENTS, PARTS, SCORE_SETS, SCORES, canonical_json
from fiel.store.scores import ScoreSet, read_set
from fiel.store.serving_tables import SORTED_BY

_TYPES: dict[type[Any], Any] = {
    sa.Boolean: pl.Boolean(),
    sa.Date: pl.Date(),
    sa.Float: pl.Float64(),
    sa.Integer: pl.Int64(),
}
SCORE_COLUMNS: dict[str, Any] = {
    column.name: _TYPES.get(type(column.type), pl.String())
    for column in SCORES.c
    if column.name not in ("program", "as_of")
}
"""Columns of a published score, without program and as_of."""

ADDED = ("segment", "risk", "grade", "value_at_stake", "expected_profit", "alive_prob", "value", "is_cross_fitted")
"""Score columns that a frame may lack: null then, False for `is_cross_fitted`."""


def _no_documents() -> pl.DataFrame:
    return pl.DataFrame(schema=COLUMNS)


@dataclass(frozen=True)
class Publication:
    """Everything that the service shows of a program as of a date, nothing of it known after `known_through`.

    `scores`: the columns of the table `scores` without program, one row for each customer. `documents`: customer_id,
    features (JSON list in the order of `feature_names`) and document (JSON object), at most one row for each
    customer of `scores`; as a frame, or in pieces (an iterable of frames, in the order of the ids) that are taken once.
    `parts`: JSON-able values by name.
    """

    program: str
    as_of: date
    model_version: str
    known_through: date
    scores: pl.DataFrame
    documents: pl.DataFrame | Iterable[pl.DataFrame] = field(default_factory=_no_documents)
    feature_names: tuple[str, ...] = ()
    parts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """A publication that was checked and digested, which needs no database: nobody waits for it."""

    given: Publication
    scores: pl.DataFrame
    documents: Documents
    parts: Mapping[str, str]
    digest: str


@contextmanager
def prepared(given: Publication) -> Iterator[Prepared]:
    """The publication, ready to be written; StoreError for a broken one."""
    scores = _scores(given)
    what = f"documents of {given.program} {given.as_of}"
    with Documents(given.documents, scores.get_column("customer_id"), what) as found:
        parts = {name: canonical_json(content) for name, content in sorted(given.parts.items())}
        yield Prepared(given, scores, found, parts, _digest(given, scores, found, parts))


def publish(connection: Connection, ready: Prepared, keep_sets: int) -> ScoreSet:
    """Make the set of (program, as_of) equal to what is given; drop all but the `keep_sets` newest sets.

    The same content again writes nothing.
    """
    given, scores, digest = ready.given, ready.scores, ready.digest
    found = read_set(connection, given.program, given.as_of)
    if found is not None and found.content_digest == digest:
        return found
    now = datetime.now(UTC)
    facts = {
        "model_version": given.model_version,
        "content_digest": digest,
        "customers": scores.height,
        "loaded_at": now,
        "published_at": now,
        "known_through": given.known_through,
        "feature_names": list(given.feature_names),
        "counts": _counts(scores),
    }
    keys = {"program": given.program, "as_of": given.as_of}
    if found is None:
        connection.execute(SCORE_SETS.insert().values(**keys, **facts))
    else:
        mine = (SCORE_SETS.c.program == given.program, SCORE_SETS.c.as_of == given.as_of)
        connection.execute(SCORE_SETS.update().where(*mine).values(**facts))
    replace_rows(connection, SCORES, given.program, given.as_of, scores.columns, [scores])
    replace_rows(connection, DOCUMENTS, given.program, given.as_of, list(COLUMNS), ready.documents.pieces())
    _drop(connection, given.program, [given.as_of], (PARTS,))
    if given.parts:
        rows = [keys | {"part": name, "content": content} for name, content in sorted(given.parts.items())]
        connection.execute(PARTS.insert(), rows)
    _drop(connection, given.program, _dates(connection, given.program)[keep_sets:])
    if connection.dialect.name == "postgresql":  # what the planner knows has to be true when the set is first read
        connection.exec_driver_sql("ANALYZE scores, customer_documents, score_sets")
    return ScoreSet(given.program, given.as_of, given.model_version, scores.height, digest, loaded_at=now, changed=True)


def _scores(given: Publication) -> pl.DataFrame:
    what, frame = f"scores of {given.program} {given.as_of}", given.scores
    missing = [name for name in (*SCORE_COLUMNS, "as_of") if name not in frame.columns and name not in ADDED]
    if missing:
        raise StoreError(f"{what}: columns are missing: {', '.join(missing)}")
    if frame.is_empty() or frame.get_column("as_of").unique().to_list() != [given.as_of]:
        raise StoreError(f"scores of {given.program}: the frame is empty or holds other dates than {given.as_of}")
    absent = [pl.lit(None).alias(name) for name in ADDED if name not in frame.columns]
    rows = (
        frame.with_columns(absent)
        .select(pl.col(name).cast(dtype) for name, dtype in SCORE_COLUMNS.items())
        .with_columns(pl.col(pl.Float64).fill_nan(None), pl.col("is_cross_fitted").fill_null(value=False))
        .sort("customer_id")
    )
    check_ids(what, rows.get_column("customer_id"))
    empty = [column.name for column in SCORES.c if not column.nullable and column.name in rows.columns]
    empty = [name for name in empty if rows.get_column(name).null_count()]
    if empty:
        raise StoreError(f"{what}: {', '.join(empty)} may not be null")
    return rows


def _counts(scores: pl.DataFrame) -> list[dict[str, Any]]:
    """Customers and scored customers by stage, segment and population: the totals of every ranking.

    `valued` counts those that have a value of each sort.
    """
    return (
        scores.group_by("stage", "segment", "in_population")
        .agg(
            customers=pl.len().cast(pl.Int64),
            scored=pl.col("prob").is_not_null().sum().cast(pl.Int64),
            valued=pl.struct(pl.col(SORTED_BY).is_not_null().sum().cast(pl.Int64)),
        )
        .sort("stage", "segment", "in_population")
        .to_dicts()
    )


def _digest(given: Publication, scores: pl.DataFrame, found: Documents, parts: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    facts = [given.model_version, given.known_through.isoformat(), list(given.feature_names), dict(parts)]
    digest.update(canonical_json([*facts, found.digest]).encode())
    for text in csv_slices(scores):
        digest.update(text)
    return digest.hexdigest()


def _dates(connection: Connection, program: str) -> list[date]:
    table = SCORE_SETS.c
    wanted = sa.select(table.as_of).where(table.program == program).order_by(table.as_of.desc())
    return list(connection.execute(wanted).scalars())


def _drop(
    connection: Connection,
    program: str,
    dates: list[date],
    tables: tuple[sa.Table, ...] = (DOCUMENTS, PARTS, SCORES, SCORE_SETS),
) -> None:
    if dates:
        for table in tables:
            connection.execute(table.delete().where(table.c.program == program, table.c.as_of.in_(dates)))
