"""A small simulated community that went through the ingest, shared by the tests that need realistic tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pytest

from fiel.lake import Lake
from fiel.program import load_program
from fiel.settings import Settings
from fiel.simulate.teomewhy import simulate
from fiel.sources.ingest import ingest


@dataclass(frozen=True)
class Simulated:
    """The files in Kaggle's form and the lake made of them."""

    source: Path
    lake: Lake


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """400 customers of `teomewhy` from 2024-02-01 to 2025-08-31."""
    folder = tmp_path_factory.mktemp("simulated")
    simulate(folder / "source", customers=400, end=date(2025, 8, 31))
    lake = Lake(str(folder / "lake"), "teomewhy")
    program = load_program("teomewhy", Settings())
    ingest(program, lake, Settings(), str(folder / "source"), now=datetime(2026, 6, 1))
    return Simulated(folder / "source", lake)
