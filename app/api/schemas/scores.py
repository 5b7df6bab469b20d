"""Scores with their reasons, and what if."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from app.api.schemas.base import Basis, CustomerId, Features, FeatureValue, Given, Language, Prob, Told


class ReasonShown(Told):
    """A reason of a score in words."""

    text: str = Field(description="The reason.", examples=["11 active days in the last 28 days raise it"])
    feature: str | None = Field(None, description="The feature that it speaks of.", examples=["active_days_d28"])
    topic: str | None = Field(None, description="What features that say nearly the same thing have in common.")
    value: FeatureValue = Field(None, description="The customer's value.")
    contribution: float | None = Field(
        None, description="What the topic adds to the log odds of the score.", examples=[0.42]
    )


class ItemError(Told):
    """Why one customer of a request has no answer."""

    type: Literal[
        "unknown-customer",
        "not-published",
        "invalid-features",
        "missing-columns",
        "no-model",
        "invalid-history",
        "not-computable",
    ]
    message: str = Field(description="What is wrong.", examples=["no customer of teomewhy has this id"])
    field: str | None = Field(None, description="Which feature or field.", examples=["active_days"])
    todo: str | None = Field(None, description="What to do.", examples=["Did you mean active_days_d28?"])


class ScoreItem(Given):
    """A customer by id, or by features."""

    customer_id: CustomerId | None = Field(
        None, description="The customer. With features it is only repeated in the answer."
    )
    features: Features | None = Field(None, description="Features to score instead of the published ones.")


class ScoreRequest(Given):
    """Customers to score."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"customers": ["000ff655-fa9f-4baa-a108-47f581ec52a1"]},
                {
                    "customers": [
                        "000ff655-fa9f-4baa-a108-47f581ec52a1",
                        {"customer_id": "new", "features": {"stage": "curioso", "active_days_d28": 3}},
                    ],
                    "reasons": True,
                    "language": "pt",
                },
            ]
        }
    )

    customers: Annotated[list[CustomerId | ScoreItem], Field(min_length=1)] = Field(
        description="Customers, each an id or an object; the answer has them in this order. At most as many as the "
        "service's batch limit (1,000 unless set otherwise)."
    )
    reasons: bool = Field(False, description="Also say why, in words. Costs some milliseconds for each customer.")
    language: Language = Field("en", description="Language of the reasons.")


class ScoreResult(Told):
    """The answer for one customer of a request."""

    position: int = Field(description="Place in the request, from 0.")
    customer_id: str | None = Field(description="The customer; null where the caller gave none.")
    status: Literal["scored", "not_scored", "failed"] = Field(
        description="scored: `prob` is there. not_scored: the model says nothing of such a customer, see `why`. "
        "failed: see `error`."
    )
    prob: Prob | None = Field(description="Probability of the target.", examples=[0.3127])
    basis: Basis | None
    as_of: date | None = Field(description="Date of the features; null where the caller gave them.")
    model_version: str | None = Field(description="Version of the model.", examples=["4"])
    why: str | None = Field(None, description="Why there is no probability.")
    missing: list[str] | None = Field(None, description="Features that the caller did not give: they counted as empty.")
    unused: list[str] | None = Field(
        None, description="Features that were given and that the champion does not read: they were passed over."
    )
    reasons: list[ReasonShown] | None = Field(None, description="Where they were asked for: the strongest first.")
    error: ItemError | None = None


class ScoreAnswer(Told):
    """Scores, in the order of the request."""

    request_id: str = Field(description="The request, as in the log of answers.")
    program: str = Field(examples=["teomewhy"])
    target: str = Field(description="What the probability is of.", examples=["fiel"])
    horizon: str | None = Field(description="From as_of to the outcome, in words.", examples=["28 days"])
    as_of: date | None = Field(description="Date of the published features; null: no customer of the store was scored.")
    model_version: str | None = Field(description="Version of the champion; null: none is in service.")
    scored: int = Field(description="Customers with a probability.")
    not_scored: int = Field(description="Customers of whom the model says nothing.")
    failed: int = Field(description="Customers without an answer.")
    results: list[ScoreResult]


class WhatIfRequest(Given):
    """A customer (or features) and the features to change."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"customer_id": "000ff655-fa9f-4baa-a108-47f581ec52a1", "changes": {"active_days_d28": 12}},
                {"features": {"stage": "turista", "active_days_d28": 2}, "changes": {"stage": "fiel"}},
            ]
        }
    )

    customer_id: CustomerId | None = Field(None, description="The customer whose published features are changed.")
    features: Features | None = Field(None, description="Features to start from, instead of a customer.")
    changes: Features = Field(min_length=1, description="The features that change, and their new values.")
    language: Language = Field("en", description="Language of the reasons.")


class WhatIfChange(Told):
    """A feature that was changed."""

    feature: str = Field(examples=["active_days_d28"])
    before: FeatureValue
    after: FeatureValue


class WhatIfAnswer(Told):
    """Both scores and their difference by reason."""

    request_id: str
    program: str
    customer_id: str | None
    target: str
    horizon: str | None
    as_of: date | None
    model_version: str
    basis: Basis
    prob_before: Prob
    prob_after: Prob
    difference: float = Field(description="prob_after - prob_before.")
    log_odds_difference: float = Field(description="The same in log odds: the sum of the contributions of by_reason.")
    changes: list[WhatIfChange] = Field(
        description="Features whose value differs; one that was set to what it was is not."
    )
    by_reason: list[ReasonShown] = Field(
        description="What each topic adds to the difference of the log odds, strongest first, in words of the changed "
        "customer. A topic that nobody touched may move, because the model reads features together."
    )
    missing: list[str] = Field(description="Features that were not given: they counted as empty, before and after.")
    unused: list[str] = Field(
        description="Features that were given or changed and that the champion does not read: they were passed over."
    )
    note: str | None = Field(None, description="What to bear in mind.")
