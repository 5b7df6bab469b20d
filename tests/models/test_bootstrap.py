from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fiel.models import bootstrap
from fiel.models.bootstrap import Comparison, auc_draws, auc_interval, compare, profit_intervals
from fiel.models.metrics import Array
from fiel.program import Economics

RNG = np.random.default_rng(5)
CUSTOMERS = np.array([f"c{number % 400:03d}" for number in range(1_000)])
SIGNAL = RNG.normal(size=1_000)
LABELS = (RNG.random(1_000) < 1 / (1 + np.exp(-1.5 * SIGNAL))).astype(np.float64)
GOOD = 1 / (1 + np.exp(-1.5 * SIGNAL))
POOR = 1 / (1 + np.exp(-1.5 * (SIGNAL + RNG.normal(size=1_000) * 2)))


def compared(
    challenger: Array, champion: Array, labels: Array = LABELS, economics: Economics | None = None
) -> Comparison:
    return compare(labels, challenger, champion, CUSTOMERS, economics=economics, draws=200, confidence=0.95, seed=1)


def test_weighted_auc_agrees_with_scikit_learn_ties_included() -> None:
    probs = np.round(GOOD, 1)
    weights = RNG.integers(0, 4, size=(5, 1_000)).astype(np.float64)
    expected = [roc_auc_score(LABELS, probs, sample_weight=draw) for draw in weights]
    assert auc_draws(LABELS, probs, weights) == pytest.approx(expected)


def test_a_model_is_exactly_as_good_as_itself() -> None:
    found = compared(GOOD, GOOD)
    for interval in (found.auc, found.log_loss):
        assert interval is not None
        assert (interval.estimate, interval.low, interval.high) == (0, 0, 0)


def test_a_better_model_is_better_for_sure_and_the_other_way_round() -> None:
    found = compared(GOOD, POOR, economics=Economics(benefit=90, cost=60))
    assert found.auc is not None
    assert found.log_loss is not None
    assert found.profit is not None
    assert found.auc.low > 0
    assert found.log_loss.high < 0
    assert found.profit.low > 0
    turned = compared(POOR, GOOD)
    assert turned.auc is not None
    assert (turned.auc.estimate, turned.auc.high) == pytest.approx((-found.auc.estimate, -found.auc.low))


def test_customers_are_drawn_whole() -> None:
    """Ten copies of each row, all of one customer, tell no more than one."""
    once = compare(LABELS, GOOD, POOR, np.arange(1_000), economics=None, draws=200, confidence=0.95, seed=1)
    ten = compare(
        np.tile(LABELS, 10), np.tile(GOOD, 10), np.tile(POOR, 10), np.tile(np.arange(1_000), 10),
        economics=None, draws=200, confidence=0.95, seed=1,
    )  # fmt: skip
    assert once.auc is not None
    assert ten.auc is not None
    assert (ten.auc.low, ten.auc.high) == pytest.approx((once.auc.low, once.auc.high))
    assert ten.customers == 1_000


def test_chunks_of_draws_give_the_same_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compared(GOOD, POOR)
    monkeypatch.setattr(bootstrap, "_CELLS", 17_000)
    assert compared(GOOD, POOR) == whole


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_only_has_no_auc_and_says_why(label: float) -> None:
    found = compared(GOOD, POOR, labels=np.full(1_000, label))
    assert found.auc is None
    assert found.log_loss is not None
    assert "one class only" in str(found.note)
    assert auc_interval(np.full(1_000, label), GOOD, CUSTOMERS, draws=50, confidence=0.9, seed=1) is None


def test_draws_that_hold_one_class_are_left_out() -> None:
    labels = np.zeros(1_000)
    labels[3] = 1
    found = compared(GOOD, POOR, labels=labels)
    assert found.auc is not None
    assert np.isfinite([found.auc.low, found.auc.high]).all()


def test_no_rows_cannot_be_compared() -> None:
    empty = np.array([])
    found = compare(empty, empty, empty, empty, economics=None, draws=50, confidence=0.95, seed=1)
    assert (found.auc, found.log_loss, found.note) == (None, None, "no rows to compare")


def test_profit_at_a_threshold_is_benefit_of_the_right_less_cost_of_the_wrong() -> None:
    labels, probs = np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.4, 0.1])
    found = profit_intervals(
        labels,
        probs,
        np.array(["a", "b", "c", "d"]),
        np.array([0.0, 0.5, 0.85]),
        economics=Economics(benefit=90, cost=10),
        draws=200,
        confidence=0.95,
        seed=1,
    )
    assert [interval.estimate for interval in found] == [160.0, 80.0, 90.0]
    assert all(interval.low <= interval.estimate <= interval.high for interval in found)
