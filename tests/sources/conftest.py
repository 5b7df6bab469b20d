"""What the tests of the sources share: programs, a tiny points system in its own files, a Kaggle on loopback."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fiel.lake import Lake
from fiel.program import Program
from fiel.settings import Settings
from fiel.sources.ingest import IngestSummary, ingest, land, read_and_normalise, resolve
from fiel.sources.landing import Landing
from fiel.tables import TABLES
from tests.sources.fake_kaggle import FakeKaggle
from tests.sources.tiny import CATEGORIES, write

NOW = datetime(2026, 3, 1)
"""The clock of every ingest here."""


def teomewhy_program(courses: bool = False, **more: Any) -> Program:
    handles = [{"name": "loyalty-system", "handle": "teocalvo/teomewhy-loyalty-system"}]
    if courses:
        handles.append({"name": "education-platform", "handle": "teocalvo/teomewhy-education-platform"})
    source = {"format": "teomewhy", "kaggle": handles, "categories": CATEGORIES, "tolerated_reject_share": 0.5}
    content = {
        "name": "tiny",
        "title": "Tiny",
        "day_time_zone": "America/Sao_Paulo",
        "source": source | more.pop("source", {}),
        "operator_events": {
            "categories": ["fiel", "churn_model"],
            "products": ["Reembolso: Troca de Pontos StreamElements"],
        },
        "target": {"live_origins": ["twitch"]},
    }
    return Program.model_validate(content | more)


class Place:
    """A lake, and folders of source files that are ingested into it one after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings()
        self.lake = Lake(str(folder / "lake"), "tiny")

    def write(self, name: str = "source", **more: Any) -> Path:
        """A folder with the tiny data set, changed by `more` (see tiny.write)."""
        return write(self.folder / name, **more)

    def land(self, source: Path, program: Program | None = None) -> Landing:
        """The core tables that an ingest of `source` would write first, without writing them; `read` gives them."""
        program = program or teomewhy_program()
        version = resolve(program, str(source), self.settings)
        self.landing = read_and_normalise(program, version, land(version, self.lake), None, NOW)
        return self.landing

    def read(self, table: str) -> pl.DataFrame:
        """A table of the last landing, sorted by its key."""
        frame = self.landing.tables[table]
        return frame.sort(TABLES[table].key or frame.columns)

    def ingest(self, source: Path | str | None, program: Program | None = None, **more: Any) -> IngestSummary:
        return ingest(
            program or teomewhy_program(),
            self.lake,
            self.settings,
            None if source is None else str(source),
            now=more.pop("now", NOW),
            **more,
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def fake_kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Kaggle on loopback that kagglehub's real code talks to, and a cache of its own."""
    import kagglesdk.kaggle_env as environment

    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kaggle-cache"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "no-kaggle-config"))
    monkeypatch.setenv("KAGGLE_API_TOKEN", "a-token")
    with FakeKaggle() as server:
        monkeypatch.setitem(environment._env_to_endpoint, environment.KaggleEnv.PROD, server.address)
        yield server
