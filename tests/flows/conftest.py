"""One Prefect server and one run of the whole chain on a small simulated community, shared by the flow tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from fiel.simulate.teomewhy import simulate
from tests.conftest import ROOT

END = date(2025, 6, 30)
AS_OF = date(2025, 7, 1)


@dataclass(frozen=True)
class World:
    """A small community: its settings, its source files, and what the first run of `loyalty` returned."""

    root: Path
    source: Path
    environment: dict[str, str]
    first: dict[str, Any]


def quick_program(folder: Path, **changes: Any) -> Path:
    """The program file of teomewhy with a small training, in `folder`."""
    content = yaml.safe_load((ROOT / "deployments" / "programs" / "teomewhy.yaml").read_text(encoding="utf-8"))
    content["training"] = {"search_trials": 0, "iterations": 60, "cohorts": 10, "threads": 1}
    content["promotion"] = {"bootstrap": 100}
    content["simulated"] = True
    content |= changes
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "teomewhy.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> World:
    root = tmp_path_factory.mktemp("world")
    source = root / "source"
    simulate(source, customers=1_500, end=END)
    environment = {
        "FIEL_LAKE": str(root / "lake"),
        "FIEL_PROGRAMS": str(quick_program(root / "programs")),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        from flows.loyalty import loyalty

        first = loyalty(program="teomewhy", as_of="latest", source=str(source))
    return World(root, source, environment, first)


@pytest.fixture
def in_world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The shared world with its settings in force. Tests that change it bring their own copy of the lake."""
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    return world
