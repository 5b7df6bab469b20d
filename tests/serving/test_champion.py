"""Whose figures the part of the champion holds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fiel.program import read_program
from fiel.reports.cards import ModelCard
from fiel.serving.champion import champion
from fiel.settings import HOME
from fiel.store import PromotionRow


@pytest.mark.parametrize(("action", "judged"), [("promote", "2"), ("keep", None)])
def test_only_a_promotion_says_that_the_champion_itself_was_judged(action: str, judged: str | None) -> None:
    program = read_program(HOME / "deployments" / "programs" / "teomewhy.yaml")
    name = program.target.name
    row = PromotionRow(
        program="teomewhy", at=datetime(2026, 1, 1, tzinfo=UTC), by="Ana", action="first", from_version=None,
        to_version="2", digest="d", fingerprint="f", reason="Version 2 is the first champion",
    )  # fmt: skip
    card = ModelCard(version="2", kind="stage_rule", action=action, reason="told")
    (target,) = champion(program, {name: card}, {name: [row]}, {name: "stage_rule"}, [])["targets"]
    assert (target["version"], target["judged_version"]) == ("2", judged)
