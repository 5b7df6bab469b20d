"""The schema of every table in the lake: columns, types, keys, ranges, meaning, and when each value was known.

`TABLES` is the one list. The lake's writer checks frames against it, the ingest validates with it, the leakage check
reads the known-at rules, and `docs/data-dictionary.md` is generated from it.

Known-at rules (DOMAIN.md section 0): `event_time` (the row's own time), `published` (the row's known_from date),
`first_version` (the first source version that held it), `derived` (computed by Fiel from columns known before as_of),
`never` (never a feature). A core column without a rule is refused by `known_at`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

import dataframely as dy
import polars as pl

from fiel.errors import SchemaError
from fiel.program import STAGES

KnownAt = Literal["event_time", "published", "first_version", "derived", "never"]
Layer = Literal["core", "feat", "out"]

CLUSTERS = ("hyper", "eficiente", "indeciso", "esforcado", "lurker", "preguicoso", "potencial", "none")
"""Value clusters over frequency and value (DOMAIN.md section 1)."""


def _meta(known_at: KnownAt, unit: str | None = None) -> dict[str, Any]:
    return {"known_at": known_at, "unit": unit}


def _text(about: str, known_at: KnownAt = "event_time", **more: Any) -> dy.String:
    return dy.String(description=about, metadata=_meta(known_at), **more)


def _int(about: str, known_at: KnownAt = "event_time", unit: str | None = None, **more: Any) -> dy.Int64:
    return dy.Int64(description=about, metadata=_meta(known_at, unit), **more)


def _float(about: str, known_at: KnownAt = "derived", unit: str | None = None, **more: Any) -> dy.Float64:
    return dy.Float64(description=about, metadata=_meta(known_at, unit), **more)


def _date(about: str, known_at: KnownAt = "event_time", **more: Any) -> dy.Date:
    return dy.Date(description=about, metadata=_meta(known_at), **more)


def _instant(about: str, known_at: KnownAt = "event_time", **more: Any) -> dy.Datetime:
    return dy.Datetime(time_unit="us", description=about, metadata=_meta(known_at), **more)


def _bool(about: str, known_at: KnownAt = "event_time", **more: Any) -> dy.Bool:
    return dy.Bool(description=about, metadata=_meta(known_at), **more)


# ---------------------------------------------------------------------------------------------------------- core


class Customers(dy.Schema):
    """Customers as the newest source version shows them, and what became of those that it no longer shows."""

    customer_id = _text("Customer.", "first_version", primary_key=True, min_length=1)
    source_created_at = _instant(
        "Creation stamp of the source (back-filled for old customers).", "never", nullable=True
    )
    balance_points = _int("Balance as of the source version.", "never", unit="points", nullable=True)
    first_version = _text("First source version that held the customer.", "never")
    last_version = _text("Last source version that held the customer.", "never")
    status = _text(
        "present, merged (its events moved to merged_into) or vanished.", "never", regex="^(present|merged|vanished)$"
    )
    merged_into = _text("Surviving customer of a merge.", "never", nullable=True)


class Events(dy.Schema):
    """Dated things that customers did. One row for each event; instants are UTC, days are cut in the program's zone."""

    event_id = _text("Event (a transaction).", primary_key=True, min_length=1)
    customer_id = _text("Customer (the surviving id after a merge).", min_length=1)
    occurred_at = _instant("Instant, naive UTC.")
    day = _date("Day in the program's day_time_zone.")
    value = _int("Signed value in the program's smallest unit.", unit="value")
    origin = _text("Channel.")
    is_operator = _bool("Caused by the operator or by Fiel: counts in balances only.")
    is_live = _bool("Of one of the target's live origins (any origin where none is named).")


class EventLines(dy.Schema):
    """Products of an event. An event without lines has none here (features count it as one line)."""

    event_id = _text("Event.", primary_key=True)
    line_id = _text("Line within the source.", primary_key=True)
    customer_id = _text("Customer.")
    day = _date("Day of the event.")
    product_id = _text("Product, text since 2026.", nullable=True)
    product_name = _text("Name of the product, as first seen.", "published", nullable=True)
    category = _text("Category after the program's mapping, as first seen.", "published", nullable=True)
    quantity = _int("Quantity.", nullable=True)
    value = _int("Value of one unit in the program's smallest unit.", unit="value", nullable=True)
    is_operator = _bool("The line's event is an operator event.")


