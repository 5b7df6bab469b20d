"""Predictions against simulated lives and against integrals over the purchase rate and the drop-out probability."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

from fiel.estimators import BGNBD, MBGNBD, PooledBGNBD
from fiel.estimators.btyd import PurchaseModel
from tests.estimators.simulated import customers, purchase_times

R, ALPHA, A, B, P = 0.9, 5.0, 0.8, 2.5, 0.25
BETA = {"r": R, "alpha": ALPHA, "a": A, "b": B}
MODELS = [
    BGNBD.from_parameters(BETA, "weeks"),
    MBGNBD.from_parameters(BETA, "weeks"),
    PooledBGNBD.from_parameters({"r": R, "alpha": ALPHA, "p": P}, "weeks"),
]
HORIZON = 26.0
HISTORIES = [(0, 0.0, 12.0), (0, 0.0, 0.0), (1, 3.0, 12.0), (1, 12.0, 12.0), (4, 7.5, 30.0), (11, 29.0, 30.0)]


def drop_out(model: PurchaseModel) -> tuple[float, float] | float:
    return P if isinstance(model, PooledBGNBD) else (A, B)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_simulated_lives_go_as_predicted(model: PurchaseModel) -> None:
    rng = np.random.default_rng(8)
    first_counts = model._first_counts
    people = customers(
        rng, 300_000, r=R, alpha=ALPHA, drop_out=drop_out(model), first_counts=first_counts, horizon=HORIZON
    )
    history = people.frequency, people.recency, people.T
    predicted_and_real = {
        "alive": (model.alive_prob(*history), people.alive),
        "purchases": (model.expected_purchases(HORIZON, *history), people.later),
        "any purchase": (model.purchase_prob(HORIZON, *history), people.later > 0),
        "purchases if alive": (
            np.where(people.alive, model.expected_purchases_if_alive(HORIZON, *history), 0),
            people.later,
        ),
    }
    quiet = people.T - people.recency
    groups = [
        (people.frequency == x) & (quiet >= quiet_from) & (quiet < quiet_to)
        for x in (0, 1, 2, 3, 5)
        for quiet_from, quiet_to in ((0, 10), (10, 30), (30, 60))
    ]
    for name, (predicted, real) in predicted_and_real.items():
        for group in [np.ones_like(people.alive), *(group for group in groups if group.sum() > 500)]:
            difference = (real - predicted)[group]
            error = np.std(difference) / np.sqrt(len(difference))
            assert abs(np.mean(difference)) <= 4.5 * error + 1e-12, (model.name, name, group.sum())


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("until", [0.5, 10.0, 200.0])
def test_new_customers_buy_as_expected(model: PurchaseModel, until: float) -> None:
    rng = np.random.default_rng(9)
    n = 200_000
    rate = rng.gamma(R, 1 / ALPHA, n)
    p = np.full(n, P) if isinstance(model, PooledBGNBD) else rng.beta(A, B, n)
    (who, _), _ = purchase_times(rng, rate, p, np.full(n, until), model._first_counts)
    bought = np.bincount(who.astype(np.intp), minlength=n)
    assert abs(bought.mean() - model.expected_purchases_new(until)) < 4.5 * bought.std() / np.sqrt(n)


def posterior_means(model: PurchaseModel, history: tuple[int, float, float], horizon: float) -> dict[str, float]:
    """Integrals over rate and drop-out probability of what a customer with both would do."""
    x, t_x, T = history  # noqa: N806
    n = x + model._first_counts
    rates, rate_weights = np.polynomial.legendre.leggauss(160)
    u = (rates + 1) / 2
    rate, rate_weight = u**6 * 6.0, rate_weights / 2 * 36.0 * u**5 * (u**6 * 6.0) ** (R - 1)  # crowds at 0
    rate_weight = rate_weight * np.exp(-ALPHA * rate)
    if isinstance(model, PooledBGNBD):
        p, p_weight = np.array([P]), np.array([1.0])
    else:
        v = u**8  # crowds at 0, where the density is infinite
        p, p_weight = v, rate_weights / 2 * 8 * u**7 * v ** (A - 1) * (1 - v) ** (B - 1)
    rate, p = rate[:, None], p[None, :]
    weight = rate_weight[:, None] * p_weight[None, :]
    living = weight * (1 - p) ** n * rate**x * np.exp(-rate * T)
    gone = weight * p * (1 - p) ** (n - 1) * rate**x * np.exp(-rate * t_x) if n else 0 * weight
    everyone = (living + gone).sum()
    buys = -np.expm1(-rate * p * horizon) / p
    return {
        "alive": living.sum() / everyone,
        "purchases": (living * buys).sum() / everyone,
        "if alive": (living * buys).sum() / living.sum(),
        "any": (living * -np.expm1(-rate * horizon)).sum() / everyone,
    }


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("horizon", [0.1, 26.0])
def test_predictions_are_posterior_means(
    model: PurchaseModel, history: tuple[int, float, float], horizon: float
) -> None:
    slow = posterior_means(model, history, horizon)
    assert model.alive_prob(*history) == pytest.approx(slow["alive"], rel=1e-7)
    assert model.expected_purchases(horizon, *history) == pytest.approx(slow["purchases"], rel=1e-7)
    assert model.expected_purchases_if_alive(horizon, *history) == pytest.approx(slow["if alive"], rel=1e-7)
    assert model.purchase_prob(horizon, *history) == pytest.approx(slow["any"], rel=1e-7)


def test_a_living_customer_buys_at_rate_times_survival() -> None:
    # Hazard of drop-out is rate x p, so purchases are the integral of rate x exp(-rate p t): the slow tests rest on it.
    rate, p, horizon = 0.3, 0.2, 26.0
    value, _ = integrate.quad(lambda t: rate * np.exp(-rate * p * t), 0, horizon)
    assert value == pytest.approx(-np.expm1(-rate * p * horizon) / p, rel=1e-12)


def test_a_narrow_beta_is_one_probability_for_all() -> None:
    x, t_x, T = np.array([0.0, 1, 7]), np.array([0.0, 3, 20]), np.array([12.0, 12, 30])  # noqa: N806
    narrow = BGNBD.from_parameters({"r": R, "alpha": ALPHA, "a": 1e7 * P, "b": 1e7 * (1 - P)})
    common = PooledBGNBD.from_parameters({"r": R, "alpha": ALPHA, "p": P})
    np.testing.assert_allclose(narrow.alive_prob(x, t_x, T), common.alive_prob(x, t_x, T), rtol=1e-5)
    np.testing.assert_allclose(
        narrow.expected_purchases(30, x, t_x, T), common.expected_purchases(30, x, t_x, T), rtol=1e-5
    )


@pytest.mark.parametrize("model", [MODELS[0], MODELS[1]], ids=lambda model: model.name)
def test_without_drop_out_purchases_grow_in_proportion_to_the_horizon(model: PurchaseModel) -> None:
    never = type(model).from_parameters({"r": R, "alpha": ALPHA, "a": 1e-9, "b": 1.0})
    nbd = PooledBGNBD.from_parameters({"r": R, "alpha": ALPHA, "p": 0.0})
    for horizon in (1.0, 50.0):
        expected = horizon * (R + 3) / (ALPHA + 30)
        assert nbd.expected_purchases(horizon, 3, 10, 30) == pytest.approx(expected, rel=1e-12)
        assert never.expected_purchases(horizon, 3, 10, 30) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_customer_is_predicted_the_same_alone_and_among_others(model: PurchaseModel) -> None:
    people = customers(np.random.default_rng(3), 3_000, r=R, alpha=ALPHA, drop_out=drop_out(model))
    history = np.array([people.frequency, people.recency, people.T])
    for horizon in (0.5, 26.0):
        together = model.expected_purchases(horizon, *history)
        for row in range(0, 3_000, 97):
            assert model.expected_purchases(horizon, *history[:, row]) == together[row]
            assert model.alive_prob(*history[:, row]) == model.alive_prob(*history)[row]


def test_horizons_may_differ_by_row() -> None:
    model = MODELS[0]
    each = model.expected_purchases([1.0, 5.0], [2, 0], [3, 0], [9, 9])
    assert each[0] == model.expected_purchases(1.0, 2, 3, 9)
    assert each[1] == model.expected_purchases(5.0, 0, 0, 9)
    table = model.expected_purchases(np.array([[1.0], [5.0]]), [2, 0], [3, 0], [9, 9])
    assert table.shape == (2, 2)
    assert table[1, 1] == each[1]
