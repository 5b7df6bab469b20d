"""Fits a purchase model to unique patterns and says whether the data identify it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fiel.errors import EstimatorError
from fiel.estimators.drop_out import BetaDropOut, CommonDropOut, DropOut
from fiel.estimators.inputs import Array
from fiel.estimators.likelihood import objective
from fiel.estimators.newton import Optimum, maximise
from fiel.estimators.patterns import Patterns

# Purchase rate: log r and log alpha, alpha in units of the mean T.
_RATE_LOWER, _RATE_UPPER = np.log([1e-4, 1e-6]), np.log([1e4, 1e6])
_RATE_STARTS = (0.5, 0.2, 2.0, 0.1)
_BETA_STARTS = ((1.0, 3.0), (0.2, 1.0), (0.5, 20.0), (0.05, 0.05))
_COMMON_STARTS = (0.05, 0.4)
_SAMPLE = 20_000  # patterns on which the starts are tried, when there are more
_NEAR_BOUND = 2.0  # factor
_LARGEST_RELATIVE_ERROR = 1.0
_LEAST_RATIO = (
    2.706  # 5 % point of the likelihood ratio when one parameter lies on its boundary (half chi2(0), chi2(1))
)


@dataclass(frozen=True)
class Fit:
    """A fitted purchase model in the unit of its data. `note` is empty where the data identify the model."""

    parameters: dict[str, float]
    standard_errors: dict[str, float]
    log_likelihood: float
    customers: float
    repeaters: float
    converged: bool
    note: str
    suggestion: str


def fit_patterns(patterns: Patterns, drop_out: DropOut, first_counts: bool) -> Fit:
    """The maximum likelihood fit; `EstimatorError` where there is no repeat purchase."""
    repeats = float(patterns.sums_by_x(patterns.weight) @ patterns.x)
    if repeats == 0:
        raise EstimatorError("frequency is 0 for every customer: without a repeat purchase there is nothing to fit")
    observed = float(patterns.weight @ patterns.T[patterns.T_at])
    unit = observed / patterns.customers
    scaled = patterns.scaled(unit)
    pace = repeats / patterns.customers  # purchases for each unit of time
    found = _best(scaled, drop_out, first_counts, _starts(drop_out, pace))
    parameters, errors = _natural(found, drop_out, unit, patterns.customers)
    log_likelihood = found.value * patterns.customers - repeats * float(np.log(unit))
    note = ""
    if isinstance(drop_out, BetaDropOut):
        common = _best(scaled, CommonDropOut(), first_counts, _starts_near(found))
        ratio = 2 * patterns.customers * (found.value - common.value)
        note = _identification(found, parameters, errors, ratio, float(CommonDropOut().natural(common.at[2:])[0]))
    else:
        note = _rate_note(found, parameters) or _curve_note(found, parameters, errors)
    return Fit(
        parameters,
        errors,
        log_likelihood,
        patterns.customers,
        float(patterns.weight[patterns.x[patterns.x_at] > 0].sum()),
        found.converged,
        note,
        "pooled" if note and isinstance(drop_out, BetaDropOut) else "",
    )


def _best(patterns: Patterns, drop_out: DropOut, first_counts: bool, starts: list[Array]) -> Optimum:
    """The best of several starts, on a sample of the patterns where there are many, then on all of them.

    The starts after the first are for likelihoods with more than one hill or none: they are tried where the first does
    not end on a well curved top.
    """
    lower = np.concatenate([_RATE_LOWER, drop_out.lower])
    upper = np.concatenate([_RATE_UPPER, drop_out.upper])
    few = len(patterns.weight) <= _SAMPLE
    sample = patterns if few else patterns.of(np.arange(0, len(patterns.weight), len(patterns.weight) // _SAMPLE + 1))
    target = objective(sample, drop_out, first_counts)
    best = maximise(target, starts[0], lower, upper)
    if len(starts) > 1 and not _is_a_top(best, sample.customers):
        tried = [maximise(target, start, lower, upper) for start in starts[1:]]
        best = max([best, *tried], key=lambda optimum: optimum.value)
    return best if few else maximise(objective(patterns, drop_out, first_counts), best.at, lower, upper)


def _is_a_top(found: Optimum, customers: float) -> bool:
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(_covariance(found, customers).diagonal())
    return found.converged and bool((errors < _LARGEST_RELATIVE_ERROR).all())


def _starts(drop_out: DropOut, pace: float) -> list[Array]:
    if isinstance(drop_out, BetaDropOut):
        return [
            np.concatenate([np.log([r, r / pace]), drop_out.free(np.array(shape))])
            for r, shape in zip(_RATE_STARTS, _BETA_STARTS, strict=True)
        ]
    return [np.concatenate([np.log([1.0, 1.0 / pace]), drop_out.free(np.array([p]))]) for p in _COMMON_STARTS]


def _starts_near(found: Optimum) -> list[Array]:
    """Where to look for one probability for all: at the Beta's mean first."""
    a, b = np.exp(found.at[2:])
    mean = np.clip(a / (a + b), 1e-3, 0.9)
    return [np.concatenate([found.at[:2], CommonDropOut().free(np.array([p]))]) for p in (mean, *_COMMON_STARTS)]


