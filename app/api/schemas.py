"""What callers of the API send and get, as OpenAPI shows it: one model for every request and every answer.

Requests are checked against these models. Answers are made by hand (app/api/*.py), because a customer's document comes
from the store as finished JSON; tests hold them to these models.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

LONGEST_ID = 200
MOST_FEATURES = 2_000

CustomerText = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ID, pattern=r"^[^\x00]*$")]
CustomerId = Annotated[
    CustomerText | Annotated[int, Field(ge=0, le=2**63 - 1)],
    Field(
        description="Id of a customer, as the program's source has it. A number is read as its digits.",
        examples=["000ff655-fa9f-4baa-a108-47f581ec52a1", 42],
    ),
]
Prob = Annotated[float, Field(ge=0, le=1)]
FeatureValue = Annotated[
    int | float | bool | Annotated[str, StringConstraints(max_length=500)] | None,
    Field(description="A number, a text for a category, or null for empty."),
]
Features = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=200)], FeatureValue],
    Field(
        max_length=MOST_FEATURES,
        description="Features by name, as `GET /v1/{program}/customers/{id}` shows them. Those that the model does not "
        "know are refused; those that it knows and that are not given count as empty, and the answer names them.",
        examples=[{"stage": "fiel", "active_days_d28": 11, "recency_days": 2}],
    ),
]
Language = Annotated[Literal["en", "pt"], Field(description="Language of texts: English or Portuguese.")]
Basis = Annotated[
    Literal["recomputed", "published", "cross_fitted", "given"],
    Field(
        description="Where the probability comes from. recomputed: the champion, now, from the published features. "
        "published: the stored score of the batch (no model in service, or no published features). cross_fitted: the "
        "stored score by models that had not seen this customer, because the champion has learned from them. given: "
        "the champion, now, from the features in the request."
    ),
]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid")


# ------------------------------------------------------------------------------------------ problems


class ProblemField(_Told):
    """One thing that is wrong in a request."""

    field: str = Field(description="Where: a field of the body, a parameter, or a header.", examples=["customers.0"])
    message: str = Field(description="What is wrong.", examples=["Input should be a valid string"])
    todo: str | None = Field(None, description="What to do.", examples=["Send this field."])


class ProblemDetails(BaseModel):
    """An error (RFC 9457): what was wrong, which field, what to do."""

    type: str = Field(description="Kind of the problem.", examples=["urn:fiel:problem:unknown-customer"])
    title: str = Field(description="The kind in words.", examples=["There is no such customer"])
    status: int = Field(description="HTTP status.", examples=[404])
    detail: str = Field(
        description="What was wrong this time.", examples=["No customer of teomewhy has this id as of 2025-11-01."]
    )
    instance: str | None = Field(None, description="The request.", examples=["urn:fiel:request:6c6e2b5f0c9c4f1d"])
    todo: str | None = Field(None, description="What to do, where no single field is wrong.")
    errors: list[ProblemField] = Field(default_factory=list, description="The fields that are wrong.")


# ------------------------------------------------------------------------------------------ programs


class TargetShown(_Told):
    """What the model predicts."""

    name: str = Field(description="Name of the target.", examples=["fiel"])
    kind: str = Field(
        description="stage: in a stage at the horizon's end. active, purchase: at least one active or purchase day in "
        "it. closed: the account is closed in it. label: the source's own label, without a horizon.",
        examples=["stage"],
    )
    horizon: str | None = Field(description="From as_of to the outcome, in words.", examples=["28 days"])
    horizon_days: int | None = Field(description="The horizon in days, where it has any.", examples=[28])
    horizon_months: int | None = Field(description="The horizon in months, where it has any.", examples=[None])


class ChampionShown(_Told):
    """The model that answers now."""

    target: str = Field(description="Name of the target that it predicts.", examples=["fiel"])
    version: str = Field(description="Version of the registered model.", examples=["4"])
    kind: str = Field(description="catboost, or stage_rule (shares by stage, no machine learning).")
    digest: str = Field(description="SHA-256 of the model's file.", examples=["9f2c…"])
    promoted_at: datetime = Field(description="When it became champion.")
    promoted_by: str = Field(description="Who or what promoted it.", examples=["retrain"])
    reason: str = Field(description="Why.", examples=["not inferior to version 3: AUC +.004 (-.002 to +.010)"])
    features: int = Field(description="Features that it reads.", examples=[84])
    trained_as_of: list[str] = Field(description="Cohorts that it was fitted or calibrated on.")
    oot_as_of: list[str] = Field(description="Cohorts that it was judged on.")
    metrics: dict[str, Any] = Field(description="Measures as the promotion ledger keeps them.")


class ProgramShown(_Told):
    """A loyalty program in a few words."""

    program: str = Field(description="Name, as it stands in addresses.", examples=["teomewhy"])
    title: str = Field(description="Name as people read it.", examples=["Teo Me Why"])
    kind: str = Field(description="events: dated events. table: one row for each customer, no dates.")
    simulated: bool = Field(description="Whether the data are made up.")
    target: TargetShown
    unit: str = Field(description="Unit of the program's value.", examples=["points"])
    unit_scale: int = Field(description="Smallest units in one unit: amounts are in the smallest.", examples=[1])
    as_of: date | None = Field(description="Everything strictly before this day is known; null: nothing published.")
    known_through: date | None = Field(description="Last complete day of the source.")
    published_at: datetime | None = Field(description="When the scores were published.")
    customers: int | None = Field(description="Customers in the published set.", examples=[4494])
    model_version: str | None = Field(description="Version of the champion in service; null: none.", examples=["4"])
    has_purchase_model: bool = Field(description="Whether `/purchases` answers.")


class ProgramList(_Told):
    """The programs that the caller may see."""

    programs: list[ProgramShown]


class PromotionShown(_Told):
    """One change of a champion."""

    target: str = Field(description="Name of the target.")
    at: datetime = Field(description="When.")
    by: str = Field(description="Who or what.")
    action: Literal["first", "promote", "rollback"]
    from_version: str | None
    to_version: str
    digest: str
    reason: str
    override: str | None = Field(description="Why a person overrode the comparison; null where nobody did.")
    metrics: dict[str, Any] = Field(description="Measures of the comparison.")


class ProgramDetails(ProgramShown):
    """A program, its champions, and how they came."""

    stages: list[str] = Field(description="Life-cycle stages, best to gone; empty where the program has none.")
    champions: list[ChampionShown] = Field(description="The champion of each target in service, the main one first.")
    refused: dict[str, str] = Field(description="Models that were refused, and why: the one before stays in service.")
    promotions: list[PromotionShown] = Field(description="Every promotion and rollback, oldest first.")
    counts: list[dict[str, Any]] = Field(description="Customers by stage and segment.")
    inputs: list[str] = Field(description="Features that the main champion reads, in its order.")


# ------------------------------------------------------------------------------------------ scores


class ReasonShown(_Told):
    """A reason of a score in words."""

    text: str = Field(description="The reason.", examples=["11 active days in the last 28 days raise it"])
    feature: str | None = Field(None, description="The feature that it speaks of.", examples=["active_days_d28"])
    topic: str | None = Field(None, description="What features that say nearly the same thing have in common.")
    value: FeatureValue = Field(None, description="The customer's value.")
    contribution: float | None = Field(
        None, description="What the topic adds to the log odds of the score.", examples=[0.42]
    )


class ItemError(_Told):
    """Why one customer of a request has no answer."""

    type: Literal[
        "unknown-customer", "invalid-features", "missing-columns", "no-model", "invalid-history", "not-computable"
    ]
    message: str = Field(description="What is wrong.", examples=["no customer of teomewhy has this id"])
    field: str | None = Field(None, description="Which feature or field.", examples=["active_days"])
    todo: str | None = Field(None, description="What to do.", examples=["Did you mean active_days_d28?"])


class ScoreItem(_Given):
    """A customer by id, or by features."""

    customer_id: CustomerId | None = Field(
        None, description="The customer. With features it is only repeated in the answer."
    )
    features: Features | None = Field(None, description="Features to score instead of the published ones.")


class ScoreRequest(_Given):
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


class ScoreResult(_Told):
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
    reasons: list[ReasonShown] | None = Field(None, description="Where they were asked for: the strongest first.")
    error: ItemError | None = None


class ScoreAnswer(_Told):
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


# ------------------------------------------------------------------------------------------ one customer


class StageShown(_Told):
    """Life-cycle stage now and next; null parts where the program has no stages."""

    now: str | None = Field(examples=["fiel"])
    next: str | None = Field(description="Stage after the next drop without a visit.", examples=["turista"])
    next_date: date | None = Field(description="The day of that drop.")
    after_visit: str | None = Field(description="Stage on the day after a visit.", examples=["fiel"])
    history: list[list[str]] = Field(
        description="Stages so far: name, first and last as_of (inclusive), oldest first.",
        examples=[[["curioso", "2025-01-02", "2025-01-08"], ["fiel", "2025-01-09", "2025-03-02"]]],
    )


class CustomerScore(_Told):
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


class PublishedScore(_Told):
    """What the batch scored at as_of; the champion may be newer."""

    prob: Prob | None
    model_version: str
    is_cross_fitted: bool


class CustomerValue(_Told):
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


class CustomerAnswer(_Told):
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


# ------------------------------------------------------------------------------------------ what if


class WhatIfRequest(_Given):
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


class WhatIfChange(_Told):
    """A feature that was changed."""

    feature: str = Field(examples=["active_days_d28"])
    before: FeatureValue
    after: FeatureValue


class WhatIfAnswer(_Told):
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
    note: str | None = Field(None, description="What to bear in mind.")


# ------------------------------------------------------------------------------------------ purchases


class PurchaseItem(_Given):
    """A customer's purchases as the purchase models see them; times in days."""

    customer_id: CustomerId | None = Field(None, description="Repeated in the answer.")
    frequency: Annotated[int, Field(ge=0, le=100_000)] = Field(
        description="Repeat purchase days: distinct purchase days less one.", examples=[5]
    )
    recency_days: Annotated[float, Field(ge=0, le=100_000)] = Field(
        description="Days from the first to the last purchase day.", examples=[210]
    )
    age_days: Annotated[float, Field(ge=0, le=100_000)] = Field(
        description="Days from the first purchase day to now (T).", examples=[280]
    )
    mean_value: Annotated[float, Field(gt=0, le=1e15)] | None = Field(
        None,
        description="Mean value of a repeat purchase day, in the program's smallest unit; null: no value is computed, "
        "unless frequency is 0.",
        examples=[12500],
    )


