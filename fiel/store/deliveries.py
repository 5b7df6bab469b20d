"""The outbox of deliveries: what was about to be sent to the points API, and what became of it. Rows are only added.

States: `intent` (about to be sent), `delivered`, `refused` (the API said no; not sent again by itself),
`not_delivered` (surely not received; may be sent again), `unknown` (may have been received; reconcile first).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fiel.store.schema import DELIVERIES, GRANTS, canonical_json

State = Literal["intent", "delivered", "refused", "not_delivered", "unknown"]

OUTBOX: dict[str, pl.DataType] = {
    "grant_id": pl.String(),
    "entry": pl.Int64(),
    "kind": pl.String(),
    "as_of": pl.Date(),
    "customer_id": pl.String(),
    "product": pl.String(),
    "points": pl.Int64(),
    "reverses": pl.String(),
    "number": pl.Int64(),
    "state": pl.String(),
    "at": pl.Datetime("us", "UTC"),
    "intent_at": pl.Datetime("us", "UTC"),
    "intent": pl.String(),
    "attempts": pl.Int64(),
    "detail": pl.String(),
}
"""Columns of the outbox: each ledger entry with its newest delivery event and its newest intent (JSON).

An entry that nobody tried to deliver has `number` and `attempts` 0 and no state.
"""


def outbox(connection: Connection, program: str, as_of: date | None = None) -> pl.DataFrame:
    """Ledger entries of the program (or of one cycle) in their order, each with what became of its delivery."""
    entries = [GRANTS.c[name] for name in ("grant_id", "entry", "kind", "as_of", "customer_id", "product", "points")]
    wanted = sa.select(*entries, GRANTS.c.reverses).where(GRANTS.c.program == program)
    if as_of is not None:
        wanted = wanted.where(GRANTS.c.as_of == as_of)
    ledger = pl.DataFrame(
        [tuple(row) for row in connection.execute(wanted.order_by(GRANTS.c.entry))],
        schema={name: OUTBOX[name] for name in list(OUTBOX)[:8]},
        orient="row",
    )
    columns = ("grant_id", "number", "state", "at", "detail")
    rows = connection.execute(
        sa.select(*(DELIVERIES.c[name] for name in columns)).where(DELIVERIES.c.program == program)
    )
    events = pl.DataFrame(
        [tuple(row) for row in rows], schema={name: OUTBOX[name] for name in columns}, orient="row"
    ).sort("grant_id", "number")
    newest = events.group_by("grant_id").agg(pl.col("number", "state", "at", "detail").last())
    intents = (
        events.filter(pl.col("state") == "intent")
        .group_by("grant_id")
        .agg(intent_at=pl.col("at").last(), intent=pl.col("detail").last(), attempts=pl.len().cast(pl.Int64))
    )
    return (
        ledger.join(newest, on="grant_id", how="left", maintain_order="left")
        .join(intents, on="grant_id", how="left", maintain_order="left")
        .with_columns(pl.col("number", "attempts").fill_null(0))
        .select(*OUTBOX)
    )


def states(connection: Connection, program: str, as_of: date) -> dict[str, int]:
    """Number of the cycle's ledger entries by the newest state of their delivery; `waiting` where nobody tried yet."""
    mine = (GRANTS.c.program == program, GRANTS.c.as_of == as_of)
    newest = (
        sa.select(DELIVERIES.c.grant_id, sa.func.max(DELIVERIES.c.number).label("number"))
        .join(GRANTS, GRANTS.c.grant_id == DELIVERIES.c.grant_id)
        .where(*mine)
        .group_by(DELIVERIES.c.grant_id)
        .subquery()
    )
    events = DELIVERIES.join(
        newest, (DELIVERIES.c.grant_id == newest.c.grant_id) & (DELIVERIES.c.number == newest.c.number)
    )
    counted = connection.execute(
        sa.select(DELIVERIES.c.state, sa.func.count()).select_from(events).group_by(DELIVERIES.c.state)
    )
    found = {str(state): int(number) for state, number in counted}
    total = connection.execute(sa.select(sa.func.count()).select_from(GRANTS).where(*mine)).scalar() or 0
    waiting = total - sum(found.values())
    return {state: found[state] for state in sorted(found)} | ({"waiting": waiting} if waiting else {})


def is_reversed(connection: Connection, grant_id: str) -> bool:
    """Whether the ledger holds a reversal of the grant."""
    return connection.execute(sa.select(GRANTS.c.entry).where(GRANTS.c.reverses == grant_id)).first() is not None


def add(
    connection: Connection, program: str, grant_id: str, after: int, state: State, detail: dict[str, Any], at: datetime
) -> bool:
    """Add the event that follows event number `after`; False when another one is already there."""
    newest = connection.execute(
        sa.select(sa.func.max(DELIVERIES.c.number)).where(DELIVERIES.c.grant_id == grant_id)
    ).scalar()
    if (newest or 0) != after:
        return False
    connection.execute(
        DELIVERIES.insert().values(
            grant_id=grant_id,
            number=after + 1,
            program=program,
            state=state,
            at=at,
            detail=canonical_json(detail),
        )
    )
    return True
