"""Protection of forms against other sites: where a request comes from, and a token that only our pages know.

The frame checks every request that could change something (anything but GET, HEAD, OPTIONS) and that a browser may
have sent by itself: one of a signed-in session, one to a page. Its Origin (or Sec-Fetch-Site) has to be this site, and
it has to carry the token, in the header `X-CSRF-Token` or in the form field `csrf_token`. A signed-in session's token
is made from its cookie; before that it is a random cookie (double submit).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request

from app.problems import Problem

COOKIE = "fiel_csrf"
FIELD = "csrf_token"
HEADER = b"x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_MOST_FIELDS = 200


def token(request: Request) -> str:
    """The token of this request's pages: put it into every form (`csrf_token`) and every htmx request's header."""
    state: dict[str, Any] = request.scope["state"]
    made = state.get("csrf_token")
    if made is None:
        made = state["csrf_token"] = state["new_csrf_cookie"] = secrets.token_urlsafe(24)
    return str(made)


def set_cookie(value: str, is_https: bool) -> str:
    """The Set-Cookie header of a token that no session stands behind."""
    return f"{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if is_https else "")


def is_same_site(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser says that the request comes from this very site; True where nothing is said (no browser)."""
    fetch_site = headers.get(b"sec-fetch-site")
    if fetch_site is not None and fetch_site not in (b"same-origin", b"none"):
        return False
    origin = headers.get(b"origin")
    if origin is None:
        return True
    try:
        site = urlsplit(origin.decode("latin-1")).netloc
    except ValueError:  # no address at all
        return False
    return bool(site) and site == headers.get(b"host", b"").decode("latin-1")


def matches(expected: str | None, given: str | None) -> bool:
    """Whether the token is right; in constant time."""
    if not expected or not given:
        return False
    return hmac.compare_digest(
        expected.encode(), given.encode()
    )  # as bytes: text may be compared only where it is ASCII


def token_in_form(content_type: bytes, body: bytes) -> str | None:
    """The token in the body of a plain form, None in one with too many fields; other bodies carry it in the header."""
    if not content_type.startswith(b"application/x-www-form-urlencoded"):
        return None
    try:
        found = parse_qs(body.decode("latin-1"), max_num_fields=_MOST_FIELDS).get(FIELD)
    except ValueError:
        return None
    return found[0] if found else None


def refused(why: str) -> Problem:
    """403: the request does not come from one of our pages."""
    return Problem(
        403,
        "not-from-here",
        "This request did not come from a page of this service",
        why,
        todo="Load the page again and send its form from there; programs send an API key instead of a session.",
    )
