"""Who could be granted what: the bucket of each score or value at stake, and the first rule that excludes a customer.

The rules are looked at in the order of `fiel.actions.reasons.REASONS`.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from fiel.actions.merges import follow
from fiel.models.buckets import bucket_index, buckets_of, exceeds_share
from fiel.program import Incentive, Program
from fiel.store import LedgerView


def candidates(
    scores: pl.DataFrame,
    customers: pl.DataFrame,
    history: LedgerView,
    merges: pl.DataFrame,
    program: Program,
    as_of: date,
) -> pl.DataFrame:
    """One row for each scored customer, with `product` and `points` of its bucket and `exclusion` (empty: eligible)."""
    policy = program.incentive
    buckets = buckets_of(policy)
    last_grant = (
        follow(history.grants.filter(~pl.col("is_reversed")), merges)
        .group_by("customer_id")
        .agg(last_granted=pl.col("as_of").max())
    )
    known = customers.select("customer_id", "status", "balance_points")
    return (
        scores.join(known, on="customer_id", how="left")
        .join(last_grant, on="customer_id", how="left")
        .with_columns(bucket=bucket_index(policy))
        .with_columns(
            product=_of_bucket([bucket.product for bucket in buckets], pl.String()),
            points=_of_bucket([bucket.points for bucket in buckets], pl.Int64()).fill_null(0),
        )
        .with_columns(exclusion=_exclusion(policy, program.value.scale, merges, as_of))
    )


def _not_graded(policy: Incentive) -> pl.Expr:
    """Whether the policy asks for a grade that the row does not have; an unknown grade is none."""
    if policy.max_grade is None:
        return pl.lit(False)
    return (pl.col("grade") > policy.max_grade).fill_null(True)


def _of_bucket(values: list[str] | list[int], dtype: pl.DataType) -> pl.Expr:
    found = pl.lit(None, dtype=dtype)
    for position, value in enumerate(values):
        found = pl.when(pl.col("bucket") == position).then(pl.lit(value, dtype=dtype)).otherwise(found)
    return found


def _exclusion(policy: Incentive, scale: int, merges: pl.DataFrame, as_of: date) -> pl.Expr:
    refused = pl.DataFrame({"customer_id": policy.exclude_customers}, schema={"customer_id": pl.String})
    excluded_ids = follow(refused, merges).get_column("customer_id").implode()
    points, balance = pl.col("points"), pl.col("balance_points")
    is_penalty = points < 0
    by_value = pl.lit(policy.by == "value_at_stake")
    ends_below_one = pl.lit(policy.to_prob < 1)
    rules = {
        "merged": pl.col("status") == "merged",
        "customer_unknown": pl.col("status").is_null(),
        "customer_gone": pl.col("status") != "present",
        "excluded_customer": pl.col("customer_id").is_in(excluded_ids),
        "not_in_population": ~pl.col("in_population"),
        "no_score": pl.col("prob").is_null(),
        "excluded_stage": pl.col("stage").is_in(policy.exclude_stages),
        "grade": _not_graded(policy),
        "too_unlikely": by_value & (pl.col("prob") < policy.from_prob),
        "comes_anyway": by_value & ends_below_one & (pl.col("prob") >= policy.to_prob),
        "no_value": by_value & pl.col("value_at_stake").is_null(),
        "no_bucket": pl.col("bucket").is_null(),
        "no_points": points == 0,
        "penalty_off": is_penalty & pl.lit(not policy.penalties),
        "share_of_value": by_value & exceeds_share(policy, scale),
        "cap_customer": points.abs() > policy.cap_customer_points,
        "cooldown": pl.lit(as_of) - pl.col("last_granted") < pl.duration(days=policy.cooldown_days),
        "balance_unknown": is_penalty & balance.is_null(),
        "balance_floor": is_penalty & (balance + points < policy.balance_floor_points),
    }
    return pl.coalesce(pl.when(holds).then(pl.lit(code)) for code, holds in rules.items())
