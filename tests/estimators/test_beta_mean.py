"""The quadrature over the drop-out probability."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import integrate
from scipy.special import betaln, hyp2f1

from fiel.estimators.beta_mean import beta_mean


def slow(rate_shape: float, stretch: float, a: float, c: float) -> float:
    """Adaptive quadrature of the expectation in log p and log(1 - p), in pieces."""

    def inner(s: float) -> float:
        log_p, log_q = -np.logaddexp(0, -s), -np.logaddexp(0, s)
        p = np.exp(log_p)
        bought = -np.expm1(-rate_shape * np.log1p(stretch * p)) / p if p > 1e-250 else rate_shape * stretch
        return float(np.exp(a * log_p + c * log_q - betaln(a, c)) * bought)

    edges = [
        -45 / a - 60,
        -20 / a - 60,
        -5 / a - 50,
        -50,
        -35,
        -25,
        -15,
        -10,
        -7,
        -5,
        -4,
        -3,
        -2,
        -1,
        0,
        1,
        2,
        4,
        8,
        20,
        60,
    ]
    return sum(
        integrate.quad(inner, low, high, epsabs=0, epsrel=1e-12, limit=200)[0]
        for low, high in itertools.pairwise(edges)
    )


CASES = [
    (0.243, 0.5, 0.793, 2.426),
    (0.243, 22.0, 0.793, 2.426),
    (1.2, 0.5, 0.8, 5.0),
    (3.0, 0.3, 1.0, 3.0),
    (30.0, 0.3, 0.8, 30.0),
    (30.0, 5.0, 2.5, 12.0),
    (250.0, 1.5, 1.3, 250.0),
    (2.0, 1e-3, 0.05, 100.0),
    (5.0, 1.0, 5.0, 0.6),
    (1e5, 0.3, 0.8, 1e5),
    (0.5, 1e5, 0.9, 1.1),
]


@pytest.mark.parametrize(("rate_shape", "stretch", "a", "c"), CASES)
def test_it_is_the_integral(rate_shape: float, stretch: float, a: float, c: float) -> None:
    found = beta_mean(np.array(rate_shape), np.array(stretch), a, np.array(c))
    assert found == pytest.approx(slow(rate_shape, stretch, a, c), rel=1e-10)


@pytest.mark.parametrize(("rate_shape", "stretch", "a", "c"), [(0.9, 0.7, 0.8, 5.0), (4.2, 0.6, 2.2, 6.5)])
def test_it_is_the_published_closed_form(rate_shape: float, stretch: float, a: float, c: float) -> None:
    ratio = stretch / (1 + stretch)
    published = (a + c - 1) / (a - 1) * (1 - (1 + stretch) ** -rate_shape * hyp2f1(rate_shape, c, a + c - 1, ratio))
    found = beta_mean(np.array(rate_shape), np.array(stretch), a, np.array(c))
    assert found == pytest.approx(published, rel=1e-10)


def test_it_passes_smoothly_through_a_equal_to_one() -> None:
    at = [float(beta_mean(np.array(3.0), np.array(0.3), a, np.array(3.0))) for a in (1 - 1e-6, 1.0, 1 + 1e-6)]
    assert at[0] > at[1] > at[2]
    assert at[0] - at[1] == pytest.approx(at[1] - at[2], rel=1e-4)


def test_limits_are_everyone_stays_and_everyone_leaves() -> None:
    stay = beta_mean(np.array(2.5), np.array(0.7), 1e-12, np.array(3.0))
    leave = beta_mean(np.array(2.5), np.array(0.7), 3.0, np.array(1e-12))
    assert stay == pytest.approx(2.5 * 0.7, rel=1e-10)
    assert leave == pytest.approx(1 - 1.7**-2.5, rel=1e-10)


def test_nothing_is_bought_in_no_time() -> None:
    assert beta_mean(np.array([3.0, 1e5]), np.zeros(2), 0.8, np.array([3.0, 1e5])).tolist() == [0.0, 0.0]
