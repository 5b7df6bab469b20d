"""Which bucket of the incentive policy holds a customer, by score or by value at stake."""

from __future__ import annotations

import polars as pl

from fiel.program import Incentive, ScoreBucket, ValueBucket


def holds(bucket: ScoreBucket | ValueBucket) -> pl.Expr:
    """Whether a bucket holds the row's `prob` or, if it is one of values, its `value_at_stake` (smallest unit).

    A bucket is [from, to). A score of 1 belongs to the bucket that ends there; a value bucket may have no end. Null
    where the score or the value is not known.
    """
    if isinstance(bucket, ScoreBucket):
        return prob_within(bucket.from_prob, bucket.to_prob)
    value = pl.col("value_at_stake")
    at_least = value >= bucket.from_value
    return at_least if bucket.to_value is None else at_least & (value < bucket.to_value)


def prob_within(from_prob: float, to_prob: float) -> pl.Expr:
    """Whether `prob` lies in [from_prob, to_prob), 1 included where the range ends there."""
    prob = pl.col("prob")
    return (prob >= from_prob) & (prob <= 1 if to_prob == 1 else prob < to_prob)


def buckets_of(policy: Incentive) -> tuple[ScoreBucket | ValueBucket, ...]:
    """The buckets that decide the points under the policy."""
    return policy.value_buckets if policy.by == "value_at_stake" else policy.buckets


def bucket_index(policy: Incentive) -> pl.Expr:
    """Position in `buckets_of(policy)` of the bucket that holds the row; null where none does."""
    found = pl.lit(None, dtype=pl.Int64)
    for position, bucket in enumerate(buckets_of(policy)):
        found = pl.when(holds(bucket)).then(pl.lit(position, dtype=pl.Int64)).otherwise(found)
    return found


def exceeds_share(policy: Incentive, scale: int) -> pl.Expr:
    """Whether the row's `points` are worth more than the policy's share of its `value_at_stake`.

    A point is one unit of the program's value, `scale` smallest units; the value at stake is in the smallest unit.
    """
    return pl.col("points") * scale > policy.max_share_of_value * pl.col("value_at_stake")
