"""HTTP load from a process of its own: a closed loop (as fast as answers come) and an open loop (as fast as asked).

In the open loop a request's latency counts from the moment at which it was due, not from the moment at which a free
connection sent it: a server that stalls is not spared the requests that it kept waiting (coordinated omission).
The client is a bare asyncio protocol, so that it takes as little as possible of the cores that it shares with the
server. It speaks HTTP/1.1 with keep-alive to loopback only.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

LIMIT_SECONDS = 10.0
"""Longest wait for an answer at the end of a run."""


@dataclass(frozen=True)
class Request:
    """One request: method, path, headers, body."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def wire(self, host: str) -> bytes:
        """The request as it is sent."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}", *(f"{k}: {v}" for k, v in self.headers)]
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body


@dataclass
class Answers:
    """Latencies in milliseconds, answers by status (0: the connection broke), and the seconds that it took."""

    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.milliseconds) / self.seconds

    def quantile(self, share: float) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, pool: _Pool) -> None:
        self.pool, self.due, self.left, self.buffer, self.status, self.transport = pool, 0.0, -1, b"", 0, None
        self.is_open = False

    def connection_made(self, transport: Any) -> None:
        self.transport, self.is_open = transport, True

    def send(self, wire: bytes, due: float) -> None:
        self.due, self.left, self.buffer = due, -1, b""
        self.transport.write(wire)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.left < 0:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.buffer[:end].lower()
            self.status = int(head[9:12])
            place = head.find(b"content-length:")
            if place < 0:
                self.is_open = False
                self.transport.abort()
                return
            self.left = end + 4 + int(head[place + 15 :].split(b"\r\n", 1)[0])
        if len(self.buffer) >= self.left:
            self.pool.answered(self, self.status)

    def connection_lost(self, error: Exception | None) -> None:
        was_busy, self.is_open = self.due > 0, False
        if was_busy:
            self.pool.answered(self, 0)


class _Pool:
    """Connections, and the requests that wait for one."""

    def __init__(self, address: str, requests: Sequence[Request], connections: int) -> None:
        parts = urlsplit(address)
        assert parts.hostname in ("127.0.0.1", "localhost"), "load goes to loopback only"
        self.host, self.port, self.size = parts.hostname, parts.port or 80, connections
        self.wires = itertools.cycle([request.wire(f"{self.host}:{self.port}") for request in requests])
        self.free: deque[_Connection] = deque()
        self.waiting: deque[float] = deque()
        self.answers, self.under_way, self.is_closed_loop, self.until = Answers(), 0, False, 0.0

    async def connect(self) -> None:
        for _ in range(self.size):
            self.free.append(await self._opened())

    async def _opened(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(self), self.host, self.port)
        return connection

    def ask(self, due: float) -> None:
        if not self.free:
            self.waiting.append(due)
            return
        connection = self.free.popleft()
        if not connection.is_open:
            self.under_way += 1
            asyncio.get_running_loop().create_task(self._again(due))
            return
        self.under_way += 1
        connection.send(next(self.wires), due)

    async def _again(self, due: float) -> None:
        try:
            connection = await self._opened()
            connection.send(next(self.wires), due)
        except OSError:
            self.answers.statuses[0] += 1
            self.under_way -= 1
            await asyncio.sleep(0.02)
            self.free.append(_Connection(self))

    def answered(self, connection: _Connection, status: int) -> None:
        now = time.perf_counter()
        self.answers.statuses[status] += 1
        if status:
            self.answers.milliseconds.append((now - connection.due) * 1_000)
        connection.due, connection.left, connection.buffer = 0.0, -1, b""
        self.under_way -= 1
        self.free.append(connection)
        if self.is_closed_loop and now < self.until:
            self.ask(now)
        elif self.waiting:
            self.ask(self.waiting.popleft())


async def _closed(pool: _Pool, seconds: float) -> Answers:
    await pool.connect()
    began = time.perf_counter()
    pool.is_closed_loop, pool.until = True, began + seconds
    for _ in range(pool.size):
        pool.ask(began)
    await asyncio.sleep(seconds)
    await _settled(pool)
    pool.answers.seconds = time.perf_counter() - began
    return pool.answers


async def _open(pool: _Pool, seconds: float, per_second: float) -> Answers:
    await pool.connect()
    began = time.perf_counter()
    for number in range(int(seconds * per_second)):
        due = began + number / per_second
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        pool.ask(due)
    await _settled(pool)
    pool.answers.seconds = time.perf_counter() - began
    return pool.answers


async def _settled(pool: _Pool) -> None:
    end = time.perf_counter() + LIMIT_SECONDS
    while (pool.under_way or pool.waiting) and time.perf_counter() < end:
        await asyncio.sleep(0.005)


def _run(address: str, requests: Sequence[Request], connections: int, seconds: float, rate: float | None) -> Answers:
    import uvloop

    async def whole() -> Answers:
        pool = _Pool(address, requests, connections)
        return await (_closed(pool, seconds) if rate is None else _open(pool, seconds, rate))

    return uvloop.run(whole())


def closed_loop(address: str, requests: Sequence[Request], *, connections: int, seconds: float) -> Answers:
    """Answers of a server that is asked again by each connection as soon as it has answered."""
    return _elsewhere(address, requests, connections, seconds, None)


def open_loop(
    address: str, requests: Sequence[Request], *, per_second: float, seconds: float, connections: int = 64
) -> Answers:
    """Answers of a server that is asked `per_second` times a second, whether it keeps up or not."""
    return _elsewhere(address, requests, connections, seconds, per_second)


def _elsewhere(*arguments: Any) -> Answers:
    with multiprocessing.get_context("spawn").Pool(1) as processes:
        return processes.apply(_run, arguments)
