"""The threshold by theory and by validation, maximum profit, and expected maximum profit against integration."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta

from fiel.models.metrics import profits
from fiel.models.profit import expected_profit, threshold, worth
from fiel.models.thresholds import (
    best_threshold,
    expected_maximum_profit,
    maximum_profit,
    profit_above,
    threshold_table,
)
from fiel.program import Economics

BANK = Economics(benefit=90, cost=10)
ROWS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.5, 0.9, 1.0])), min_size=2)


@pytest.mark.parametrize(
    ("rate", "contact", "expected"),
    [(1.0, 0.0, 0.1), (0.5, 0.0, 10 / 55), (1.0, 5.0, 0.15), (0.5, 1.0, 0.2), (0.01, 5.0, 15 / 10.9)],
)
def test_expected_profit_is_zero_at_the_threshold(rate: float, contact: float, expected: float) -> None:
    rules = Economics(benefit=90, cost=10, acceptance_rate=rate, contact_cost=contact)
    assert threshold(rules) == pytest.approx(expected)
    at = pl.DataFrame({"p": [threshold(rules)]}).select(expected_profit(pl.col("p"), rules)).item()
    assert at == pytest.approx(0, abs=1e-12)


def test_a_positive_who_is_won_half_of_the_time_brings_half_less_contact() -> None:
    assert worth(Economics(benefit=90, cost=10, acceptance_rate=0.5, contact_cost=2)) == (43, -12)


@given(ROWS)
def test_no_threshold_earns_more_than_the_best_one(rows: list[tuple[int, float]]) -> None:
    labels, probs = np.array([row[0] for row in rows], dtype=float), np.array([row[1] for row in rows])
    cut = best_threshold(labels, probs, BANK)
    best = profit_above(labels, probs, cut, BANK)
    every = [profit_above(labels, probs, other, BANK) for other in (-1.0, *probs)]
    assert best == max(every) == pytest.approx(maximum_profit(labels, probs, BANK) * len(rows))


def test_the_theory_treats_exactly_whom_the_metric_treats() -> None:
    labels, probs = np.array([1.0, 0, 0, 1]), np.array([0.1, 0.1000001, 0.05, 0.9])
    assert profit_above(labels, probs, threshold(BANK), BANK) == profits(labels, probs, BANK).sum() == 80


def test_the_table_chooses_on_validation_and_reports_on_the_test_part() -> None:
    frame = pl.DataFrame(
        {
            "split": ["valid"] * 3 + ["oot"] * 3,
            "label": [1, 0, 0, 0, 1, 0],
            "prob": [0.4, 0.3, 0.2, 0.35, 0.25, 0.05],
            "as_of": [date(2016, 3, 2)] * 6,
        }
    )
    found = {row["by"]: row for row in threshold_table(frame, BANK).to_dicts()}
    assert found["theory"] | {"threshold": 0} == {
        "by": "theory", "threshold": 0, "valid_profit": 70.0, "oot_treated": 2, "oot_profit": 80.0
    }  # fmt: skip
    assert found["validation"]["threshold"] == pytest.approx(0.35)
    assert found["validation"]["valid_profit"] == 90
    assert (found["validation"]["oot_treated"], found["validation"]["oot_profit"]) == (0, 0)
    assert found["hindsight"]["oot_profit"] == 80


def test_there_is_no_table_without_economics_or_without_validation_rows() -> None:
    frame = pl.DataFrame({"split": ["oot"], "label": [1], "prob": [0.5]})
    assert threshold_table(frame, BANK).is_empty()
    assert threshold_table(frame, None).is_empty()


def test_expected_maximum_profit_is_the_integral_over_the_acceptance_rate() -> None:
    rng = np.random.default_rng(5)
    labels = (rng.random(300) < 0.2).astype(float)
    probs = np.round(np.clip(0.2 + 0.25 * labels + 0.15 * rng.standard_normal(300), 0, 1), 2)
    rules = Economics(benefit=190, cost=10, acceptance_rate=0.3, acceptance_customers=20, contact_cost=1)
    share = labels.mean()

    def best(rate: float) -> float:
        """The most profitable cut for one acceptance rate, by looking at all of them."""
        gains = [0.0]
        for cut in np.unique(probs):
            treated = probs >= cut
            hits, misses = labels[treated].sum() / labels.sum(), (1 - labels[treated]).sum() / (1 - labels).sum()
            gains.append((rate * 190 - 1) * share * hits - 11 * (1 - share) * misses)
        return max(gains)

    integral, _ = quad(lambda rate: best(rate) * beta.pdf(rate, 6, 14), 0, 1, limit=400)
    assert expected_maximum_profit(labels, probs, rules) == pytest.approx(integral, rel=1e-5)


def test_a_certain_acceptance_makes_expected_maximum_profit_the_maximum_profit() -> None:
    labels, probs = np.array([1.0, 0, 0, 1, 0]), np.array([0.9, 0.8, 0.1, 0.4, 0.05])
    assert expected_maximum_profit(labels, probs, BANK) == maximum_profit(labels, probs, BANK) == 34


def test_an_uncertain_acceptance_rate_adds_the_expected_maximum_profit_of_both_parts() -> None:
    rng = np.random.default_rng(3)
    labels = (rng.random(400) < 0.3).astype(int)
    probs = np.clip(0.3 + 0.3 * labels + 0.2 * rng.standard_normal(400), 0, 1)
    frame = pl.DataFrame({"split": ["valid", "oot"] * 200, "label": labels, "prob": probs})
    rules = Economics(benefit=90, cost=10, acceptance_rate=0.5, acceptance_customers=10)
    *others, expected = threshold_table(frame, rules).to_dicts()
    assert [row["by"] for row in others] == ["theory", "validation", "hindsight"]
    oot = frame.filter(pl.col("split") == "oot")
    one = expected_maximum_profit(oot["label"].to_numpy().astype(float), oot["prob"].to_numpy(), rules)
    assert expected["oot_profit"] == pytest.approx(200 * one)
    assert expected["oot_profit"] >= others[-1]["oot_profit"], "the threshold may follow the rate"
    assert (expected["threshold"], expected["oot_treated"]) == (None, None)
