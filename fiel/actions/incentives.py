"""The plan of a cycle: who is granted how many points, who is held out, who is excluded, and why.

Pure: frames in, frames out; the same input gives the same plan, in whatever order its rows come. DESIGN.md section 6 is
the rule. A plan is only paid by `fiel.actions.ledger.apply`.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from fiel.actions.eligibility import candidates
from fiel.actions.identity import grant_ids, is_held_out, plan_digest
from fiel.actions.lift import detectable
from fiel.actions.limits import refusal, reward_limit
from fiel.actions.merges import follow, merges_of
from fiel.actions.summary import AtStake, PlanResult, PlanSummary, Previous
from fiel.errors import PlanError
from fiel.program import Program
from fiel.store import LedgerView
from fiel.tables import TABLES

DECISIONS = {"grant": "granted", "held_out": "held_out"}
_FIRST_SHOWN = {"grant": 0, "held_out": 1, "excluded": 2}


def plan(
    scores: pl.DataFrame,
    customers: pl.DataFrame,
    history: LedgerView,
    program: Program,
    as_of: date,
    known_through: date,
    values: pl.DataFrame | None = None,
) -> PlanResult:
    """The plan of cycle `as_of`: rows of out_plan, one for each scored customer, winners first; and their summary.

    scores: rows of out_scores of `as_of`. customers: core_customers (status, merged_into, balance_points).
    history: `store.ledger_view(program.name, as_of)`. known_through: the last complete day of the data. values:
    `customer_id` and `value_earned_dN` (N the program's frequency window), needed for the order value_desc only.

    A past cycle can be planned; `summary.not_payable_because` then says why it cannot be paid. PlanError when the
    scores are missing, of another as_of, of more than one model, or broken, and when as_of is past what the data know.
    """
    _check(scores, customers, as_of, known_through, program)
    merges = merges_of(customers)
    rows = candidates(scores, customers, history, merges, program, as_of)
    rows = _held_out(rows, history, merges, program, as_of)
    rows = _ranked(rows, program, values)
    limit_name, limit_points = reward_limit(program.incentive, history)
    rows = _limited(rows, limit_name, limit_points)
    frame = _as_table(rows, program, as_of)
    return PlanResult(frame, _summary(frame, history, merges, program, known_through, limit_name, limit_points))


def _check(scores: pl.DataFrame, customers: pl.DataFrame, as_of: date, known_through: date, program: Program) -> None:
    place = f"plan of {program.name}, as_of {as_of}"
    if as_of > known_through + timedelta(days=1):
        raise PlanError(f"{place}: the data know through {known_through} only: ingest newer data")
    if scores.is_empty():
        raise PlanError(f"{place}: there are no scores: run `fiel run score --program {program.name} --as-of {as_of}`")
    others = scores.filter(pl.col("as_of") != as_of).get_column("as_of").unique().sort()
    if not others.is_empty():
        raise PlanError(
            f"{place}: {scores.height} scores, among them of {others[0]}: plan with the scores of this as_of "
            f"(`fiel run score --program {program.name} --as-of {as_of}`)"
        )
    for name, frame in (("out_scores", scores), ("core_customers", customers)):
        twice = frame.filter(pl.col("customer_id").is_duplicated()).get_column("customer_id").sort()
        if not twice.is_empty():
            raise PlanError(f"{place}: {name} holds customer {twice[0]} twice: write the table again")
    models = scores.get_column("model_version").unique().sort().to_list()
    if len(models) > 1:
        raise PlanError(f"{place}: scores of more than one model ({', '.join(models)}): score again")
    broken = scores.filter(pl.col("prob").is_nan() | ~pl.col("prob").is_between(0, 1)).sort("customer_id")
    if not broken.is_empty():
        raise PlanError(
            f"{place}: out_scores.prob of customer {broken['customer_id'][0]} is {broken['prob'][0]}, which is no "
            "probability: score again"
        )
    value = pl.col("value_at_stake")
    broken = scores.filter(value.is_nan() | value.is_infinite() | (value < 0)).sort("customer_id")
    if not broken.is_empty():
        raise PlanError(
            f"{place}: out_scores.value_at_stake of customer {broken['customer_id'][0]} is "
            f"{broken['value_at_stake'][0]}, which is no amount: score again"
        )


def _held_out(
    rows: pl.DataFrame, history: LedgerView, merges: pl.DataFrame, program: Program, as_of: date
) -> pl.DataFrame:
    """Draw the hold-out among the eligible; the held-out keep the cooldown that a grant would have brought.

    Without it, a held-out customer would be eligible again while a granted one waits, and the arms would differ.
    """
    policy = program.incentive
    eligible = rows.filter(pl.col("exclusion").is_null()).select("customer_id")
    ids = eligible.get_column("customer_id")
    drawn = eligible.with_columns(is_held_out=is_held_out(program.name, policy.season, policy.hold_out_share, ids))
    shadows = (
        follow(history.held_out.filter(pl.col("season") == policy.season), merges)
        .group_by("customer_id")
        .agg(last_held_out=pl.col("as_of").max())
    )
    waits = pl.col("is_held_out") & (pl.lit(as_of) - pl.col("last_held_out") < pl.duration(days=policy.cooldown_days))
    return (
        rows.join(drawn, on="customer_id", how="left")
        .join(shadows, on="customer_id", how="left")
        .with_columns(exclusion=pl.when(waits).then(pl.lit("cooldown_held_out")).otherwise("exclusion"))
        .with_columns(is_held_out=pl.col("is_held_out") & pl.col("exclusion").is_null())
    )


def _ranked(rows: pl.DataFrame, program: Program, values: pl.DataFrame | None) -> pl.DataFrame:
    """Order of payment among the eligible, the held-out included: the policy's expression, then the customer id."""
    order = program.incentive.order
    if order == "value_desc":
        column = f"value_earned_d{program.features.frequency_window}"
        if values is None or column not in values.columns:
            raise PlanError(
                f"incentive.order of program {program.name} is value_desc, but no column {column} was given: "
                "plan with the snapshot's values, or choose another order"
            )
        rows = rows.join(values.select("customer_id", order_key=column), on="customer_id", how="left")
    else:
        rows = rows.with_columns(order_key=pl.col(order.rsplit("_", 1)[0]))
    ranks = (
        rows.filter(pl.col("exclusion").is_null())
        .sort("order_key", "customer_id", descending=[order.endswith("_desc"), False], nulls_last=True)
        .select("customer_id")
        .with_row_index("rank", offset=1)
        .with_columns(pl.col("rank").cast(pl.Int64))
    )
    return rows.join(ranks, on="customer_id", how="left")


def _limited(rows: pl.DataFrame, limit_name: str, limit_points: int) -> pl.DataFrame:
    """Grant in order while the rewards stay within the limit. Nobody is granted past the first who did not fit."""
    is_payable = pl.col("exclusion").is_null() & ~pl.col("is_held_out")
    reward = pl.when(is_payable).then(pl.col("points").clip(lower_bound=0)).otherwise(0)
    is_over = is_payable & (pl.col("points") > 0) & (pl.col("spent") > limit_points)
    return (
        rows.sort("rank", "customer_id", nulls_last=True)
        .with_columns(spent=reward.cum_sum())
        .with_columns(exclusion=pl.when(is_over).then(pl.lit(limit_name)).otherwise("exclusion"))
    )


def _as_table(rows: pl.DataFrame, program: Program, as_of: date) -> pl.DataFrame:
    decision = (
        pl.when(pl.col("exclusion").is_not_null())
        .then(pl.lit("excluded"))
        .when("is_held_out")
        .then(pl.lit("held_out"))
        .otherwise(pl.lit("grant"))
    )
    frame = rows.with_columns(
        as_of=pl.lit(as_of), policy_version=pl.lit(program.incentive.version), decision=decision
    ).with_columns(reason_code=pl.coalesce("exclusion", pl.col("decision").replace(DECISIONS)))
    paid = frame.filter(pl.col("decision") == "grant").select("customer_id")
    ids = grant_ids(program.name, as_of, paid.get_column("customer_id"))
    return (
        frame.join(paid.with_columns(grant_id=ids), on="customer_id", how="left")
        .with_columns(shown=pl.col("decision").replace_strict(_FIRST_SHOWN, return_dtype=pl.Int64))
        .sort("shown", "rank", "customer_id", nulls_last=True)
        .select(*TABLES["out_plan"].declared)
    )


def _summary(
    frame: pl.DataFrame,
    history: LedgerView,
    merges: pl.DataFrame,
    program: Program,
    known_through: date,
    limit_name: str,
    limit_points: int,
) -> PlanSummary:
    policy = program.incentive
    as_of = frame.get_column("as_of")[0]
    grants = frame.filter(pl.col("decision") == "grant")
    rewards = int(grants.get_column("points").clip(lower_bound=0).sum())
    reasons = frame.get_column("reason_code").value_counts(sort=False).sort("reason_code")
    return PlanSummary(
        program=program.name,
        as_of=as_of,
        known_through=known_through,
        policy_version=policy.version,
        model_version=frame.get_column("model_version")[0],
        season=policy.season,
        unit=program.value.unit,
        system_origin=policy.system_origin,
        invented=policy.invented,
        simulated=program.simulated,
        customers=frame.height,
        eligible=frame.get_column("rank").count(),
        granted=grants.height,
        held_out=frame.filter(pl.col("decision") == "held_out").height,
        by_reason=dict(reasons.iter_rows()),
        rewards_points=rewards,
        penalties_points=int(grants.get_column("points").clip(upper_bound=0).sum()),
        limit_points=limit_points,
        limit_name=limit_name,
        limit_left_points=limit_points - rewards,
        budget_points=policy.budget_points,
        budget_left_points=policy.budget_points - rewards,
        previous=_previous(grants, history, merges),
        detectable=detectable(frame),
        already_applied=history.is_applied,
        not_payable_because=None if history.is_applied else refusal(policy, as_of, known_through, history.newest_as_of),
        last_entry=history.last_entry,
        digest=plan_digest(frame),
        by=policy.by,
        at_stake=_at_stake(frame, program.value.scale),
    )


def _at_stake(frame: pl.DataFrame, scale: int) -> AtStake | None:
    """The value at stake in whole smallest units, so that the sums do not depend on the order of the rows."""
    value = pl.col("value_at_stake").round().cast(pl.Int64)
    known = frame.filter(pl.col("value_at_stake").is_not_null())
    if known.is_empty():
        return None
    of_decision = {
        decision: int(known.filter(pl.col("decision") == decision).select(value.sum()).item())
        for decision in ("grant", "held_out")
    }
    granted = of_decision["grant"]
    rewards = int(known.filter(pl.col("decision") == "grant").get_column("points").clip(lower_bound=0).sum())
    return AtStake(
        customers=known.height,
        total=int(known.select(value.sum()).item()),
        granted=granted,
        held_out=of_decision["held_out"],
        scale=scale,
        cost_share=rewards * scale / granted if granted else None,
    )


def _previous(grants: pl.DataFrame, history: LedgerView, merges: pl.DataFrame) -> Previous | None:
    if history.last_cycle is None:
        return None
    earlier = history.grants.filter(pl.col("as_of") == history.last_cycle, ~pl.col("is_reversed"))
    then = follow(earlier, merges).select("customer_id").unique()
    return Previous(
        as_of=history.last_cycle,
        granted=then.height,
        rewards_points=int(earlier.get_column("points").clip(lower_bound=0).sum()),
        entered=grants.join(then, on="customer_id", how="anti").height,
        left=then.join(grants, on="customer_id", how="anti").height,
    )
