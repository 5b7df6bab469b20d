"""Tables of the store, and the triggers that keep its ledgers append-only.

Promotions, cycles, grants, hold-outs, delivery events and message calls are ledgers: rows are added, never changed or
removed, and the database itself refuses an UPDATE, a DELETE or a TRUNCATE. A correction is a new row.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = 2
"""Raised when a table changes; a store of another version is refused, never half understood."""

ADDED_ONLY_SINCE = 1
"""Oldest version that lacks nothing but whole tables: such a store gets them when it is opened."""


class UtcInstant(TypeDecorator[datetime]):
    """An instant with its time zone outside, naive UTC inside, the same in every database."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant in UTC without its zone; ValueError for one that has none."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone: give an instant in UTC")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant in UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


class JsonText(TypeDecorator[Any]):
    """A JSON value as canonical text: sorted keys, numbers that are not finite as null."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """Canonical JSON text."""
        return canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """The value."""
        return None if value is None else json.loads(value)


def canonical_json(value: Any) -> str:
    """JSON text that is the same for equal values: sorted keys, no blanks, numbers that are not finite as null."""
    return json.dumps(_finite(value), sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


METADATA = sa.MetaData()

STORE_INFO = sa.Table(
    "store_info",
    METADATA,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.String(200), nullable=False),
)

PROMOTIONS = sa.Table(
    "promotions",
    METADATA,
    sa.Column("program", sa.String(60), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", UtcInstant, nullable=False),
    sa.Column("made_by", sa.String(200), nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("from_version", sa.String(60)),
    sa.Column("to_version", sa.String(60), nullable=False),
    sa.Column("digest", sa.String(80), nullable=False),
    sa.Column("fingerprint", sa.String(80), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("metrics", JsonText, nullable=False),
    sa.Column("override_reason", sa.Text),
)

CYCLES = sa.Table(
    "cycles",
    METADATA,
    sa.Column("program", sa.String(60), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("entry", sa.BigInteger, nullable=False, comment="Last ledger entry before this cycle's grants."),
    sa.Column("policy_version", sa.String(60), nullable=False),
    sa.Column("model_version", sa.String(60)),
    sa.Column("plan_digest", sa.String(64), nullable=False),
    sa.Column("applied_at", UtcInstant, nullable=False),
    sa.Column("applied_by", sa.String(200), nullable=False),
    sa.Column("fiel_version", sa.String(40), nullable=False),
    sa.Column("summary", JsonText, nullable=False),
)

GRANTS = sa.Table(
    "grants",
    METADATA,
    sa.Column("grant_id", sa.String(64), primary_key=True),
    sa.Column("program", sa.String(60), nullable=False),
    sa.Column("entry", sa.BigInteger, nullable=False, comment="1, 2, 3 ... within the program."),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("customer_id", sa.String(200), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("product", sa.String(200), nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("rank", sa.BigInteger),
    sa.Column("prob", sa.Float),
    sa.Column("reverses", sa.String(64), sa.ForeignKey("grants.grant_id"), unique=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("made_by", sa.String(200), nullable=False),
    sa.Column("at", UtcInstant, nullable=False),
    sa.ForeignKeyConstraint(["program", "as_of"], ["cycles.program", "cycles.as_of"]),
    sa.UniqueConstraint("program", "entry"),
    sa.UniqueConstraint("program", "as_of", "customer_id", "sequence", "kind"),
    sa.CheckConstraint("kind IN ('grant', 'reversal')", name="grants_kind"),
    sa.CheckConstraint("points <> 0", name="grants_points"),
    sa.CheckConstraint("(kind = 'reversal') = (reverses IS NOT NULL)", name="grants_reverses"),
)

HOLD_OUTS = sa.Table(
    "hold_outs",
    METADATA,
    sa.Column("program", sa.String(60), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("customer_id", sa.String(200), primary_key=True),
    sa.Column("season", sa.String(60), nullable=False),
    sa.Column("product", sa.String(200), nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False, comment="What the customer would have been granted."),
    sa.ForeignKeyConstraint(["program", "as_of"], ["cycles.program", "cycles.as_of"]),
)

DELIVERIES = sa.Table(
    "delivery_events",
    METADATA,
    sa.Column("grant_id", sa.String(64), sa.ForeignKey("grants.grant_id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("program", sa.String(60), nullable=False, index=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("at", UtcInstant, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.CheckConstraint(
        "state IN ('intent', 'delivered', 'refused', 'unknown', 'not_delivered')", name="delivery_state"
    ),
)

SCORE_SETS = sa.Table(
    "score_sets",
    METADATA,
    sa.Column("program", sa.String(60), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("model_version", sa.String(60), nullable=False),
    sa.Column("content_digest", sa.String(64), nullable=False),
    sa.Column("customers", sa.BigInteger, nullable=False),
    sa.Column("loaded_at", UtcInstant, nullable=False),
)

SCORES = sa.Table(
    "scores",
    METADATA,
    sa.Column("program", sa.String(60), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("customer_id", sa.String(200), primary_key=True),
    sa.Column("stage", sa.String(40), nullable=False),
    sa.Column("next_stage", sa.String(40)),
    sa.Column("next_stage_date", sa.Date),
    sa.Column("stage_after_visit", sa.String(40), nullable=False),
    sa.Column("value_cluster", sa.String(40), nullable=False),
    sa.Column("in_population", sa.Boolean, nullable=False),
    sa.Column("prob", sa.Float),
    sa.Column("gain_prob", sa.Float),
    sa.Column("loss_prob", sa.Float),
    sa.Column("reason_1", sa.Text),
    sa.Column("reason_2", sa.Text),
    sa.Column("reason_3", sa.Text),
    sa.Column("model_version", sa.String(60), nullable=False),
    sa.Column("model_digest", sa.String(80), nullable=False),
    sa.ForeignKeyConstraint(["program", "as_of"], ["score_sets.program", "score_sets.as_of"]),
)

MESSAGE_CALLS = sa.Table(
    "message_calls",
    METADATA,
    sa.Column("request", sa.String(64), primary_key=True, comment="Hash of all that is in the request."),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("program", sa.String(60), nullable=False),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("customer_id", sa.String(200), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("at", UtcInstant, nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("tokens_in", sa.BigInteger, nullable=False),
    sa.Column("tokens_out", sa.BigInteger, nullable=False),
    sa.Column("cost_micros", sa.BigInteger, nullable=False, comment="Millionths of the currency."),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("said", sa.Text, nullable=False),
    sa.Column("text", sa.Text),
    sa.CheckConstraint("state IN ('intent', 'answered', 'refused', 'unknown')", name="message_call_state"),
    sa.CheckConstraint("(state = 'answered') = (text IS NOT NULL)", name="message_call_text"),
    sa.Index("message_calls_as_of", "program", "as_of"),
)

APPEND_ONLY = (PROMOTIONS.name, CYCLES.name, GRANTS.name, HOLD_OUTS.name, DELIVERIES.name, MESSAGE_CALLS.name)


def create(connection: Connection) -> None:
    """Create what is missing: tables, triggers and the schema version, inside the caller's transaction.

    A store that only lacks tables (`ADDED_ONLY_SINCE`) becomes one of this version; any other version stays as it is.
    """
    METADATA.create_all(connection)
    for statement in _append_only(connection.dialect.name):
        connection.exec_driver_sql(statement)
    found = connection.execute(sa.select(STORE_INFO.c.value).where(STORE_INFO.c.name == "schema_version")).scalar()
    if found is None:
        connection.execute(STORE_INFO.insert().values(name="schema_version", value=str(SCHEMA_VERSION)))
    elif lacks_tables_only(found):
        connection.execute(
            STORE_INFO.update().where(STORE_INFO.c.name == "schema_version").values(value=str(SCHEMA_VERSION))
        )


def lacks_tables_only(version: str) -> bool:
    """Whether a store of the version becomes one of ours by adding tables."""
    return version.isdecimal() and ADDED_ONLY_SINCE <= int(version) < SCHEMA_VERSION


def _append_only(dialect: str) -> list[str]:
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_{action.lower()} BEFORE {action} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'table {table} is append-only: add a correcting row'); END"
            for table in APPEND_ONLY
            for action in ("UPDATE", "DELETE")
        ]
    refuse = (
        "CREATE OR REPLACE FUNCTION fiel_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION USING MESSAGE = 'table ' || TG_TABLE_NAME || ' is append-only: add a correcting row'; END $$"
    )
    guards = [
        f"CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION fiel_append_only()"
        for table in APPEND_ONLY
    ]
    return [refuse, *guards]
