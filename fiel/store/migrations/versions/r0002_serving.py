"""What the service reads: scores with ranking columns, documents, parts, model files and API keys.

Ids and groups sort by their bytes on PostgreSQL too (COLLATE "C"): prefixes and pages come from an index, and filling
the indexes takes less. There the reference of scores to their set goes: publishing is its only writer, and checking
every row took an eighth of a load.

Revision: 0002
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

CUSTOMER_ID = sa.String(200).with_variant(postgresql.VARCHAR(200, collation="C"), "postgresql")
SORTS = ("prob", "loss_prob", "value_at_stake", "expected_profit")
GROUP = ("program", "as_of", "stage", "segment", "in_population")


def upgrade() -> None:
    """Add the columns, tables and indexes; the version in `store_info` becomes 3, which an earlier Fiel refuses."""
    connection = op.get_bind()
    op.add_column(
        "score_sets", sa.Column("published_at", sa.DateTime, comment="Null for sets that an earlier Fiel mirrored.")
    )
    op.add_column("score_sets", sa.Column("known_through", sa.Date, comment="Last day that the set knows."))
    op.add_column("score_sets", sa.Column("feature_names", sa.Text, nullable=False, server_default="[]"))
    op.add_column(
        "score_sets",
        sa.Column("counts", sa.Text, nullable=False, server_default="[]", comment="Customers by stage and segment."),
    )
    for column in (
        sa.Column("segment", sa.Text),
        sa.Column("risk", sa.Text),
        sa.Column("grade", sa.Integer),
        sa.Column("value_at_stake", sa.Float),
        sa.Column("expected_profit", sa.Float),
        sa.Column("alive_prob", sa.Float),
        sa.Column("value", sa.Float),
        sa.Column("is_cross_fitted", sa.Boolean, nullable=False, server_default=sa.false()),
    ):
        op.add_column("scores", column)
    if connection.dialect.name == "postgresql":
        op.execute(
            'ALTER TABLE scores ALTER COLUMN customer_id TYPE VARCHAR(200) COLLATE "C", '
            'ALTER COLUMN stage TYPE VARCHAR(40) COLLATE "C", ALTER COLUMN segment TYPE TEXT COLLATE "C"'
        )
        op.drop_constraint("scores_program_as_of_fkey", "scores", type_="foreignkey")
    for name in SORTS:
        only = sa.text(f"{name} IS NOT NULL")
        columns = [*GROUP, name, "customer_id"]
        op.create_index(f"scores_by_{name}", "scores", columns, sqlite_where=only, postgresql_where=only)
    only = sa.text("stage IS NOT NULL")
    op.create_index("scores_by_group", "scores", [*GROUP, "customer_id"], postgresql_where=only)
    _count(connection)
    _documents_and_parts()
    _models_and_keys()
    op.create_index("grants_of_customer", "grants", ["program", "customer_id"])
    op.create_index("hold_outs_of_customer", "hold_outs", ["program", "customer_id"])
    connection.execute(sa.text("UPDATE store_info SET value = '3' WHERE name = 'schema_version'"))


def _count(connection: sa.Connection) -> None:
    """Counts of the sets that are there, as publishing makes them."""
    rows = connection.execute(
        sa.text(
            "SELECT program, as_of, stage, in_population, count(*), count(prob), count(loss_prob) FROM scores "
            "GROUP BY program, as_of, stage, in_population ORDER BY program, as_of, stage, in_population"
        )
    )
    counts: dict[tuple[Any, Any], list[dict[str, Any]]] = {}
    for program, as_of, stage, in_population, customers, scored, with_loss in rows:
        group = {"stage": stage, "segment": None, "in_population": bool(in_population)}
        valued = {"prob": scored, "loss_prob": with_loss, "value_at_stake": 0, "expected_profit": 0}
        found = counts.setdefault((program, as_of), [])
        found.append(group | {"customers": customers, "scored": scored, "valued": valued})
    for (program, as_of), found in counts.items():
        connection.execute(
            sa.text("UPDATE score_sets SET counts = :counts WHERE program = :program AND as_of = :as_of"),
            {"counts": json.dumps(found), "program": program, "as_of": as_of},
        )


def _documents_and_parts() -> None:
    op.create_table(
        "customer_documents",
        sa.Column("program", sa.String(60), primary_key=True),
        sa.Column("as_of", sa.Date, primary_key=True),
        sa.Column("customer_id", CUSTOMER_ID, primary_key=True),
        sa.Column("features", sa.Text, comment="JSON list in the order of the set's feature_names."),
        sa.Column("document", sa.Text, comment="JSON object."),
    )
    op.create_table(
        "program_parts",
        sa.Column("program", sa.String(60), primary_key=True),
        sa.Column("as_of", sa.Date, primary_key=True),
        sa.Column("part", sa.String(60), primary_key=True),
        sa.Column("content", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["program", "as_of"], ["score_sets.program", "score_sets.as_of"]),
    )


def _models_and_keys() -> None:
    op.create_table(
        "served_models",
        sa.Column("digest", sa.String(80), primary_key=True),
        sa.Column("ledger_name", sa.String(60), nullable=False),
        sa.Column("version", sa.String(60), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("stored_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, comment="SHA-256 of the secret; the secret is nowhere."),
        sa.Column("programs", sa.Text, nullable=False, comment='A list of names; ["*"] is every program.'),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("expires_at", sa.DateTime),
        sa.Column("revoked_at", sa.DateTime),
    )
