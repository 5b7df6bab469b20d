"""Non-negative logistic stacking, against slow searches and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fiel.errors import EstimatorError
from fiel.estimators.stacking import Stack, fit_stack


def worlds(rows: int = 4_000, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and the log odds of two models that each know half of the truth and of one that guesses."""
    rng = np.random.default_rng(seed)
    left, right, noise = (rng.normal(size=rows) for _ in range(3))
    labels = (rng.random(rows) < 1 / (1 + np.exp(-(left + 0.5 * right - 1)))).astype(float)
    return labels, np.column_stack([left, right, noise])


def mean_loss(labels: np.ndarray, odds: np.ndarray) -> float:
    probs = 1 / (1 + np.exp(-odds))
    return float(-np.mean(np.where(labels == 1, np.log(probs), np.log(1 - probs))))


def test_where_no_weight_wants_to_be_negative_it_is_logistic_regression() -> None:
    labels, raw = worlds()
    ours = fit_stack(labels, raw[:, :2], shrinkage=1e-9)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1_000).fit(raw[:, :2], labels)
    assert ours.weights == pytest.approx(theirs.coef_[0], abs=1e-4)
    assert ours.bias == pytest.approx(theirs.intercept_[0], abs=1e-4)


def test_no_other_weights_on_a_grid_do_better() -> None:
    labels, raw = worlds()
    found = fit_stack(labels, raw, shrinkage=1e-9)
    best = mean_loss(labels, found.combine(raw))
    for move in np.ndindex(3, 3, 3):
        weights = np.maximum(0, np.array(found.weights) + 0.05 * (np.array(move) - 1))
        assert mean_loss(labels, raw @ weights + found.bias) >= best - 1e-9


def test_a_model_that_is_wrong_gets_no_weight_and_never_a_negative_one() -> None:
    labels, raw = worlds()
    turned = fit_stack(labels, np.column_stack([raw[:, 0], -raw[:, 1]]), shrinkage=1.0)
    assert turned.weights[1] == 0.0
    assert turned.weights[0] > 0.5


def test_few_rows_stay_close_to_the_plain_mean() -> None:
    labels, raw = worlds(rows=20)
    assert fit_stack(labels, raw, shrinkage=1e6).weights == pytest.approx(Stack.mean(3).weights, abs=1e-3)


def test_equal_rows_give_equal_weights() -> None:
    labels, raw = worlds()
    assert fit_stack(labels, raw) == fit_stack(labels, raw)


@pytest.mark.parametrize(
    ("labels", "raw", "told"),
    [
        ([0, 1], [[0.0], [1.0], [2.0]], "rows x models"),
        ([0, 0], [[0.0], [1.0]], "one class only"),
        ([0, 1], [[0.0], [np.nan]], "finite"),
        ([0, 2], [[0.0], [1.0]], "0 or 1"),
    ],
)
def test_what_cannot_be_stacked_is_refused(labels: list[int], raw: list[list[float]], told: str) -> None:
    with pytest.raises(EstimatorError, match=told):
        fit_stack(labels, raw)
