"""Signed-in browsers: a cookie that proves a key without holding it.

The cookie is `KEYID.EXPIRES.NONCE.MAC`. The MAC is keyed with the service's session secret and the stored digest of the
key, so neither a copy of the store nor an old cookie is enough to make one, and a key that is revoked, expired or
removed ends its sessions with the next look at the keys.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time

from app.security.caller import Caller
from app.security.keys import KeyRing
from fiel.store.keys import KeyRow

COOKIE = "fiel_session"


class Sessions:
    """Makes and checks session cookies; `secret` is the service's, `hours` how long one lasts."""

    def __init__(self, keys: KeyRing, secret: bytes, hours: float) -> None:
        self._keys = keys
        self._secret = secret
        self._seconds = int(hours * 3600)

    def start(self, text: str) -> str | None:
        """The cookie's value for a valid key, None for any other text."""
        row = self._keys.check(text.strip())
        if row is None:
            return None
        expires = int(time.time()) + self._seconds
        if row.expires_at is not None:
            expires = min(expires, int(row.expires_at.timestamp()))
        head = f"{row.key_id}.{expires}.{secrets.token_hex(8)}"
        return f"{head}.{self._mac(row, 'session', head)}"

    def check(self, value: str) -> Caller | None:
        """Who the cookie belongs to; None where it is expired, forged, or its key no longer valid."""
        row = self._row(value)
        return None if row is None else Caller(row.name, row.key_id, tuple(row.programs), "session")

    def csrf_token(self, value: str) -> str | None:
        """The token that forms of this session carry; None for no valid session."""
        row = self._row(value)
        return None if row is None else self._mac(row, "csrf", value)

    def cookie(self, value: str, is_https: bool) -> str:
        """The Set-Cookie header that starts the session."""
        return f"{COOKIE}={value}; Path=/; Max-Age={self._seconds}; HttpOnly; SameSite=Strict" + (
            "; Secure" if is_https else ""
        )

    @staticmethod
    def ended_cookie(is_https: bool) -> str:
        """The Set-Cookie header that ends the session in the browser."""
        return f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict" + ("; Secure" if is_https else "")

    def _row(self, value: str) -> KeyRow | None:
        head, _, mac = value.rpartition(".")
        parts = head.split(".")
        if len(parts) != 3 or not value.isascii() or len(value) > 300:
            return None
        row = self._keys.find(parts[0])
        if row is None or not hmac.compare_digest(mac, self._mac(row, "session", head)):
            return None
        return row if parts[1].isdecimal() and time.time() < int(parts[1]) else None

    def _mac(self, row: KeyRow, purpose: str, text: str) -> str:
        key = hashlib.sha256(self._secret + b"\0" + row.digest.encode()).digest()
        made = hmac.new(key, f"{purpose}\0{text}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def cookie_of(header: bytes, name: str) -> str | None:
    """The value of one cookie in a Cookie header; what other applications of the host put there does not matter.

    >>> cookie_of(b'theme={"a": "b"}; fiel_session=x.1.y.z', "fiel_session")
    'x.1.y.z'
    """
    wanted = name.encode()
    for part in header.split(b";"):
        found, _, value = part.strip().partition(b"=")
        if found == wanted:
            return value.decode("latin-1")
    return None
