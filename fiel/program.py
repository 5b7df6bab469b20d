"""One loyalty program, as data: what comes in, what is asked, what it pays to act.

A program is a YAML file, `deployments/programs/NAME.yaml`. Everything that a program might want to change is a field
here, with its meaning, so that an unknown key or a wrong value is refused with its place in the file.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from fiel.errors import ProgramError
from fiel.settings import Settings

Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[int, Field(ge=1, le=3_650)]

STAGES = ("curioso", "fiel", "reconquistado", "reborn", "turista", "desencantado", "zumbi")
"""The life-cycle stages in the order in which they are always shown (LOOK.md, best to gone)."""


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{name!r} is no IANA time zone, such as America/Sao_Paulo or UTC") from error
    return name


TimeZone = Annotated[str, AfterValidator(_time_zone)]


class Strict(BaseModel):
    """A model that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class KaggleHandle(Strict):
    """One Kaggle data set that is part of the source."""

    name: str = Field(description="Short name, also the folder under raw/ and under a local source folder.")
    handle: str = Field(description="OWNER/DATASET on Kaggle.")


class EventColumns(Strict):
    """Which columns of your event table mean what (source format `event_table`)."""

    customer: str = Field(description="Column that identifies the customer.")
    time: str = Field(description="Column with the time (or date) of the event.")
    event: str | None = Field(
        None,
        description="Column that identifies the event; rows with the same id and customer "
        "are lines of one event. None: each row is one event.",
    )
    value: str | None = Field(
        None, description="Column with the signed value of the row. None: every event is worth 0."
    )
    quantity: str | None = Field(None, description="Column that multiplies the value (unit price x quantity).")
    product: str | None = Field(None, description="Column with the product id.")
    product_name: str | None = Field(None, description="Column with the product's name.")
    category: str | None = Field(None, description="Column with the product's category.")
    origin: str | None = Field(None, description="Column with the channel of the event.")


class Source(Strict):
    """Where the data come from and how they are laid out."""

    format: Literal["teomewhy", "event_table"] = Field(description="The layout: a module of `fiel/sources/`.")
    kaggle: tuple[KaggleHandle, ...] = Field((), description="Kaggle data sets, resolved to a version before download.")
    path: str | None = Field(None, description="Default folder or s3:// address when no --source is given.")
    files: tuple[str, ...] = Field(("*",), description="event_table: file names or patterns inside the source folder.")
    table: str | None = Field(None, description="event_table: the table's name when the file is SQLite.")
    separator: str | None = Field(
        None,
        description="event_table: the CSV separator; a single space means any run of "
        "blanks. None: `,` or `;`, found from the header.",
    )
    header: tuple[str, ...] | None = Field(None, description="event_table: column names of a file without a header.")
    columns: EventColumns | None = Field(None, description="event_table: what the columns mean.")
    time_format: str | None = Field(None, description="strptime format of the time column. None: ISO 8601.")
    time_zone: TimeZone = Field("UTC", description="Time zone in which the source writes its times.")
    decimal_mark: Literal[".", ","] = Field(
        ".", description="event_table: the decimal mark of values in text; with a comma, points are thousands marks."
    )
    missing_customer: Literal["reject", "drop"] = Field(
        "reject", description="Rows without a customer: counted as rejects, or set aside as expected (still counted)."
    )
    clock: Literal["calendar", "data"] = Field(
        "calendar",
        description="calendar: as_of defaults to the run's date. "
        "data: a finished file; as_of defaults to the day after its last "
        "complete day.",
    )
    last_day_complete: bool = Field(
        False,
        description="The last day of the data is complete (dates without hours, "
        "or an export made after midnight). False: known_through is the day before it.",
    )
    origins: dict[str, str] = Field({}, description="Source spelling of an origin to ours.")
    categories: dict[str, str] = Field(
        {},
        description="Source spelling of a product category (lower case) to ours; "
        "an unmapped category warns and stays as it is.",
    )
    tolerated_reject_share: Share = Field(
        0.01, description="Above this share of rejected rows the run stops before anything downstream changes."
    )

    @model_validator(mode="after")
    def _columns_where_needed(self) -> Source:
        if self.format == "event_table" and self.columns is None:
            raise ValueError("source.columns is needed for format event_table: name at least customer and time")
        return self


class Value(Strict):
    """The unit in which events are worth something. Sums are integer sums of the smallest unit."""

    unit: str = Field("points", description="Word for the unit, as people read it (points, GBP, USD).")
    scale: int = Field(1, ge=1, le=1_000_000, description="Smallest units in one unit: 1 for points, 100 for cents.")