class PurchasesRequest(_Given):
    """Purchase histories."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "customers": [{"frequency": 5, "recency_days": 210, "age_days": 280, "mean_value": 12500}],
                    "horizons_days": [30, 90],
                }
            ]
        }
    )

    customers: Annotated[list[PurchaseItem], Field(min_length=1)] = Field(
        description="One or many; at most as many as the service's batch limit."
    )
    horizons_days: Annotated[list[Annotated[int, Field(ge=1, le=3_650)]], Field(max_length=10)] | None = Field(
        None, description="How far to look ahead, in days; empty: the program's own horizons.", examples=[[30, 90]]
    )


class PurchaseResult(_Told):
    """What the purchase model says of one customer."""

    position: int
    customer_id: str | None
    status: Literal["computed", "failed"]
    alive_prob: Prob | None = Field(description="Probability that the customer will ever buy again.")
    purchases_expected: dict[str, float] | None = Field(description="Expected purchase days by horizon in days.")
    purchase_probs: dict[str, float] | None = Field(description="Probability of at least one, by horizon in days.")
    value_expected: dict[str, float] | None = Field(
        description="Expected value by horizon, in the smallest unit; null without mean_value or a value model."
    )
    error: ItemError | None = None


class PurchaseModelShown(_Told):
    """The purchase model that answers."""

    name: str = Field(examples=["mbg_nbd"])
    fitted_as_of: date
    time_unit: str = Field(description="Unit of the model's own time; this API speaks days.", examples=["weeks"])
    parameters: dict[str, float]
    is_identified: bool | None = Field(
        description="Whether the data tell the drop-out part; if not, mistrust p(alive)."
    )


class PurchasesAnswer(_Told):
    """Purchase figures, in the order of the request."""

    request_id: str
    program: str
    as_of: date
    unit: str
    unit_scale: int
    model: PurchaseModelShown
    computed: int
    failed: int
    results: list[PurchaseResult]
