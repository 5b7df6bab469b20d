"""What every request passes through, in one ASGI middleware: id, limits, gate, timeout, headers, log, metrics.

One layer instead of ten: each layer of middleware costs a call and a closure for every message of every request. The
rules themselves are in the modules that are named after them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import metrics
from app.headers import security_headers
from app.limits import RateLimiter, body_too_long, check_size, too_many
from app.logs import AccessLog, place_of
from app.paths import is_open, kind_of
from app.problems import Problem, answer, problem_of, unexpected, wants_html
from app.request_ids import HEADER, request_id
from app.security import csrf
from app.security.caller import Caller
from app.security.gate import sign_in_address
from app.service import Service

_LOG = logging.getLogger("app.frame")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FORM_BYTES = 64 * 1024


class Frame:
    """The middleware. `service` is there before the first request."""

    def __init__(self, app: ASGIApp, service: Service, log: AccessLog | None = None) -> None:
        self.app = app
        self.service = service
        self.gate = service.gate
        self.settings = service.settings
        self.log = log or AccessLog()
        self.rates = RateLimiter(self.settings.rate_per_second, self.settings.rate_burst)
        self.strangers = RateLimiter(self.settings.refused_per_second, self.settings.refused_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever happens inside, it gets exactly one answer and one line in the log."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1000})
                return
            await self.app(scope, receive, send)
            return
        await _Exchange(self, scope, receive, send).run()


class _Exchange:
    """One request and its answer."""

    __slots__ = (
        "body_bytes",
        "caller",
        "cut",
        "frame",
        "headers",
        "is_answered",
        "is_https",
        "kind",
        "rate",
        "raw_receive",
        "raw_send",
        "scope",
        "started",
        "state",
        "status",
        "timer",
    )

    def __init__(self, frame: Frame, scope: Scope, receive: Receive, send: Send) -> None:
        self.started = perf_counter()
        self.frame = frame
        self.scope = scope
        self.raw_receive = receive
        self.raw_send = send
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.state: dict[str, Any] = scope.setdefault("state", {})
        self.kind = kind_of(scope["path"])
        self.is_https = scope["scheme"] == "https"
        self.caller: Caller | None = None
        self.status = 0
        self.body_bytes = 0
        self.is_answered = False
        self.cut: asyncio.Future[None] | None = None
        self.rate: tuple[bytes, bytes] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.state["request_id"] = request_id(self.headers.get(HEADER))

    async def run(self) -> None:
        """Refuse it, or let the routes answer it; then log and count it."""
        frame, scope = self.frame, self.scope
        try:
            refusal = self._refusal()
            if refusal is not None:
                await self._answer(refusal)
                return
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(
                frame.settings.request_timeout_seconds, self._on_timeout, asyncio.current_task()
            )
            if self.kind != "static" and scope["method"] not in csrf.SAFE_METHODS:
                problem = await self._check_form()
                if problem is not None:
                    await self._answer(problem)
                    return
            has_length = b"content-length" in self.headers
            await frame.app(scope, self.raw_receive if has_length else self._receive, self._send)
        except asyncio.CancelledError:
            if self.cut is None:
                raise
        except Exception as error:  # the last stop: it is logged, counted and answered
            await self._on_defect(error)
        finally:
            if self.timer is not None:
                self.timer.cancel()
            if self.cut is not None:
                await self.cut
            self._note()

    # -- before the routes

    def _refusal(self) -> Problem | Response | None:
        frame, scope, headers = self.frame, self.scope, self.headers
        raw_path = scope.get("raw_path") or scope["path"].encode()
        problem = check_size(frame.settings, len(raw_path) + len(scope["query_string"]), scope["headers"])
        if problem is not None:
            metrics.REFUSED.labels("size").inc()
            return problem
        if self.kind == "static":
            return None
        path = scope["path"]
        if path == "/health":
            return None
        if len(headers) != len(scope["headers"]) and sum(name == b"host" for name, _ in scope["headers"]) > 1:
            metrics.REFUSED.labels("host").inc()
            return Problem(400, "bad-request", "The request cannot be read", "It has several Host headers.")
        problem = frame.gate.check_host(headers)
        if problem is not None:
            metrics.REFUSED.labels("host").inc()
            return problem
        caller = self.caller = self.state["caller"] = frame.gate.caller(headers, self.state)
        client = scope["client"][0] if scope.get("client") else "unknown"
        if caller is None and path in _NEVER_TOO_MANY:
            return None
        if caller is None:
            allowance = frame.strangers.take(client)
            if not allowance.passes:
                metrics.REFUSED.labels("rate").inc()
                return too_many(allowance)
            if not is_open(path):
                metrics.REFUSED.labels("key").inc()
                return self._ask_for_key()
        else:
            allowance = frame.rates.take(caller.key_id or client)
            self.rate = (b"ratelimit", b'"requests";r=%d;t=%d' % (allowance.left, int(allowance.wait_seconds) + 1))
            if not allowance.passes:
                metrics.REFUSED.labels("rate").inc()
                return too_many(allowance)
        length = headers.get(b"content-length")
        if length is not None and (not length.isdigit() or _number(length) > frame.settings.max_body_bytes):
            metrics.REFUSED.labels("body").inc()
            return body_too_long(frame.settings.max_body_bytes)
        if self.kind == "page" and not self.state.get("csrf_token"):
            csrf.token(Request(scope))
        return None

    def _ask_for_key(self) -> Problem | Response:
        refusal = self.frame.gate.refusal(self.headers)
        if refusal.status_code != 401 or not wants_html(self.scope):
            if self.headers.get(b"hx-request") == b"true":
                refusal.headers = {**(refusal.headers or {}), "HX-Redirect": "/sign-in"}
            return refusal
        return RedirectResponse(sign_in_address(self.scope["path"], self.scope["query_string"]), 303)

    async def _check_form(self) -> Problem | None:
        """Whether a request that may change something comes from one of our pages, where that is in question."""
        is_page = self.kind == "page"
        by = None if self.caller is None else self.caller.by
        if by == "key":
            return None
        if not csrf.is_same_site(self.headers):
            metrics.REFUSED.labels("csrf").inc()
            return csrf.refused("It was sent by a page of another site.")
        if not is_page and by != "session":
            return None
        given = self.headers.get(csrf.HEADER, b"").decode("latin-1")
        if not given:
            content_type = self.headers.get(b"content-type", b"")
            body = await self._whole_form() if content_type.startswith(b"application/x-www-form-urlencoded") else b""
            given = csrf.token_in_form(content_type, body) or ""
        if "new_csrf_cookie" in self.state or not csrf.matches(self.state.get("csrf_token"), given):
            metrics.REFUSED.labels("csrf").inc()
            return csrf.refused("Its form carries no valid token: the page is old, or cookies are off.")
        return None

    async def _whole_form(self) -> bytes:
        """The body of a form, read here and handed to the route again."""
        body = b""
        while True:
            message = await self.raw_receive()
            if message["type"] != "http.request":
                break
            body += message.get("body", b"")
            if len(body) > _FORM_BYTES:
                raise body_too_long(_FORM_BYTES)
            if not message.get("more_body"):
                break
        first = {"type": "http.request", "body": body, "more_body": False}
        self.raw_receive = _once(first, self.raw_receive)
        return body

    # -- while the routes run

    async def _receive(self) -> Message:
        message = await self.raw_receive()
        if message["type"] == "http.request":
            self.body_bytes += len(message.get("body", b""))
            if self.body_bytes > self.frame.settings.max_body_bytes:
                metrics.REFUSED.labels("body").inc()
                raise body_too_long(self.frame.settings.max_body_bytes)
        return message

    async def _send(self, message: Message) -> None:
        if self.cut is None:  # else the caller was told already that it took too long
            await self._send_on(message)

    async def _send_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_answered = True
            self.status = message["status"]
            if self.timer is not None:
                self.timer.cancel()
            headers = list(message.get("headers", ()))
            headers.append((b"x-request-id", self.state["request_id"].encode()))
            headers.extend(security_headers(self.kind, self.is_https))
            if self.rate is not None:
                headers.append(self.rate)
                headers.append((b"ratelimit-policy", self.frame.rates.policy))
            made = self.state.get("new_csrf_cookie")
            if made is not None and self.kind == "page":
                headers.append((b"set-cookie", csrf.set_cookie(made, self.is_https).encode()))
            message["headers"] = headers
        await self.raw_send(message)

    def _on_timeout(self, task: asyncio.Task[Any] | None) -> None:
        """Answer now, whatever the route waits for: a thread cannot be stopped, so its end is not waited for."""
        if self.is_answered or task is None:
            return
        self.timer = None
        response = answer(Request(self.scope), _too_slow())
        self.cut = asyncio.ensure_future(response(self.scope, self.raw_receive, self._send_on))
        task.cancel()

    # -- after

    async def _answer(self, found: Problem | Response) -> None:
        if self.is_answered:
            return
        response = answer(Request(self.scope), found) if isinstance(found, Problem) else found
        await response(self.scope, self.raw_receive, self._send)

    async def _on_defect(self, error: Exception) -> None:
        if isinstance(error, HTTPException):
            await self._answer(problem_of(error))
            return
        if isinstance(error, ClientDisconnect):  # the caller went away in the middle of its body: nobody to answer
            return
        kind = type(error).__name__
        metrics.UNEXPECTED.labels(kind).inc()
        fields = {
            "request_id": self.state["request_id"],
            "route": self._route(),
            "error": kind,
            "place": place_of(error),
        }
        _LOG.error("an unexpected error ended a request", extra={"fields": fields})
        if self.is_answered:
            raise BrokenOffError from None  # half an answer is out: the server has to close the connection
        await self._answer(unexpected())

    def _route(self) -> str:
        route = self.scope.get("route")
        path = getattr(route, "path_format", None) or getattr(route, "path", None)
        if path is not None:
            return str(path)
        return "static" if self.kind == "static" else "unmatched"

    def _note(self) -> None:
        seconds = perf_counter() - self.started
        method = self.scope["method"] if self.scope["method"] in _METHODS else "OTHER"
        route = self._route()
        self.status = self.status or 499  # the caller went away before there was an answer
        metrics.observe(method, route, self.status, seconds)
        if route in _QUIET and self.status < 400:
            return
        self.frame.log.write(
            request_id=self.state["request_id"],
            method=method,
            route=route,
            status=self.status,
            ms=round(seconds * 1000, 2),
            key=None if self.caller is None else self.caller.name,
            by=None if self.caller is None else self.caller.by,
            error=self.state.get("error"),
        )


class BrokenOffError(Exception):
    """The connection has to be closed in the middle of an answer; what happened is logged already."""


_QUIET = frozenset({"/health", "/metrics", "static"})
_NEVER_TOO_MANY = frozenset({"/ready", "/health_check"})
"""Without a key: who looks whether the service is well may share an address with those who send no valid keys."""


def _once(first: Mapping[str, Any], then: Receive) -> Receive:
    """`first`, then what `then` gives."""
    is_used = False

    async def receive() -> Message:
        nonlocal is_used
        if not is_used:
            is_used = True
            return dict(first)
        return await then()

    return receive


def _number(digits: bytes) -> float:
    """The number that digits say; infinite for more of them than any length has."""
    return int(digits) if len(digits) < 20 else float("inf")


def _too_slow() -> Problem:
    return Problem(
        503,
        "too-slow",
        "The answer took too long",
        "The request was stopped because it took longer than a request may.",
        todo="Ask for fewer customers at once, or try again later.",
        headers={"Retry-After": "5", "Connection": "close"},  # the rest of a slow body is not waited for
    )
