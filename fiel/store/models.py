"""Files of champion models, each kept once under the digest of its bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fiel.errors import StoreError
from fiel.store.schema import SERVED_MODELS


@dataclass(frozen=True)
class ServedModel:
    """A model's file: `digest` is the SHA-256 (hex) of `content`; `facts` is plain JSON (features, recipe, metrics)."""

    digest: str
    ledger_name: str
    version: str
    kind: str
    content: bytes
    facts: dict[str, Any]
    stored_at: datetime

    @property
    def is_whole(self) -> bool:
        """Whether the bytes are those of the digest."""
        return hashlib.sha256(self.content).hexdigest() == self.digest


def put(connection: Connection, model: ServedModel) -> bool:
    """Add the model unless it is there; whether it was added. StoreError where its bytes have another digest.

    A stored file whose bytes were damaged is replaced.
    """
    if not model.is_whole:
        found = hashlib.sha256(model.content).hexdigest()
        raise StoreError(
            f"the file of {model.ledger_name} version {model.version} has digest {found[:12]}, not "
            f"{model.digest[:12]}: it was changed or cut short; nothing was stored"
        )
    stored = read(connection, model.digest)
    if stored is not None and stored.is_whole:
        return False
    connection.execute(sa.delete(SERVED_MODELS).where(SERVED_MODELS.c.digest == model.digest))
    connection.execute(SERVED_MODELS.insert().values(**vars(model)))
    return True


def read(connection: Connection, digest: str) -> ServedModel | None:
    """The model with the digest; None if it is not stored. Who loads it checks the digest of the bytes again."""
    row = connection.execute(sa.select(SERVED_MODELS).where(SERVED_MODELS.c.digest == digest)).one_or_none()
    return None if row is None else ServedModel(**{**row._mapping, "content": bytes(row.content)})
