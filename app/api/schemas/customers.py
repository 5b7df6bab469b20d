"""One customer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from app.api.schemas.base import Basis, FeatureValue, Prob, Told
from app.api.schemas.scores import ReasonShown


class StageShown(Told):
    """Life-cycle stage now and next; null parts where the program has no stages."""

    now: str | None = Field(examples=["fiel"])
    next: str | None = Field(description="Stage after the next drop without a visit.", examples=["turista"])
    next_date: date | None = Field(description="The day of that drop.")
    after_visit: str | None = Field(description="Stage on the day after a visit.", examples=["fiel"])
    history: list[list[str]] = Field(
        description="Stages so far: name, first and last as_of (inclusive), oldest first.",
        examples=[[["curioso", "2025-01-02", "2025-01-08"], ["fiel", "2025-01-09", "2025-03-02"]]],
    )


class CustomerScore(Told):
    """The main target's score."""

    target: str = Field(examples=["fiel"])
    horizon: str | None = Field(examples=["28 days"])
    prob: Prob | None = Field(description="Probability of the target; null outside the population.")
    gain_prob: Prob | None = Field(description="The same, for a customer who is not in the target's state now.")
    loss_prob: Prob | None = Field(description="1 - prob, for a customer who is in the target's state now.")
    basis: Basis | None
    model_version: str | None
    model_digest: str | None
    why: str | None = Field(None, description="Why there is no probability.")
    reasons: list[ReasonShown] = Field(description="Strongest first.")
    grade: int | None = Field(description="1 to 5 by expected profit, where the program has economics.")
    risk: str | None = Field(description="Risk group, where the program has any.")


class PublishedScore(Told):
    """What the batch scored at as_of; the champion may be newer."""

    prob: Prob | None
    model_version: str
    is_cross_fitted: bool


class CustomerValue(Told):
    """What the customer is worth, in the program's smallest unit."""

    unit: str = Field(examples=["points"])
    unit_scale: int = Field(examples=[1])
    value_cluster: str | None = Field(examples=["eficiente"])
    value: float | None = Field(description="Value by the program's own rule, where it has one.")
    value_at_stake: float | None = Field(description="(1 - published prob) x expected value of who stays.")
    expected_profit: float | None = Field(description="Of treating the customer, where the program has economics.")


class GrantShown(BaseModel):
    """An entry of the ledger: a grant, or the reversal of one."""

    grant_id: str
    kind: str = Field(examples=["grant"])
    as_of: date
    product: str
    points: int
    reason: str
    at: datetime


class CustomerAnswer(Told):
    """All that is known of one customer."""

    request_id: str
    program: str = Field(examples=["teomewhy"])
    customer_id: str
    as_of: date
    model_version: str | None = Field(description="Version of the model that gave the score.")
    basis: Basis | None
    stage: StageShown
    score: CustomerScore
    published: PublishedScore
    alive_prob: Prob | None = Field(description="p(alive) of the purchase model.")
    purchase: dict[str, Any] | None = Field(description="Frequency, recency, age, and what is expected of them.")
    value: CustomerValue
    segment: str | None = Field(description="Main segment.", examples=["champions"])
    segments: dict[str, Any] = Field(description="Every group that the customer is in.")
    probs: dict[str, float] = Field(description="Published probabilities of the program's further targets.")
    features: dict[str, FeatureValue] | None = Field(description="Published features by name; null: none published.")
    days: list[list[Any]] = Field(description="Last active days: day, transactions, net value; newest last.")
    grants: list[GrantShown] = Field(description="Grants and reversals, oldest first.")
    held_out: list[dict[str, Any]] = Field(description="Cycles in which the customer was held out, for comparison.")
    messages: list[dict[str, Any]] = Field(description="Messages as the customer would read them.")
    details: dict[str, Any] = Field(
        description="What only this kind of program has: for a pension fund the quarters, operations, level, and the "
        "client's other accounts."
    )
