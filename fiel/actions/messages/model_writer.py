"""What a language model is to the rest of Fiel: something that is asked once and says what became of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Prompt = list[dict[str, str]]

Kind = Literal["answered", "busy", "refused", "unknown", "fatal"]
"""answered: a text came, and is paid. busy: nothing is paid, a later try may help. refused: this request is not
answered, now or later. unknown: no answer; it may be paid. fatal: no request is answered until someone mends it."""


@dataclass(frozen=True)
class Reply:
    """What became of one request. Tokens are None where the server did not count; `retry_after` is in seconds."""

    kind: Kind
    said: str
    text: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    retry_after: float | None = None


class ModelWriter(Protocol):
    """A language model. `name` goes into the hash of every request; `limit` is the most tokens of an answer."""

    @property
    def name(self) -> str:
        """Name of the model."""
        ...

    def ask(self, prompt: Prompt, limit: int) -> Reply:
        """Send the request once. Never raises for what a server or a network does."""
        ...


def most_tokens(prompt: Prompt) -> int:
    """The most tokens that the prompt can be counted as: a token is at least one byte, and each message has a frame."""
    return sum(len(message["content"].encode()) + 16 for message in prompt) + 16


def typical_tokens(prompt: Prompt) -> int:
    """About how many tokens the prompt is counted as: for the pace, which a server corrects, not for the budget."""
    return most_tokens(prompt) // 3
