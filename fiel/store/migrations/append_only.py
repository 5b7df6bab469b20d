"""Triggers that keep ledgers append-only."""

from __future__ import annotations

from collections.abc import Sequence


def guards(dialect: str, tables: Sequence[str]) -> list[str]:
    """Statements that make the tables refuse an UPDATE or a DELETE (on PostgreSQL also a TRUNCATE), made once only."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_{action.lower()} BEFORE {action} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'table {table} is append-only: add a correcting row'); END"
            for table in tables
            for action in ("UPDATE", "DELETE")
        ]
    refuse = (
        "CREATE OR REPLACE FUNCTION fiel_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION USING MESSAGE = 'table ' || TG_TABLE_NAME || ' is append-only: add a correcting row'; END $$"
    )
    triggers = [
        f"CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION fiel_append_only()"
        for table in tables
    ]
    return [refuse, *triggers]