class Products(dy.Schema):
    """The product catalogue. It is undated: a product is known from the first event that sold it."""

    product_id = _text("Product.", "first_version", primary_key=True)
    product_name = _text("Name.", "published", nullable=True)
    category = _text("Category after the program's mapping.", "published", nullable=True)
    source_category = _text("Category as the source spells it.", "published", nullable=True)
    known_from = _date("Day of the first event with this product; empty if never sold.", "published", nullable=True)


class CustomerDays(dy.Schema):
    """Customer-days with at least one event that is not an operator event: the active days. Built from core_events."""

    customer_id = _text("Customer.", primary_key=True)
    day = _date("Active day.", primary_key=True)
    transactions = _int("Events.", min=1)
    live_transactions = _int("Events of a live origin.", min=0)
    value_net = _int("Sum of values.", unit="value")
    value_earned = _int("Sum of values above zero.", unit="value", min=0)
    value_spent = _int("Sum of values below zero, as a positive number.", unit="value", min=0)
    active_seconds = _int("Last minus first event of the day.", unit="seconds", min=0, max=90_000)
    transactions_morning = _int("Events in the local morning.", min=0)
    transactions_afternoon = _int("Events in the local afternoon.", min=0)
    transactions_night = _int("Events in the rest of the day.", min=0)


class Links(dy.Schema):
    """Links from a course platform's user to a customer; one that a later version changed or dropped stays, ended."""

    user_id = _text("User of the course platform.", "published", primary_key=True)
    customer_id = _text("Customer.", "published", primary_key=True)
    known_from = _date(
        "First day on which the link is known: that of the first version that held it; of the first version ever, the "
        "customer's first event of origin `cursos` if that is earlier.",
        "published",
        primary_key=True,
    )
    known_until = _date(
        "Day of the version that named another customer or none; empty: still known.", "published", nullable=True
    )
    first_version = _text("First source version that held the link.", "never")


class CourseEpisodes(dy.Schema):
    """Episodes of courses, each known from the earliest completion by anyone of an episode at or past it."""

    course_slug = _text("Course.", "published", primary_key=True)
    episode = _int("Number of the episode.", "published", primary_key=True, min=0)
    known_from = _date(
        "Day from which the episode is known; empty if nobody finished it or a later one.", "published", nullable=True
    )


class Completions(dy.Schema):
    """Finished episodes, the first time for each user."""

    user_id = _text("User of the course platform.", primary_key=True)
    course_slug = _text("Course.", primary_key=True)
    episode = _int("Number of the episode.", primary_key=True, min=0)
    occurred_at = _instant("Instant, naive UTC.")
    day = _date("Day in the program's day_time_zone.")


class Skills(dy.Schema):
    """Skills that a user claimed."""

    skill_event_id = _text("Row id of the source.", primary_key=True)
    user_id = _text("User of the course platform.")
    skill = _text("Skill.")
    level = _text("Level.", nullable=True)
    occurred_at = _instant("Instant, naive UTC.")
    day = _date("Day in the program's day_time_zone.")


class Rewards(dy.Schema):
    """Rewards that a user claimed for a course."""

    user_id = _text("User of the course platform.", primary_key=True)
    course_slug = _text("Course.", primary_key=True)
    occurred_at = _instant("Instant, naive UTC.")
    day = _date("Day in the program's day_time_zone.")


class Rejected(dy.Schema):
    """Rows that broke a rule: set aside, never dropped in silence."""

    source_version = _text("Source version that held the row.", "never")
    table_name = _text("Source table or file.", "never")
    row = _int("Row number in it, the first data row being 1.", "never", min=0)
    rule = _text("Rule that the row broke.", "never")
    content = _text("The row as JSON.", "never")


class Changes(dy.Schema):
    """What a source version changed of rows that an earlier version held."""

    source_version = _text("Source version that brought the change.", "never")
    kind = _text(
        "merged, vanished, returned, restated, deleted or renamed.",
        "never",
        regex="^(merged|vanished|returned|restated|deleted|renamed)$",
    )
    table_name = _text("Core table.", "never")
    key = _text("Key of the row.", "never")
    before = _text("Values before, as JSON.", "never", nullable=True)
    after = _text("Values after, as JSON.", "never", nullable=True)


class Versions(dy.Schema):
    """Source versions, one row each; the newest row says which versions of the core tables belong together.

    Written last by an ingest: a run that dies before it leaves the earlier row, and so the earlier tables, in force.
    """

    sequence = _int("1, 2, 3 … in the order of ingestion.", "never", primary_key=True, min=1)
    source_version = _text("Version, for example loyalty-system=12;education-platform=7.", "never")
    fingerprint = _text("Digest of version, program rules and code version that made the core tables.", "never")
    known_through = _date("Last complete day.", "never")
    first_day = _date("Day of the first event.", "never")
    table_versions = _text("JSON: core table to Delta version.", "never")
    counts = _text("JSON: rows read, kept, rejected, restated, merged, vanished …", "never")
    warnings = _text("JSON: list of warnings.", "never")


