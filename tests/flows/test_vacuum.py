"""Vacuum removes what nothing names: never what a payment, a stored score or a model was made from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fiel.vacuum import vacuum
from tasks.context import opened
from tests.flows.conftest import AS_OF, World


def test_what_an_applied_cycle_was_paid_on_survives_though_the_date_was_scored_again(
    in_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.score import score

    lake = Path(in_world.environment["FIEL_LAKE"])
    for name in (lake.name, f"{lake.name}.state"):
        shutil.copytree(lake.with_name(name), tmp_path / name)
    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / lake.name))
    with opened("teomewhy") as context:
        paid_on = context.lake.version("out_scores")
        paid = context.lake.read("out_scores", AS_OF)
    score(program="teomewhy", as_of=AS_OF.isoformat(), reasons="all")

    with opened("teomewhy") as context:
        assert context.lake.version("out_scores") != paid_on
        counted = vacuum(context.lake, context.registry)
        assert counted == vacuum(context.lake, context.registry, apply=True)
        assert context.lake.read("out_scores", AS_OF, version=paid_on).equals(paid)
        for table, version in json.loads(paid["table_versions"][0]).items():
            context.lake.read(table, version=version)
        for table in context.lake.versions():
            context.lake.read(table)
