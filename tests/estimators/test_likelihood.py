"""The likelihood against integrals over the purchase rate and the drop-out probability, and its derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from fiel.estimators import BGNBD, MBGNBD, PooledBGNBD
from fiel.estimators.drop_out import BetaDropOut, CommonDropOut, DropOut
from fiel.estimators.likelihood import objective
from fiel.estimators.patterns import unique_patterns
from tests.estimators.simulated import customers

HISTORIES = [(0, 0.0, 12.0), (0, 0.0, 0.0), (1, 3.0, 12.0), (1, 12.0, 12.0), (4, 7.5, 30.0), (11, 29.0, 30.0)]
R, ALPHA, A, B, P = 0.7, 5.0, 0.8, 2.5, 0.2


def over_rates(of_rate: object) -> float:
    """Mean over lambda ~ Gamma(R, ALPHA)."""
    density = stats.gamma(R, scale=1 / ALPHA).pdf
    parts = [(0.0, 1e-3), (1e-3, 0.1), (0.1, 1.0), (1.0, 20.0)]
    return sum(integrate.quad(lambda rate: of_rate(rate) * density(rate), *part, epsrel=1e-11)[0] for part in parts)


def over_drop_outs(of_p: object) -> float:
    """Mean over p ~ Beta(A, B), the density's singular ends given to the quadrature as weights."""
    value, _ = integrate.quad(of_p, 0, 1, weight="alg", wvar=(A - 1, B - 1), epsrel=1e-11)
    total, _ = integrate.quad(lambda p: 1.0, 0, 1, weight="alg", wvar=(A - 1, B - 1))
    return value / total


def slow_log_likelihood(frequency: int, recency: float, T: float, first_counts: bool, common: bool) -> float:  # noqa: N803
    """The story: alive to T after n chances, or dropped out at the last of them and silent since."""
    n = frequency + first_counts
    mean = (lambda of_p: of_p(P)) if common else over_drop_outs
    likelihood = mean(lambda p: (1 - p) ** n) * over_rates(lambda rate: rate**frequency * np.exp(-rate * T))
    if n > 0:
        likelihood += mean(lambda p: p * (1 - p) ** (n - 1)) * over_rates(
            lambda rate: rate**frequency * np.exp(-rate * recency)
        )
    return float(np.log(likelihood))


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("first_counts", [False, True])
@pytest.mark.parametrize("common", [False, True])
def test_it_is_the_mean_over_rates_and_drop_outs(
    history: tuple[int, float, float], first_counts: bool, common: bool
) -> None:
    patterns = unique_patterns(*(np.array([float(value)]) for value in history), None)
    drop_out: DropOut = CommonDropOut() if common else BetaDropOut()
    natural = np.array([P]) if common else np.array([A, B])
    at = np.concatenate([np.log([R, ALPHA]), drop_out.free(natural)])
    value = objective(patterns, drop_out, first_counts)(at)[0]
    assert value == pytest.approx(slow_log_likelihood(*history, first_counts, common), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("first_counts", [False, True])
@pytest.mark.parametrize("drop_out", [BetaDropOut(), CommonDropOut()])
@pytest.mark.parametrize("size", [1.0, 0.01, 30.0])
def test_gradient_and_hessian_are_those_of_finite_differences(
    drop_out: DropOut, first_counts: bool, size: float
) -> None:
    rng = np.random.default_rng(4)
    people = customers(rng, 300, r=R, alpha=ALPHA, drop_out=(A, B), first_counts=first_counts)
    weights = rng.integers(1, 4, 300).astype(float)
    target = objective(unique_patterns(people.frequency, people.recency, people.T, weights), drop_out, first_counts)
    at = np.log(size * np.array([0.9, 6.0, 1.1, 2.0])[: 2 + len(drop_out.names)])
    _, gradient, hessian = target(at)
    step = 1e-5
    shifts = step * np.eye(len(at))
    numeric = [(target(at + shift)[0] - target(at - shift)[0]) / (2 * step) for shift in shifts]
    numeric2 = [(target(at + shift)[1] - target(at - shift)[1]) / (2 * step) for shift in shifts]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(hessian, numeric2, rtol=1e-6, atol=1e-8)


def test_large_frequencies_take_the_lgamma_way_to_the_same_value() -> None:
    few, many = np.array([70_000.0, 3.0]), np.array([60_000.0, 3.0])
    for model in (BGNBD, MBGNBD):
        frequencies = []
        for x in (few, many):
            patterns = unique_patterns(x, np.array([50.0, 8.0]), np.array([60.0, 10.0]), None)
            target = objective(patterns, model._drop_out, model._first_counts)
            at = np.log([0.9, 6.0, 1.1, 2.0])
            numeric = [(target(at + s)[0] - target(at - s)[0]) / 2e-4 for s in 1e-4 * np.eye(4)]
            np.testing.assert_allclose(target(at)[1], numeric, rtol=1e-5, atol=1e-5)
            frequencies.append(target(at)[0])
        assert np.isfinite(frequencies).all()


@pytest.mark.parametrize("model", [BGNBD, MBGNBD, PooledBGNBD])
def test_no_step_of_the_fit_could_go_higher(model: type) -> None:
    people = customers(np.random.default_rng(11), 2000, r=R, alpha=ALPHA, drop_out=(A, B))
    fitted = model().fit(people.frequency, people.recency, people.T)
    drop_out, counts = model._drop_out, model._first_counts
    target = objective(unique_patterns(people.frequency, people.recency, people.T, None), drop_out, counts)
    best = np.array(list(fitted.parameters_.values()))
    at = np.concatenate([np.log(best[:2]), drop_out.free(best[2:])])
    assert target(at)[0] * 2000 == pytest.approx(fitted.log_likelihood_, rel=1e-12)
    nearby = [target(at + 0.01 * direction)[0] for direction in np.random.default_rng(1).normal(size=(200, len(at)))]
    assert max(nearby) < target(at)[0]
