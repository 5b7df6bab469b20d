"""Life-cycle features: what a customer's stage is, was and will be."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.features import life_cycle
from fiel.program import STAGES, LifeCycle, Program
from fiel.tables import TABLES

from .frames import TEOMEWHY, histories, history_core, on, program, rows
from .test_spans import rule_sets, stage_by_hand


def features(history: dict[str, set[int]], as_of: int, rules: Program = TEOMEWHY) -> pl.DataFrame:
    return life_cycle.build(history_core(history), [on(as_of)], rules).collect()


def test_the_columns_are_those_of_the_table_in_every_program() -> None:
    TABLES["feat_life_cycle"].check(features({"ana": {0}}, 5).schema)
    other = program(features=TEOMEWHY.features.model_dump() | {"windows": [14], "frequency_window": 14})
    assert {"stage_d14", "stage_mean_active_days_d14", "active_days_ratio_d14"} <= set(
        features({"ana": {0}}, 5, other).columns
    )


def test_recency_and_gap_look_back_from_as_of() -> None:
    days = {"ana": {0, 3, 20}, "bia": {4}, "caio": {25}, "davi": {24}}
    found = rows(features(days, 25), "recency_days", "gap_days")
    assert found == {"ana": (5, 17), "bia": (21, None), "davi": (1, None)}, "caio's day is as_of itself"


@pytest.mark.parametrize(
    ("days", "as_of", "stage", "next_stage", "next_date"),
    [
        ({0}, 1, "curioso", "turista", 8),
        ({0}, 7, "curioso", "turista", 8),
        ({0, 1}, 7, "curioso", "fiel", 8),
        ({0, 6}, 7, "curioso", "fiel", 8),
        ({0, 1}, 8, "fiel", "turista", 9),
        ({0, 20}, 21, "reconquistado", "turista", 28),
        ({0, 28}, 35, "reborn", "turista", 36),
        ({0, 9}, 17, "turista", "desencantado", 24),
        ({0, 9}, 24, "desencantado", "zumbi", 38),
        ({0, 9}, 38, "zumbi", None, None),
    ],
)
def test_the_next_stage_and_its_date(
    days: set[int], as_of: int, stage: str, next_stage: str | None, next_date: int | None
) -> None:
    found = rows(features({"ana": days}, as_of), "stage", "next_stage", "next_stage_date")
    assert found["ana"] == (stage, next_stage, on(next_date) if next_date else None)


@settings(max_examples=60, deadline=None)
@given(histories, st.integers(1, 140), rule_sets)
def test_the_next_stage_is_the_first_other_stage_that_days_without_a_visit_bring(
    history: dict[str, set[int]], as_of: int, rules: LifeCycle
) -> None:
    chosen = program(life_cycle=rules.model_dump())
    known = {customer: {day for day in days if day < as_of} for customer, days in history.items()}
    found = rows(features(history, as_of, chosen), "stage", "next_stage", "next_stage_date", "stage_after_visit")
    expected = {}
    for customer, days in known.items():
        now = stage_by_hand(days, as_of, rules)
        if now is None:
            continue
        later = ((offset, stage_by_hand(days, offset, rules)) for offset in range(as_of, as_of + 200))
        date_and_stage = next(((on(offset), stage) for offset, stage in later if stage != now), (None, None))
        expected[customer] = (
            now,
            date_and_stage[1],
            date_and_stage[0],
            stage_by_hand(days | {as_of}, as_of + 1, rules),
        )
    assert found == expected


@settings(max_examples=40, deadline=None)
@given(histories, st.integers(1, 140))
def test_shares_are_the_days_of_life_in_each_stage_and_sum_to_one(history: dict[str, set[int]], as_of: int) -> None:
    columns = [f"stage_share_{stage}" for stage in STAGES]
    for customer, shares in rows(features(history, as_of), *columns).items():
        first = min(history[customer])
        lived = [stage_by_hand(history[customer], offset, LifeCycle()) for offset in range(first + 1, as_of + 1)]
        assert shares == tuple(lived.count(stage) / len(lived) for stage in STAGES)
        assert sum(shares) == pytest.approx(1)


@settings(max_examples=40, deadline=None)
@given(histories, st.integers(1, 140))
def test_the_earlier_stage_is_that_of_four_weeks_before_or_none(history: dict[str, set[int]], as_of: int) -> None:
    for customer, earlier in rows(features(history, as_of), "stage_d28").items():
        assert earlier == (stage_by_hand(history[customer], as_of - 28, LifeCycle()) or "none")


def test_a_customer_exactly_as_old_as_the_window_had_no_stage_before_it() -> None:
    assert rows(features({"ana": {0}, "bia": {1}}, 29), "stage_d28") == {"ana": "curioso", "bia": "none"}


def test_active_days_are_compared_with_customers_of_the_same_stage() -> None:
    loyal = {"ana": {60, 70, 80, 81}, "bia": {60, 80}}
    others = {"caio": {0}, "davi": {60, 76}}
    found = rows(features(loyal | others, 85), "stage", "stage_mean_active_days_d28", "active_days_ratio_d28")
    assert found["ana"] == ("fiel", 4.0, 1.0)
    assert found["caio"] == ("zumbi", None, None)
    assert found["davi"] == ("turista", 2.0, 1.0)
    assert found["bia"] == ("reconquistado", 2.0, 1.0)
    found = rows(features({"ana": {60, 70, 80, 81}, "bia": {60, 74, 80}}, 85), "active_days_ratio_d28")
    assert found == {"ana": 4 / 3.5, "bia": 3 / 3.5}


def test_several_dates_are_computed_in_one_pass() -> None:
    core = history_core({"ana": {0, 20}, "bia": {10}})
    dates = [on(10), on(11), on(40)]
    together = life_cycle.build(core, dates, TEOMEWHY).collect().sort("as_of", "customer_id")
    apart = pl.concat([life_cycle.build(core, [as_of], TEOMEWHY).collect() for as_of in dates])
    assert together.equals(apart.sort("as_of", "customer_id"))
    assert together.group_by("as_of").len().sort("as_of")["len"].to_list() == [1, 2, 2]
    assert isinstance(together["as_of"][0], date)


@settings(max_examples=40, deadline=None)
@given(histories, st.integers(1, 140))
def test_ratios_are_those_of_plain_division_whoever_else_is_there(history: dict[str, set[int]], as_of: int) -> None:
    """Polars divides by one value for all rows as by its reciprocal: another last bit than for one row alone."""
    columns = ("stage", "stage_mean_active_days_d28", "active_days_ratio_d28")
    active = {c: sum(as_of - 28 <= day < as_of for day in days) for c, days in history.items()}
    found = rows(features(history, as_of), *columns)
    for customer, (stage, mean, ratio) in found.items():
        peers = [active[other] for other, (others_stage, *_) in found.items() if others_stage == stage]
        if stage == "zumbi":
            assert (mean, ratio) == (None, None)
        else:
            assert mean == sum(peers) / len(peers)
            assert ratio == active[customer] / mean
