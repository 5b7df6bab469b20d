"""Delivery of grants to a points API that would pay a repeated request twice: an outbox.

The intent is recorded before the call and the outcome after it. A call whose outcome is not known (no answer, a server
error, a process that died) is never sent again until it is reconciled: against the API itself, or against the next
ledger drop of the source (`fiel.actions.reconciliation`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from fiel.actions.merges import follow, no_merges
from fiel.actions.points_api import PointsApi
from fiel.errors import DeliveryError
from fiel.program import Program
from fiel.store import Store
from fiel.store import deliveries as events_of
from fiel.store.deliveries import State

OPEN = ("intent", "unknown")
API_KNOWS = timedelta(hours=24)
"""The API tells of yesterday and today: what was sent within a day is within that in any time zone."""


@dataclass(frozen=True)
class Limits:
    """How much one run of a delivery may do.

    settle: an open call younger than this may still be under way, so it is left alone. stop_after: unknown outcomes in
    a row after which the run ends. attempts: how often one entry is sent at the most.
    """

    settle: timedelta = timedelta(seconds=90)
    stop_after: int = 3
    attempts: int = 5


@dataclass
class DeliveryReport:
    """What one run did, and where every ledger entry stands after it.

    `states` counts entries: delivered, refused, not_delivered, unknown, intent, waiting (never tried) and withdrawn
    (reversed before it was sent). `stopped` says why the run ended early.
    """

    sent: int = 0
    reconciled: int = 0
    unknown_customers: list[str] = field(default_factory=list)
    stopped: str | None = None
    states: dict[str, int] = field(default_factory=dict)


def deliver(
    store: Store,
    program: Program,
    api: PointsApi,
    as_of: date | None = None,
    *,
    merges: pl.DataFrame | None = None,
    limits: Limits | None = None,
    rehearsal: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    steps: Callable[[str], None] | None = None,
) -> DeliveryReport:
    """Send what the ledger holds and the API has not got, each entry once, in the ledger's order.

    First the open calls are reconciled against the API. A reversed grant that was never sent is withdrawn; a reversal
    is sent once its grant is known to be delivered. Merged customers are paid at the surviving id. Invented amounts and
    simulated customers are delivered to a `rehearsal` API only. DeliveryError when the API does not answer a question;
    what is recorded stays, and the next run goes on from there.
    """
    limits, tell = limits or Limits(), steps or (lambda _: None)
    report = DeliveryReport()
    report.reconciled = reconcile_with_api(store, program, api, as_of, limits=limits, now=now)
    in_doubt = 0
    pending = sendable(store.outbox(program.name, as_of), limits)
    if not rehearsal:
        _check_real(store, program, pending)
    for entry in follow(pending, no_merges() if merges is None else merges).iter_rows(named=True):
        if not api.knows(entry["customer_id"]):
            report.unknown_customers.append(entry["customer_id"])
            continue
        seen = api.last_transaction(entry["customer_id"], entry["product"])
        intent = {"customer_id": entry["customer_id"], "before": seen.date}
        if not _record_intent(store, program, entry, intent, now()):
            continue
        tell("intent recorded")
        answer = api.pay(entry["customer_id"], entry["product"], entry["points"], program.incentive.system_origin)
        tell("sent")
        _record(store, program, entry["grant_id"], entry["number"] + 1, answer.state, {"said": answer.said}, now())
        tell("outcome recorded")
        report.sent += 1
        in_doubt = in_doubt + 1 if answer.state == "unknown" else 0
        if answer.stop or in_doubt >= limits.stop_after:
            report.stopped = f"{answer.said} from {api.address}: mend that, then run again"
            break
    report.states = standing(store.outbox(program.name, as_of))
    return report


def reconcile_with_api(
    store: Store,
    program: Program,
    api: PointsApi,
    as_of: date | None = None,
    *,
    limits: Limits | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Settle open calls by asking the API for the last transaction; how many were settled.

    A last transaction that is not the one seen before the call is ours. The same one, or none, means that nothing was
    booked, if the API's answer could show it at all: the call is less than a day old, and what was there before it has
    a time of day or an earlier date. Otherwise the call stays open for the next ledger drop.
    """
    limits, settled = limits or Limits(), 0
    open_calls = store.outbox(program.name, as_of).filter(pl.col("state").is_in(OPEN))
    for call in open_calls.iter_rows(named=True):
        age = now() - call["at"]
        if age < limits.settle or now() - call["intent_at"] > API_KNOWS:
            continue
        intent = json.loads(call["intent"])
        seen = api.last_transaction(intent["customer_id"], call["product"])
        state = _verdict(intent["before"], seen.date, seen.is_certain, call["intent_at"], program)
        if state is not None:
            detail = {"said": f"the API's last transaction is {seen.date}, before the call it was {intent['before']}"}
            settled += _record(store, program, call["grant_id"], call["number"], state, detail, now())
    return settled


