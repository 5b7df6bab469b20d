"""Programs, their champions, and how these came."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from app.api.schemas.base import Told


class TargetShown(Told):
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


class ChampionShown(Told):
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


class ProgramShown(Told):
    """A loyalty program in a few words."""

    program: str = Field(description="Name, as it stands in addresses.", examples=["teomewhy"])
    title: str = Field(description="Name as people read it.", examples=["Teo Me Why"])
    kind: str = Field(description="events: dated events. table: one row for each customer, no dates.")
    simulated: bool | None = Field(description="Whether the data are made up; null: nothing published, so unknown.")
    target: TargetShown
    unit: str = Field(description="Unit of the program's value.", examples=["points"])
    unit_scale: int = Field(description="Smallest units in one unit: amounts are in the smallest.", examples=[1])
    as_of: date | None = Field(description="Everything strictly before this day is known; null: nothing published.")
    known_through: date | None = Field(description="Last complete day of the source.")
    published_at: datetime | None = Field(description="When the scores were published.")
    customers: int | None = Field(description="Customers in the published set.", examples=[4494])
    model_version: str | None = Field(description="Version of the champion in service; null: none.", examples=["4"])
    has_purchase_model: bool = Field(description="Whether `/purchases` answers.")


class ProgramList(Told):
    """The programs that the caller may see."""

    programs: list[ProgramShown]


class PromotionShown(Told):
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
