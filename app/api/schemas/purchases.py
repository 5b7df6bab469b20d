"""Purchase histories and what the purchase models say of them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from app.api.schemas.base import CustomerId, Given, Prob, Told
from app.api.schemas.scores import ItemError


class PurchaseItem(Given):
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


class PurchasesRequest(Given):
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


class PurchaseResult(Told):
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


class PurchaseModelShown(Told):
    """The purchase model that answers."""

    name: str = Field(examples=["mbg_nbd"])
    fitted_as_of: date
    time_unit: str = Field(description="Unit of the model's own time; this API speaks days.", examples=["weeks"])
    parameters: dict[str, float]
    is_identified: bool | None = Field(
        description="Whether the data tell the drop-out part; if not, mistrust p(alive)."
    )


class PurchasesAnswer(Told):
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