# ------------------------------------------------------------------------------------------------------ features


class LifeCycleSpans(dy.Schema):
    """Life cycle as spans: a customer is in `stage` at every as_of from first_as_of to last_as_of, inclusive."""

    customer_id = _text("Customer.", "derived", primary_key=True)
    first_as_of = _date("First as_of of the span.", "derived", primary_key=True)
    last_as_of = _date("Last as_of of the span; empty: open (nothing but a visit ends it).", "derived", nullable=True)
    stage = _text("Stage.", "derived", regex=f"^({'|'.join(STAGES)})$")


class _Feature(dy.Schema):
    customer_id = _text("Customer.", "derived", primary_key=True)
    as_of = _date("Exclusive: everything strictly before this day is known.", "derived", primary_key=True)


class Activity(_Feature):
    """Activity features (DOMAIN.md section 1): what a customer did, over life and windows."""

    age_days = _int("as_of - first active day.", "derived", "days", min=1)
    transactions_morning_life = _int("Events in the local morning.", "derived", min=0)
    transactions_afternoon_life = _int("Events in the local afternoon.", "derived", min=0)
    transactions_night_life = _int("Events at other hours.", "derived", min=0)
    transactions_morning_share = _float("Share of events in the local morning.", min=0, max=1)
    transactions_afternoon_share = _float("Share of events in the local afternoon.", min=0, max=1)
    transactions_night_share = _float("Share of events at other hours.", min=0, max=1)
    mean_gap_days_life = _float("Mean gap between active days.", unit="days", nullable=True, min=1)


class LifeCycle(_Feature):
    """Life-cycle features (DOMAIN.md section 1): stage now and before, and what comes next without a visit."""

    recency_days = _int("as_of - last active day.", "derived", "days", min=1)
    gap_days = _int(
        "Last active day - the one before; empty with one active day.", "derived", "days", nullable=True, min=1
    )
    stage = _text("Stage at as_of.", "derived", regex=f"^({'|'.join(STAGES)})$")
    next_stage = _text("Stage after the next drop without a visit; empty for zumbi.", "derived", nullable=True)
    next_stage_date = _date("First as_of in next_stage without a visit; empty for zumbi.", "derived", nullable=True)
    stage_after_visit = _text("Stage on the day after a visit on as_of.", "derived")


class Courses(_Feature):
    """Course features (DOMAIN.md section 1). Customers without a known link count zero, with empty recency."""

    courses_finished = _int("Courses of which every known episode is finished.", "derived", min=0)
    courses_begun = _int("Courses begun and not finished.", "derived", min=0)
    courses_finished_rewarded = _int("Finished courses whose reward was claimed.", "derived", min=0)
    courses_finished_unrewarded = _int("Finished courses whose reward was not claimed.", "derived", min=0)
    learning_recency_days = _int(
        "as_of - day of the last reward, skill or finished episode.", "derived", "days", nullable=True, min=1
    )


class Calendar(dy.Schema):
    """Calendar features, the same for every customer of an as_of."""

    as_of = _date("Exclusive date.", "derived", primary_key=True)
    as_of_weekday = _int("1 Monday to 7 Sunday.", "derived", min=1, max=7)
    live_days_d28 = _int(
        "Days of the last 28 on which the customers with a live event are at least a tenth of their median over all "
        "days before as_of that had any.",
        "derived",
        "days",
        min=0,
        max=28,
    )
    planned_break_days = _int(
        "Days of planned breaks (program file) from as_of to as_of + horizon.", "derived", "days", min=0
    )


class Snapshot(_Feature):
    """One row for each customer with an active day before as_of: the groups that the program asks for, joined."""

    in_population = _bool("Belongs to the model's population (program file, target).", "derived")
    value_cluster = _text("Value cluster over the frequency window.", "derived", regex=f"^({'|'.join(CLUSTERS)})$")


# ------------------------------------------------------------------------------------------------------- outputs


