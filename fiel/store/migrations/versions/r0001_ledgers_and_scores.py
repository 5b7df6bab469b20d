"""The store before it was served from: promotions, cycles, grants, deliveries, message calls, mirrored scores.

Makes what is missing only, so that it also takes over stores of schema version 1 and 2, which Fiel made without
migrations (version 1 lacks `message_calls`). The tables are written out here and stay as they were.

Revision: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fiel.store.migrations.append_only import guards

revision = "0001"
down_revision = None

LEDGERS = ("promotions", "cycles", "grants", "hold_outs", "delivery_events", "message_calls")
TABLES = sa.MetaData()

sa.Table(
    "store_info",
    TABLES,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.String(200), nullable=False),
)

sa.Table(
    "promotions",
    TABLES,
    sa.Column("program", sa.String(60), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("made_by", sa.String(200), nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("from_version", sa.String(60)),
    sa.Column("to_version", sa.String(60), nullable=False),
    sa.Column("digest", sa.String(80), nullable=False),
    sa.Column("fingerprint", sa.String(80), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("metrics", sa.Text, nullable=False),
    sa.Column("override_reason", sa.Text),
)

sa.Table(
    "cycles",
    TABLES,
    sa.Column("program", sa.String(60), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("entry", sa.BigInteger, nullable=False, comment="Last ledger entry before this cycle's grants."),
    sa.Column("policy_version", sa.String(60), nullable=False),
    sa.Column("model_version", sa.String(60)),
    sa.Column("plan_digest", sa.String(64), nullable=False),
    sa.Column("applied_at", sa.DateTime, nullable=False),
    sa.Column("applied_by", sa.String(200), nullable=False),
    sa.Column("fiel_version", sa.String(40), nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
)

sa.Table(
    "grants",
    TABLES,
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
    sa.Column("at", sa.DateTime, nullable=False),
    sa.ForeignKeyConstraint(["program", "as_of"], ["cycles.program", "cycles.as_of"]),
    sa.UniqueConstraint("program", "entry"),
    sa.UniqueConstraint("program", "as_of", "customer_id", "sequence", "kind"),
    sa.CheckConstraint("kind IN ('grant', 'reversal')", name="grants_kind"),
    sa.CheckConstraint("points <> 0", name="grants_points"),
    sa.CheckConstraint("(kind = 'reversal') = (reverses IS NOT NULL)", name="grants_reverses"),
)

sa.Table(
    "hold_outs",
    TABLES,
    sa.Column("program", sa.String(60), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("customer_id", sa.String(200), primary_key=True),
    sa.Column("season", sa.String(60), nullable=False),
    sa.Column("product", sa.String(200), nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False, comment="What the customer would have been granted."),
    sa.ForeignKeyConstraint(["program", "as_of"], ["cycles.program", "cycles.as_of"]),
)

sa.Table(
    "delivery_events",
    TABLES,
    sa.Column("grant_id", sa.String(64), sa.ForeignKey("grants.grant_id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("program", sa.String(60), nullable=False, index=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.CheckConstraint(
        "state IN ('intent', 'delivered', 'refused', 'unknown', 'not_delivered')", name="delivery_state"
    ),
)

sa.Table(
    "score_sets",
    TABLES,
    sa.Column("program", sa.String(60), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("model_version", sa.String(60), nullable=False),
    sa.Column("content_digest", sa.String(64), nullable=False),
    sa.Column("customers", sa.BigInteger, nullable=False),
    sa.Column("loaded_at", sa.DateTime, nullable=False),
)

sa.Table(
    "scores",
    TABLES,
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

sa.Table(
    "message_calls",
    TABLES,
    sa.Column("request", sa.String(64), primary_key=True, comment="Hash of all that is in the request."),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("program", sa.String(60), nullable=False),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("customer_id", sa.String(200), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
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


def upgrade() -> None:
    """Create the tables and triggers that are missing; the version in `store_info` becomes 2."""
    connection = op.get_bind()
    TABLES.create_all(connection)
    for statement in guards(connection.dialect.name, LEDGERS):
        connection.exec_driver_sql(statement)
    info = TABLES.tables["store_info"]
    if connection.execute(sa.select(info).where(info.c.name == "schema_version")).first() is None:
        connection.execute(info.insert().values(name="schema_version", value="2"))
    connection.execute(info.update().where(info.c.name == "schema_version").values(value="2"))