class OperatorEvents(Strict):
    """Events that the operator or Fiel itself causes: they count in balances, never as activity, feature or outcome."""

    categories: tuple[str, ...] = Field((), description="Product categories of operator events.")
    products: tuple[str, ...] = Field((), description="Product names of operator events.")
    origins: tuple[str, ...] = Field((), description="Origins of operator events.")


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


class Target(Strict):
    """The outcome: what is predicted, and for whom."""

    name: str = Field("fiel", description="Name of the target; the registered model is fiel-PROGRAM.")
    kind: Literal["stage", "active"] = Field(
        "stage",
        description="stage: in `stage` at as_of + horizon. active: at "
        "least one active day in [as_of, as_of + horizon).",
    )
    stage: Literal["fiel"] = Field("fiel", description="The stage that counts as success when kind is stage.")
    horizon_days: Days = Field(28, description="Days from as_of to the outcome.")
    live_origins: tuple[str, ...] = Field(
        (), description="Population: at least one event of one of these origins before as_of. Empty: any event."
    )
    exclude_stages: tuple[str, ...] = Field(("zumbi",), description="Population: not in one of these stages at as_of.")


class Training(Strict):
    """How the monthly retraining learns and compares (DESIGN.md sections 4 and 5)."""

    cohorts: int = Field(24, ge=3, le=240, description="Monthly cohorts at the most.")
    valid_cohorts: int = Field(2, ge=1, description="Cohorts for calibration.")
    oot_cohorts: int = Field(3, ge=1, description="Out-of-time cohorts, read once, for report and promotion.")
    folds: int = Field(3, ge=2, le=10, description="Rolling-origin folds inside train.")
    search_trials: int = Field(8, ge=0, le=500, description="Trials of the search; 0 switches it off.")
    iterations: int = Field(400, ge=10, le=20_000, description="Trees at the most; early stopping on the folds.")
    seed: int = Field(20_260_101, description="Seed of everything that is drawn.")
    threads: int = Field(2, ge=1, le=64, description="CatBoost threads: results depend on it, so it is pinned.")
    device: Literal["cpu", "gpu"] = Field("cpu", description="Where CatBoost fits; a GPU gives other trees.")
    calibrate_sigmoid_below: int = Field(1_000, description="Positives below which calibration is sigmoid.")


class Promotion(Strict):
    """When a challenger replaces the champion (DESIGN.md section 5)."""

    non_inferiority_margin: float = Field(
        0.01,
        ge=0,
        le=0.5,
        description="AUC that the same recipe on newer data may lose at the lower bound of the interval.",
    )
    confidence: Share = Field(0.95, description="Level of the intervals.")
    bootstrap: int = Field(500, ge=50, le=100_000, description="Bootstrap draws, by customer.")
    max_psi: float = Field(0.25, gt=0, description="PSI of scores, train to out-of-time, above which promotion fails.")
    warn_psi: float = Field(0.25, gt=0, description="PSI of an input above which the report warns.")
    min_slice: int = Field(50, ge=1, description="Slices with fewer rows are reported, not gated.")
    slice_margin: float = Field(
        0.01, ge=0, le=1, description="Log loss that a slice may lose against the champion at the lower bound."
    )
    calibration_slope_tolerance: Share = Field(
        0.1, description="The interval of the calibration slope has to meet 1, give or take this."
    )
    calibration_intercept_tolerance: Share = Field(
        0.1, description="The interval of the calibration intercept (log odds) has to meet 0, give or take this."
    )


class ScoreBucket(Strict):
    """Points for the customers whose score lies in [from_prob, to_prob) (the last bucket includes 1)."""

    from_prob: Share = Field(description="Lowest score of the bucket.")
    to_prob: Share = Field(description="Score below which the bucket ends (1 is included).")
    product: str = Field(description="Product id of the grant in the points system.")
    points: int = Field(description="Signed integer points: a reward above zero, a penalty below.")


