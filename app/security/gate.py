"""Who may pass: finds the caller of a request from its key, its session, or the fact that everything is open here."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from app.problems import Problem
from app.security import csrf
from app.security.caller import OPEN, Caller
from app.security.keys import KeyRing
from app.security.sessions import COOKIE, Sessions, cookie_of
from app.settings import ServeSettings

_LOOPBACK_NAMES = frozenset({"localhost"})
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip")


@dataclass(frozen=True)
class Gate:
    """The rules of entry of one worker."""

    settings: ServeSettings
    keys: KeyRing
    sessions: Sessions

    @property
    def is_open(self) -> bool:
        """Whether no key is asked for: bound to loopback, and the store says that no key was ever made."""
        return self.settings.is_loopback and self.keys.is_known and self.keys.is_empty

    def caller(self, headers: Mapping[bytes, bytes], state: dict[str, Any]) -> Caller | None:
        """The caller, None where the request shows nothing that is valid. Puts the form token into `state`."""
        text = key_in(headers)
        if text is not None:
            row = self.keys.check(text) if self.keys.is_known else None
            return None if row is None else Caller(row.name, row.key_id, tuple(row.programs), "key")
        cookies = headers.get(b"cookie", b"")
        if cookies:
            session = cookie_of(cookies, COOKIE)
            if session is not None and self.keys.is_known:
                found = self.sessions.check(session)
                if found is not None:
                    state["csrf_token"] = self.sessions.csrf_token(session)
                    return found
            state["csrf_token"] = cookie_of(cookies, csrf.COOKIE)
        return OPEN if self.is_open else None

    def check_host(self, headers: Mapping[bytes, bytes]) -> Problem | None:
        """421 where the request was sent to a name that is not ours.

        Without keys this is what keeps other sites out: a page of theirs can make a browser here send requests to its
        own name, pointed at this machine (DNS rebinding), but not with a loopback name in the Host header.
        """
        settings = self.settings
        if not settings.hosts and not self.is_open:
            return None
        name = host_name(headers.get(b"host", b"").decode("latin-1"))
        if is_loopback_name(name) or any(name == known.lower() for known in settings.hosts):
            if self.is_open and any(header in headers for header in _FORWARDED):
                return Problem(
                    403,
                    "no-keys-behind-a-proxy",
                    "Without keys this service answers its own machine only",
                    "The request came through a proxy, and no API key was ever made.",
                    todo="Make a key on the server: fiel key create NAME",
                )
            return None
        return Problem(
            421,
            "unknown-host",
            "This service does not answer to that name",
            "The Host header names another host.",
            todo="Use 127.0.0.1 or localhost, or add the name to FIEL_SERVE_HOSTS.",
        )

    def refusal(self, headers: Mapping[bytes, bytes]) -> Problem:
        """401, or 503 while the keys are not known."""
        if not self.keys.is_known:
            return Problem(
                503,
                "store-unavailable",
                "The store cannot be used",
                "The keys cannot be looked up right now.",
                todo="Try again in a few seconds.",
                headers={"Retry-After": "2"},
            )
        given = key_in(headers) is not None
        return Problem(
            401,
            "no-access",
            "An API key is needed",
            "The key is not valid: unknown, revoked or expired." if given else "The request carries no API key.",
            todo="Send a key as `Authorization: Bearer fiel_…` or `X-API-Key: fiel_…`; an operator makes one with "
            "`fiel key create NAME`.",
            headers={"WWW-Authenticate": 'Bearer realm="fiel"'},
        )


def key_in(headers: Mapping[bytes, bytes]) -> str | None:
    """The key that a request shows, None where it shows none."""
    given = headers.get(b"x-api-key")
    if given is None:
        bearer = headers.get(b"authorization")
        if bearer is None:
            return None
        scheme, _, given = bearer.partition(b" ")
        if scheme.lower() != b"bearer":
            return ""
    return given.strip().decode("latin-1")


def host_name(host: str) -> str:
    """The name in a Host header, without its port and an IPv6 address's brackets.

    >>> host_name("[::1]:8000"), host_name("localhost:8000"), host_name("Shop.example")
    ('::1', 'localhost', 'shop.example')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def is_loopback_name(name: str) -> bool:
    """Whether the name is this machine's alone: localhost or a loopback address."""
    if name in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def sign_in_address(path: str, query: bytes) -> str:
    """Where a person without a session is sent, with the way back."""
    back = path + (f"?{query.decode('latin-1')}" if query else "")
    return "/sign-in" if back == "/" else f"/sign-in?next={quote(back, safe='/')}"


def way_back(given: str | None) -> str:
    """The page to go to after signing in: a path of this site, never another site's address.

    >>> way_back("/p/teomewhy"), way_back("//evil.example/x"), way_back("https://evil.example"), way_back(None)
    ('/p/teomewhy', '/', '/', '/')
    """
    if not given or not given.startswith("/") or given.startswith(("//", "/\\")) or not given.isprintable():
        return "/"
    return "/" if "\\" in given or given.startswith(("/sign-in", "/sign-out")) else given
