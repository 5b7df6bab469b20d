"""A changed customer: both scores, and a difference that its reasons add up to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fiel.errors import FeatureError
from fiel.models.row_model import RowModel
from fiel.models.what_if import compare
from tests.models import frames
from tests.models import served_worlds as worlds

PROGRAM = frames.program()
CUSTOMERS = worlds.rows().head(60)


def row_model(build: str) -> RowModel:
    return RowModel.of(worlds.served(build))


def customer(model: RowModel, place: int) -> dict[str, Any]:
    return CUSTOMERS.select(model.inputs).row(place, named=True)


@pytest.mark.parametrize("build", worlds.BUILDS)
def test_the_reasons_add_up_to_the_difference(build: str) -> None:
    model = row_model(build)

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(0, 59), st.integers(0, 59))
    def holds(first: int, second: int) -> None:
        before, after = customer(model, first), customer(model, second)
        found = compare(model, before, after, PROGRAM)
        assert sum(reason.contribution for reason in found.by_reason) == pytest.approx(found.log_odds, abs=1e-9)
        assert [found.before, found.after] == model.predict([list(before.values()), list(after.values())])

    holds()


def test_only_the_changed_feature_has_to_be_given() -> None:
    model = row_model("categories")
    before = customer(model, 0)
    found = compare(model, before, {"active_days_d28": 19}, PROGRAM)
    assert found.changed == ("active_days_d28",)
    assert found == compare(model, before, {**before, "active_days_d28": 19}, PROGRAM)


def test_more_activity_raises_the_score_and_says_so() -> None:
    model = row_model("categories")
    before = {**customer(model, 0), "active_days_d28": 0}
    found = compare(model, before, {"active_days_d28": 19}, PROGRAM)
    assert found.after > found.before
    strongest = found.by_reason[0]
    assert (strongest.topic, strongest.feature, strongest.value) == ("active days", "active_days_d28", 19)
    assert strongest.text == "19 active days in the last 28 days raise it"
    told = compare(model, before, {"active_days_d28": 19}, PROGRAM, "pt").by_reason[0].text
    assert told == "19 dias ativos nos últimos 28 dias aumentam a chance"


def test_the_reasons_are_sorted_by_strength() -> None:
    model = row_model("many categories")
    strengths = [abs(reason.contribution) for reason in compare(model, customer(model, 0), customer(model, 7), PROGRAM)
                 .by_reason]  # fmt: skip
    assert len(strengths) > 2
    assert strengths == sorted(strengths, reverse=True)


def test_nothing_changed_is_no_difference() -> None:
    model = row_model("ensemble")
    found = compare(model, customer(model, 0), {}, PROGRAM)
    assert (found.before, found.log_odds, found.changed, found.by_reason) == (found.after, 0.0, (), ())


def test_the_stage_rule_moves_by_the_stage() -> None:
    found = compare(row_model("stage rule"), {"stage": "turista"}, {"stage": "fiel"}, PROGRAM)
    assert [reason.topic for reason in found.by_reason] == ["stage"]
    assert found.by_reason[0].text == "being fiel now raises it"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"active_dys_d28": 3}, "active_dys_d28"),
        ({"active_days_d28": "many"}, "active_days_d28"),
        ({"stage": 1}, "stage"),
    ],
)
def test_a_change_that_cannot_be_is_refused_by_name(changes: dict[str, Any], field: str) -> None:
    model = row_model("categories")
    with pytest.raises(FeatureError, match=field) as refused:
        compare(model, customer(model, 0), changes, PROGRAM)
    assert refused.value.field == field
