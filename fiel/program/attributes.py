"""The part of a program that says how the columns of an undated table become features."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from fiel.program.base import Strict

Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$", max_length=60)]
"""A source column as Fiel writes it: small letters, digits and underscores."""


class Attributes(Strict):
    """Rules of the feature group `attributes` (programs of kind table). A feature is of one customer's row alone."""

    sentinels: tuple[float, ...] = Field((), description="Numbers that the source writes where it knows nothing.")
    zero_count: bool = Field(
        True, description="Whether the number of zeros among a customer's attributes is a feature."
    )
    families: tuple[Name, ...] = Field(
        (),
        description="Beginnings of column names. The sum of a family's numbers, and how many are not 0, are features.",
    )
    differences: tuple[tuple[Name, Name], ...] = Field(
        (), description="Pairs of columns whose difference (first minus second) is a feature."
    )
    ratios: tuple[tuple[Name, Name], ...] = Field(
        (), description="Pairs of columns whose ratio (first over second; empty where that is 0) is a feature."
    )

    @model_validator(mode="after")
    def _once(self) -> Attributes:
        for field in ("families", "differences", "ratios"):
            if len(set(getattr(self, field))) < len(getattr(self, field)):
                raise ValueError(f"attributes.{field} names one thing twice: leave it once")
        return self
