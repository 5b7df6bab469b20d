"""Scores to a plan, and the plan to a paid cycle."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fiel.actions.cycle import apply_cycle as pay
from fiel.actions.cycle import finish_last_cycle as finish
from fiel.actions.incentives import plan
from fiel.actions.merges import merges_of
from fiel.actions.summary import PlanResult
from fiel.core import Core
from fiel.errors import CycleConflictError, PlanError
from fiel.reports.tables import markdown_table
from tasks.artifacts import leave_link, leave_markdown
from tasks.context import Context, opened


@task(name="finish last cycle", cache_policy=NO_CACHE)
def finish_last_cycle(program: str) -> None:
    """Write the export of the newest paid cycle where a run died before its manifest; else nothing changes."""
    with opened(program) as context:
        manifest = finish(context.store, context.lake, program)
        if manifest is not None and manifest.changed:
            get_run_logger().warning("a paid cycle had no whole export; written now: %s", manifest.address)


@task(name="plan", cache_policy=NO_CACHE)
def plan_cycle(program: str, as_of: date) -> dict[str, Any]:
    """Plan the cycle and write it to out_plan; cost, winners, exclusions by reason, budget left. Nothing is paid.

    Empty for a program whose policy grants nothing.
    """
    with opened(program) as context:
        if not context.program.incentive.products:
            get_run_logger().info("the program has no incentive policy: nothing to plan, nothing to pay")
            return {}
        made = current_plan(context, as_of)
        summary = made.summary
        paid = context.store.cycle(program, as_of)
        log = get_run_logger()
        if paid is None or paid.plan_digest == summary.digest:
            context.lake.replace("out_plan", made.frame, as_of, context.provenance(digest=summary.digest))
        else:
            log.warning("cycle %s is paid and this plan differs from it: out_plan keeps what was paid", as_of)
        log.info(
            "%d grants for %s %s, %d held out, budget left %s %s",
            summary.granted,
            f"{summary.rewards_points:,}",
            context.program.value.unit,
            summary.held_out,
            f"{summary.budget_left_points:,}",
            context.program.value.unit,
        )
        leave_markdown(program, "plan", _markdown(made), "The cycle's plan: cost, winners, reasons, budget")
        return {"plan": summary.model_dump(mode="json")}


@task(name="cycle is due", cache_policy=NO_CACHE)
def cycle_is_due(program: str, as_of: date) -> bool:
    """Whether the cycle may be paid now, or is already paid (then applying it only checks its export)."""
    with opened(program) as context:
        if not context.program.incentive.products:
            return False
        summary = current_plan(context, as_of).summary
        if not (summary.payable or summary.already_applied):
            get_run_logger().warning("planned, not paid: %s", summary.not_payable_because)
        return summary.payable or summary.already_applied


@task(name="apply", cache_policy=NO_CACHE)
def apply_cycle(program: str, as_of: date, reviewed: str | None = None) -> dict[str, Any]:
    """Pay the plan: the ledger in one transaction, then the export, its manifest last. Again: nothing changes.

    `reviewed` is the digest (or its beginning) of the plan that a person saw; another plan is refused then. Nothing
    happens for a program whose policy grants nothing.
    """
    with opened(program) as context:
        if not context.program.incentive.products:
            return {}
        core = Core.open(context.lake)
        log = get_run_logger()
        made = current_plan(context, as_of)
        if reviewed is not None and not made.summary.digest.startswith(reviewed):
            raise PlanError(
                f"the plan of {program} {as_of} is {made.summary.digest[:12]} now, not {reviewed[:12]} as reviewed: "
                "scores or ledger changed meanwhile; nothing was paid: look at the new plan "
                "(`fiel run reward --plan-only`)"
            )
        if context.store.cycle(program, as_of) is None:  # out_plan holds what is paid, whatever happened since planning
            context.lake.replace("out_plan", made.frame, as_of, context.provenance(digest=made.summary.digest))
        paid = pay(
            made,
            context.store,
            context.lake,
            context.program,
            by=context.provenance()["fiel_flow_run"],
            at=datetime.now(UTC),
            merges=merges_of(core["customers"].collect()),
            steps=lambda step: log.info("%s", step),
        )
        if not paid.changed:
            log.info("cycle %s was applied before: nothing changed", as_of)
        leave_link(program, "manifest", paid.manifest.address, f"manifest of cycle {as_of}")
        return {
            "changed": paid.changed,
            "grants": paid.cycle.grants,
            "rewards_points": paid.cycle.rewards_points,
            "manifest": paid.manifest.address,
            "manifest_sha256": paid.manifest.sha256,
        }


def apply_if_due(program: str, as_of: date) -> tuple[dict[str, Any], CycleConflictError | None]:
    """What `apply` returns where the cycle is due, else nothing; and the conflict where it was paid otherwise before.

    A flow that has more to do after paying does it first, and raises the conflict at its end.
    """
    try:
        return (apply_cycle(program, as_of) if cycle_is_due(program, as_of) else {}), None
    except CycleConflictError as conflict:
        return {}, conflict


def unless_in_conflict(done: dict[str, Any], conflict: CycleConflictError | None) -> dict[str, Any]:
    """What was `done` last; where there was a conflict it is raised now."""
    if conflict is not None:
        raise conflict
    return done


def current_plan(context: Context, as_of: date) -> PlanResult:
    """The plan as the ledger stands now; it is made again rather than trusted from a table that could be older."""
    core = Core.open(context.lake)
    order = context.program.incentive.order
    return plan(
        context.lake.read("out_scores", as_of),
        core["customers"].collect(),
        context.store.ledger_view(context.program.name, as_of),
        context.program,
        as_of,
        core.known_through,
        context.lake.read("feat_snapshot", as_of) if order == "value_desc" else None,
    )


def _markdown(made: PlanResult) -> str:
    found = made.summary
    columns: list[str | pl.Expr] = ["rank", "customer_id", "stage", "prob", "product", "points"]
    if found.at_stake is not None:
        in_units = (pl.col("value_at_stake") / found.at_stake.scale).round(2)
        columns.insert(4, in_units.alias(f"value at stake ({found.unit})"))
    winners = made.grants.select(columns).head(20)
    at_stake = f" {found.at_stake_in_words}." if found.at_stake_in_words else ""
    reasons = "\n".join(f"| {reason} | {count:,} |" for reason, count in found.by_reason.items())
    amounts = " The amounts are invented placeholders." if found.invented else ""
    return "\n\n".join(
        [
            f"# {found.program}: plan of {found.as_of}",
            f"**{found.granted:,} grants, {found.rewards_points:,} {found.unit}**; {found.held_out:,} held out; budget "
            f"left {found.budget_left_points:,} of {found.budget_points:,} {found.unit}.{at_stake}{amounts}",
            found.not_payable_because or "The plan may be paid.",
            f"Digest of this plan: `{found.digest[:12]}` (pay exactly this one: `--reviewed {found.digest[:12]}`).",
            "\n".join(["| reason | customers |", "| --- | ---: |", reasons]),
            "## First winners",
            markdown_table(winners),
        ]
    )
