"""The budget of one as_of in tokens and in money: reserved before a request, settled after it, never exceeded."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from fiel.program.messages import Model


@dataclass(frozen=True)
class Spending:
    """Tokens, and money in millionths of the currency."""

    tokens: int
    micros: int


class Budget:
    """What may still be spent; shared by all threads. `before` is what earlier runs of the same as_of came to."""

    def __init__(self, model: Model, before: Spending) -> None:
        self._model = model
        self._spent_tokens, self._spent_micros = before.tokens, before.micros
        self._reserved: list[Spending] = []
        self._free = threading.Condition()

    def most(self, tokens_in: int) -> Spending:
        """The most that a request with so many tokens in its prompt can come to."""
        answer = self._model.answer_tokens
        return Spending(tokens_in + answer, self._model.cost_micros(tokens_in, answer))

    def reserve(self, most: Spending) -> bool:
        """Whether the budget holds `most`; if so it is reserved.

        Requests under way may turn out cheaper than reserved, so their end is waited for before the answer is no.
        """
        with self._free:
            while not self._fits(most):
                if not self._reserved:
                    return False
                self._free.wait()
            self._reserved.append(most)
            return True

    def settle(self, most: Spending, came_to: Spending) -> None:
        """Replace the reservation by what the request came to."""
        with self._free:
            self._reserved.remove(most)
            self._spent_tokens += came_to.tokens
            self._spent_micros += came_to.micros
            self._free.notify_all()

    def _fits(self, most: Spending) -> bool:
        tokens = self._spent_tokens + sum(one.tokens for one in self._reserved) + most.tokens
        micros = self._spent_micros + sum(one.micros for one in self._reserved) + most.micros
        return tokens <= self._model.tokens and micros <= self._model.money_micros
