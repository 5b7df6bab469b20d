"""The ledger of grants: what was paid in which cycle, what was reversed, and who was held out.

Every grant and every reversal is one entry, numbered 1, 2, 3 ... within its program. Entries are only ever added.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fiel.store.schema import CYCLES, GRANTS, HOLD_OUTS

ENTRIES: dict[str, pl.DataType] = {
    "entry": pl.Int64(),
    "grant_id": pl.String(),
    "kind": pl.String(),
    "as_of": pl.Date(),
    "customer_id": pl.String(),
    "sequence": pl.Int64(),
    "product": pl.String(),
    "points": pl.Int64(),
    "rank": pl.Int64(),
    "prob": pl.Float64(),
    "reverses": pl.String(),
    "reason": pl.String(),
    "made_by": pl.String(),
    "at": pl.Datetime("us", "UTC"),
}
"""Columns of the ledger as a frame: one row for each grant or reversal (a reversal's points are negated)."""

HELD_OUT: dict[str, pl.DataType] = {
    "as_of": pl.Date(),
    "customer_id": pl.String(),
    "season": pl.String(),
    "product": pl.String(),
    "points": pl.Int64(),
}
"""Columns of the hold-outs as a frame: one row for each customer who would have been granted."""

ROWS_A_STATEMENT = 20_000


@dataclass(frozen=True)
class CycleRow:
    """One applied cycle. `entry` is the last ledger entry before its grants; `summary` is its plan's, as JSON."""

    program: str
    as_of: date
    entry: int
    policy_version: str
    model_version: str | None
    plan_digest: str
    applied_at: datetime
    applied_by: str
    fiel_version: str
    summary: dict[str, Any]


@dataclass(frozen=True)
class LedgerView:
    """The ledger of a program as it was known when cycle `as_of` was (or would be) applied.

    `grants` are the grants of earlier cycles (ENTRIES without reversals) with `is_reversed`; `held_out` the customers
    who would have been granted in them (HELD_OUT); `last_cycle` the newest earlier cycle; `newest_as_of` the newest
    applied cycle of all; `is_applied` whether this cycle is; `last_entry` the last entry that this view knows.
    """

    grants: pl.DataFrame
    held_out: pl.DataFrame
    last_cycle: date | None
    newest_as_of: date | None
    is_applied: bool
    last_entry: int

    @classmethod
    def empty(cls) -> LedgerView:
        """The view of a program that never granted anything."""
        grants = pl.DataFrame(schema=ENTRIES | {"is_reversed": pl.Boolean()})
        return cls(grants, pl.DataFrame(schema=HELD_OUT), None, None, False, 0)


def cycle(connection: Connection, program: str, as_of: date) -> CycleRow | None:
    """The applied cycle; None if it was never applied."""
    found = connection.execute(
        sa.select(CYCLES).where(CYCLES.c.program == program, CYCLES.c.as_of == as_of)
    ).one_or_none()
    return None if found is None else CycleRow(**found._mapping)


def cycles(connection: Connection, program: str) -> list[CycleRow]:
    """All applied cycles of the program, oldest first."""
    rows = connection.execute(sa.select(CYCLES).where(CYCLES.c.program == program).order_by(CYCLES.c.as_of))
    return [CycleRow(**row._mapping) for row in rows]


def last_entry(connection: Connection, program: str) -> int:
    """Number of the program's newest entry; 0 if there is none."""
    return connection.execute(sa.select(sa.func.max(GRANTS.c.entry)).where(GRANTS.c.program == program)).scalar() or 0


def entries(connection: Connection, program: str, as_of: date | None = None) -> pl.DataFrame:
    """Ledger entries of the program (or of its cycle `as_of`), in their order."""
    wanted = sa.select(*(GRANTS.c[name] for name in ENTRIES)).where(GRANTS.c.program == program)
    if as_of is not None:
        wanted = wanted.where(GRANTS.c.as_of == as_of)
    rows = connection.execute(wanted.order_by(GRANTS.c.entry))
    return pl.DataFrame([tuple(row) for row in rows], schema=ENTRIES, orient="row")


def entry(connection: Connection, grant_id: str) -> dict[str, Any] | None:
    """One ledger entry by its id, with `program`; None if there is none."""
    found = connection.execute(sa.select(GRANTS).where(GRANTS.c.grant_id == grant_id)).one_or_none()
    return None if found is None else dict(found._mapping)


def held_out(connection: Connection, program: str, as_of: date | None = None) -> pl.DataFrame:
    """Customers who would have been granted in the program's cycles (or in cycle `as_of`) and were held out."""
    wanted = sa.select(*(HOLD_OUTS.c[name] for name in HELD_OUT)).where(HOLD_OUTS.c.program == program)
    if as_of is not None:
        wanted = wanted.where(HOLD_OUTS.c.as_of == as_of)
    rows = connection.execute(wanted.order_by(HOLD_OUTS.c.as_of, HOLD_OUTS.c.customer_id))
    return pl.DataFrame([tuple(row) for row in rows], schema=HELD_OUT, orient="row")


def view(connection: Connection, program: str, as_of: date) -> LedgerView:
    """The ledger as cycle `as_of` sees it: earlier cycles only, and no entry that was added after it was applied.

    So the plan of an applied cycle comes out the same when it is made again, whatever was reversed since.
    """
    applied = cycles(connection, program)
    earlier = [row.as_of for row in applied if row.as_of < as_of]
    later = [row.entry for row in applied if row.as_of >= as_of]
    known = min(later) if later else last_entry(connection, program)
    seen = entries(connection, program).filter(pl.col("entry") <= known, pl.col("as_of") < as_of)
    reversed_ids = seen.get_column("reverses").drop_nulls()
    return LedgerView(
        grants=seen.filter(pl.col("kind") == "grant").with_columns(
            is_reversed=pl.col("grant_id").is_in(reversed_ids.implode())
        ),
        held_out=held_out(connection, program).filter(pl.col("as_of") < as_of),
        last_cycle=max(earlier, default=None),
        newest_as_of=max((row.as_of for row in applied), default=None),
        is_applied=any(row.as_of == as_of for row in applied),
        last_entry=known,
    )


def add_cycle(connection: Connection, row: CycleRow) -> None:
    """Add an applied cycle."""
    connection.execute(CYCLES.insert().values(**vars(row)))


def add_entries(connection: Connection, program: str, rows: pl.DataFrame) -> None:
    """Add ledger entries (the columns of ENTRIES)."""
    for part in rows.select(*ENTRIES).iter_slices(ROWS_A_STATEMENT):
        connection.execute(GRANTS.insert(), part.with_columns(program=pl.lit(program)).to_dicts())


def add_held_out(connection: Connection, program: str, rows: pl.DataFrame) -> None:
    """Add hold-outs (the columns of HELD_OUT)."""
    for part in rows.select(*HELD_OUT).iter_slices(ROWS_A_STATEMENT):
        connection.execute(HOLD_OUTS.insert(), part.with_columns(program=pl.lit(program)).to_dicts())
