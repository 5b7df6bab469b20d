"""What a run published, read as the service reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fiel.settings import load_settings
from fiel.store.reader import Reader


@dataclass(frozen=True)
class Shown:
    """The newest published set of one program."""

    reader: Reader
    program: str

    def part(self, name: str) -> Any:
        """A part of the program's pages."""
        return self.reader.part(self.program, name)

    def scores(self, customer_id: str) -> dict[str, Any]:
        """The customer's row of the ranking."""
        return dict(self._row(customer_id).scores)

    def document(self, customer_id: str) -> dict[str, Any]:
        """The customer's document."""
        found: dict[str, Any] = json.loads(self._row(customer_id).document or "")
        return found

    def features(self, customer_id: str) -> dict[str, Any]:
        """The customer's features by name."""
        newest = self.reader.newest_set(self.program)
        assert newest is not None
        return dict(zip(newest.feature_names, json.loads(self._row(customer_id).features or ""), strict=True))

    def _row(self, customer_id: str) -> Any:
        found = self.reader.customer(self.program, customer_id)
        assert found is not None, f"{customer_id} is published"
        return found


@contextmanager
def shown(program: str) -> Iterator[Shown]:
    """What is published of the program in the store of the settings."""
    reader = Reader(load_settings().store_url)
    try:
        yield Shown(reader, program)
    finally:
        reader.close()
