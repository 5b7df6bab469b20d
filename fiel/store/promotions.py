"""The ledger of promotions: which model became champion when, by whom, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fiel.errors import StoreError
from fiel.store.schema import PROMOTIONS

Action = Literal["first", "promote", "rollback"]


@dataclass(frozen=True)
class PromotionRow:
    """One change of the champion. `at` is an instant with its time zone; `metrics` is plain JSON."""

    program: str
    at: datetime
    by: str
    action: Action
    from_version: str | None
    to_version: str
    digest: str
    fingerprint: str
    reason: str
    metrics: dict[str, Any] = field(default_factory=dict)
    override: str | None = None


def append(connection: Connection, row: PromotionRow) -> bool:
    """Add the row unless the newest one already says the same; whether it was added.

    The same: the champion is already `to_version`, from the same fingerprint. So a step that is run again adds
    nothing, and a version that comes back after a rollback gets its row. StoreError where the champion is no longer
    `from_version`: of two promotions at once, compared with the same champion, only the first is made.
    """
    table = PROMOTIONS.c
    newest = connection.execute(
        sa.select(PROMOTIONS).where(table.program == row.program).order_by(table.sequence.desc()).limit(1)
    ).one_or_none()
    if newest is not None and (newest.to_version, newest.fingerprint) == (row.to_version, row.fingerprint):
        return False
    current = None if newest is None else newest.to_version
    if row.from_version != current:
        raise StoreError(
            f"the champion of {row.program} changed meanwhile: it is version {current}, not {row.from_version}: "
            "nothing was promoted; compare again"
        )
    connection.execute(
        PROMOTIONS.insert().values(
            program=row.program,
            sequence=1 if newest is None else newest.sequence + 1,
            at=row.at,
            made_by=row.by,
            action=row.action,
            from_version=row.from_version,
            to_version=row.to_version,
            digest=row.digest,
            fingerprint=row.fingerprint,
            reason=row.reason,
            metrics=row.metrics,
            override_reason=row.override,
        )
    )
    return True


def read(connection: Connection, program: str) -> list[PromotionRow]:
    """All rows of the program, oldest first."""
    rows = connection.execute(
        sa.select(PROMOTIONS).where(PROMOTIONS.c.program == program).order_by(PROMOTIONS.c.sequence)
    )
    return [_of(row) for row in rows]


def heads(connection: Connection) -> dict[str, PromotionRow]:
    """The newest row of every ledger, in one query."""
    table = PROMOTIONS.c
    newest = sa.select(table.program, sa.func.max(table.sequence).label("sequence")).group_by(table.program).subquery()
    both = (table.program == newest.c.program) & (table.sequence == newest.c.sequence)
    rows = connection.execute(sa.select(PROMOTIONS).join(newest, both).order_by(table.program))
    return {row.program: _of(row) for row in rows}


def head(connection: Connection, program: str) -> PromotionRow | None:
    """The newest row of one ledger; None if nothing was ever promoted."""
    table = PROMOTIONS.c
    wanted = sa.select(PROMOTIONS).where(table.program == program).order_by(table.sequence.desc()).limit(1)
    row = connection.execute(wanted).one_or_none()
    return None if row is None else _of(row)


def _of(row: sa.Row[Any]) -> PromotionRow:
    return PromotionRow(
        program=row.program,
        at=row.at,
        by=row.made_by,
        action=row.action,
        from_version=row.from_version,
        to_version=row.to_version,
        digest=row.digest,
        fingerprint=row.fingerprint,
        reason=row.reason,
        metrics=row.metrics,
        override=row.override_reason,
    )
