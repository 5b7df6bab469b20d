"""Bad input is refused with the field and the first bad position."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from fiel.errors import EstimatorError
from fiel.estimators import BGNBD, MBGNBD, GammaGamma, PooledBGNBD, lifetime_value

GOOD = ([0, 2, 1], [0.0, 5.0, 3.0], [10.0, 10.0, 10.0])
BAD = [
    ((0, [0, -2, 1]), "frequency at position 1 is -2: it cannot be negative"),
    ((0, [0, 2.5, 1]), "frequency at position 1 is 2.5: a whole number is needed"),
    ((0, [0, np.nan, 1]), "frequency at position 1 is nan: a finite number is needed"),
    ((0, [0, "two", 1]), "frequency has to be numbers"),
    ((0, [0, None, 1]), "frequency at position 1 is nan"),
    ((0, [0, 2]), "frequency, recency and T need one length"),
    ((1, [0.0, 5.0, -3.0]), "recency at position 2 is -3: it cannot be negative"),
    ((1, [0.0, 11.0, 12.0]), r"recency at position 1 is 11, T = 10: it lies after T .* \(2 of 3 rows\)"),
    ((1, [4.0, 5.0, 3.0]), "recency at position 0 is 4.*: it has to be 0 where frequency is 0"),
    ((1, [0.0, 0.0, 3.0]), "recency at position 1 is 0.*: it has to be above 0 where frequency is above 0"),
    ((1, [0.0, np.inf, 3.0]), "recency at position 1 is inf"),
    ((2, [10.0, 10.0, -1.0]), "T at position 2 is -1: it cannot be negative"),
    ((2, [10.0, 10.0, np.nan]), "T at position 2 is nan"),
]
MODEL = BGNBD.from_parameters({"r": 0.2, "alpha": 4.0, "a": 0.8, "b": 2.4})


@pytest.mark.parametrize(("change", "message"), BAD, ids=[message for _, message in BAD])
def test_a_wrong_history_is_refused_by_name_and_position(change: tuple[int, list], message: str) -> None:
    history = list(GOOD)
    history[change[0]] = change[1]
    with pytest.raises(EstimatorError, match=message):
        BGNBD().fit(*history)
    with pytest.raises(EstimatorError, match=message):
        MODEL.expected_purchases(30, *history)
    with pytest.raises(EstimatorError, match=message):
        MODEL.alive_prob(*history)


@pytest.mark.parametrize("horizon", [-1, np.nan, np.inf, "soon"])
def test_a_wrong_horizon_is_refused(horizon: object) -> None:
    for predict in (MODEL.expected_purchases, MODEL.purchase_prob, MODEL.expected_purchases_if_alive):
        with pytest.raises(EstimatorError, match="horizon"):
            predict(horizon, *GOOD)
    with pytest.raises(EstimatorError, match="horizon"):
        MODEL.expected_purchases_new(horizon)


def test_horizons_that_fit_no_row_are_refused() -> None:
    for predict in (MODEL.expected_purchases, MODEL.purchase_prob, MODEL.expected_purchases_if_alive):
        with pytest.raises(EstimatorError, match=r"horizon has the shape \(2,\)"):
            predict([1, 2], *GOOD)


@pytest.mark.parametrize(
    ("weights", "message"), [([1, -1, 1], "weights at position 1"), ([1, 1], "shape"), ([1, np.nan, 1], "weights")]
)
def test_wrong_weights_are_refused(weights: list[float], message: str) -> None:
    with pytest.raises(EstimatorError, match=message):
        BGNBD().fit(*GOOD, weights=weights)


def test_nobody_is_nothing_to_fit_but_can_be_predicted() -> None:
    with pytest.raises(EstimatorError, match="frequency is empty"):
        BGNBD().fit([], [], [])
    with pytest.raises(EstimatorError, match="frequency is empty"):
        BGNBD().fit(*GOOD, weights=[0, 0, 0])
    assert MODEL.expected_purchases(30, [], [], []).shape == (0,)
    assert MODEL.alive_prob([], [], []).shape == (0,)


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        (BGNBD, {"r": 1, "alpha": 1, "a": 1}, "has the parameters r, alpha, a, b"),
        (BGNBD, {"r": 0, "alpha": 1, "a": 1, "b": 1}, "parameter r is 0"),
        (MBGNBD, {"r": 1, "alpha": np.nan, "a": 1, "b": 1}, "parameter alpha is nan"),
        (PooledBGNBD, {"r": 1, "alpha": 1, "p": 1.0}, r"parameter p is 1: it has to be in \[0, 1\)"),
        (GammaGamma, {"p": 1, "q": 1, "v": 1}, "parameter q is 1: it has to be above 1"),
        (GammaGamma, {"p": 1}, "has the parameters p, q, v"),
    ],
)
def test_wrong_parameters_are_refused(model: type, parameters: dict[str, float], message: str) -> None:
    with pytest.raises(EstimatorError, match=message):
        model.from_parameters(parameters)


def test_an_unknown_time_unit_is_refused() -> None:
    with pytest.raises(EstimatorError, match="time_unit is 'months'"):
        BGNBD("months")  # type: ignore[arg-type]


@pytest.mark.parametrize("model", [BGNBD("weeks"), MBGNBD(), PooledBGNBD("weeks"), GammaGamma()])
def test_scikit_learn_copies_a_model_without_what_it_fitted(model: Any) -> None:
    names = {"p": 0.3} if isinstance(model, PooledBGNBD) else {"a": 0.8, "b": 2.4}
    own = {"p": 6.0, "q": 4.0, "v": 15.0} if isinstance(model, GammaGamma) else {"r": 0.2, "alpha": 4.4, **names}
    fitted = type(model).from_parameters(own).set_params(**model.get_params())
    copied = clone(fitted)
    assert type(copied) is type(model)
    assert copied.get_params() == model.get_params()
    assert fitted.parameters_ == own
    assert not hasattr(copied, "parameters_")


def test_a_parameter_that_a_model_does_not_have_cannot_be_set() -> None:
    with pytest.raises(EstimatorError, match="BGNBD has no parameter 'unit'; it has time_unit"):
        BGNBD().set_params(unit="weeks")
    with pytest.raises(EstimatorError, match="time_unit is 'months'"):
        BGNBD().set_params(time_unit="months")


def test_a_frequency_that_counts_more_than_one_column_of_text_is_refused() -> None:
    with pytest.raises(EstimatorError, match="frequency has to be numbers"):
        MODEL.alive_prob("many", 1, 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"horizon": 365.0, "discount_rate_year": -0.1}, "discount_rate_year is -0.1"),
        ({"horizon": 365.0, "discount_rate_year": np.nan}, "discount_rate_year is nan"),
        ({"horizon": [1.0, 2.0, 3.0], "discount_rate_year": 0.1}, "horizon of a lifetime value has to be one number"),
        ({"horizon": 365.0, "discount_rate_year": 0.1, "steps": 0}, "steps is 0"),
    ],
)
def test_wrong_settings_of_a_lifetime_value_are_refused(settings: dict, message: str) -> None:
    values = GammaGamma.from_parameters({"p": 6.0, "q": 4.0, "v": 15.0})
    with pytest.raises(EstimatorError, match=message):
        lifetime_value(MODEL, values, *GOOD, [0, 20, 30], **settings)


@pytest.mark.parametrize(
    ("frequency", "mean_value", "message"),
    [
        ([1, 2], [5, -5], "mean_value at position 1 is -5: it cannot be negative"),
        ([1, 2], [5, np.nan], "mean_value at position 1 is nan"),
        ([1, 2], [5, 6, 7], "mean_value has to be numbers, one for each frequency"),
        ([1, 2.5], [5, 5], "frequency at position 1 is 2.5"),
        ([0, 0], [5, 5], "mean_value: fewer than two customers"),
    ],
)
def test_wrong_spend_is_refused(frequency: list[float], mean_value: list[float], message: str) -> None:
    with pytest.raises(EstimatorError, match=message):
        GammaGamma().fit(frequency, mean_value)
