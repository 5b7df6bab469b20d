"""API keys: how one is made, and how a worker knows which are valid.

A key is `fiel_ID_SECRET`. The store holds the id and the SHA-256 of the secret, never the secret: 32 random bytes need
no slow hash. Workers keep all keys in memory and look for changes every few seconds, so checking one costs no query.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from fiel.errors import StoreError
from fiel.store.keys import KeyRow

PREFIX = "fiel"
_NOBODY = hashlib.sha256(b"nobody").hexdigest()
_LOG = logging.getLogger("app.keys")


@dataclass(frozen=True)
class NewKey:
    """A key that was just made. `text` is shown once and kept nowhere."""

    row: KeyRow
    text: str


def new_key(name: str, programs: Sequence[str], by: str, expires_at: datetime | None = None) -> NewKey:
    """A fresh key for the programs (`*`: all of them)."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = KeyRow(
        key_id=key_id,
        name=name,
        digest=digest_of(secret),
        programs=tuple(programs),
        created_at=datetime.now(UTC),
        created_by=by,
        expires_at=expires_at,
    )
    return NewKey(row, f"{PREFIX}_{key_id}_{secret}")


def digest_of(secret: str) -> str:
    """SHA-256 of the secret, in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def parts_of(text: str) -> tuple[str, str] | None:
    """Id and secret of a key, None for what is no key."""
    found = text.split("_", 2)
    if len(found) != 3 or found[0] != PREFIX or not found[1] or not found[2] or len(text) > 200 or not text.isascii():
        return None
    return found[1], found[2]


class KeyRing:
    """The keys of the store as this worker knows them.

    `refresh` asks the store. While that fails the last known keys stay valid for `grace_seconds`; a worker that never
    reached the store knows no keys and lets nobody in (`is_known` is False).
    """

    def __init__(
        self, read: Callable[[], Sequence[KeyRow]], grace_seconds: float = 300, clock: Callable[[], float] = monotonic
    ) -> None:
        self._read = read
        self._grace_seconds = grace_seconds
        self._clock = clock
        self._keys: dict[str, KeyRow] = {}
        self._refreshed: float | None = None
        self._lock = threading.Lock()

    def refresh(self) -> bool:
        """Ask the store for all keys; whether it answered."""
        with self._lock:
            try:
                rows = self._read()
            except StoreError:
                return False
            self._keys = {row.key_id: row for row in rows}
            self._refreshed = self._clock()
            return True

    @property
    def is_known(self) -> bool:
        """Whether the keys were read, and not too long ago."""
        return self._refreshed is not None and self._clock() - self._refreshed <= self._grace_seconds

    @property
    def is_empty(self) -> bool:
        """Whether no key was ever made; a revoked or expired key still counts, so its end opens nothing."""
        return not self._keys

    def check(self, text: str) -> KeyRow | None:
        """The valid key that `text` is, else None; an unknown id takes as long as a wrong secret."""
        parts = parts_of(text)
        key_id, secret = parts or ("", "")
        row = self._keys.get(key_id)
        matches = hmac.compare_digest(digest_of(secret), _NOBODY if row is None else row.digest)
        return row if row is not None and matches and is_valid(row) else None

    def find(self, key_id: str) -> KeyRow | None:
        """The valid key with this id; for sessions, which prove the secret in another way."""
        row = self._keys.get(key_id)
        return row if row is not None and is_valid(row) else None


def is_valid(row: KeyRow, now: datetime | None = None) -> bool:
    """Whether the key is neither revoked nor expired."""
    if row.revoked_at is not None:
        return False
    return row.expires_at is None or (now or datetime.now(UTC)) < row.expires_at
