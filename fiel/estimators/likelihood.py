"""The log likelihood of a purchase model on unique patterns, with its gradient and Hessian.

For a customer with x repeat purchases, the last at t_x, observed to T, with purchase rate lambda ~ Gamma(r, alpha) and
n chances to drop out (Fader, Hardie & Lee 2005, equation 6, written so that nothing overflows):

    log L = log G(r + x) - log G(r) + r log alpha - (r + x) log(alpha + T) + log P(survive n)
            + log(1 + odds(n) ((alpha + T) / (alpha + t_x))^(r + x))

The last term, for n >= 1, is the customer who dropped out at the last chance. It is minus the log of p(alive).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fiel.estimators.drop_out import DropOut
from fiel.estimators.inputs import Array, Indices
from fiel.estimators.newton import Objective
from fiel.estimators.patterns import Patterns
from fiel.estimators.rising import rising


@dataclass(frozen=True)
class _Mixed:
    """The patterns with at least one chance, with what does not change from one step to the next."""

    patterns: Patterns
    chances: Array
    frequency: Array


def objective(patterns: Patterns, drop_out: DropOut, first_counts: bool) -> Objective:
    """Mean log likelihood of a customer in (log r, log alpha, the drop-out's free parameters).

    `first_counts`: the first purchase, too, can be the last (MBG/NBD).
    """
    customers = patterns.customers
    by_x = patterns.sums_by_x(patterns.weight)
    weight_T = np.bincount(patterns.T_at, patterns.weight, len(patterns.T))  # noqa: N806
    purchases_T = np.bincount(  # noqa: N806
        patterns.T_at, patterns.weight * patterns.x[patterns.x_at], len(patterns.T)
    )
    chances = patterns.x + 1 if first_counts else patterns.x
    mixed = _mixed(patterns, first_counts)

    def value(at: Array) -> tuple[float, Array, Array]:
        r, alpha = np.exp(at[:2])
        natural = drop_out.natural(at[2:])
        k = len(at)
        gradient, hessian = np.zeros(k), np.zeros((k, k))
        survive = drop_out.survival(chances, natural)
        bought, bought_slope, bought_curve = rising(float(r), patterns.x)
        later = alpha + patterns.T
        held = r * weight_T + purchases_T
        log_later = np.log(later)
        log_likelihood = by_x @ (bought + survive.value) + customers * r * np.log(alpha) - held @ log_later
        gradient[0] = by_x @ bought_slope + customers * np.log(alpha) - weight_T @ log_later
        gradient[1] = customers * r / alpha - (held / later).sum()
        gradient[2:] = survive.gradient @ by_x
        hessian[0, 0] = by_x @ bought_curve
        hessian[0, 1] = customers / alpha - (weight_T / later).sum()
        hessian[1, 1] = -customers * r / alpha**2 + (held / later**2).sum()
        hessian[2:, 2:] = survive.hessian @ by_x
        if mixed is not None:
            log_likelihood += _add_mixed(mixed, drop_out, natural, r, alpha, gradient, hessian)
        hessian[1, 0] = hessian[0, 1]
        hessian[2:, :2] = hessian[:2, 2:].T
        slope = np.concatenate([[r, alpha], np.ones(k - 2)])
        gradient[:2] *= slope[:2]
        hessian *= np.outer(slope, slope)
        hessian[[0, 1], [0, 1]] += gradient[:2]
        return float(log_likelihood) / customers, gradient / customers, hessian / customers

    return value


def _mixed(patterns: Patterns, first_counts: bool) -> _Mixed | None:
    if first_counts:
        return _Mixed(patterns, patterns.x + 1, patterns.x[patterns.x_at])
    kept: Indices = np.flatnonzero(patterns.x[patterns.x_at] > 0)
    if not len(kept):
        return None
    repeaters = patterns.of(kept)
    return _Mixed(repeaters, repeaters.x, repeaters.x[repeaters.x_at])


def _add_mixed(
    mixed: _Mixed, drop_out: DropOut, natural: Array, r: float, alpha: float, gradient: Array, hessian: Array
) -> float:
    """Add the term of those who may have dropped out; gradient and Hessian (upper part) in place."""
    patterns = mixed.patterns
    odds = drop_out.last_odds(mixed.chances, natural)
    later, last = alpha + patterns.T, alpha + patterns.t_x
    gap = np.log(later)[patterns.T_at] - np.log(last)[patterns.t_x_at]
    shape = r + mixed.frequency
    log_odds = shape * gap
    log_odds += odds.value[patterns.x_at]
    small = np.exp(-np.abs(log_odds))  # of log(1 + exp(log_odds)), without overflow
    total = float(patterns.weight @ (np.log1p(small) + np.maximum(log_odds, 0)))
    gone = np.where(log_odds >= 0, 1.0, small) / (1 + small)
    gone_weight = patterns.weight * gone
    spread = gone_weight * (1 - gone)
    in_alpha = (1 / later)[patterns.T_at] - (1 / last)[patterns.t_x_at]
    curve = (-1 / later**2)[patterns.T_at] + (1 / last**2)[patterns.t_x_at]
    shaped = shape * in_alpha
    spread_gap, spread_shaped = spread * gap, spread * shaped
    gradient[0] += gone_weight @ gap
    gradient[1] += gone_weight @ shaped
    hessian[0, 0] += spread_gap @ gap
    hessian[0, 1] += gone_weight @ in_alpha + spread_gap @ shaped
    hessian[1, 1] += spread_shaped @ shaped + gone_weight @ (shape * curve)
    gone_x, spread_x = patterns.sums_by_x(gone_weight), patterns.sums_by_x(spread)
    gradient[2:] += odds.gradient @ gone_x
    hessian[0, 2:] += odds.gradient @ patterns.sums_by_x(spread_gap)
    hessian[1, 2:] += odds.gradient @ patterns.sums_by_x(spread_shaped)
    hessian[2:, 2:] += odds.hessian @ gone_x + (odds.gradient * spread_x) @ odds.gradient.T
    return total