def _natural(
    found: Optimum, drop_out: DropOut, unit: float, customers: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Parameters and standard errors (delta method) by name, in the data's unit."""
    names = ("r", "alpha", *drop_out.names)
    own = drop_out.natural(found.at[2:])
    r, alpha = np.exp(found.at[:2])
    values = np.concatenate([[r, alpha * unit], own])
    slopes = np.concatenate([[r, alpha * unit], drop_out.slopes(own)])
    spread = _covariance(found, customers).diagonal()
    with np.errstate(invalid="ignore"):
        errors = slopes * np.sqrt(spread)
    return (
        dict(zip(names, map(float, values), strict=True)),
        dict(zip(names, map(float, errors), strict=True)),
    )


def _covariance(found: Optimum, customers: float) -> Array:
    """Covariance of the free parameters; NaN for those at a bound and where the Hessian is not negative definite."""
    size = len(found.at)
    covariance = np.full((size, size), np.nan)
    free = np.flatnonzero(~found.at_bound)
    information = -found.hessian[np.ix_(free, free)] * customers
    if len(free) and np.linalg.eigvalsh(information).min() > 1e-12 * customers:
        covariance[np.ix_(free, free)] = np.linalg.inv(information)
    return covariance


def _rate_note(found: Optimum, parameters: dict[str, float]) -> str:
    """Why not even the purchase rate is identified, or nothing."""
    if not found.converged:
        return "the search for the maximum of the likelihood did not converge"
    if found.at_bound[:2].any():
        return f"the purchase rate runs to a bound (r = {parameters['r']:.3g}): too few customers, or too much alike"
    return ""


def _curve_note(found: Optimum, parameters: dict[str, float], errors: dict[str, float]) -> str:
    """Why one probability for all is not identified, or nothing. At its bound (nobody ever drops out) it is."""
    free = [name for name, held in zip(parameters, found.at_bound, strict=True) if not held]
    if np.isfinite([errors[name] for name in free]).all():
        return ""
    where = ", ".join(f"{name} = {value:.3g}" for name, value in parameters.items())
    return f"the likelihood has no curved maximum ({where}): no standard errors"


def _identification(
    found: Optimum, parameters: dict[str, float], errors: dict[str, float], ratio: float, common: float
) -> str:
    """Why the drop-out part is not identified, or nothing."""
    rate_note = _rate_note(found, parameters)
    if rate_note:
        return rate_note
    a, b = parameters["a"], parameters["b"]
    where = f"a = {a:.3g}, b = {b:.3g}"
    lower, upper = np.exp([BetaDropOut.lower, BetaDropOut.upper])
    if found.at_bound.any() or min(a, b) < lower[0] * _NEAR_BOUND or max(a, b) > upper[0] / _NEAR_BOUND:
        return f"the drop-out part runs to a bound ({where}): the data do not show how drop-out varies over customers"
    if not np.isfinite([errors["a"], errors["b"]]).all():
        return f"the likelihood has no curved maximum in the drop-out part ({where}): no standard errors"
    relative = max(errors["a"] / a, errors["b"] / b)
    if relative > _LARGEST_RELATIVE_ERROR:
        return (
            f"the drop-out part is not determined ({where}, standard errors {errors['a']:.3g} and {errors['b']:.3g}, "
            f"up to {relative:.1f} times the parameter)"
        )
    if ratio < _LEAST_RATIO:
        return (
            f"the drop-out probability does not differ measurably between customers ({where}; likelihood ratio "
            f"{ratio:.2f} against one probability of {common:.3g} for all, {_LEAST_RATIO:.2f} is needed)"
        )
    return ""
