"""Corrections of what was paid: a reversal, and a new grant after it. Both are new ledger rows, never edits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
from sqlalchemy.engine import Connection

from fiel.actions.identity import grant_id
from fiel.errors import PlanError
from fiel.program import Program
from fiel.store import Store
from fiel.store import ledger as rows_of
from fiel.store.ledger import ENTRIES


@dataclass(frozen=True)
class Correction:
    """A correcting ledger entry; `changed` is False when it was there before."""

    grant_id: str
    program: str
    as_of: date
    customer_id: str
    points: int
    changed: bool


def reverse(store: Store, grant: str, reason: str, by: str, at: datetime | None = None) -> Correction:
    """Take the grant with this id back by a new row with negated points; done before, it changes nothing.

    PlanError for an unknown id, the id of a reversal, or an empty reason. `write_export` then writes the cycle's next
    revision.
    """
    entry = _granted(store, grant, reason)
    program, as_of, customer = entry["program"], entry["as_of"], entry["customer_id"]
    new_id = grant_id(program, as_of, customer, entry["sequence"], "reversal")
    with store.database.write(program) as connection:
        changed = rows_of.entry(connection, new_id) is None
        if changed:
            row = entry | {"grant_id": new_id, "kind": "reversal", "points": -entry["points"], "reverses": grant}
            _add(connection, row, reason, by, at)
    return Correction(new_id, program, as_of, customer, -entry["points"], changed)


def grant_again(
    store: Store,
    program: Program,
    grant: str,
    points: int,
    reason: str,
    by: str,
    product: str | None = None,
    at: datetime | None = None,
) -> Correction:
    """Grant the customer of a reversed grant anew, in the same cycle, with the next sequence.

    `product` is the reversed grant's unless given. The policy's limits hold for the cycle's total after it. PlanError
    when the grant is not reversed, something else was granted in its place, or a limit would be broken. Done before
    with the same points and product, it changes nothing.
    """
    entry = _granted(store, grant, reason)
    if entry["program"] != program.name:
        raise PlanError(f"grant {grant} is of program {entry['program']}, not of {program.name}")
    wanted = {"points": points, "product": product or entry["product"]}
    with store.database.write(program.name) as connection:
        rows = rows_of.entries(connection, program.name, entry["as_of"])
        after = rows.filter(
            pl.col("kind") == "grant",
            pl.col("customer_id") == entry["customer_id"],
            pl.col("sequence") == entry["sequence"] + 1,
        )
        if not after.is_empty():
            found = after.row(0, named=True)
            if {name: found[name] for name in wanted} != wanted:
                raise PlanError(
                    f"grant {grant} was already granted anew as {found['grant_id']} ({found['product']} "
                    f"{found['points']}): reverse that one first"
                )
            return _correction(entry, found["grant_id"], points, changed=False)
        if rows.filter(pl.col("reverses") == grant).is_empty():
            raise PlanError(f"grant {grant} is not reversed: reverse it before granting anew")
        _check_limits(rows, program, entry["as_of"], points)
        sequence = entry["sequence"] + 1
        new_id = grant_id(program.name, entry["as_of"], entry["customer_id"], sequence)
        _add(connection, entry | wanted | {"grant_id": new_id, "sequence": sequence}, reason, by, at)
    return _correction(entry, new_id, points, changed=True)


def _granted(store: Store, grant: str, reason: str) -> dict[str, Any]:
    """The grant's ledger entry, once it is known to be one."""
    if not reason.strip():
        raise PlanError(f"grant {grant}: a correction needs a reason: say why, the ledger keeps it")
    with store.database.read() as connection:
        entry = rows_of.entry(connection, grant)
    if entry is None:
        raise PlanError(f"there is no grant {grant!r} in the ledger: take the id from the cycle's export")
    if entry["kind"] != "grant":
        raise PlanError(f"{grant} is a reversal: only a grant can be corrected")
    return entry


def _check_limits(rows: pl.DataFrame, program: Program, as_of: date, points: int) -> None:
    policy = program.incentive
    taken_back = rows.get_column("reverses").drop_nulls().implode()
    standing = rows.filter(pl.col("kind") == "grant", ~pl.col("grant_id").is_in(taken_back)).get_column("points")
    rewards = int(standing.clip(lower_bound=0).sum()) + max(points, 0)
    limit = min(policy.budget_points, policy.cap_cycle_points)
    if points == 0 or abs(points) > policy.cap_customer_points:
        raise PlanError(f"{points} points: give 1 to {policy.cap_customer_points:,} (cap_customer_points)")
    if points < 0 and not policy.penalties:
        raise PlanError(f"{points} points are a penalty, and penalties are off in program {program.name}")
    if rewards > limit:
        raise PlanError(f"cycle {program.name} {as_of} would pay {rewards:,} points of rewards, its limit is {limit:,}")


def _add(connection: Connection, row: dict[str, Any], reason: str, by: str, at: datetime | None) -> None:
    number = rows_of.last_entry(connection, row["program"]) + 1
    new = row | {"entry": number, "reason": reason, "made_by": by, "at": at or datetime.now(UTC)}
    rows_of.add_entries(connection, row["program"], pl.DataFrame([new], schema_overrides=ENTRIES).cast(ENTRIES))  # type: ignore[arg-type]


def _correction(entry: dict[str, Any], new_id: str, points: int, changed: bool) -> Correction:
    return Correction(new_id, entry["program"], entry["as_of"], entry["customer_id"], points, changed)
