"""The plan of a cycle in figures: by score bucket, by reason, in total.

Frames in are `out_plan` of one as_of (fiel/tables/). Only rows whose decision is grant are paid.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from fiel.program import Incentive, ScoreBucket
from fiel.reports import format as fmt
from fiel.reports.cards import MoneyCard

_PAID = pl.col("decision") == "grant"
_ORDER = pl.Enum(["grant", "held_out", "excluded"])


def bucket_name(bucket: ScoreBucket, unit: str) -> str:
    """A bucket as people read it.

    >>> bucket_name(ScoreBucket(from_prob=0.75, to_prob=1, product="fiel-score-1", points=100), "points")
    '75 % to 100 %: +100 points'
    """
    return f"{fmt.interval(bucket.from_prob, bucket.to_prob, 'percent')}: {fmt.signed_units(bucket.points, unit)}"


def by_bucket(plan: pl.DataFrame, incentive: Incentive, unit: str) -> pl.DataFrame:
    """Scored customers by bucket (the highest scores first) and decision: bucket, decision, customers, points.

    `points` is what is paid: zero unless the decision is grant. Customers whose score lies in no bucket are under
    `no bucket`; customers without a score are left out.
    """
    ordered = sorted(incentive.buckets, key=lambda bucket: bucket.from_prob, reverse=True)
    last = max((bucket.to_prob for bucket in ordered), default=1.0)
    within = pl.lit("no bucket")
    for bucket in ordered:
        upper = pl.col("prob") <= bucket.to_prob if bucket.to_prob == last else pl.col("prob") < bucket.to_prob
        name = pl.lit(bucket_name(bucket, unit))
        within = pl.when((pl.col("prob") >= bucket.from_prob) & upper).then(name).otherwise(within)
    names = [*(bucket_name(bucket, unit) for bucket in ordered), "no bucket"]
    return (
        plan.lazy()
        .filter(pl.col("prob").is_not_null())
        .group_by(bucket=within, decision="decision")
        .agg(
            customers=pl.len().cast(pl.Int64),
            points=pl.when(_PAID).then("points").otherwise(0).sum(),
        )
        .sort(pl.col("bucket").cast(pl.Enum(names)), pl.col("decision").cast(_ORDER))
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
