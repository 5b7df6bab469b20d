"""When the next request may be sent: so many requests and tokens in a minute, a pause if the server asks for one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Slots for requests, shared by all threads. A request that may use more tokens leaves a longer gap behind it."""

    def __init__(
        self, requests_per_minute: int, tokens_per_minute: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_request = 60 / requests_per_minute
        self._per_token = 60 / tokens_per_minute
        self._clock = clock
        self._next = clock()
        self._lock = threading.Lock()

    def slot(self, tokens: int) -> float:
        """Take the next slot for a request of at most `tokens`: seconds from now until it may be sent."""
        with self._lock:
            at = max(self._next, self._clock())
            self._next = at + max(self._per_request, tokens * self._per_token)
            return at - self._clock()

    def pause(self, seconds: float) -> None:
        """Give no slot for so long."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)
