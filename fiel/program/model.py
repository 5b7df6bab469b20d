"""One loyalty program, whole."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from fiel.program.base import Strict, TimeZone
from fiel.program.incentive import Economics, Incentive
from fiel.program.learning import Promotion, Target, Training
from fiel.program.purchases import Clusters, Purchases, Rfm
from fiel.program.rules import Break, Features, LifeCycle, PartsOfDay, ValueClusters
from fiel.program.source import OperatorEvents, Source, Value


class Program(Strict):
    """One loyalty program. Loaded from `deployments/programs/NAME.yaml`."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$", description="Name, also in table and model names.")]
    title: str = Field(description="Name as people read it.")
    simulated: bool = Field(False, description="The data are made up; every page says so.")
    day_time_zone: TimeZone = Field("UTC", description="Time zone in which days are cut.")
    source: Source = Field(description="Where the data come from and how they are laid out.")
    value: Value = Field(default_factory=Value, description="The unit in which events are worth something.")
    operator_events: OperatorEvents = Field(
        default_factory=OperatorEvents, description="Events of the operator: in balances, never activity or outcome."
    )
    life_cycle: LifeCycle = Field(default_factory=LifeCycle, description="Thresholds of the life-cycle stages.")
    parts_of_day: PartsOfDay = Field(default_factory=PartsOfDay, description="Local hours of the parts of the day.")
    value_clusters: ValueClusters = Field(default_factory=ValueClusters, description="Cuts of the value clusters.")
    breaks: tuple[Break, ...] = Field((), description="Planned breaks.")
    courses_undated_until: date = Field(date(2025, 2, 4), description="Courses of an earlier year are known from here.")
    features: Features = Field(default_factory=Features, description="Feature groups and their numbers.")
    rfm: Rfm = Field(default_factory=Rfm, description="Recency, frequency and monetary value.")
    purchases: Purchases = Field(default_factory=Purchases, description="The purchase models.")
    clusters: Clusters = Field(default_factory=Clusters, description="Clusters on recency, frequency, monetary value.")
    target: Target = Field(default_factory=Target, description="The outcome: what is predicted, and for whom.")
    more_targets: tuple[Target, ...] = Field(
        (), description="Further outcomes, each with a registered model of its own (fiel-PROGRAM-TARGET)."
    )
    training: Training = Field(default_factory=Training, description="How the monthly retraining learns.")
    promotion: Promotion = Field(default_factory=Promotion, description="When a challenger replaces the champion.")
    incentive: Incentive = Field(default_factory=Incentive, description="The incentive policy.")
    economics: Economics | None = Field(None, description="Money of a right and of a wrong action, where known.")

    @property
    def model_name(self) -> str:
        """Name of the registered model in MLflow."""
        return f"fiel-{self.name}"

    @property
    def tz(self) -> ZoneInfo:
        """The time zone in which days are cut."""
        return ZoneInfo(self.day_time_zone)

    def digest(self, *parts: str) -> str:
        """Hex digest (16 characters) of the program, or of the named top-level parts of it.

        Equal programs have equal digests; used to know whether a table was built under today's rules.
        """
        content = self.model_dump(mode="json", include=set(parts) if parts else None)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
