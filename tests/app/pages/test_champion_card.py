"""The champion's card names whose figures it shows: those of a refused challenger are not the champion's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.pages.champion_card import Card, _card
from fiel.program import Program, read_program
from fiel.settings import HOME
from fiel.store import PromotionRow


def program(name: str) -> Program:
    return read_program(HOME / "deployments" / "programs" / f"{name}.yaml")


def measures(metric: str = "auc") -> list[dict[str, Any]]:
    label = {"en": metric, "pt": metric}
    return [
        {"model": name, "metric": metric, "label": label, "value": value, "low": None, "high": None}
        for name, value in (("champion", 0.5), ("challenger", 0.721))
    ]


def card(judged_version: str | None, name: str = "pension", metric: str = "auc") -> Card:
    row = PromotionRow(
        program=name, at=datetime(2026, 1, 1, tzinfo=UTC), by="Ana", action="first", from_version=None, to_version="2",
        digest="d", fingerprint="f", reason="Version 2 is the first champion",
    )  # fmt: skip
    gates = [
        {"gate": "calibration intercept", "outcome": "failed", "detail": "not calibrated"},
        {"gate": "calibration slope", "outcome": "passed", "detail": "slope 0.9"},
    ]
    found = {
        "target": name, "horizon": None, "version": "2", "kind": "stage_rule", "judged_version": judged_version,
        "metrics": measures(metric), "differences": [], "gates": gates,
    }  # fmt: skip
    return _card(found, [row], program(name), "en", True)


def test_a_refused_challenger_is_not_called_the_champion() -> None:
    shown = card(None)
    assert shown.metrics is not None
    assert shown.metrics["rows"] == [
        ["version 2, the champion", "0.500"],
        ["the challenger, which was refused", "0.721"],
    ]
    assert shown.refused == "not calibrated"


def test_a_champion_that_was_judged_itself_is_called_so() -> None:
    shown = card("2")
    assert shown.metrics is not None
    assert [row[0] for row in shown.metrics["rows"]] == ["the champion before it", "version 2, this champion"]
    assert shown.refused == ""


def test_a_profit_names_its_currency() -> None:
    shown = card("2", "santander", "profit")
    assert shown.metrics is not None
    assert shown.metrics["columns"][1]["title"] == "profit, BRL"
