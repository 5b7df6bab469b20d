"""Security headers of every answer, made once and added to each response as they are."""

from __future__ import annotations

from app.paths import Kind

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_ALL = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
_NO_STORE = (b"cache-control", b"no-store")


def security_headers(kind: Kind, is_https: bool) -> list[tuple[bytes, bytes]]:
    """The headers for an answer of this kind; static files set their own Cache-Control."""
    return _MADE[kind, is_https]


_MADE: dict[tuple[Kind, bool], list[tuple[bytes, bytes]]] = {
    (kind, is_https): [
        *_ALL,
        *([] if kind == "static" else [_NO_STORE]),
        *([_STRICT_TRANSPORT] if is_https else []),
    ]
    for kind in ("api", "page", "static")
    for is_https in (False, True)
}