def sendable(outbox: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    """Entries of the outbox that may be sent now: never received for sure, and not taken back before."""
    reversed_ids = outbox.get_column("reverses").drop_nulls().implode()
    delivered = outbox.filter(pl.col("state") == "delivered").get_column("grant_id").implode()
    is_due = (
        pl.when(pl.col("kind") == "grant")
        .then(~pl.col("grant_id").is_in(reversed_ids))
        .otherwise(pl.col("reverses").is_in(delivered))
    )
    not_received = pl.col("state").is_null() | (pl.col("state") == "not_delivered")
    return outbox.filter(not_received, is_due, pl.col("attempts") < limits.attempts)


def standing(outbox: pl.DataFrame) -> dict[str, int]:
    """Ledger entries by what became of them; every entry is counted once."""
    never_received = pl.col("state").is_null() | pl.col("state").is_in(["not_delivered", "refused"])
    withdrawn = outbox.filter(never_received, pl.col("grant_id").is_in(outbox["reverses"].drop_nulls().implode()))
    gone = pl.concat(
        [withdrawn["grant_id"], outbox.join(withdrawn, left_on="reverses", right_on="grant_id")["grant_id"]]
    )
    state = (
        pl.when(pl.col("grant_id").is_in(gone.implode()))
        .then(pl.lit("withdrawn"))
        .otherwise(pl.col("state").fill_null("waiting"))
    )
    return dict(outbox.group_by(state.alias("standing")).agg(pl.len()).sort("standing").iter_rows())


def _check_real(store: Store, program: Program, pending: pl.DataFrame) -> None:
    made_up = {
        cycle.as_of for cycle in store.cycles(program.name) if cycle.summary["invented"] or cycle.summary["simulated"]
    }
    found = sorted(made_up & set(pending.get_column("as_of").unique()))
    if found:
        raise DeliveryError(
            f"cycle {program.name} {found[0]} has invented amounts or simulated customers: deliver it to a rehearsal "
            "API only, or put the real amounts into the program file (incentive.invented: false) for the next cycle"
        )


def _record_intent(store: Store, program: Program, entry: dict[str, Any], intent: dict[str, Any], at: datetime) -> bool:
    """Record that the entry is about to be sent; False when another process was first, or the grant is taken back."""
    with store.database.write(program.name) as connection:
        if entry["kind"] == "grant" and events_of.is_reversed(connection, entry["grant_id"]):
            return False
        return events_of.add(connection, program.name, entry["grant_id"], entry["number"], "intent", intent, at)


def _record(
    store: Store, program: Program, grant: str, after: int, state: State, detail: dict[str, Any], at: datetime
) -> bool:
    with store.database.write(program.name) as connection:
        return events_of.add(connection, program.name, grant, after, state, detail, at)


def _verdict(
    before: str | None, after: str | None, is_certain: bool, sent_at: datetime, program: Program
) -> State | None:
    """delivered, not_delivered, or None where the API's answer cannot tell."""
    if after is not None and after != before:
        return "delivered"
    if not is_certain or (after is None and before is not None):
        return None
    first_day = min(sent_at.astimezone(UTC).date(), sent_at.astimezone(program.tz).date()).isoformat()
    if before is None or before[: len(first_day)] < first_day:
        return "not_delivered"
    has_time_of_day = any(digit in before[len(first_day) :] for digit in "123456789")
    return "not_delivered" if has_time_of_day else None
