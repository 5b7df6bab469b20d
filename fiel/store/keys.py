"""API keys: who may ask for which programs. Only the digest of a secret is kept; a key is revoked, never removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fiel.errors import StoreError
from fiel.store.schema import API_KEYS


@dataclass(frozen=True)
class KeyRow:
    """One key: `digest` is the SHA-256 (hex) of its secret, `programs` the names it opens, ("*",) for all."""

    key_id: str
    name: str
    digest: str
    programs: tuple[str, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


def add(connection: Connection, row: KeyRow) -> None:
    """Add a key; StoreError where its id is taken."""
    if connection.execute(sa.select(API_KEYS.c.key_id).where(API_KEYS.c.key_id == row.key_id)).first() is not None:
        raise StoreError(f"there is a key {row.key_id} already: make one with another id")
    connection.execute(API_KEYS.insert().values(**{**vars(row), "programs": list(row.programs)}))


def revoke(connection: Connection, key_id: str, at: datetime) -> bool:
    """Mark the key as revoked; False where there is none or it was revoked before (the first instant stays)."""
    wanted = API_KEYS.update().where(API_KEYS.c.key_id == key_id, API_KEYS.c.revoked_at.is_(None))
    return connection.execute(wanted.values(revoked_at=at)).rowcount == 1


def read(connection: Connection) -> list[KeyRow]:
    """Every key, revoked ones too, oldest first."""
    rows = connection.execute(sa.select(API_KEYS).order_by(API_KEYS.c.created_at, API_KEYS.c.key_id))
    return [KeyRow(**{**row._mapping, "programs": tuple(row.programs)}) for row in rows]
