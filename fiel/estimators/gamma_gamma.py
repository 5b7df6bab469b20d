"""Gamma-Gamma: what a customer's purchases are worth on average, between their own mean and everyone's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammaln, polygamma

from fiel.errors import EstimatorError
from fiel.estimators.habits import Parameters
from fiel.estimators.inputs import Array, not_negative, numbers, refuse, weights_of
from fiel.estimators.newton import Objective, Optimum, maximise
from fiel.estimators.patterns import coded

# log p, log(q - 1), log v with values over their geometric mean. q > 1: below it the expected value is infinite.
_LOWER, _UPPER = np.log([1e-3, 1e-4, 1e-5]), np.log([1e5, 1e5, 1e6])
_STARTS = ((2.0, 2.0, 1.0), (0.5, 1.0, 1.0), (8.0, 5.0, 0.5))
_LARGEST_RELATIVE_ERROR = 1.0


class GammaGamma(Parameters):
    """Gamma-Gamma model of spend (Fader & Hardie 2013, "The Gamma-Gamma model of monetary value").

    Each purchase of a customer is worth Gamma(p, nu), and nu ~ Gamma(q, v) over customers, independent of how often
    they buy. Fitted on the mean value of the **repeat** purchases of customers with at least one. Parameters `p_`, `q_`
    (above 1, so that the expected value exists), `v_` (in the value's unit).

    >>> model = GammaGamma.from_parameters({"p": 6.25, "q": 3.74, "v": 15.44})
    >>> model.expected_value([0, 2], [0, 22.35]).round(2)
    array([35.22, 24.66])
    """

    p_: float
    q_: float
    v_: float
    parameters_: dict[str, float]
    standard_errors_: dict[str, float]
    log_likelihood_: float
    aic_: float
    customers_: float
    converged_: bool
    is_identified_: bool
    identification_note_: str

    def __repr__(self) -> str:
        return f"GammaGamma({', '.join(f'{k}={v:.4g}' for k, v in getattr(self, 'parameters_', {}).items())})"

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, float]) -> Self:
        """A model with given p, q (above 1) and v, ready to predict."""
        if set(parameters) != {"p", "q", "v"}:
            raise EstimatorError(f"GammaGamma has the parameters p, q, v, not {', '.join(parameters)}")
        for name, least in (("p", 0.0), ("q", 1.0), ("v", 0.0)):
            if not (np.isfinite(parameters[name]) and parameters[name] > least):
                raise EstimatorError(f"parameter {name} is {parameters[name]:g}: it has to be above {least:g}")
        model = cls()
        model._take({name: float(parameters[name]) for name in ("p", "q", "v")})
        return model

    def fit(self, frequency: npt.ArrayLike, mean_value: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Self:
        """Maximum likelihood on repeaters: rows with frequency and mean value above 0; the others do not count.

        `mean_value` is the mean of the repeat purchases, and is not looked at where frequency is 0. Raises
        `EstimatorError` for negative or non-finite values and where fewer than two repeaters remain.
        """
        x, z = spend(frequency, mean_value)
        weight = weights_of(weights, x.shape)
        weight = np.ones(x.shape) if weight is None else weight
        counted = (x > 0) & (z > 0) & (weight > 0)
        x, z, weight = x[counted], z[counted], weight[counted]
        customers = float(weight.sum())
        if customers < 2:
            raise EstimatorError("mean_value: fewer than two customers have a repeat purchase worth more than 0")
        unit = float(np.exp(weight @ np.log(z) / customers))
        target = _objective(x, z / unit, weight)
        tried = [maximise(target, np.log(start), _LOWER, _UPPER) for start in _STARTS]
        found = max(tried, key=lambda optimum: optimum.value)
        p, extra, v = (float(value) for value in np.exp(found.at))
        self._take({"p": p, "q": 1 + extra, "v": v * unit})
        errors = _relative_errors(found, customers)
        self.standard_errors_ = {"p": p * errors[0], "q": extra * errors[1], "v": v * unit * errors[2]}
        self.log_likelihood_ = customers * (found.value - float(np.log(unit)))
        self.aic_ = 6 - 2 * self.log_likelihood_
        self.customers_ = customers
        self.converged_ = found.converged
        self.identification_note_ = _note(found, errors, self.parameters_)
        self.is_identified_ = not self.identification_note_
        return self

    def expected_value(self, frequency: npt.ArrayLike, mean_value: npt.ArrayLike) -> Array:
        """Expected value of a customer's purchase, in the value's unit.

        p (v + x z) / (p x + q - 1): between the customer's own mean z and the population's p v / (q - 1), closer to
        the former the more purchases there are. `mean_value` may be anything, NaN too, where frequency is 0.
        """
        if not hasattr(self, "parameters_"):
            raise EstimatorError("GammaGamma is not fitted: call fit, or from_parameters")
        x, z = spend(frequency, mean_value)
        found: Array = self.p_ * (self.v_ + x * z) / (self.p_ * x + (self.q_ - 1))
        return found

    def _take(self, parameters: dict[str, float]) -> None:
        self.parameters_ = parameters
        self.p_, self.q_, self.v_ = parameters["p"], parameters["q"], parameters["v"]


def spend(frequency: npt.ArrayLike, mean_value: npt.ArrayLike) -> tuple[Array, Array]:
    """`frequency` and `mean_value` (0 where frequency is 0), checked."""
    x = numbers(frequency, "frequency")
    not_negative(x, "frequency")
    refuse(x != np.floor(x), x, "frequency", "a whole number is needed (purchase days after the first)")
    try:
        raw = np.asarray(mean_value, dtype=np.float64)
        x, raw = np.broadcast_arrays(x, raw)
    except (TypeError, ValueError) as error:
        raise EstimatorError(f"mean_value has to be numbers, one for each frequency: {error}") from None
    z = numbers(np.where(x > 0, raw, 0.0), "mean_value")
    not_negative(z, "mean_value")
    return x, z


def _objective(x: Array, z: Array, weight: Array) -> Objective:
    """Mean log likelihood of a repeater in (log p, log(q - 1), log v), with gradient and Hessian.

    Equation 1a of the note, for the mean z of x purchases:
    log G(px + q) - log G(px) - log G(q) + q log v + (px - 1) log z + px log x - (px + q) log(v + x z).
    """
    customers = weight.sum()
    values, at = coded(x)
    by_x = np.bincount(at, weight, len(values))
    log_z = np.bincount(at, weight * np.log(z), len(values))
    fixed = values @ (log_z + by_x * np.log(values))
    bought = x * z

    def value(free: Array) -> tuple[float, Array, Array]:
        p, extra, v = np.exp(free)
        q = 1 + extra
        total = v + bought
        logs = np.bincount(at, weight * np.log(total), len(values))
        inverse = weight / total
        once = np.bincount(at, inverse, len(values))
        twice = np.bincount(at, inverse / total, len(values))
        shape = p * values
        both = shape + q
        own = digamma(both)
        log_likelihood = (
            by_x @ (gammaln(both) - gammaln(shape) - gammaln(q) + q * np.log(v)) + p * fixed - log_z.sum() - both @ logs
        )
        gradient = np.array([
            values @ (by_x * (own - digamma(shape)) - logs) + fixed,
            by_x @ (own - digamma(q) + np.log(v)) - logs.sum(),
            customers * q / v - both @ once,
        ])  # fmt: skip
        own2 = by_x * polygamma(1, both)
        pq, pv, qv = values @ own2, -(values @ once), customers / v - once.sum()
        hessian = np.array([
            [values**2 @ (own2 - by_x * polygamma(1, shape)), pq, pv],
            [pq, own2.sum() - customers * polygamma(1, q), qv],
            [pv, qv, -customers * q / v**2 + both @ twice],
        ])  # fmt: skip
        slope = np.array([p, extra, v])
        gradient = gradient * slope
        hessian = hessian * np.outer(slope, slope) + np.diag(gradient)
        return float(log_likelihood / customers), gradient / customers, hessian / customers

    return value


def _relative_errors(found: Optimum, customers: float) -> list[float]:
    """Standard errors of the log parameters; NaN where there is none."""
    errors = np.full(3, np.nan)
    free = np.flatnonzero(~found.at_bound)
    information = -found.hessian[np.ix_(free, free)] * customers
    if len(free) and np.linalg.eigvalsh(information).min() > 1e-12 * customers:
        errors[free] = np.sqrt(np.linalg.inv(information).diagonal())
    return [float(error) for error in errors]


def _note(found: Optimum, errors: list[float], parameters: dict[str, float]) -> str:
    where = ", ".join(f"{name} = {value:.3g}" for name, value in parameters.items())
    if not found.converged:
        return "the search for the maximum of the likelihood did not converge"
    if found.at_bound.any():
        return f"a parameter runs to a bound ({where})"
    if not np.isfinite(errors).all():
        return f"the likelihood has no curved maximum ({where}): no standard errors"
    if max(errors) > _LARGEST_RELATIVE_ERROR:
        return f"the parameters are not determined ({where}): a standard error is {max(errors):.1f} times its parameter"
    return ""
