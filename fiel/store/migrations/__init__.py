"""The store's history: one revision a change of its tables, run from code when a writer opens an older store.

`head` is what this Fiel knows. A store without Alembic's table is one of schema version 1 or 2 (revision 0001 takes
it over), or empty. Alembic itself is only imported when there is something to do: it costs a tenth of a second.
"""

from __future__ import annotations

import threading
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

HEAD = "0002"
"""Newest revision that this Fiel knows; a test compares it with the files."""

KNOWN = ("0001", "0002")

_ALEMBIC = threading.Lock()
"""Alembic keeps what it works on in module variables: one upgrade at a time in this process."""


def found(connection: Connection) -> str | None:
    """The store's revision: None where nothing is there, `version N` for a store that was made without migrations."""
    tables = sa.inspect(connection).get_table_names()
    if "alembic_version" in tables:
        revision = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        if revision is not None:
            return str(revision)
    if "store_info" not in tables:
        return None
    version = connection.execute(sa.text("SELECT value FROM store_info WHERE name = 'schema_version'")).scalar()
    return None if version is None else f"version {version}"


def can_upgrade(revision: str | None) -> bool:
    """Whether a store of the revision becomes one of ours."""
    return revision in (None, "version 1", "version 2", *KNOWN[:-1])


def upgrade(connection: Connection) -> None:
    """Bring the store to `HEAD`, inside the caller's transaction: all of it or nothing."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _ALEMBIC:
        command.upgrade(config, "head")
