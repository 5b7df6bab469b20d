"""Paying a plan: the ledger rows of a cycle in one transaction. Its commit is the moment of payment.

Applying the same plan again changes nothing; another policy or other payments for an applied cycle are refused with the
difference. Nothing here is ever edited: a mistake is reversed (`fiel.actions.corrections`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from fiel.actions.difference import difference, payments
from fiel.actions.identity import grant_ids, plan_digest
from fiel.actions.lift import comparable
from fiel.actions.limits import refusal, reward_limit
from fiel.actions.merges import no_merges
from fiel.actions.summary import PlanResult, PlanSummary
from fiel.errors import CycleConflictError, PlanError
from fiel.features.arithmetic import ratio
from fiel.models.buckets import exceeds_share
from fiel.program import Program
from fiel.store import CycleRow, LedgerView, Store
from fiel.store import ledger as rows_of
from fiel.store.ledger import ENTRIES
from fiel.tables import TABLES
from fiel.version import package_version

Steps = Callable[[str], None]
"""Told the name of each step when it is done: for progress."""


@dataclass(frozen=True)
class AppliedCycle:
    """A cycle as the ledger holds it; `changed` is False when it was applied before."""

    program: str
    as_of: date
    policy_version: str
    changed: bool
    grants: int
    rewards_points: int
    penalties_points: int
    applied_at: datetime


def apply(
    plan: PlanResult,
    store: Store,
    program: Program,
    *,
    by: str,
    at: datetime | None = None,
    merges: pl.DataFrame | None = None,
    steps: Steps | None = None,
) -> AppliedCycle:
    """Pay the plan: all ledger rows of its cycle in one transaction; the applied cycle.

    `by` is who or what applies, `at` the instant (now), `merges` the merged customers as known today
    (`merges_of(core_customers)`): a customer who was paid and merged since counts as paid.

    PlanError when the plan is not the one that was summarised, was made under another policy, breaks a limit, is not
    payable (too old, before or too soon after the newest applied cycle), or when the ledger has moved on since it was
    made. CycleConflictError when the cycle is applied with other content; the message holds the difference.
    """
    tell = steps or (lambda _: None)
    merges = no_merges() if merges is None else merges
    _check_plan(plan, program)
    with store.database.write(program.name) as connection:
        found = rows_of.cycle(connection, program.name, plan.summary.as_of)
        if found is not None:
            _check_same(plan, found, rows_of.entries(connection, program.name, found.as_of), merges)
            return _applied(found, changed=False)
        history = rows_of.view(connection, program.name, plan.summary.as_of)
        _check_payable(plan, history, program, merges)
        row = _cycle_row(plan.summary, by, at or datetime.now(UTC))
        rows_of.add_cycle(connection, row)
        tell("cycle row written")
        rows_of.add_entries(connection, program.name, _entries(plan, row, program))
        tell("grants written")
        rows_of.add_held_out(connection, program.name, _held_out(plan))
        tell("hold-outs written")
    tell("ledger committed")
    return _applied(row, changed=True)


def _check_plan(plan: PlanResult, program: Program) -> None:
    """The rows are those that were summarised, and of this program's policy."""
    summary, frame = plan.summary, plan.frame
    place = f"cycle {summary.program} {summary.as_of}"
    if summary.program != program.name:
        raise PlanError(f"{place}: the plan is not of program {program.name}")
    TABLES["out_plan"].check(frame.schema)
    if plan_digest(frame) != summary.digest:
        raise PlanError(f"{place}: the plan's rows are not those that its summary describes: plan again")


def _check_same(plan: PlanResult, found: CycleRow, entries: pl.DataFrame, merges: pl.DataFrame) -> None:
    """The applied cycle pays what the plan pays, under the same policy version."""
    summary = plan.summary
    place = f"cycle {found.program} {found.as_of} is already applied ({found.applied_at:%Y-%m-%d %H:%M} UTC)"
    advice = "what was paid stays; reverse single grants to correct it, and plan changes for the next cycle"
    first_grants = entries.filter(pl.col("kind") == "grant", pl.col("sequence") == 0)
    told = difference(payments(first_grants, merges), payments(plan.grants, merges))
    if summary.policy_version != found.policy_version:
        raise CycleConflictError(
            f"{place} under policy version {found.policy_version}, the plan is of version {summary.policy_version}: "
            f"{told or 'the payments are the same'}; {advice}"
        )
    if told is not None:
        raise CycleConflictError(f"{place} with other content: {told}; {advice}")


