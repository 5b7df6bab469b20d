"""What a customer's page says of further targets, of models that disagree, and of what the ledger has done already."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.pages.customer_view import already, disagreement, key_figures
from app.pages.voice import Voice
from fiel.program import read_program
from fiel.settings import HOME

AS_OF = date(2016, 3, 2)


def voice(program: str, language: Any = "en") -> Voice:
    return Voice(language, read_program(HOME / "deployments" / "programs" / f"{program}.yaml"))


def labels(by_rule: tuple[str, ...]) -> list[tuple[str, str]]:
    found = key_figures({"prob": 0.14}, {"probs": {"closing_year": 0.07}}, voice("pension"), by_rule)
    return [(fact.label, fact.note) for fact in found]


def test_a_base_rate_is_not_called_the_account_s_probability() -> None:
    assert labels(("closing_year",))[-1] == ("The mean of all", "Closing within 12 months; no model has beaten it")


def test_a_further_model_gives_a_probability_of_its_own() -> None:
    assert labels(())[-1] == ("Probability", "Closing within 12 months")


@pytest.mark.parametrize(
    ("program", "prob", "further", "is_said"),
    [
        ("pension", 0.14, {"closing_year": 0.07}, True),
        ("pension", 0.05, {"closing_year": 0.07}, False),
        ("retail", 0.40, {"purchase_30": 0.45}, True),
        ("retail", 0.60, {"purchase_30": 0.45}, False),
        ("retail", 0.60, {}, False),
        ("retail", None, {"purchase_30": 0.45}, False),
    ],
)
def test_more_within_the_shorter_time_than_within_the_longer_one_is_said(
    program: str, prob: float | None, further: dict[str, float], is_said: bool
) -> None:
    said = disagreement({"prob": prob}, {"probs": further}, voice(program))
    assert ("disagree" in said) == is_said


def test_a_mean_of_all_disagrees_with_nobody() -> None:
    document = {"probs": {"closing_year": 0.07}}
    assert disagreement({"prob": 0.14}, document, voice("pension"), {"closing_year"}) == ""


def entry(kind: str, as_of: date = AS_OF) -> dict[str, Any]:
    return {"kind": kind, "as_of": as_of}


@pytest.mark.parametrize(
    ("entries", "held_out", "words"),
    [
        ([], [], ""),
        ([entry("grant")], [], "has granted it already"),
        ([entry("reversal"), entry("grant")], [], ""),
        ([entry("grant", date(2015, 3, 2))], [], ""),
        ([], [entry("held_out")], "holds this customer out"),
        ([], [entry("held_out", date(2015, 3, 2))], ""),
    ],
)
def test_who_is_held_out_or_granted_already_in_this_cycle_is_said(
    entries: list[dict[str, Any]], held_out: list[dict[str, Any]], words: str
) -> None:
    said = already(entries, held_out, AS_OF, voice("santander"))
    assert words in said
    assert bool(said) == bool(words)
