"""The schema of every table in the lake: columns, types, keys, ranges, meaning, and when each value was known.

`TABLES` is the one list. The lake's writer checks frames against it, the ingest validates with it, the leakage check
reads the known-at rules, and `docs/data-dictionary.md` is generated from it.

Known-at rules (DOMAIN.md section 0): `event_time` (the row's own time), `published` (the row's known_from date),
`first_version` (the first source version that held it), `derived` (computed by Fiel from columns known before as_of),
`never` (never a feature). A core column without a rule is refused by `known_at`.
"""

from __future__ import annotations

from fiel.errors import SchemaError
from fiel.tables.columns import KnownAt, Layer, Pattern, Table
from fiel.tables.core import (
    ATTRIBUTES_PATTERNS,
    Attributes,
    Changes,
    Completions,
    CourseEpisodes,
    CustomerDays,
    Customers,
    EventLines,
    Events,
    Intake,
    Interactions,
    Labels,
    Links,
    LinksSessions,
    Products,
    Profile,
    Rejected,
    Returns,
    Rewards,
    Skills,
    Versions,
)
from fiel.tables.engagement import Engagement, EventCounts, PopularItems, QiniCurve, Uplift
from fiel.tables.features import (
    ACTIVITY_PATTERNS,
    ATTRIBUTE_PATTERNS,
    CLUSTERS,
    COURSES_PATTERNS,
    LIFE_CYCLE_PATTERNS,
    PURCHASE_PATTERNS,
    RFM_PATTERNS,
    Activity,
    AttributeFeatures,
    Calendar,
    Courses,
    LifeCycle,
    LifeCycleSpans,
    Purchase,
    PurchaseFits,
    Rfm,
    Snapshot,
)
from fiel.tables.messages import MessageInput
from fiel.tables.outputs import (
    ClusterProfiles,
    Disagreements,
    HoldOut,
    Plan,
    Probs,
    Quality,
    Scores,
    SegmentMoves,
    Segments,
)
from fiel.tables.pension import Accounts, Closings, Context, ContextFeatures, Operations, Places, Quarters
from fiel.tables.served import Served

__all__ = [
    "ACTIVITY_PATTERNS",
    "ATTRIBUTES_PATTERNS",
    "CLUSTERS",
    "CORE_TABLES",
    "COURSES_PATTERNS",
    "LIFE_CYCLE_PATTERNS",
    "PURCHASE_PATTERNS",
    "RFM_PATTERNS",
    "TABLES",
    "KnownAt",
    "Layer",
    "Pattern",
    "Table",
    "known_at",
]

_PENSION = (Quarters, ContextFeatures)

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
        Table("core_returns", Returns),
        Table("core_attributes", Attributes, ATTRIBUTES_PATTERNS),
        Table("core_labels", Labels),
        Table("core_interactions", Interactions),
        Table("core_links_sessions", LinksSessions),
        Table("core_accounts", Accounts),
        Table("core_closings", Closings),
        Table("core_operations", Operations),
        Table("core_context", Context),
        Table("core_places", Places),
        Table("core_intake", Intake),
        Table("core_profile", Profile),
        Table("core_rejected", Rejected),
        Table("core_changes", Changes),
        Table("core_versions", Versions),
        Table("feat_life_cycle_spans", LifeCycleSpans),
        Table("feat_activity", Activity, ACTIVITY_PATTERNS, by_as_of=True),
        Table("feat_life_cycle", LifeCycle, LIFE_CYCLE_PATTERNS, by_as_of=True),
        Table("feat_courses", Courses, COURSES_PATTERNS, by_as_of=True),
        Table("feat_calendar", Calendar, by_as_of=True),
        Table("feat_attributes", AttributeFeatures, ATTRIBUTE_PATTERNS, by_as_of=True),
        Table("feat_rfm", Rfm, RFM_PATTERNS, by_as_of=True),
        Table("feat_purchase", Purchase, PURCHASE_PATTERNS, by_as_of=True),
        Table("feat_purchase_fits", PurchaseFits, by_as_of=True),
        Table("feat_quarters", Quarters, by_as_of=True),
        Table("feat_context", ContextFeatures, by_as_of=True),
        Table(
            "feat_snapshot",
            Snapshot,
            tuple(
                Pattern(name, column.dtype, column.description or "", (column.metadata or {}).get("unit"))
                for schema in (Activity, LifeCycle, Courses, Calendar, Rfm, Purchase, AttributeFeatures, *_PENSION)
                for name, column in schema.columns().items()
                if name not in ("customer_id", "as_of")
            )
            + ACTIVITY_PATTERNS
            + LIFE_CYCLE_PATTERNS
            + COURSES_PATTERNS
            + RFM_PATTERNS
            + PURCHASE_PATTERNS
            + ATTRIBUTE_PATTERNS,
            by_as_of=True,
        ),
        Table("out_scores", Scores, by_as_of=True),
        Table("out_probs", Probs, by_as_of=True),
        Table("out_segments", Segments, by_as_of=True),
        Table("out_cluster_profiles", ClusterProfiles, by_as_of=True),
        Table("out_segment_moves", SegmentMoves, by_as_of=True),
        Table("out_disagreements", Disagreements, by_as_of=True),
        Table("out_hold_out", HoldOut, by_as_of=True),
        Table("out_quality", Quality),
        Table("out_plan", Plan, by_as_of=True),
        Table("out_engagement", Engagement, by_as_of=True),
        Table("out_uplift", Uplift, by_as_of=True),
        Table("out_qini", QiniCurve, by_as_of=True),
        Table("out_event_counts", EventCounts, by_as_of=True),
        Table("out_popular_items", PopularItems, by_as_of=True),
        Table("out_message_input", MessageInput, by_as_of=True),
        Table("out_served", Served, by_date="served_date"),
    )
}

CORE_TABLES = tuple(name for name in TABLES if name.startswith("core_") and name != "core_versions")
"""The core tables that one ingest writes and whose versions core_versions pins."""


def known_at(table: str, column: str) -> KnownAt:
    """The known-at rule of a core column; SchemaError if none is declared."""
    declared = TABLES[table].schema.columns().get(column)
    rule = (declared.metadata or {}).get("known_at") if declared is not None else _known_by_pattern(table, column)
    if rule is None:
        raise SchemaError(f"{table}.{column} declares no known-at rule (fiel/tables/): say when its values were known")
    return rule


def _known_by_pattern(table: str, column: str) -> KnownAt | None:
    """The rule of a generated core column: what the source's own columns are known by."""
    matching = (pattern for pattern in TABLES[table].patterns if pattern.matches(column))
    return next((pattern.known_at for pattern in matching), None)