class Scores(dy.Schema):
    """Scores of one as_of. Customers outside the population have a stage and no probability."""

    customer_id = _text("Customer.", "derived", primary_key=True)
    as_of = _date("Exclusive date.", "derived", primary_key=True)
    stage = _text("Stage at as_of.", "derived")
    next_stage = _text("Stage after the next drop without a visit.", "derived", nullable=True)
    next_stage_date = _date("First as_of in next_stage without a visit.", "derived", nullable=True)
    stage_after_visit = _text("Stage on the day after a visit on as_of.", "derived")
    value_cluster = _text("Value cluster.", "derived")
    in_population = _bool("Belongs to the model's population.", "derived")
    prob = _float("Probability of the target at as_of + horizon.", nullable=True, min=0, max=1)
    gain_prob = _float("Probability of the target for a customer who is not in it now.", nullable=True, min=0, max=1)
    loss_prob = _float("Probability of losing the target for a customer who is in it now.", nullable=True, min=0, max=1)
    reason_1 = _text("First reason of the score, in words.", "derived", nullable=True)
    reason_2 = _text("Second reason.", "derived", nullable=True)
    reason_3 = _text("Third reason.", "derived", nullable=True)
    model_version = _text("Version of the registered model.", "derived")
    model_digest = _text("Digest of the model's artifact.", "derived")
    table_versions = _text("JSON: table to version that the score was made from.", "derived")


class Quality(dy.Schema):
    """Realised quality of stored scores, once their cohort has matured."""

    as_of = _date("Cohort that was scored.", "derived", primary_key=True)
    model_version = _text("Model that scored it.", "derived", primary_key=True)
    customers = _int("Scored customers in the population.", "derived", min=0)
    target_rate = _float("Share that reached the target.", min=0, max=1, nullable=True)
    mean_prob = _float("Mean of the scores.", min=0, max=1, nullable=True)
    auc = _float("Area under the ROC curve; empty with one class only.", nullable=True, min=0, max=1)
    log_loss = _float("Log loss.", nullable=True, min=0)
    brier = _float("Brier score.", nullable=True, min=0, max=1)


class Plan(dy.Schema):
    """The plan of one cycle: one row for each customer, winners first in the order of payment."""

    as_of = _date("Cycle.", "derived", primary_key=True)
    customer_id = _text("Customer.", "derived", primary_key=True)
    rank = _int(
        "Order of payment among the eligible, 1 first; empty if excluded before ordering.", "derived", nullable=True
    )
    prob = _float("Score.", nullable=True, min=0, max=1)
    stage = _text("Stage.", "derived")
    product = _text("Product id of the grant.", "derived", nullable=True)
    points = _int("Points planned by the bucket (paid only where decision is grant).", "derived", "points")
    decision = _text("grant, held_out or excluded.", "derived", regex="^(grant|held_out|excluded)$")
    reason_code = _text("Why: granted, held_out, no_score, not_in_population, no_bucket, penalty_off, …", "derived")
    grant_id = _text("Id of the grant; empty unless decision is grant.", "derived", nullable=True)
    policy_version = _text("Policy version.", "derived")
    model_version = _text("Model that scored.", "derived", nullable=True)


# ------------------------------------------------------------------------------------------------------ registry


@dataclass(frozen=True)
class Pattern:
    """Columns whose names depend on the program or on the data: a pattern, one type, one meaning."""

    name: str
    dtype: pl.DataType
    about: str
    unit: str | None = None

    def matches(self, column: str) -> bool:
        """Whether `column` is of this pattern (`{w}` life or d + days, `{key}` a program's or the data's key)."""
        shape = re.escape(self.name).replace(r"\{w\}", r"(life|d\d+)").replace(r"\{key\}", r"[a-z0-9_]+")
        return re.fullmatch(shape, column) is not None


@dataclass(frozen=True)
class Table:
    """One table: its schema, its layer, how it is partitioned, and its generated columns."""

    name: str
    schema: type[dy.Schema]
    patterns: tuple[Pattern, ...] = field(default=())
    by_as_of: bool = False

    @property
    def layer(self) -> Layer:
        """core, feat or out."""
        return self.name.split("_")[0]  # type: ignore[return-value]

    @property
    def key(self) -> list[str]:
        """Primary key columns."""
        return list(self.schema.primary_key())

    @property
    def declared(self) -> dict[str, pl.DataType]:
        """Fixed columns and their Polars types."""
        return {name: column.dtype for name, column in self.schema.columns().items()}

    def check(self, found: pl.Schema) -> None:
        """SchemaError unless `found` has every fixed column in its type and nothing undeclared."""
        wrong = []
        for name, dtype in self.declared.items():
            if name not in found:
                wrong.append(f"column {name} is missing")
            elif found[name] != dtype:
                wrong.append(f"column {name} is {found[name]}, declared {dtype}")
        for name, dtype in found.items():
            if name in self.declared:
                continue
            pattern = next((p for p in self.patterns if p.matches(name)), None)
            if pattern is None:
                wrong.append(f"column {name} is not declared")
            elif dtype != pattern.dtype:
                wrong.append(f"column {name} is {dtype}, declared {pattern.dtype}")
        if wrong:
            raise SchemaError(f"table {self.name}: " + "; ".join(wrong))


