"""What must hold for every legal history, however odd, and every legal parameter."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.estimators import BGNBD, MBGNBD, GammaGamma, PooledBGNBD, lifetime_value
from fiel.estimators.btyd import PurchaseModel


def log_uniform(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(np.log10(low), np.log10(high)).map(lambda power: 10.0**power)


@st.composite
def models(draw: st.DrawFn) -> PurchaseModel:
    rate = {"r": draw(log_uniform(1e-4, 1e4)), "alpha": draw(log_uniform(1e-4, 1e6))}
    kind = draw(st.sampled_from([BGNBD, MBGNBD, PooledBGNBD]))
    if kind is PooledBGNBD:
        p = draw(st.one_of(st.just(0.0), st.just(1 - 1e-12), log_uniform(1e-12, 0.999)))
        return PooledBGNBD.from_parameters({**rate, "p": p})
    return kind.from_parameters({**rate, "a": draw(log_uniform(1e-6, 1e5)), "b": draw(log_uniform(1e-6, 1e5))})


@st.composite
def histories(draw: st.DrawFn) -> tuple[float, float, float]:
    frequency = draw(st.one_of(st.integers(0, 5), st.integers(0, 100_000)))
    age = draw(st.one_of(st.just(0.0), log_uniform(1e-3, 1e6)))
    if frequency == 0 or age == 0:
        return 0.0, 0.0, age
    share = draw(st.one_of(st.just(1.0), log_uniform(1e-6, 1.0)))
    return float(frequency), age * share, age


HORIZONS = np.array([0.0, 1e-9, 0.1, 1.0, 30.0, 90.0, 365.0, 1e4, 1e7, 1e9])


@settings(max_examples=400, deadline=None)
@given(model=models(), history=histories())
def test_predictions_stay_where_they_belong(model: PurchaseModel, history: tuple[float, float, float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alive = model.alive_prob(*history)
        prob = model.purchase_prob(HORIZONS, *history)
        expected = model.expected_purchases(HORIZONS, *history)
        if_alive = model.expected_purchases_if_alive(HORIZONS, *history)
    assert 0 <= alive <= 1
    assert ((prob >= 0) & (prob <= alive)).all()
    assert np.isfinite(expected).all()
    assert np.isfinite(if_alive).all()
    assert (expected >= prob * (1 - 1e-9)).all(), "the mean number is at least the probability of one"
    assert (expected <= if_alive).all()
    never_stops = (model.r_ + history[0]) / (model.alpha_ + history[2]) * HORIZONS
    assert (if_alive <= never_stops * (1 + 1e-9)).all()
    assert prob[0] == expected[0] == 0
    assert (np.diff(prob) >= 0).all()
    assert (np.diff(expected) >= -1e-9 * expected[1:]).all()


@settings(max_examples=200, deadline=None)
@given(model=models(), history=histories(), longer=log_uniform(1e-3, 1e5))
def test_silence_makes_a_customer_less_likely_to_be_alive(
    model: PurchaseModel, history: tuple[float, float, float], longer: float
) -> None:
    frequency, recency, age = history
    assert model.alive_prob(frequency, recency, age + longer) <= model.alive_prob(*history) * (1 + 1e-9)


@settings(max_examples=200, deadline=None)
@given(model=models(), age=log_uniform(1e-3, 1e6))
def test_without_a_repeat_purchase_only_the_modified_model_doubts(model: PurchaseModel, age: float) -> None:
    alive = model.alive_prob(0, 0, age)
    if isinstance(model, MBGNBD):
        first_stayed = model.b_ / (model.a_ + model.b_)
        assert alive <= first_stayed * (1 + 1e-9)
        assert model.alive_prob(0, 0, 0) == pytest.approx(first_stayed)
    else:
        assert alive == 1


@settings(max_examples=200, deadline=None)
@given(
    model=models(),
    history=histories(),
    value=log_uniform(1e-2, 1e9),
    parameters=st.tuples(log_uniform(1e-3, 1e3), log_uniform(1e-3, 1e3), log_uniform(1e-3, 1e9)),
)
def test_money_is_finite_and_a_discount_never_adds(
    model: PurchaseModel, history: tuple[float, float, float], value: float, parameters: tuple[float, float, float]
) -> None:
    p, extra, v = parameters
    value_model = GammaGamma.from_parameters({"p": p, "q": 1 + extra, "v": v})
    each = value_model.expected_value(history[0], value)
    assert np.isfinite(each)
    assert each > 0
    plain, discounted = (
        lifetime_value(model, value_model, *history, value, horizon=365.0, discount_rate_year=rate)
        for rate in (0.0, 0.15)
    )
    assert plain == pytest.approx(model.expected_purchases(365.0, *history) * each, rel=1e-9)
    assert plain / 1.16 <= discounted <= plain * (1 + 1e-9)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(histories(), min_size=1, max_size=30),
    model=st.sampled_from([BGNBD, MBGNBD, PooledBGNBD]),
)
def test_any_legal_histories_fit(rows: list[tuple[float, float, float]], model: type[PurchaseModel]) -> None:
    rows.append((2.0, 3.0, 7.0))
    frequency, recency, age = np.array(rows).T
    fitted = model().fit(frequency, recency, age)
    assert np.isfinite(list(fitted.parameters_.values())).all()
    assert np.isfinite(fitted.log_likelihood_)
    assert np.isfinite(fitted.expected_purchases(30.0, frequency, recency, age)).all()
