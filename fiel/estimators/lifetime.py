"""Customer lifetime value: expected purchases, their expected value, and a discount rate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fiel.errors import EstimatorError
from fiel.estimators.btyd import UNITS_PER_YEAR, PurchaseModel
from fiel.estimators.gamma_gamma import GammaGamma
from fiel.estimators.inputs import Array, horizons, purchase_history
from fiel.estimators.patterns import unique_pairs


def lifetime_value(
    model: PurchaseModel,
    value_model: GammaGamma,
    frequency: npt.ArrayLike,
    recency: npt.ArrayLike,
    T: npt.ArrayLike,  # noqa: N803
    mean_value: npt.ArrayLike,
    *,
    horizon: float,
    discount_rate_year: float,
    steps: int = 16,
) -> Array:
    """Present value of a customer's purchases in (T, T + horizon], in the value model's unit.

    Purchases and their value are independent, so it is the expected value of a purchase times the discounted expected
    number: the integral of exp(-d t) dE(t), E(t) being `model.expected_purchases(t)` and d the continuous rate
    log(1 + `discount_rate_year`) in the model's time unit (Fader, Hardie & Lee 2005, "RFM and CLV", Journal of
    Marketing Research 42(4)). Integrated by parts, with `steps` Gauss-Legendre nodes in log(1 + t / (alpha + T)).
    `horizon` is in the model's time unit (one number).
    """
    until = horizons(horizon)
    if until.ndim:
        raise EstimatorError("horizon of a lifetime value has to be one number")
    if not (np.isfinite(discount_rate_year) and discount_rate_year >= 0):
        raise EstimatorError(f"discount_rate_year is {discount_rate_year}: it has to be 0 or more (0.1 is 10 % a year)")
    if steps < 1:
        raise EstimatorError(f"steps is {steps}: at least one is needed")
    x, t_x, age = purchase_history(frequency, recency, T)
    alive = model.alive_prob(x, t_x, age)
    rate = float(np.log1p(discount_rate_year)) / UNITS_PER_YEAR[model.time_unit]
    pair_x, pair_age, at = unique_pairs(np.ravel(x), np.ravel(age))
    purchases = _discounted(model, pair_x, pair_age, float(until), rate, steps)[at].reshape(x.shape)
    found: Array = alive * purchases * value_model.expected_value(frequency, mean_value)
    return found


def _discounted(model: PurchaseModel, x: Array, age: Array, horizon: float, rate: float, steps: int) -> Array:
    """Discounted expected purchases of customers who are alive: exp(-d h) E(h) + d integral of exp(-d t) E(t) dt."""
    at_end: Array = np.exp(-rate * horizon) * model._purchases_if_alive(np.asarray(horizon), x, age)
    if rate == 0 or horizon == 0:
        return at_end
    base = model.alpha_ + age
    length = np.log1p(horizon / base)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    during = np.zeros_like(at_end)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        t = base * np.expm1(node * length)
        during += weight * np.exp(-rate * t) * model._purchases_if_alive(t, x, age) * (base + t)
    return at_end + rate * length * during
