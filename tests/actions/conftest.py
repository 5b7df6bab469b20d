"""Stores and lakes for the tests of money."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fiel.lake import Lake
from fiel.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/store.db")
    yield opened
    opened.close()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "club")
