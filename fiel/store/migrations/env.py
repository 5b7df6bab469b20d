"""Runs the revisions on the connection that `fiel.store.migrations.upgrade` gives; there is no other way in."""

from __future__ import annotations

from alembic import context

from fiel.store.columns import METADATA


def run() -> None:
    """Run what is asked for in the transaction that is already open."""
    context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
    context.run_migrations()


if __name__ == "env_py":
    run()
