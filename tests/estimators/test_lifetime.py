"""Lifetime value against simulated purchases with prices, and against a fine sum."""

from __future__ import annotations

import numpy as np
import pytest

from fiel.estimators import BGNBD, MBGNBD, GammaGamma, PooledBGNBD, lifetime_value
from fiel.estimators.btyd import PurchaseModel
from tests.estimators.simulated import purchase_times

VALUES = GammaGamma.from_parameters({"p": 6.0, "q": 4.0, "v": 15.0})
MODELS = [
    BGNBD.from_parameters({"r": 0.9, "alpha": 5.0, "a": 0.8, "b": 2.5}, "weeks"),
    MBGNBD.from_parameters({"r": 0.9, "alpha": 5.0, "a": 0.8, "b": 2.5}, "weeks"),
    PooledBGNBD.from_parameters({"r": 0.9, "alpha": 5.0, "p": 0.25}, "weeks"),
]
WEEKS_PER_YEAR = 365.25 / 7


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("horizon", [4.0, 52.0, 520.0])
def test_it_is_a_fine_sum_of_discounted_purchases(model: PurchaseModel, horizon: float) -> None:
    history = np.array([[0, 0, 3, 12], [0, 0, 20, 29.5], [0, 12, 30, 30]])
    mean_value = np.array([0, 0, 25.0, 8.0])
    found = lifetime_value(model, VALUES, *history, mean_value, horizon=horizon, discount_rate_year=0.2)
    edges = np.linspace(0, horizon, 20_001)
    purchases = np.array([model.expected_purchases(edges, *row) for row in history.T])
    middle = (edges[1:] + edges[:-1]) / 2
    slow = (np.diff(purchases) * 1.2 ** (-middle / WEEKS_PER_YEAR)).sum(axis=1)
    np.testing.assert_allclose(found, slow * VALUES.expected_value(history[0], mean_value), rtol=1e-6)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_new_customers_are_worth_what_simulated_ones_bring(model: PurchaseModel) -> None:
    rng = np.random.default_rng(12)
    n, horizon = 150_000, 104.0
    rate = rng.gamma(0.9, 1 / 5.0, n)
    p = np.full(n, 0.25) if isinstance(model, PooledBGNBD) else rng.beta(0.8, 2.5, n)
    (who, when), _ = purchase_times(rng, rate, p, np.full(n, horizon), model._first_counts)
    price = rng.gamma(6.0, 1 / rng.gamma(4.0, 1 / 15.0, n)[who.astype(np.intp)])
    worth = np.bincount(who.astype(np.intp), price * 1.1 ** (-when / WEEKS_PER_YEAR), n)
    found = lifetime_value(model, VALUES, 0, 0, 0, 0, horizon=horizon, discount_rate_year=0.1)
    assert abs(worth.mean() - found) < 4.5 * worth.std() / np.sqrt(n)


def test_days_and_weeks_give_the_same_money() -> None:
    weeks = MODELS[0]
    days = BGNBD.from_parameters({**weeks.parameters_, "alpha": 7 * weeks.parameters_["alpha"]}, "days")
    one = lifetime_value(weeks, VALUES, 3, 20.0, 30.0, 25.0, horizon=52.0, discount_rate_year=0.1)
    other = lifetime_value(days, VALUES, 3, 140.0, 210.0, 25.0, horizon=364.0, discount_rate_year=0.1)
    assert one == pytest.approx(other, rel=1e-12)


def test_no_horizon_is_no_value() -> None:
    assert lifetime_value(MODELS[0], VALUES, 3, 20, 30, 25, horizon=0, discount_rate_year=0.1) == 0