class Incentive(Strict):
    """The incentive policy: who is granted how many points, within which limits (DESIGN.md section 6)."""

    version: str = Field("1", description="Version of the policy, an attribute of every cycle.")
    system_origin: str = Field("fiel", description="Origin that the points system records for a grant.")
    invented: bool = Field(False, description="The amounts are placeholders of ours, not the operator's.")
    buckets: tuple[ScoreBucket, ...] = Field((), description="Points by score bucket. Empty: nothing is granted.")
    order: Literal["prob_desc", "prob_asc", "loss_prob_desc", "gain_prob_desc", "value_desc"] = Field(
        "prob_desc", description="Order in which the budget is handed out; ties by customer id."
    )
    penalties: bool = Field(False, description="Whether buckets with negative points are applied.")
    budget_points: int = Field(0, ge=0, description="Points that one cycle may pay in rewards.")
    cap_customer_points: int = Field(10_000, ge=0, description="Points that one customer may get in one cycle.")
    cap_cycle_points: int = Field(1_000_000, ge=0, description="Absolute cap of one cycle (rewards), also the first.")
    cap_growth_share: float = Field(
        1.5, gt=0, description="A cycle may pay at most this multiple of the last applied one (a circuit breaker)."
    )
    cooldown_days: int = Field(28, ge=0, description="Days from the last applied, unreversed grant to the next.")
    cadence_days: int = Field(7, ge=1, description="Least days between the as_of of two applied cycles.")
    hold_out_share: Share = Field(0.3, description="Share of the eligible held out, so that lift can be measured.")
    season: str = Field("1", description="Salt of the hold-out; a new season draws a new hold-out.")
    balance_floor_points: int = Field(0, description="A balance never falls below this by a penalty.")
    exclude_stages: tuple[str, ...] = Field((), description="Stages that are never granted anything.")
    exclude_customers: tuple[str, ...] = Field((), description="Customer ids that are never granted anything.")
    max_score_age_days: int = Field(3, ge=0, description="Older scores can be planned, never paid.")

    @model_validator(mode="after")
    def _buckets_disjoint(self) -> Incentive:
        ordered = sorted(self.buckets, key=lambda bucket: bucket.from_prob)
        for bucket in ordered:
            if not bucket.from_prob < bucket.to_prob:
                raise ValueError(f"incentive bucket {bucket.product}: from_prob must be below to_prob")
        for left, right in itertools.pairwise(ordered):
            if left.to_prob > right.from_prob:
                raise ValueError(f"incentive buckets {left.product} and {right.product} overlap")
        return self


class Economics(Strict):
    """Money of a right and of a wrong action, where the program knows it."""

    currency: str = Field("BRL", description="ISO 4217 code.")
    benefit: float = Field(gt=0, description="Gain of treating a customer who is positive.")
    cost: float = Field(ge=0, description="Loss of treating a customer who is not.")


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
    target: Target = Field(default_factory=Target, description="The outcome: what is predicted, and for whom.")
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


def load_program(name: str, settings: Settings) -> Program:
    """The program called `name` from `settings.programs`; ProgramError names file, field and what to do."""
    path = settings.programs / f"{name}.yaml"
    if not path.is_file():
        known = program_names(settings)
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ProgramError(f"there is no program {name!r} ({path} does not exist): {hint}known are: {', '.join(known)}")
    return read_program(path)


def program_names(settings: Settings) -> list[str]:
    """Names of all program files, sorted."""
    return sorted(path.stem for path in settings.programs.glob("*.yaml"))


def read_program(path: Path) -> Program:
    """The program in the file `path`; ProgramError names the field that is wrong."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ProgramError(f"{path}: not valid YAML: {error}") from error
    except UnicodeDecodeError as error:
        raise ProgramError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8") from error
    if not isinstance(content, dict):
        raise ProgramError(f"{path}: a program file is a mapping of fields, such as `name: {path.stem}`")
    try:
        program = Program.model_validate(content)
    except ValidationError as error:
        wrong = [_explain(item, content) for item in error.errors()]
        raise ProgramError(f"{path}: " + "; ".join(wrong)) from error
    if program.name != path.stem:
        raise ProgramError(
            f"{path}: field `name` is {program.name!r}, but the file is called {path.stem!r}: make them equal"
        )
    return program


def _explain(item: object, content: dict[str, object]) -> str:
    """One pydantic error as `field: what is wrong`, with the nearest known key for an unknown one."""
    assert isinstance(item, dict)
    place = ".".join(str(part) for part in item["loc"]) or "program"
    if item["type"] != "extra_forbidden":
        return f"field `{place}`: {item['msg']} (got {str(item.get('input'))[:80]!r})"
    model: type[BaseModel] | None = Program
    for part in item["loc"][:-1]:
        field = model.model_fields.get(str(part)) if model else None
        model = field.annotation if field and isinstance(field.annotation, type) else None
        model = model if model and issubclass(model, BaseModel) else None
    names = list(model.model_fields) if model else []
    near = difflib.get_close_matches(str(item["loc"][-1]), names, n=1)
    return f"field `{place}` is not known" + (f": did you mean `{near[0]}`?" if near else "")
