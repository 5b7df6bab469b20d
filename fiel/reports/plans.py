"""The plan of a cycle in figures: by bucket of score or of value at stake, by reason, in total.

Frames in are `out_plan` of one as_of (fiel/tables/). Only rows whose decision is grant are paid.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from fiel.models.buckets import bucket_index, buckets_of
from fiel.program import Incentive, Program, ScoreBucket, Value, ValueBucket
from fiel.reports import format as fmt
from fiel.reports.cards import MoneyCard

_PAID = pl.col("decision") == "grant"
_ORDER = pl.Enum(["grant", "held_out", "excluded"])


@dataclass(frozen=True)
class PlanView:
    """The plan in figures: frames of this module, and the first customers that are paid."""

    buckets: pl.DataFrame
    reasons: pl.DataFrame
    winners: pl.DataFrame
    amounts: pl.DataFrame
    paid_customers: int
    paid_points: int
    held_out: int
    policy_version: str


def plan_view(
    plan: pl.DataFrame, program: Program, as_of: date, money: MoneyCard, scores: pl.DataFrame | None, at_most: int
) -> PlanView:
    """The plan (rows of one as_of) in figures, with its first `at_most` paid customers and why they score so."""
    first = winners(plan, at_most)
    if scores is not None:
        why = scores.select("customer_id", "reason_1", "reason_2", "reason_3")
        first = first.join(why, on="customer_id", how="left", maintain_order="left")
    customers, points, held_out = paid(plan)
    return PlanView(
        buckets=by_bucket(plan, program.incentive, program.value),
        reasons=by_reason(plan),
        winners=first,
        amounts=amounts(plan, program.incentive, money, as_of),
        paid_customers=customers,
        paid_points=points,
        held_out=held_out,
        policy_version=str(plan["policy_version"].first() or program.incentive.version),
    )


def bucket_name(bucket: ScoreBucket | ValueBucket, unit: Value) -> str:
    """A bucket as people read it.

    >>> bucket_name(ScoreBucket(from_prob=0.75, to_prob=1, product="fiel-score-1", points=100), Value())
    '75 % to 100 %: +100 points'
    >>> bucket_name(ValueBucket(from_value=5_000, product="ten", points=10), Value(unit="GBP", scale=100))
    'from £ 50: +£ 10'
    """
    points = fmt.signed_units(bucket.points, unit.unit)
    if isinstance(bucket, ScoreBucket):
        return f"{fmt.interval(bucket.from_prob, bucket.to_prob, 'percent')}: {points}"
    low = fmt.value(bucket.from_value, unit)
    reach = f"from {low}" if bucket.to_value is None else f"{low} to {fmt.value(bucket.to_value, unit)}"
    return f"{reach}: {points}"


def by_bucket(plan: pl.DataFrame, incentive: Incentive, unit: Value) -> pl.DataFrame:
    """Customers by bucket (the highest first) and decision: bucket, decision, customers, points.

    Buckets are those that decide the points: of scores or of values at stake. `points` is what is paid: zero unless
    the decision is grant. Customers in no bucket are under `no bucket`; customers without a score (or, by value,
    without a value at stake) are left out.
    """
    buckets = buckets_of(incentive)
    by_value = incentive.by == "value_at_stake"
    names = [bucket_name(bucket, unit) for bucket in buckets]
    lower = [bucket.from_prob if isinstance(bucket, ScoreBucket) else bucket.from_value for bucket in buckets]
    ordered = [name for _, name in sorted(zip(lower, names, strict=True), reverse=True)]
    named = bucket_index(incentive).replace_strict(dict(enumerate(names)), default=None, return_dtype=pl.String)
    return (
        plan.lazy()
        .filter(pl.col("value_at_stake" if by_value else "prob").is_not_null())
        .group_by(bucket=named.fill_null("no bucket"), decision="decision")
        .agg(
            customers=pl.len().cast(pl.Int64),
            points=pl.when(_PAID).then("points").otherwise(0).sum(),
        )
        .sort(pl.col("bucket").cast(pl.Enum([*dict.fromkeys(ordered), "no bucket"])), pl.col("decision").cast(_ORDER))
        .collect()
    )


def by_reason(plan: pl.DataFrame) -> pl.DataFrame:
    """Customers by decision and reason, the paid first: decision, reason_code, customers, points."""
    return (
        plan.lazy()
        .group_by("decision", "reason_code")
        .agg(
            customers=pl.len().cast(pl.Int64),
            points=pl.when(_PAID).then("points").otherwise(0).sum(),
        )
        .sort(
            [pl.col("decision").cast(_ORDER), pl.col("customers"), pl.col("reason_code")],
            descending=[False, True, False],
        )
        .collect()
    )


def winners(plan: pl.DataFrame, at_most: int) -> pl.DataFrame:
    """The first `at_most` paid customers in the order of payment."""
    return plan.filter(_PAID).sort("rank", "customer_id").head(at_most)


def paid(plan: pl.DataFrame) -> tuple[int, int, int]:
    """Paid customers, net points paid, and customers held out."""
    granted = plan.filter(_PAID)
    held_out = plan.filter(pl.col("decision") == "held_out").height
    return granted.height, int(granted["points"].sum()), held_out


def amounts(plan: pl.DataFrame, incentive: Incentive, money: MoneyCard, as_of: date) -> pl.DataFrame:
    """Cost of the plan beside its limits, for `charts.budget`: name, points, role (plan, limit or earlier).

    The budget and the caps count rewards, so the cost is that of the rewards alone. An earlier cycle is the newest
    applied one before `as_of`, the plan's own.
    """
    rewards = plan.filter(_PAID & (pl.col("points") > 0))["points"].sum()
    rows = [
        ("this plan (rewards)", int(rewards), "plan"),
        ("budget of a cycle", incentive.budget_points, "limit"),
        ("cap of a cycle", incentive.cap_cycle_points, "limit"),
    ]
    summary = money.summary
    if summary is not None and summary.limit_name == "cap_growth":
        rows.append(("cap on growth since the last cycle", summary.limit_points, "limit"))
    earlier = money.cycles.filter(pl.col("as_of") < as_of).sort("as_of").tail(1).to_dicts()
    if earlier:
        rows.append((f"granted in the cycle of {earlier[0]['as_of']}", earlier[0]["rewards_points"], "earlier"))
    return pl.DataFrame(rows, schema={"name": pl.String, "points": pl.Int64, "role": pl.String}, orient="row")
