"""What a cycle can show, and what a matured one did show."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from fiel.actions.lift import comparable, newcombe, realised_lift, smallest_effect
from fiel.errors import PlanError
from tests.actions.factories import AS_OF, WEEK, make_plan, program


@pytest.mark.parametrize(
    ("n", "base", "effect"),
    [(388, 0.5, 0.1), (1_565, 0.5, 0.05), (199, 0.1, 0.1), (20_000, 0.3, 0.0129)],
)
def test_the_smallest_effect_agrees_with_published_sample_sizes(n: int, base: float, effect: float) -> None:
    assert smallest_effect(n, n, base) == pytest.approx(effect, rel=0.02)


def test_a_test_of_that_size_finds_the_smallest_effect_four_times_in_five() -> None:
    effect = smallest_effect(700, 300, 0.3)
    assert effect is not None
    random = np.random.default_rng(7)
    treated, control = random.binomial(700, 0.3 + effect, 20_000), random.binomial(300, 0.3, 20_000)
    pooled = (treated + control) / 1_000
    z = (treated / 700 - control / 300) / np.sqrt(pooled * (1 - pooled) * (1 / 700 + 1 / 300))
    assert np.mean(np.abs(z) > 1.959964) == pytest.approx(0.8, abs=0.015)


@pytest.mark.parametrize(("granted", "held_out", "base"), [(0, 10, 0.5), (10, 0, 0.5), (3, 2, 0.5), (50, 50, 1.0)])
def test_groups_too_small_to_show_anything_have_no_smallest_effect(granted: int, held_out: int, base: float) -> None:
    assert smallest_effect(granted, held_out, base) is None


@pytest.mark.parametrize(
    ("counts", "interval"),
    [  # Newcombe 1998, table II, method 10
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((10, 10, 0, 20), (0.6791, 1.0)),
        ((10, 10, 0, 10), (0.6075, 1.0)),
    ],
)
def test_the_interval_is_newcombes(counts: tuple[int, int, int, int], interval: tuple[float, float]) -> None:
    assert newcombe(*counts) == pytest.approx(interval, abs=5e-5)


def test_only_held_out_customers_within_reach_of_the_budget_are_compared() -> None:
    probs: dict[str, float | None] = {f"c{i:03}": 0.99 - i / 1_000 for i in range(200)}
    rows = make_plan(probs, program(hold_out_share=0.5, budget_points=3_000)).frame
    refused_from = rows.filter(pl.col("reason_code") == "budget")["rank"].min()
    arms = comparable(rows)
    assert arms.filter(pl.col("arm") == "granted").height == 30
    ranks = arms.filter(pl.col("arm") == "held_out").join(rows, on="customer_id")["rank"]
    assert ranks.max() < refused_from
    assert 10 < len(ranks) < 50


def outcomes(rows: pl.DataFrame, granted_rate: float, held_out_rate: float) -> pl.DataFrame:
    """Labels with exactly these shares of positives in the arms."""
    position = pl.int_range(pl.len()).over("arm")
    rate = pl.when(pl.col("arm") == "granted").then(granted_rate).otherwise(held_out_rate)
    return comparable(rows).select(
        "customer_id", "as_of", label=(position < (rate * pl.len().over("arm")).round()).cast(pl.Int8)
    )


def test_the_lift_of_a_matured_cycle_is_the_difference_of_the_arms() -> None:
    rows = make_plan({f"c{i:04}": 0.8 for i in range(1_000)}, program(hold_out_share=0.3)).frame
    row = realised_lift(rows, outcomes(rows, 0.5, 0.4)).row(0, named=True)
    assert (row["as_of"], row["kind"], row["granted"] + row["held_out"]) == (AS_OF, "reward", 1_000)
    assert row["lift"] == pytest.approx(0.1, abs=0.002)
    assert row["lift_lower"] < row["lift"] < row["lift_upper"]
    assert 0.02 < row["lift_lower"] < 0.05
    assert row["unlabelled"] == 0


def test_rewards_and_penalties_and_cycles_are_kept_apart() -> None:
    policy = program(hold_out_share=0.4, penalties=True)
    probs: dict[str, float | None] = {f"r{i}": 0.8 for i in range(50)} | {f"p{i}": 0.1 for i in range(50)}
    rows = pl.concat([make_plan(probs, policy, as_of=as_of).frame for as_of in (AS_OF, AS_OF + WEEK)])
    found = realised_lift(rows, outcomes(rows, 0.5, 0.5))
    assert found.select("as_of", "kind").rows() == [
        (AS_OF, "reward"),
        (AS_OF, "penalty"),
        (AS_OF + WEEK, "reward"),
        (AS_OF + WEEK, "penalty"),
    ]


def test_a_cycle_without_labels_has_not_matured() -> None:
    rows = pl.concat([make_plan({"a": 0.8}, as_of=as_of).frame for as_of in (AS_OF, AS_OF + WEEK)])
    labels = pl.DataFrame({"customer_id": ["a"], "as_of": [AS_OF], "label": [1]})
    assert realised_lift(rows, labels)["as_of"].to_list() == [AS_OF]


def test_without_a_hold_out_there_is_a_rate_but_no_lift() -> None:
    rows = make_plan({"a": 0.8, "b": 0.8}).frame
    labels = pl.DataFrame({"customer_id": ["a"], "as_of": [AS_OF], "label": [1]})
    row = realised_lift(rows, labels).row(0, named=True)
    assert (row["granted_rate"], row["held_out_rate"], row["lift"], row["unlabelled"]) == (1.0, None, None, 1)


def test_labels_that_name_a_customer_twice_are_refused() -> None:
    labels = pl.DataFrame({"customer_id": ["a", "a"], "as_of": [AS_OF, AS_OF], "label": [1, 0]})
    with pytest.raises(PlanError, match="two rows"):
        realised_lift(make_plan({"a": 0.8}).frame, labels)
