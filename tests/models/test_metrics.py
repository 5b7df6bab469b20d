from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from fiel.models.metrics import auc, average_precision, best_f1_threshold, f1, log_losses, measure, profits, threshold
from fiel.program import Economics

BANK = Economics(currency="BRL", benefit=90, cost=10)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=2, max_size=60).filter(
        lambda rows: len({label for label, _ in rows}) == 2
    )
)
def test_measures_agree_with_scikit_learn_ties_included(rows: list[tuple[int, int]]) -> None:
    labels, probs = np.array([r[0] for r in rows]), np.array([r[1] for r in rows]) / 20
    found = measure(labels, probs)
    assert found.auc == pytest.approx(sklearn_metrics.roc_auc_score(labels, probs))
    assert found.average_precision == pytest.approx(sklearn_metrics.average_precision_score(labels, probs))
    assert found.brier == pytest.approx(sklearn_metrics.brier_score_loss(labels, probs))
    inside = np.clip(probs, 0.001, 0.999)
    assert log_losses(labels, inside).mean() == pytest.approx(sklearn_metrics.log_loss(labels, inside))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=1, max_size=40))
def test_the_best_threshold_of_f1_is_best_and_f1_agrees_with_scikit_learn(rows: list[tuple[int, int]]) -> None:
    labels, probs = np.array([r[0] for r in rows]), np.array([r[1] for r in rows]) / 20
    best = best_f1_threshold(labels, probs)
    if not labels.any():
        assert best is None
        assert f1(labels, probs, 0.5) is None
        return
    scores = {one: sklearn_metrics.f1_score(labels, probs >= one) for one in np.unique(probs)}
    assert best is not None
    assert scores[best] == pytest.approx(max(scores.values()))
    for threshold_tried, score in scores.items():
        assert f1(labels, probs, threshold_tried) == pytest.approx(score)


def test_a_ranking_turned_round_has_one_minus_the_auc() -> None:
    labels, probs = np.array([0, 1, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8, 0.2])
    assert auc(labels, probs) + auc(labels, 1 - probs) == pytest.approx(1)
    assert average_precision(labels, labels.astype(float)) == 1


@pytest.mark.parametrize(("labels", "note"), [([0, 0], "0 of 2 rows"), ([1, 1], "2 of 2 rows")])
def test_one_class_has_no_ranking_but_an_error(labels: list[int], note: str) -> None:
    found = measure(np.array(labels), np.array([0.4, 0.6]))
    assert (found.auc, found.average_precision) == (None, None)
    assert found.log_loss is not None
    assert note in str(found.note)


def test_no_rows_have_no_measures() -> None:
    found = measure(np.array([]), np.array([]))
    assert (found.rows, found.log_loss, found.note) == (0, None, "no rows")


@pytest.mark.parametrize(
    ("label", "prob", "profit"), [(1, 0.5, 90), (0, 0.5, -10), (1, 0.1, 0), (0, 0.1, 0), (1, 0.11, 90), (0, 0.0, 0)]
)
def test_profit_of_treating_above_the_threshold(label: int, prob: float, profit: float) -> None:
    assert threshold(BANK) == pytest.approx(0.1)
    assert profits(np.array([label]), np.array([prob]), BANK).tolist() == [profit]
