"""The part of a program that says what is paid, within which limits, and what it is worth."""

from __future__ import annotations

import itertools
from typing import Literal

from pydantic import Field, model_validator

from fiel.program.base import Share, StageName, Strict

_BY_VALUE_ONLY = ("value_buckets", "from_prob", "to_prob", "max_share_of_value")


class ScoreBucket(Strict):
    """Points for the customers whose score lies in [from_prob, to_prob) (the last bucket includes 1)."""

    from_prob: Share = Field(description="Lowest score of the bucket.")
    to_prob: Share = Field(description="Score below which the bucket ends (1 is included).")
    product: str = Field(description="Product id of the grant in the points system.")
    points: int = Field(description="Signed integer points: a reward above zero, a penalty below.")


class ValueBucket(Strict):
    """Points for the customers with a value at stake in [from_value, to_value), in the program's smallest unit."""

    from_value: int = Field(ge=0, description="Lowest value at stake of the bucket, in the program's smallest unit.")
    to_value: int | None = Field(
        None, ge=1, description="Value at stake below which the bucket ends, in the smallest unit. Empty: no end."
    )
    product: str = Field(description="Product id of the grant in the points system.")
    points: int = Field(gt=0, description="Integer points of the reward. A value at stake is no ground for a penalty.")


class Incentive(Strict):
    """The incentive policy: who is granted how many points, within which limits (DESIGN.md section 6)."""

    version: str = Field("1", description="Version of the policy, an attribute of every cycle.")
    system_origin: str = Field("fiel", description="Origin that the points system records for a grant.")
    invented: bool = Field(False, description="The amounts are placeholders of ours, not the operator's.")
    by: Literal["prob", "value_at_stake"] = Field(
        "prob",
        description="What decides the points: the score (`buckets`), or the value at stake (`value_buckets`), which is "
        "(1 - score) x what the customer is expected to spend within the target's horizon if still alive.",
    )
    buckets: tuple[ScoreBucket, ...] = Field((), description="Points by score bucket. Empty: nothing is granted.")
    value_buckets: tuple[ValueBucket, ...] = Field(
        (), description="Points by value at stake, where by is value_at_stake. Empty: nothing is granted."
    )
    from_prob: Share = Field(
        0.0, description="By value at stake: scores below this are left alone, a reward would not bring them back."
    )
    to_prob: Share = Field(
        1.0, description="By value at stake: scores from this on are left alone, they come anyway (1 is included)."
    )
    max_share_of_value: Share = Field(
        0.1,
        description="By value at stake: a reward is worth at most this share of it (a point is one unit of value).",
    )
    order: Literal["prob_desc", "prob_asc", "loss_prob_desc", "gain_prob_desc", "value_desc", "value_at_stake_desc"] = (
        Field("prob_desc", description="Order in which the budget is handed out; ties by customer id.")
    )
    penalties: bool = Field(False, description="Whether buckets with negative points are applied.")
    budget_points: int = Field(0, ge=0, description="Points that one cycle may pay in rewards.")
    cap_customer_points: int = Field(10_000, ge=0, description="Points that one customer may get in one cycle.")
    cap_cycle_points: int = Field(1_000_000, ge=0, description="Absolute cap of one cycle (rewards), also the first.")
    cap_growth_share: float = Field(
        1.5, gt=0, description="A cycle may pay at most this multiple of the last applied one (a circuit breaker)."
    )
    cooldown_days: int = Field(28, ge=0, description="Days from the last applied, unreversed grant to the next.")
    cadence_days: int = Field(7, ge=1, description="Least days between the as_of of two applied cycles.")
    hold_out_share: Share = Field(0.3, description="Share of the eligible held out, so that lift can be measured.")
    season: str = Field("1", description="Salt of the hold-out; a new season draws a new hold-out.")
    balance_floor_points: int = Field(0, description="A balance never falls below this by a penalty.")
    max_grade: int | None = Field(
        None,
        ge=1,
        le=5,
        description="Only customers of this grade or a better one are granted anything (1: expected profit above 0). "
        "Needs economics. Empty: grades do not matter.",
    )
    exclude_stages: tuple[StageName, ...] = Field((), description="Stages that are never granted anything.")
    exclude_customers: tuple[str, ...] = Field((), description="Customer ids that are never granted anything.")
    max_score_age_days: int = Field(3, ge=0, description="Older scores can be planned, never paid.")

    @model_validator(mode="after")
    def _buckets_disjoint(self) -> Incentive:
        ordered = sorted(self.buckets, key=lambda bucket: bucket.from_prob)
        for bucket in ordered:
            if not bucket.from_prob < bucket.to_prob:
                raise ValueError(f"incentive bucket {bucket.product}: from_prob must be below to_prob")
        for left, right in itertools.pairwise(ordered):
            if left.to_prob > right.from_prob:
                raise ValueError(f"incentive buckets {left.product} and {right.product} overlap")
        return self

    @model_validator(mode="after")
    def _value_buckets_disjoint(self) -> Incentive:
        ordered = sorted(self.value_buckets, key=lambda bucket: bucket.from_value)
        for bucket in ordered:
            if bucket.to_value is not None and not bucket.from_value < bucket.to_value:
                raise ValueError(f"incentive value bucket {bucket.product}: from_value must be below to_value")
        for left, right in itertools.pairwise(ordered):
            if left.to_value is None or left.to_value > right.from_value:
                raise ValueError(f"incentive value buckets {left.product} and {right.product} overlap")
        return self

    @model_validator(mode="after")
    def _fields_of_one_kind(self) -> Incentive:
        if self.by == "prob":
            fields = type(self).model_fields
            stray = [name for name in _BY_VALUE_ONLY if getattr(self, name) != fields[name].default]
            if stray:
                raise ValueError(
                    f"incentive.by is prob, which decides by `buckets` and does not read {', '.join(stray)}: "
                    "set by: value_at_stake, or leave them out"
                )
            return self
        if self.buckets:
            raise ValueError(
                "incentive.by is value_at_stake, which does not read `buckets`: write value_buckets with from_value "
                "and to_value, or set by: prob"
            )
        if self.penalties:
            raise ValueError(
                "incentive.penalties cannot be on where by is value_at_stake: a value at stake only earns rewards"
            )
        if not self.from_prob < self.to_prob:
            raise ValueError("incentive.from_prob must be below incentive.to_prob: nobody could be granted anything")
        return self

    @property
    def products(self) -> tuple[str, ...]:
        """Product ids of the policy's grants, whatever decides the points."""
        return (*(bucket.product for bucket in self.buckets), *(bucket.product for bucket in self.value_buckets))


class Economics(Strict):
    """Money of a right and of a wrong action, where the program knows it."""

    currency: str = Field("BRL", description="ISO 4217 code.")
    benefit: float = Field(gt=0, description="Gain of treating a customer who is positive and accepts.")
    cost: float = Field(ge=0, description="Loss of treating a customer who is not.")
    acceptance_rate: float = Field(
        1.0, gt=0, le=1, description="Share of the treated positives whom the treatment wins; the others gain nothing."
    )
    acceptance_customers: float | None = Field(
        None,
        gt=0,
        description="Positives asked from whom acceptance_rate is known: how uncertain it is, for the expected maximum "
        "profit (EMP). Empty: acceptance_rate is taken as certain.",
    )
    contact_cost: float = Field(0.0, ge=0, description="Cost of treating anyone at all, beside `cost`.")
