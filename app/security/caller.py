"""Who asks: the caller of a request, as the frame found it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request and what they may see.

    `by` is how they came: with a `key`, in a signed-in browser (`session`), or `open` (loopback without any key).
    """

    name: str
    key_id: str | None
    programs: tuple[str, ...]
    by: Literal["key", "session", "open"]

    def may(self, program: str) -> bool:
        """Whether the program is in the caller's scope."""
        return "*" in self.programs or program in self.programs

    @property
    def may_all(self) -> bool:
        """Whether every program is in scope, and with it what concerns the whole service."""
        return "*" in self.programs


OPEN = Caller("open", None, ("*",), "open")
"""Everyone on this machine, as long as the service listens on loopback only and no key was ever made."""
