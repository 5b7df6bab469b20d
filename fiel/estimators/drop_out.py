"""When customers stop buying for good: the two ways in which the drop-out probability p is spread over customers.

Both share the story of the BG/NBD model (Fader, Hardie & Lee 2005): after a purchase the customer is gone with
probability p. `chances` is how often that could have happened: the repeat purchases (BG/NBD), or one more for the first
purchase (MBG/NBD: Batislam, Denizel & Filiztekin 2007; Hoppe & Wagner 2007). The likelihood needs two numbers for each
number n of chances: the log probability to survive all n, and the log odds of having dropped at the last of them
against having survived it. Both come with their derivatives in the free parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import expit, logit

from fiel.estimators.beta_mean import beta_mean
from fiel.estimators.inputs import Array
from fiel.estimators.rising import LONGEST_SUM, rising, sums_until


@dataclass(frozen=True)
class Terms:
    """For each number of chances: the value, its gradient (k rows) and its Hessian (k x k)."""

    value: Array
    gradient: Array
    hessian: Array


class DropOut(Protocol):
    """A distribution of the drop-out probability."""

    names: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def natural(self, free: Array) -> Array:
        """The named parameters of the free ones."""

    def free(self, natural: Array) -> Array:
        """The free parameters (unbounded scale) of the named ones."""

    def slopes(self, natural: Array) -> Array:
        """Derivative of each named parameter in its free one."""

    def survival(self, chances: Array, natural: Array) -> Terms:
        """Log probability to survive all chances."""

    def last_odds(self, chances: Array, natural: Array) -> Terms:
        """Log odds of dropping at the last chance against surviving it (for at least one chance)."""

    def purchases(self, rate_shape: Array, stretch: Array, chances: Array, natural: Array) -> Array:
        """Expected purchases of a customer who is alive after `chances`: E[(1 - (1 + p z)^-R) / p].

        R = `rate_shape` and z = `stretch` (horizon over the rate's posterior time).
        """


class BetaDropOut:
    """p ~ Beta(a, b) over customers; free parameters log a, log b."""

    names: tuple[str, ...] = ("a", "b")
    lower: tuple[float, ...] = (float(np.log(1e-5)),) * 2
    upper: tuple[float, ...] = (float(np.log(1e4)),) * 2

    def natural(self, free: Array) -> Array:
        """a, b."""
        return np.exp(free)

    def free(self, natural: Array) -> Array:
        """The logs of a and b."""
        return np.log(natural)

    def slopes(self, natural: Array) -> Array:
        """The parameters themselves: d a / d log a = a."""
        return natural

    def survival(self, chances: Array, natural: Array) -> Terms:
        """Of a Beta mixture: log B(a, b + n) - log B(a, b)."""
        a, b = natural
        value, in_a, in_b, in_aa, in_ab, in_bb = _beta_survival(float(a), float(b), chances)
        hessian = np.array([
            [in_aa * a * a + in_a * a, in_ab * a * b],
            [in_ab * a * b, in_bb * b * b + in_b * b],
        ])  # fmt: skip
        return Terms(value, np.array([in_a * a, in_b * b]), hessian)

    def last_odds(self, chances: Array, natural: Array) -> Terms:
        """Of a Beta mixture: log a - log(b + n - 1)."""
        a, b = natural
        later = b + chances - 1
        share = b / later
        zero = np.zeros_like(later)
        return Terms(
            np.log(a) - np.log(later),
            np.array([zero + 1, -share]),
            np.array([[zero, zero], [zero, share * share - share]]),
        )

    def purchases(self, rate_shape: Array, stretch: Array, chances: Array, natural: Array) -> Array:
        """Over p ~ Beta(a, b + n)."""
        return beta_mean(rate_shape, stretch, natural[0], natural[1] + chances)


class CommonDropOut:
    """One p for everyone; free parameter logit p. At the lower bound p is 0: nobody ever drops out (the NBD)."""

    names: tuple[str, ...] = ("p",)
    lower: tuple[float, ...] = (-20.0,)
    upper: tuple[float, ...] = (20.0,)

    def natural(self, free: Array) -> Array:
        """The probability p."""
        return np.where(free <= self.lower[0], 0.0, expit(free))

    def free(self, natural: Array) -> Array:
        """Its logit, within the bounds."""
        found: Array = np.clip(logit(natural), self.lower[0], self.upper[0])
        return found

    def slopes(self, natural: Array) -> Array:
        """As d p / d logit p = p (1 - p)."""
        return natural * (1 - natural)

    def survival(self, chances: Array, natural: Array) -> Terms:
        """Without a mixture: n log(1 - p)."""
        p = natural[0]
        return Terms(chances * np.log1p(-p), -chances[None] * p, -chances[None, None] * p * (1 - p))

    def last_odds(self, chances: Array, natural: Array) -> Terms:
        """Whatever the number of chances: log p - log(1 - p)."""
        p = natural[0]
        with np.errstate(divide="ignore"):
            value = np.full_like(chances, np.log(p) - np.log1p(-p))
        return Terms(value, np.ones((1, *chances.shape)), np.zeros((1, 1, *chances.shape)))

    def purchases(self, rate_shape: Array, stretch: Array, chances: Array, natural: Array) -> Array:
        """(1 - (1 + p z)^-R) / p, and R z where p is 0."""
        p = natural[0]
        if p == 0:
            return rate_shape * stretch
        found: Array = -np.expm1(-rate_shape * np.log1p(p * stretch)) / p
        return found


def _beta_survival(a: float, b: float, chances: Array) -> list[Array]:
    """Log of the product of (b + j) / (a + b + j) over j < n, and its derivatives: a, b, aa, ab, bb."""
    if chances.max(initial=0.0) <= LONGEST_SUM:
        j = np.arange(chances.max(initial=0.0))
        one, both = 1 / (b + j), 1 / (a + b + j)
        square = both * both
        terms = (-np.log1p(a * one), -both, a * one * both, square, square, square - one * one)
        return [sums_until(term, chances) for term in terms]
    value, in_b, in_bb = rising(b, chances)
    value_sum, in_sum, in_sum2 = rising(a + b, chances)
    return [value - value_sum, -in_sum, in_b - in_sum, -in_sum2, -in_sum2, in_bb - in_sum2]
