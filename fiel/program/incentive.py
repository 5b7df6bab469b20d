"""The part of a program that says what is paid, within which limits, and what it is worth."""

from __future__ import annotations

import itertools
from typing import Literal

from pydantic import Field, model_validator

from fiel.program.base import Share, StageName, Strict


class ScoreBucket(Strict):
    """Points for the customers whose score lies in [from_prob, to_prob) (the last bucket includes 1)."""

    from_prob: Share = Field(description="Lowest score of the bucket.")
    to_prob: Share = Field(description="Score below which the bucket ends (1 is included).")
    product: str = Field(description="Product id of the grant in the points system.")
    points: int = Field(description="Signed integer points: a reward above zero, a penalty below.")


class Incentive(Strict):
    """The incentive policy: who is granted how many points, within which limits (DESIGN.md section 6)."""

    version: str = Field("1", description="Version of the policy, an attribute of every cycle.")
    system_origin: str = Field("fiel", description="Origin that the points system records for a grant.")
    invented: bool = Field(False, description="The amounts are placeholders of ours, not the operator's.")
    buckets: tuple[ScoreBucket, ...] = Field((), description="Points by score bucket. Empty: nothing is granted.")
    order: Literal["prob_desc", "prob_asc", "loss_prob_desc", "gain_prob_desc", "value_desc"] = Field(
        "prob_desc", description="Order in which the budget is handed out; ties by customer id."
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


class Economics(Strict):
    """Money of a right and of a wrong action, where the program knows it."""

    currency: str = Field("BRL", description="ISO 4217 code.")
    benefit: float = Field(gt=0, description="Gain of treating a customer who is positive.")
    cost: float = Field(ge=0, description="Loss of treating a customer who is not.")