_INT, _FLOAT, _STRING = pl.Int64(), pl.Float64(), pl.String()

ACTIVITY_PATTERNS = (
    Pattern("active_days_{w}", _INT, "Active days.", "days"),
    Pattern("transactions_{w}", _INT, "Events."),
    Pattern("value_net_{w}", _INT, "Net value.", "value"),
    Pattern("value_earned_{w}", _INT, "Value earned.", "value"),
    Pattern("value_spent_{w}", _INT, "Value spent, as a positive number.", "value"),
    Pattern("transactions_per_day_{w}", _FLOAT, "Events for each active day, 0 if none."),
    Pattern("hours_{w}", _FLOAT, "Sum over days of last minus first event.", "hours"),
    Pattern("active_days_share_{w}", _FLOAT, "Active days of the frequency window over its length."),
    Pattern("mean_gap_days_{w}", _FLOAT, "Mean of the gaps whose later day is in the frequency window.", "days"),
    Pattern("product_share_{key}", _FLOAT, "Share of lifetime lines with the tracked product."),
    Pattern("category_share_{key}", _FLOAT, "Share of lifetime lines with the tracked category."),
)
LIFE_CYCLE_PATTERNS = (
    Pattern("stage_{w}", _STRING, "Stage one frequency window earlier; `none` if younger."),
    Pattern("stage_share_{key}", _FLOAT, "Share of the as_of days of life spent in the stage."),
    Pattern(
        "stage_mean_active_days_{w}",
        _FLOAT,
        "Mean active days among customers in the same stage; empty for zumbi.",
        "days",
    ),
    Pattern("active_days_ratio_{w}", _FLOAT, "Own active days over that mean; empty for zumbi."),
)
COURSES_PATTERNS = (
    Pattern("course_share_{key}", _FLOAT, "Distinct finished episodes over known episodes of the course."),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table("core_customers", Customers),
        Table("core_events", Events),
        Table("core_event_lines", EventLines),
        Table("core_products", Products),
        Table("core_customer_days", CustomerDays),
        Table("core_links", Links),
        Table("core_course_episodes", CourseEpisodes),
        Table("core_completions", Completions),
        Table("core_skills", Skills),
        Table("core_rewards", Rewards),
        Table("core_rejected", Rejected),
        Table("core_changes", Changes),
        Table("core_versions", Versions),
        Table("feat_life_cycle_spans", LifeCycleSpans),
        Table("feat_activity", Activity, ACTIVITY_PATTERNS, by_as_of=True),
        Table("feat_life_cycle", LifeCycle, LIFE_CYCLE_PATTERNS, by_as_of=True),
        Table("feat_courses", Courses, COURSES_PATTERNS, by_as_of=True),
        Table("feat_calendar", Calendar, by_as_of=True),
        Table(
            "feat_snapshot",
            Snapshot,
            tuple(
                Pattern(name, column.dtype, column.description or "", (column.metadata or {}).get("unit"))
                for schema in (Activity, LifeCycle, Courses, Calendar)
                for name, column in schema.columns().items()
                if name not in ("customer_id", "as_of")
            )
            + ACTIVITY_PATTERNS
            + LIFE_CYCLE_PATTERNS
            + COURSES_PATTERNS,
            by_as_of=True,
        ),
        Table("out_scores", Scores, by_as_of=True),
        Table("out_quality", Quality),
        Table("out_plan", Plan, by_as_of=True),
    )
}

CORE_TABLES = tuple(name for name in TABLES if name.startswith("core_") and name != "core_versions")
"""The core tables that one ingest writes and whose versions core_versions pins."""


def known_at(table: str, column: str) -> KnownAt:
    """The known-at rule of a core column; SchemaError if none is declared."""
    declared = TABLES[table].schema.columns().get(column)
    rule = (declared.metadata or {}).get("known_at") if declared is not None else None
    if rule is None:
        raise SchemaError(
            f"{table}.{column} declares no known-at rule (fiel/tables.py): say when its values were known"
        )
    return rule  # type: ignore[no-any-return]
