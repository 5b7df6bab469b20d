"""The stage rule: smoothed shares, kept as JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiel.errors import CohortError, RegistryError
from fiel.models.stage_rule import StageRule
from fiel.program import STAGES

ROWS = st.lists(st.tuples(st.sampled_from(STAGES), st.integers(0, 1)), min_size=1, max_size=60)


def test_a_stage_has_its_smoothed_share() -> None:
    rule = StageRule.fit(["fiel"] * 80 + ["zumbi"] * 120, [1] * 60 + [0] * 140, smoothing_rows=20)
    base = 61 / 202
    assert rule.probs == pytest.approx({"fiel": (60 + 20 * base) / 100, "zumbi": 20 * base / 140})
    assert rule.rows == {"fiel": 80, "zumbi": 120}


@given(rows=ROWS)
def test_probabilities_lie_between_zero_and_one_whatever_train_held(rows: list[tuple[str, int]]) -> None:
    rule = StageRule.fit([stage for stage, _ in rows], [label for _, label in rows])
    probs = rule.predict(list(STAGES))
    assert ((probs > 0) & (probs < 1)).all()


@given(rows=ROWS)
def test_it_survives_its_own_json_to_the_last_bit(rows: list[tuple[str, int]]) -> None:
    rule = StageRule.fit([stage for stage, _ in rows], [label for _, label in rows])
    again = StageRule.from_json(rule.to_json())
    assert again == rule
    assert again.digest == rule.digest
    assert np.array_equal(again.predict(list(STAGES)), rule.predict(list(STAGES)))


@given(rows=ROWS)
def test_the_order_of_the_rows_does_not_matter(rows: list[tuple[str, int]]) -> None:
    stages, labels = [stage for stage, _ in rows], [label for _, label in rows]
    assert StageRule.fit(stages, labels).to_json() == StageRule.fit(stages[::-1], labels[::-1]).to_json()


def test_a_stage_that_train_did_not_hold_gets_the_base_rate() -> None:
    rule = StageRule.fit(["fiel", "zumbi"], [1, 0])
    assert rule.predict(["reborn"])[0] == rule.base_prob == 0.5


def test_no_rows_is_an_error() -> None:
    with pytest.raises(CohortError, match="no training rows"):
        StageRule.fit([], [])


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        json.dumps({"kind": "other"}),
        json.dumps({"kind": "stage_rule", "probs": {}}),
        json.dumps({"kind": "stage_rule", "probs": {"fiel": 1.2}, "rows": {}, "base_prob": 0.2}),
    ],
)
def test_other_content_is_refused(text: str) -> None:
    with pytest.raises(RegistryError, match="stage rule cannot be read"):
        StageRule.from_json(text)
