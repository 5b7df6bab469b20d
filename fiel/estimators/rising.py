"""Logs of rising factorials and their derivatives, for many whole numbers at once."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaln, polygamma

from fiel.estimators.inputs import Array

LONGEST_SUM = float(1 << 16)  # up to here a cumulative sum is exact to the last digits, and faster than lgamma


def rising(base: float, n: Array) -> tuple[Array, Array, Array]:
    """Of log G(base + n) - log G(base) for whole n: the value, its first and its second derivative in `base`.

    As sums over j < n of log(base + j), 1 / (base + j) and -1 / (base + j)^2: nothing cancels, however large the base.

    >>> [found.round(4).tolist() for found in rising(2.0, np.array([0.0, 1, 3]))]
    [[0.0, 0.6931, 3.1781], [0.0, 0.5, 1.0833], [0.0, -0.25, -0.4236]]
    """
    if n.max(initial=0.0) > LONGEST_SUM:
        return (
            gammaln(base + n) - gammaln(base),
            digamma(base + n) - digamma(base),
            polygamma(1, base + n) - polygamma(1, base),
        )
    terms = base + np.arange(n.max(initial=0.0))
    inverse = 1 / terms
    return sums_until(np.log(terms), n), sums_until(inverse, n), sums_until(-inverse * inverse, n)


def sums_until(terms: Array, n: Array) -> Array:
    """For each n, the sum of the first n `terms`."""
    sums = np.zeros(len(terms) + 1)
    np.cumsum(terms, out=sums[1:])
    return sums[n.astype(np.intp)]
