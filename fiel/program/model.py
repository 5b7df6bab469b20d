"""One loyalty program, whole."""

from __future__ import annotations

import difflib
import hashlib
import json
from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, PrivateAttr, model_validator

from fiel.errors import ProgramError
from fiel.program.attributes import Attributes
from fiel.program.base import Strict, TimeZone
from fiel.program.engagement import EngagementRules
from fiel.program.incentive import Economics, Incentive
from fiel.program.learning import Promotion, Target, Training
from fiel.program.messages import Messages
from fiel.program.pension import Pension
from fiel.program.purchases import Clusters, Purchases, Rfm
from fiel.program.rules import Break, Features, LifeCycle, PartsOfDay, ValueClusters
from fiel.program.source import OperatorEvents, Source, Value

LEDGER_NAME = 60
"""Longest name, in characters, that the promotion ledger is keyed by."""


class Program(Strict):
    """One loyalty program. Loaded from `deployments/programs/NAME.yaml`."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$", description="Name, also in table and model names.")]
    title: str = Field(description="Name as people read it.")
    kind: Literal["events", "table"] = Field(
        "events",
        description="events: dated events, cohorts by time. table: one row for each customer and no dates; as_of is "
        "source.version_date, and train, validation and test are told apart by customer (training.shares).",
    )
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
    attributes: Attributes = Field(
        default_factory=Attributes, description="How the columns of an undated table become features."
    )
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
    pension: Pension | None = Field(None, description="A pension fund's quarterly accounts (source format pension).")
    engagement: EngagementRules | None = Field(
        None, description="Engagement, value segments, risk groups and uplift (source format telecom)."
    )
    messages: Messages | None = Field(None, description="What is written to customers. Empty: nothing.")

    _is_further: bool = PrivateAttr(default=False)

    @model_validator(mode="after")
    def _targets_fit(self) -> Program:
        names = self.target_names
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two targets are called {twice[0]!r}: each needs a name of its own")
        for target in self.more_targets:
            longest = LEDGER_NAME - 1 - len(self.name)
            if len(target.name) > longest:
                raise ValueError(
                    f"more_targets {target.name}: a name of at most {longest} characters fits into the ledger"
                )
            if set(target.live_origins) != set(self.target.live_origins):
                raise ValueError(
                    f"more_targets {target.name}: live_origins have to be those of the main target, by which the "
                    "snapshot marks its population"
                )
            outside = [stage for stage in self.target.exclude_stages if stage not in target.exclude_stages]
            if outside:
                raise ValueError(
                    f"more_targets {target.name}: exclude_stages has to hold {', '.join(outside)} too, which the main "
                    "target leaves out: let the target with the widest population be the main one"
                )
        return self

    @model_validator(mode="after")
    def _value_at_stake_is_known(self) -> Program:
        if self.incentive.by != "value_at_stake" and self.incentive.order != "value_at_stake_desc":
            return self
        horizon = self.target.horizon_days
        if "purchase" not in self.features.groups:
            raise ValueError(
                "the incentive policy reads the value at stake, which comes from the feature group purchase: add it to "
                "features.groups"
            )
        if horizon not in self.purchases.horizons_days:
            raise ValueError(
                f"the incentive policy reads the value at stake over the target's {horizon} days: add {horizon} to "
                "purchases.horizons_days"
            )
        return self

    @model_validator(mode="after")
    def _kind_fits(self) -> Program:
        is_table = self.kind == "table"
        if is_table and self.source.version_date is None:
            raise ValueError("a program of kind table needs source.version_date: the date of its file, as its as_of")
        for target in (self.target, *self.more_targets):
            if is_table != (target.kind == "label"):
                raise ValueError(
                    f"target {target.name}: kind label belongs to programs of kind table, the other kinds to events"
                )
        if is_table and self.more_targets:
            raise ValueError("a program of kind table has one target: its file has one label")
        if self.incentive.max_grade is not None and self.economics is None:
            raise ValueError("incentive.max_grade reads grades, which come from expected profit: add economics")
        return self

    @model_validator(mode="after")
    def _pension_fits(self) -> Program:
        if (self.source.format == "pension") != (self.pension is not None):
            raise ValueError("source.format pension and the section `pension` (which file is which) go together")
        return self

    @model_validator(mode="after")
    def _engagement_fits(self) -> Program:
        if (self.source.format == "telecom") != (self.engagement is not None):
            raise ValueError("source.format telecom and the section `engagement` go together")
        return self

    @property
    def is_quarterly(self) -> bool:
        """Whether the customers are a pension fund's accounts: snapshots hold those that are open at as_of."""
        return self.pension is not None

    @property
    def quarterly(self) -> Pension:
        """The section `pension`; ProgramError where the program has none."""
        if self.pension is None:
            raise ProgramError(f"program {self.name} has no section `pension`: it says which file of the fund is which")
        return self.pension

    @property
    def is_table(self) -> bool:
        """Whether the program is undated: one row for each customer, split by customer."""
        return self.kind == "table"

    @property
    def has_stages(self) -> bool:
        """Whether customers have life-cycle stages: neither an undated table's customers nor accounts have any."""
        return not (self.is_table or self.is_quarterly)

    @property
    def baseline_words(self) -> str:
        """What the first champion is called: where everyone is in one stage, the stage rule is the base rate."""
        return "the stage rule" if self.has_stages else "the base rate"

    @property
    def judged_on(self) -> str:
        """What the rows are called that judge a model: out-of-time cohorts, or the test part of an undated program."""
        return "test" if self.is_table else "out-of-time"

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of all targets, the main one first."""
        return (self.target.name, *(target.name for target in self.more_targets))

    def with_target(self, name: str) -> Program:
        """The program as it predicts the target `name`: that one is its target, the others are dropped.

        The main target gives the program itself, so its names and digests are the same. ProgramError for an unknown
        name.
        """
        if name == self.target.name:
            return self
        further = {target.name: target for target in self.more_targets}
        if name not in further:
            near = difflib.get_close_matches(name, self.target_names, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ProgramError(
                f"program {self.name} has no target {name!r}: {hint}known are: {', '.join(self.target_names)}"
            )
        found = self.model_copy(update={"target": further[name], "more_targets": ()})
        found._is_further = True
        return found

    @property
    def model_name(self) -> str:
        """Name of the registered model in MLflow: fiel-PROGRAM, for a further target fiel-PROGRAM-TARGET."""
        return f"{self.experiment_name}-{self.target.name}" if self._is_further else self.experiment_name

    @property
    def experiment_name(self) -> str:
        """Name of the experiment in MLflow, which holds the runs of every target."""
        return f"fiel-{self.name}"

    @property
    def ledger_name(self) -> str:
        """What the promotion ledger is keyed by: PROGRAM, for a further target PROGRAM.TARGET."""
        return f"{self.name}.{self.target.name}" if self._is_further else self.name

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
