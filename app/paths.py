"""Which kind of answer a path has: the API speaks problem details, pages speak HTML. And what needs no key."""

from __future__ import annotations

from typing import Literal

Kind = Literal["api", "page", "static"]

API_PREFIXES = ("/v1", "/compat", "/predict", "/predict_many", "/health", "/ready", "/metrics", "/openapi.json")
OPEN_PATHS = frozenset(
    {"/health", "/ready", "/health_check", "/sign-in", "/language", "/theme", "/favicon.ico", "/robots.txt"}
)
"""What is answered without a key. `/ready` then says no more than whether it is."""


def kind_of(path: str) -> Kind:
    """`static` for files, `api` for machines, `page` for people."""
    if path.startswith("/static/"):
        return "static"
    if path.startswith("/compat/") and path.endswith("/form"):
        return "page"
    head = "/" + path[1:].split("/", 1)[0]
    return "api" if head in _API_HEADS else "page"


def is_open(path: str) -> bool:
    """Whether the path is answered without a key."""
    return path in OPEN_PATHS or path.startswith("/static/")


_API_HEADS = frozenset({*API_PREFIXES, "/health_check"})
