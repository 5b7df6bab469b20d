"""Tables that the service reads: published sets of scores with their documents and parts, model files, API keys.

A set is one program as of one date. It is replaced as a whole, in one transaction, and only the newest are kept.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from fiel.store.columns import METADATA, JsonText, UtcInstant, bytewise, bytewise_text

SORTED_BY = ("prob", "loss_prob", "value_at_stake", "expected_profit")
"""Columns that a ranking is sorted by, besides the customer's id."""

GROUP = ("program", "as_of", "stage", "segment", "in_population")
"""What every ranking index begins with: a page is merged from one range for each group that its filters leave.

So five indexes serve every order and filter. They are partial, so that PostgreSQL cannot take one of them to look up
one customer (which it does, without statistics); SQLite takes the primary key by itself.
"""


def only_where(condition: str) -> dict[str, Any]:
    """Options of an index of only the rows with the condition, on both databases."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


SCORE_SETS = sa.Table(
    "score_sets",
    METADATA,
    sa.Column("program", sa.String(60), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("model_version", sa.String(60), nullable=False),
    sa.Column("content_digest", sa.String(64), nullable=False),
    sa.Column("customers", sa.BigInteger, nullable=False),
    sa.Column("loaded_at", UtcInstant, nullable=False),
    sa.Column("published_at", UtcInstant, comment="Null for sets that an earlier Fiel mirrored."),
    sa.Column("known_through", sa.Date, comment="Last day that the set knows."),
    sa.Column("feature_names", JsonText, nullable=False, server_default="[]"),
    sa.Column("counts", JsonText, nullable=False, server_default="[]", comment="Customers by stage and segment."),
)

SCORES = sa.Table(
    "scores",
    METADATA,
    sa.Column("program", sa.String(60), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("customer_id", bytewise(200), primary_key=True),
    sa.Column("stage", bytewise(40), nullable=False),
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
    sa.Column("segment", bytewise_text()),
    sa.Column("risk", sa.Text),
    sa.Column("grade", sa.Integer),
    sa.Column("value_at_stake", sa.Float),
    sa.Column("expected_profit", sa.Float),
    sa.Column("alive_prob", sa.Float),
    sa.Column("value", sa.Float),
    sa.Column("is_cross_fitted", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.ForeignKeyConstraint(["program", "as_of"], ["score_sets.program", "score_sets.as_of"]).ddl_if("sqlite"),
    *(
        sa.Index(f"scores_by_{name}", *GROUP, name, "customer_id", **only_where(f"{name} IS NOT NULL"))
        for name in SORTED_BY
    ),
    sa.Index("scores_by_group", *GROUP, "customer_id", postgresql_where=sa.text("stage IS NOT NULL")),
)

DOCUMENTS = sa.Table(
    "customer_documents",
    METADATA,
    sa.Column("program", sa.String(60), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("customer_id", bytewise(200), primary_key=True),
    sa.Column("features", sa.Text, comment="JSON list in the order of the set's feature_names."),
    sa.Column("document", sa.Text, comment="JSON object."),
)
"""No foreign key: publishing is the only writer, and checking every row is a sixth of a load (measured for scores)."""


PARTS = sa.Table(
    "program_parts",
    METADATA,
    sa.Column("program", sa.String(60), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("part", sa.String(60), primary_key=True),
    sa.Column("content", JsonText, nullable=False),
    sa.ForeignKeyConstraint(["program", "as_of"], ["score_sets.program", "score_sets.as_of"]),
)

SERVED_MODELS = sa.Table(
    "served_models",
    METADATA,
    sa.Column("digest", sa.String(80), primary_key=True),
    sa.Column("ledger_name", sa.String(60), nullable=False),
    sa.Column("version", sa.String(60), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("facts", JsonText, nullable=False),
    sa.Column("stored_at", UtcInstant, nullable=False),
)

API_KEYS = sa.Table(
    "api_keys",
    METADATA,
    sa.Column("key_id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, comment="SHA-256 of the secret; the secret is nowhere."),
    sa.Column("programs", JsonText, nullable=False, comment='A list of names; ["*"] is every program.'),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("created_by", sa.String(200), nullable=False),
    sa.Column("expires_at", UtcInstant),
    sa.Column("revoked_at", UtcInstant),
)
