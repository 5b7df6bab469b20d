"""The part of a program that says what is computed: life cycle, windows, clusters, breaks."""

from __future__ import annotations

from datetime import date

from pydantic import Field, model_validator

from fiel.program.base import Days, Strict


class LifeCycle(Strict):
    """Thresholds of the life-cycle stages in days (DOMAIN.md section 1); first match wins."""

    new_max_age: Days = Field(7, description="curioso: age up to this.")
    recent_max: Days = Field(7, description="Active: recency up to this.")
    loyal_max_gap: Days = Field(14, description="fiel: active, with a gap up to this.")
    won_back_max_gap: Days = Field(27, description="reconquistado: active, gap up to this; above it reborn.")
    tourist_max: Days = Field(14, description="turista: recency up to this.")
    leaving_max: Days = Field(28, description="desencantado: recency up to this; above it zumbi.")

    @model_validator(mode="after")
    def _ordered(self) -> LifeCycle:
        if not self.recent_max < self.tourist_max < self.leaving_max:
            raise ValueError("life_cycle needs recent_max < tourist_max < leaving_max")
        if not self.loyal_max_gap <= self.won_back_max_gap:
            raise ValueError("life_cycle needs loyal_max_gap <= won_back_max_gap")
        if self.recent_max > self.new_max_age:
            raise ValueError("life_cycle needs recent_max <= new_max_age: a customer with one active day has no gap")
        return self


class PartsOfDay(Strict):
    """Local hours, inclusive, of the parts of the day; the rest is night."""

    morning: tuple[int, int] = Field((7, 11), description="First and last local hour of the morning.")
    afternoon: tuple[int, int] = Field((12, 18), description="First and last local hour of the afternoon.")


class ValueClusters(Strict):
    """Cuts of the F x V clusters over the frequency window (DOMAIN.md section 1)."""

    high_value: int = Field(1_500, description="Value (smallest units) from which a customer is hyper or eficiente.")
    middle_value: int = Field(750, description="Value (smallest units) from which a customer is indeciso or esforcado.")
    rare_below: int = Field(5, description="Below this many active days: lurker.")
    frequent_above: int = Field(10, description="Above this many active days: the frequent half.")


class Break(Strict):
    """A planned break: few events are expected, so cohorts that fall in it are flagged."""

    name: str = Field(description="Name, as reports show it.")
    first: date = Field(description="First day.")
    last: date = Field(description="Last day, inclusive.")


class Features(Strict):
    """Which feature groups the program's snapshot joins, and their numbers."""

    groups: tuple[str, ...] = Field(("activity", "life_cycle", "calendar"), description="Feature groups, by name.")
    windows: tuple[Days, ...] = Field((7, 14, 28, 56), description="Windows of the activity features in days.")
    frequency_window: Days = Field(28, description="The window of frequency, MAU and value clusters in days.")
    tracked_products: dict[str, str] = Field({}, description="Column suffix to product name, for shares of lines.")
    tracked_categories: dict[str, str] = Field({}, description="Column suffix to category, for shares of lines.")
    optional_groups: tuple[str, ...] = Field(
        ("courses", "calendar"),
        description="Groups that the model keeps only if they lower the log loss on the folds inside train.",
    )
    never: tuple[str, ...] = Field((), description="Feature columns to leave out of the model.")

    @model_validator(mode="after")
    def _window_present(self) -> Features:
        if self.frequency_window not in self.windows:
            raise ValueError("features.frequency_window must be one of features.windows")
        return self
