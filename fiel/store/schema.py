"""Tables of the store: the ledgers, and (from `serving_tables`) what the service reads.

Promotions, cycles, grants, hold-outs, delivery events and message calls are ledgers: rows are added, never changed or
removed, and the database itself refuses an UPDATE, a DELETE or a TRUNCATE. A correction is a new row.
Tables are made and changed by the migrations only (fiel/store/migrations); a test holds the two together.
"""

from __future__ import annotations

import sqlalchemy as sa

from fiel.store.columns import METADATA, JsonText, UtcInstant, canonical_json
from fiel.store.serving_tables import API_KEYS, DOCUMENTS, PARTS, SCORE_SETS, SCORES, SERVED_MODELS

__all__ = [
    "API_KEYS",
    "APPEND_ONLY",
    "CYCLES",
    "DELIVERIES",
    "DOCUMENTS",
    "GRANTS",
    "HOLD_OUTS",
    "MESSAGE_CALLS",
    "METADATA",
    "PARTS",
    "PROMOTIONS",
    "SCORES",
    "SCORE_SETS",
    "SERVED_MODELS",
    "STORE_INFO",
    "JsonText",
    "UtcInstant",
    "canonical_json",
]

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
    sa.Index("grants_of_customer", "program", "customer_id"),
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
    sa.Index("hold_outs_of_customer", "program", "customer_id"),
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
