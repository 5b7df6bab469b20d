"""Limits of a request: its address, headers, body and batch, and how many may come in a second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from app.problems import Problem
from app.settings import ServeSettings


class Allowance(NamedTuple):
    """What is left of a rate after a request: whether it may pass, whole requests left, seconds until one more."""

    passes: bool
    left: int
    wait_seconds: float


class RateLimiter:
    """A token bucket for each name: `per_second` tokens flow in, at most `burst` stay; a request takes one.

    Holds `most` names; when there are more, those whose bucket is full again are forgotten, which changes nothing for
    them, and if that is not enough the longest unseen. One event loop uses it, so it needs no lock.
    """

    def __init__(self, per_second: float, burst: int, most: int = 20_000) -> None:
        self.per_second = per_second
        self.burst = burst
        self._most = most
        self._buckets: dict[str, tuple[float, float]] = {}
        self.policy = f'"requests";q={burst};w={max(1, math.ceil(burst / per_second))}'.encode()

    def take(self, name: str, now: float | None = None) -> Allowance:
        """One request of `name` at `now` (seconds of a monotonic clock)."""
        at = monotonic() if now is None else now
        tokens, seen = self._buckets.get(name, (float(self.burst), at))
        tokens = min(float(self.burst), tokens + (at - seen) * self.per_second)
        if tokens < 1:
            self._buckets[name] = (tokens, at)
            return Allowance(False, 0, (1 - tokens) / self.per_second)
        if len(self._buckets) >= self._most and name not in self._buckets:
            self._forget(at)
        self._buckets[name] = (tokens - 1, at)
        return Allowance(True, int(tokens - 1), 0.0)

    def _forget(self, now: float) -> None:
        full_again = self.burst / self.per_second
        kept = {name: held for name, held in self._buckets.items() if now - held[1] < full_again}
        newest_first = sorted(kept.items(), key=lambda item: item[1][1], reverse=True)
        self._buckets = dict(newest_first[: self._most // 2])


def too_many(allowance: Allowance) -> Problem:
    """429 with the seconds to wait."""
    seconds = max(1, math.ceil(allowance.wait_seconds))
    return Problem(
        429,
        "too-many-requests",
        "Too many requests",
        "More requests came than are answered in a second.",
        todo=f"Wait {seconds} s, then go on more slowly; send many customers in one request.",
        headers={"Retry-After": str(seconds)},
    )


def check_size(settings: ServeSettings, url_bytes: int, headers: Sequence[tuple[bytes, bytes]]) -> Problem | None:
    """414 or 431 where the address or the headers are too long."""
    if url_bytes > settings.max_url_bytes:
        return Problem(
            414,
            "address-too-long",
            "The address is too long",
            f"Path and query have {url_bytes:,} bytes; {settings.max_url_bytes:,} are read.",
            todo="Send the values in the body of a POST.",
        )
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
    if size > settings.max_header_bytes:
        return Problem(
            431,
            "headers-too-long",
            "The headers are too long",
            f"The headers have {size:,} bytes; {settings.max_header_bytes:,} are read.",
            todo="Send fewer or shorter headers (cookies count).",
        )
    return None


def body_too_long(most_bytes: int) -> Problem:
    """413; the connection is closed, for the rest of the body is not read."""
    return Problem(
        413,
        "body-too-long",
        "The body is too long",
        f"A body may have {most_bytes:,} bytes.",
        todo="Send fewer customers in one request.",
        headers={"Connection": "close"},
    )


def check_batch(settings: ServeSettings, count: int, field: str) -> None:
    """Problem (422) where a request holds more customers than one request may."""
    if count > settings.max_batch:
        raise Problem(
            422,
            "batch-too-long",
            "Too many customers in one request",
            f"{count:,} customers were sent; one request may hold {settings.max_batch:,}.",
            field=field,
            todo=f"Send at most {settings.max_batch:,} in one request.",
        )