def _check_payable(plan: PlanResult, history: LedgerView, program: Program, merges: pl.DataFrame) -> None:
    """Everything that has to hold at the moment of payment, whatever the plan says of itself."""
    summary, grants, policy = plan.summary, plan.grants, program.incentive
    place = f"cycle {summary.program} {summary.as_of}"
    if summary.policy_version != policy.version:
        raise PlanError(
            f"{place}: planned under policy version {summary.policy_version}, the program file has {policy.version}: "
            "plan again"
        )
    refused = refusal(policy, summary.as_of, summary.known_through, history.newest_as_of)
    if refused is not None:
        raise PlanError(f"{place}: {refused}")
    if history.last_entry != summary.last_entry:
        raise PlanError(
            f"{place}: the ledger has moved on since the plan was made (entry {history.last_entry}, the plan knows "
            f"{summary.last_entry}): plan again"
        )
    limit_name, limit_points = reward_limit(policy, history)
    points = grants.get_column("points")
    rewards = points.clip(lower_bound=0).sum()
    expected_ids = grant_ids(summary.program, summary.as_of, grants.get_column("customer_id"))
    broken = {
        f"it pays {rewards:,} points of rewards, the limit is {limit_points:,} ({limit_name})": rewards > limit_points,
        f"a customer gets more than cap_customer_points ({policy.cap_customer_points:,})": (
            points.abs() > policy.cap_customer_points
        ).any(),
        "a grant of 0 points": (points == 0).any(),
        "a penalty, and penalties are off": not policy.penalties and (points < 0).any(),
        f"a reward is worth more than max_share_of_value ({policy.max_share_of_value:g}) of the value at stake": (
            policy.by == "value_at_stake"
            and not grants.filter(exceeds_share(policy, program.value.scale).fill_null(True)).is_empty()
        ),
        "a customer is granted twice": grants.get_column("customer_id").is_duplicated().any(),
        "a grant without a product": grants.get_column("product").null_count() > 0,
        "a grant's id is not that of its customer": not grants.get_column("grant_id").equals(expected_ids),
        "a granted customer was merged into another since": not grants.join(
            merges, on="customer_id", how="semi"
        ).is_empty(),
    }
    wrong = [what for what, holds in broken.items() if holds]
    if wrong:
        raise PlanError(f"{place}: {'; '.join(wrong)}: plan again")


def _cycle_row(summary: PlanSummary, by: str, at: datetime) -> CycleRow:
    return CycleRow(
        program=summary.program,
        as_of=summary.as_of,
        entry=summary.last_entry,
        policy_version=summary.policy_version,
        model_version=summary.model_version,
        plan_digest=summary.digest,
        applied_at=at,
        applied_by=by,
        fiel_version=package_version(),
        summary=summary.model_dump(mode="json"),
    )


def _entries(plan: PlanResult, row: CycleRow, program: Program) -> pl.DataFrame:
    reason = pl.lit(f"policy {row.policy_version}")
    if plan.summary.by == "value_at_stake":
        units = ratio(pl.col("value_at_stake").round(), pl.lit(float(program.value.scale)))
        reason = pl.format("{}, value at stake {} {}", reason, units, pl.lit(program.value.unit))
    return (
        plan.grants.with_row_index("number", offset=1)
        .with_columns(
            entry=row.entry + pl.col("number").cast(pl.Int64),
            kind=pl.lit("grant"),
            sequence=pl.lit(0, dtype=pl.Int64),
            reverses=pl.lit(None, dtype=pl.String),
            reason=reason,
            made_by=pl.lit(row.applied_by),
            at=pl.lit(row.applied_at).cast(ENTRIES["at"]),
        )
        .select(*ENTRIES)
    )


def _held_out(plan: PlanResult) -> pl.DataFrame:
    """Customers who would have been granted, had they not been held out."""
    in_reach = comparable(plan.frame).filter(pl.col("arm") == "held_out").select("customer_id")
    return plan.frame.join(in_reach, on="customer_id", how="semi").select(
        "as_of", "customer_id", "product", "points", season=pl.lit(plan.summary.season)
    )


def _applied(row: CycleRow, changed: bool) -> AppliedCycle:
    summary = PlanSummary.model_validate(row.summary)
    return AppliedCycle(
        program=row.program,
        as_of=row.as_of,
        policy_version=row.policy_version,
        changed=changed,
        grants=summary.granted,
        rewards_points=summary.rewards_points,
        penalties_points=summary.penalties_points,
        applied_at=row.applied_at,
    )
