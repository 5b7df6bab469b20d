"""Gamma-Gamma against integrals over nu and simulated spend."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from fiel.errors import EstimatorError
from fiel.estimators import GammaGamma
from fiel.estimators.gamma_gamma import _objective

P, Q, V = 5.0, 3.5, 12.0
MODEL = GammaGamma.from_parameters({"p": P, "q": Q, "v": V})


def over_nu(of_nu: object) -> float:
    """Mean over nu ~ Gamma(Q, rate V)."""
    density = stats.gamma(Q, scale=1 / V).pdf
    parts = [(0.0, 0.05), (0.05, 0.2), (0.2, 0.6), (0.6, 3.0)]
    return sum(integrate.quad(lambda nu: of_nu(nu) * density(nu), *part, epsrel=1e-11)[0] for part in parts)


def density_of_mean(x: int, z: float, nu: float) -> float:
    """The mean of x values Gamma(P, rate nu) is Gamma(P x, rate nu x)."""
    return float(stats.gamma(P * x, scale=1 / (nu * x)).pdf(z))


@pytest.mark.parametrize(("x", "z"), [(1, 11.8), (2, 22.35), (7, 3.0), (30, 40.0)])
def test_the_likelihood_is_the_mean_over_nu(x: int, z: float) -> None:
    value = _objective(np.array([float(x)]), np.array([z]), np.ones(1))(np.log([P, Q - 1, V]))[0]
    assert value == pytest.approx(np.log(over_nu(lambda nu: density_of_mean(x, z, nu))), rel=1e-8)


@pytest.mark.parametrize(("x", "z"), [(1, 11.8), (2, 22.35), (7, 3.0), (30, 40.0)])
def test_the_expected_value_is_the_posterior_mean(x: int, z: float) -> None:
    slow = over_nu(lambda nu: P / nu * density_of_mean(x, z, nu)) / over_nu(lambda nu: density_of_mean(x, z, nu))
    assert MODEL.expected_value(x, z) == pytest.approx(slow, rel=1e-8)


def test_without_a_repeat_purchase_it_is_the_mean_of_all() -> None:
    slow = over_nu(lambda nu: P / nu)
    assert MODEL.expected_value([0, 0], [np.nan, 99.0]) == pytest.approx([slow, slow], rel=1e-8)


@pytest.mark.parametrize("size", [0.3, 1.0, 20.0])
def test_gradient_and_hessian_are_those_of_finite_differences(size: float) -> None:
    rng = np.random.default_rng(2)
    x = rng.integers(1, 9, 200).astype(float)
    target = _objective(x, rng.gamma(3, 5, 200), rng.uniform(0.5, 3, 200))
    at = np.log(size * np.array([4.0, 2.0, 10.0]))
    _, gradient, hessian = target(at)
    shifts = 1e-5 * np.eye(3)
    np.testing.assert_allclose(
        gradient, [(target(at + s)[0] - target(at - s)[0]) / 2e-5 for s in shifts], rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(
        hessian, [(target(at + s)[1] - target(at - s)[1]) / 2e-5 for s in shifts], rtol=1e-6, atol=1e-8
    )


def simulated(n: int, seed: int, unit: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.geometric(0.3, n) - 1
    nu = rng.gamma(Q, 1 / V, n)
    return x, np.array(
        [rng.gamma(P, 1 / rate, bought).mean() if bought else 0 for bought, rate in zip(x, nu, strict=True)]
    ) * unit


def test_parameters_are_recovered_within_their_standard_errors() -> None:
    x, z = simulated(20_000, 3)
    fitted = GammaGamma().fit(x, z)
    assert fitted.is_identified_
    assert fitted.customers_ == (x > 0).sum()
    for name, value in MODEL.parameters_.items():
        assert 0 < fitted.standard_errors_[name] < 0.2 * value
        assert abs(fitted.parameters_[name] - value) < 3.5 * fitted.standard_errors_[name], name


def test_the_unit_of_money_changes_v_and_nothing_else() -> None:
    x, z = simulated(2_000, 4)
    pounds, pence = GammaGamma().fit(x, z), GammaGamma().fit(x, 100 * z)
    assert pence.v_ == pytest.approx(100 * pounds.v_, rel=1e-6)
    assert (pence.p_, pence.q_) == pytest.approx((pounds.p_, pounds.q_), rel=1e-6)
    assert pence.log_likelihood_ == pytest.approx(pounds.log_likelihood_ - pounds.customers_ * np.log(100), rel=1e-10)
    np.testing.assert_allclose(pence.expected_value(x, 100 * z), 100 * pounds.expected_value(x, z), rtol=1e-6)


def test_a_weighted_fit_is_the_fit_of_the_repeated_rows() -> None:
    x, z = simulated(500, 5)
    weights = np.random.default_rng(1).integers(0, 4, 500)
    weighted = GammaGamma().fit(x, z, weights)
    repeated = GammaGamma().fit(np.repeat(x, weights), np.repeat(z, weights))
    assert weighted.log_likelihood_ == pytest.approx(repeated.log_likelihood_, rel=1e-12)
    assert list(weighted.parameters_.values()) == pytest.approx(list(repeated.parameters_.values()), rel=1e-6)


def test_rows_without_a_repeat_purchase_or_without_value_do_not_count() -> None:
    x, z = simulated(500, 6)
    repeaters = x > 0
    alone = GammaGamma().fit(x[repeaters], z[repeaters])
    among = GammaGamma().fit(np.append(x, [0, 3]), np.append(z, [77.0, 0.0]))
    assert alone.parameters_ == among.parameters_


def test_customers_who_all_spend_the_same_are_not_identified() -> None:
    fitted = GammaGamma().fit(np.full(50, 2), np.full(50, 10.0))
    assert not fitted.is_identified_
    assert fitted.identification_note_
    assert fitted.expected_value(2, 10.0) == pytest.approx(10.0, rel=0.01)


def test_the_expected_value_always_exists() -> None:
    # Spend so unequal that its mean would be infinite (q below 1): q stops above 1 and the fit says so.
    rng = np.random.default_rng(7)
    fitted = GammaGamma().fit(np.full(3_000, 4), rng.gamma(8.0, 1 / rng.gamma(0.6, 1.0, 3_000)))
    assert fitted.q_ > 1
    assert np.isfinite(fitted.expected_value(0, 0))
    assert not fitted.is_identified_


def test_what_is_not_fitted_does_not_predict() -> None:
    with pytest.raises(EstimatorError, match="GammaGamma is not fitted"):
        GammaGamma().expected_value(1, 2)
