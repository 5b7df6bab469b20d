"""Requests to the language model that are recorded before they are sent, so that none is paid for twice.

An answer that the store has is used and nothing is sent. A retry waits as long as the server asks for; what a retry
cannot help (a wrong key, a refused request) is never sent again by the same run. When no further request makes sense
(budget spent, server down), every thread stops asking.
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from fiel.actions.messages.budget import Budget, Spending
from fiel.actions.messages.model_writer import ModelWriter, Prompt, Reply, most_tokens, typical_tokens
from fiel.actions.messages.pace import Pace
from fiel.program.messages import Model
from fiel.store import CallRow, Store
from fiel.store.schema import canonical_json

State = Literal["intent", "answered", "refused", "unknown"]
_STATES: dict[str, State] = {"answered": "answered", "unknown": "unknown"}


@dataclass(frozen=True)
class Asked:
    """A request and its answer; without an answer, why there is none."""

    request: str
    text: str | None
    why_not: str | None = None


@dataclass(frozen=True)
class Stop:
    """Why no more requests are sent; `fatal` when somebody has to mend something first."""

    reason: str
    fatal: bool = False


class Asker:
    """Asks one writer for the messages of one program and as_of; used by many threads.

    `first_pause` is the pause in seconds before the first retry of a request, when the server names none; it doubles.
    """

    def __init__(
        self,
        store: Store,
        program: str,
        as_of: date,
        writer: ModelWriter,
        model: Model,
        *,
        first_pause: float = 1,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        steps: Callable[[str], None] | None = None,
    ) -> None:
        self._store, self._program, self._as_of = store, program, as_of
        self._writer, self._model = writer, model
        self._first_pause, self._now, self._tell = first_pause, now, steps or (lambda _: None)
        self._answers = store.message_answers(program, as_of)
        self._budget = Budget(model, Spending(*store.message_spending(program, as_of, model.currency)))
        self._pace = Pace(model.requests_per_minute, model.tokens_per_minute)
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._failed_in_a_row = 0
        self.stop: Stop | None = None
        self.sent = 0

    def ask(self, customer_id: str, prompt: Prompt) -> Asked:
        """The model's answer to the prompt, from the store if it is there."""
        request = self.request(customer_id, prompt)
        found = self._answers.get(request)
        if found is not None:
            return Asked(request, found.text)
        most = self._budget.most(most_tokens(prompt))
        reply: Reply | None = None
        for attempt in range(self._model.attempts):
            if self._stopped.is_set():
                return Asked(request, None, self._why(reply))
            if not self._budget.reserve(most):
                self.end(Stop("the budget is spent"))
                return Asked(request, None, self._why(reply))
            reply = self._send(request, customer_id, prompt, most)
            if reply is None:
                return Asked(request, None, self._why(None))
            if reply.kind == "answered":
                self._failed_in_a_row = 0
                return Asked(request, reply.text)
            if reply.kind == "fatal":
                self.end(Stop(reply.said, fatal=True))
                return Asked(request, None, reply.said)
            if reply.kind == "refused" or not self._rest_before(attempt, reply):
                break
        assert reply is not None
        self._count_failure(reply)
        return Asked(request, None, reply.said)

    def request(self, customer_id: str, prompt: Prompt) -> str:
        """Hash of all that the request is made of."""
        content = {
            "program": self._program,
            "as_of": self._as_of.isoformat(),
            "customer_id": customer_id,
            "writer": self._writer.name,
            "temperature": self._model.temperature,
            "answer_tokens": self._model.answer_tokens,
            "prompt": prompt,
        }
        return hashlib.sha256(canonical_json(content).encode()).hexdigest()

    def end(self, stop: Stop) -> None:
        """Send no more; the first reason stays, unless a fatal one comes."""
        with self._lock:
            if self.stop is None or (stop.fatal and not self.stop.fatal):
                self.stop = stop
        self._stopped.set()

    def abandon(self) -> None:
        """Let every thread come to its end: the caller is about to raise."""
        self.end(Stop("the run was stopped"))

    def _send(self, request: str, customer_id: str, prompt: Prompt, most: Spending) -> Reply | None:
        """One request: intent, slot, call, outcome. None when the run stopped while it waited, and nothing was sent."""
        came_to = Spending(0, 0)
        try:
            if self._stopped.wait(self._pace.slot(typical_tokens(prompt) + self._model.answer_tokens)):
                return None
            answer, tokens_in = self._model.answer_tokens, most.tokens - self._model.answer_tokens
            number = self._record(request, customer_id, "intent", "about to be sent", tokens_in, answer, None)
            came_to = most
            self._tell("intent recorded")
            reply = self._writer.ask(prompt, answer)
            self._tell("answered")
            used = self._used(reply, tokens_in, answer)
            came_to = Spending(sum(used), self._model.cost_micros(*used))
            text = reply.text if reply.kind == "answered" else None
            self._record(
                request, customer_id, _STATES.get(reply.kind, "refused"), reply.said, *used, text, after=number
            )
            self._tell("outcome recorded")
            return reply
        finally:
            self._budget.settle(most, came_to)

    @staticmethod
    def _used(reply: Reply, tokens_in: int, tokens_out: int) -> tuple[int, int]:
        """Tokens in and out; the most that they can be where the server did not count, none where nothing is paid."""
        if reply.kind not in _STATES:
            return 0, 0
        counted = (reply.tokens_in, tokens_in), (reply.tokens_out, tokens_out)
        used_in, used_out = (most if found is None else found for found, most in counted)
        return used_in, used_out

    def _record(
        self,
        request: str,
        customer_id: str,
        state: State,
        said: str,
        tokens_in: int,
        tokens_out: int,
        text: str | None,
        after: int | None = None,
    ) -> int:
        """Add an event of the request, and its number. Another run's event in between only moves the number."""
        with self._lock:
            while True:
                number = (self._store.message_call_number(request) if after is None else after) + 1
                row = CallRow(
                    request,
                    number,
                    self._program,
                    self._as_of,
                    customer_id,
                    state,
                    self._now(),
                    self._writer.name,
                    tokens_in,
                    tokens_out,
                    self._model.cost_micros(tokens_in, tokens_out),
                    self._model.currency,
                    said,
                    text,
                )
                if self._store.append_message_call(row):
                    self.sent += state == "intent"
                    return number
                after = None

    def _rest_before(self, attempt: int, reply: Reply) -> bool:
        """Wait before the next attempt; False when there is none, or the server asks for too long a pause."""
        if attempt + 1 >= self._model.attempts:
            return False
        if reply.retry_after is not None:
            if reply.retry_after > self._model.longest_wait_seconds:
                self.end(Stop(f"{reply.said}: the server asks to wait {reply.retry_after:,.0f} seconds"))
                return False
            self._pace.pause(reply.retry_after)
            return True
        pause = self._first_pause * 2**attempt * random.uniform(0.5, 1)  # noqa: S311 (jitter)
        return not self._stopped.wait(min(pause, self._model.longest_wait_seconds))

    def _count_failure(self, reply: Reply) -> None:
        with self._lock:
            self._failed_in_a_row += 1
            too_many = self._failed_in_a_row >= self._model.stop_after
        if too_many:
            self.end(Stop(f"{self._failed_in_a_row} requests in a row failed, the last with {reply.said}"))

    def _why(self, reply: Reply | None) -> str:
        return self.stop.reason if self.stop else (reply.said if reply else "stopped")
