"""An id for every request: the caller's own X-Request-ID where it is well formed, else a random one."""

from __future__ import annotations

import re
from os import urandom

HEADER = b"x-request-id"
_WELL_FORMED = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


def request_id(given: bytes | None) -> str:
    """`given` if it has 8 to 64 letters, digits, dots, dashes or underscores, else 16 random hex digits.

    >>> request_id(b"upstream-0001")
    'upstream-0001'
    >>> len(request_id(b"no spaces, no line breaks"))
    16
    """
    if given is not None and _WELL_FORMED.fullmatch(given):
        return given.decode("ascii")
    return urandom(8).hex()
