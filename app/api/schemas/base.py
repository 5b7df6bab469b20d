"""What requests and answers are made of: ids, features, probabilities, problems."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

LONGEST_ID = 200
MOST_FEATURES = 2_000

CustomerText = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ID, pattern=r"^[^\x00]*$")]
CustomerId = Annotated[
    CustomerText | Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)],
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
        description="Features by name, as `GET /v1/{program}/customers/{id}` shows them. Those that nobody "
        "knows are refused; those that the published set has and the champion does not read are passed over; those "
        "that it reads and that are not given count as empty, and the answer names them.",
        examples=[{"stage": "fiel", "active_days_d28": 11, "recency_days": 2}],
    ),
]
Language = Annotated[Literal["en", "pt"], Field(description="Language of texts: English or Portuguese.")]
Basis = Annotated[
    Literal["recomputed", "published", "cross_fitted", "given"],
    Field(
        description="Where the probability comes from. recomputed: the champion, now, from the published features. "
        "published: the stored score of the batch (read by `GET customers` where the present champion made it, else "
        "where no model is in service or no features were published). cross_fitted: the "
        "stored score by models that had not seen this customer, because the champion has learned from them. given: "
        "the champion, now, from the features in the request."
    ),
]


class Given(BaseModel):
    """What a caller sends: nothing that is not known, and every value of its own type (true is no number)."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Told(BaseModel):
    """What a caller gets: nothing that is not described."""

    model_config = ConfigDict(extra="forbid")


class ProblemField(Told):
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
