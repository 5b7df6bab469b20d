"""The part of a program that says how the columns of an undated table become features."""

from __future__ import annotations

from pydantic import Field

from fiel.program.base import Strict


class Attributes(Strict):
    """Rules of the feature group `attributes` (programs of kind table)."""

    sentinels: tuple[float, ...] = Field((), description="Numbers that the source writes where it knows nothing.")
    zero_count: bool = Field(
        True, description="Whether the number of zeros among a customer's attributes is a feature."
    )
