"""Requests to a language model, and their answers: so that a message that was paid for is never asked for again.

A request is known by the hash of all that is in it. Its events are numbered and only added: `intent` before it is sent,
then `answered`, `refused` (an answer that says no and costs nothing) or `unknown` (no answer: it may have been paid).
An intent whose outcome never came (a killed process) counts as unknown.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fiel.store.schema import MESSAGE_CALLS

Outcome = Literal["answered", "refused", "unknown"]


@dataclass(frozen=True)
class CallRow:
    """One event of a request. For an intent, tokens and cost are the most that it can come to.

    `said` is the status or error; `text` the answer; cost is in millionths of `currency`.
    """

    request: str
    number: int
    program: str
    as_of: date
    customer_id: str
    state: Literal["intent", "answered", "refused", "unknown"]
    at: datetime
    model: str
    tokens_in: int
    tokens_out: int
    cost_micros: int
    currency: str
    said: str
    text: str | None = None


def add(connection: Connection, row: CallRow) -> bool:
    """Add the event; False when another process has added that number before."""
    newest = connection.execute(
        sa.select(sa.func.max(MESSAGE_CALLS.c.number)).where(MESSAGE_CALLS.c.request == row.request)
    ).scalar()
    if (newest or 0) != row.number - 1:
        return False
    connection.execute(MESSAGE_CALLS.insert().values(**vars(row)))
    return True


def newest_number(connection: Connection, request: str) -> int:
    """Number of the request's newest event; 0 without one."""
    found = connection.execute(
        sa.select(sa.func.max(MESSAGE_CALLS.c.number)).where(MESSAGE_CALLS.c.request == request)
    ).scalar()
    return int(found or 0)


def answers(connection: Connection, program: str, as_of: date) -> dict[str, CallRow]:
    """The answer of each answered request of the program and as_of."""
    table = MESSAGE_CALLS.c
    rows = connection.execute(
        sa.select(MESSAGE_CALLS)
        .where(table.program == program, table.as_of == as_of, table.state == "answered")
        .order_by(table.request, table.number.desc())
    )
    return {row.request: CallRow(**row._mapping) for row in rows}


def spent(connection: Connection, program: str, as_of: date, currency: str) -> tuple[int, int]:
    """Tokens and millionths of the currency that the requests of the program and as_of came to, or may have come to."""
    table = MESSAGE_CALLS.c
    rows = connection.execute(
        sa.select(table.request, table.number, table.state, table.tokens_in, table.tokens_out, table.cost_micros)
        .where(table.program == program, table.as_of == as_of, table.currency == currency)
        .order_by(table.request, table.number)
    ).all()
    settled = {(row.request, row.number - 1) for row in rows if row.state != "intent"}
    counted = [row for row in rows if row.state != "intent" or (row.request, row.number) not in settled]
    return sum(row.tokens_in + row.tokens_out for row in counted), sum(row.cost_micros for row in counted)


def of_requests(connection: Connection, requests: Collection[str]) -> list[CallRow]:
    """Every event of the requests, in order: for the totals of an output."""
    found: list[CallRow] = []
    names = sorted(requests)
    for start in range(0, len(names), 500):
        rows = connection.execute(
            sa.select(MESSAGE_CALLS)
            .where(MESSAGE_CALLS.c.request.in_(names[start : start + 500]))
            .order_by(MESSAGE_CALLS.c.request, MESSAGE_CALLS.c.number)
        )
        found += [CallRow(**row._mapping) for row in rows]
    return found
