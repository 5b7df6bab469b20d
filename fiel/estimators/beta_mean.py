"""Expected purchases of a living customer whose drop-out probability is uncertain, by quadrature.

A customer with purchase rate lambda and drop-out probability p, alive now, buys (1 - exp(-lambda p h)) / p times in the
next h on average. With lambda ~ Gamma(R, A) and z = h / A that is (1 - (1 + p z)^-R) / p, and with p ~ Beta(a, c)

    f(R, z; a, c) = E[(1 - (1 + p z)^-R) / p] = (a + c - 1) / (a - 1) (1 - 2F1(R, a - 1; a + c - 1; -z)).

The right side is the published form (Fader, Hardie & Lee 2005, equation 10, after Pfaff's transformation). It is 0 / 0
at a = 1 and cancels near it, and 2F1 is not reliable for large R; the expectation itself is a smooth positive integral
for all parameters, so it is computed as one: the trapezoidal rule in s = logit p, on a grid that grows exponentially
away from where the integrand has its features (as in Takahasi & Mori 1974). Relative error below 1e-11.
"""

from __future__ import annotations

import numpy as np

from fiel.estimators.inputs import Array
from fiel.estimators.patterns import coded

_BLOCK = 1 << 14  # values that are worked on at once: they stay in the processor's cache
_TINY = 1e-290
_LOG10 = float(np.log(10.0))


def beta_mean(rate_shape: Array, stretch: Array, a: float, c: Array) -> Array:
    """f(R, z; a, c) for rows of R > 0 (`rate_shape`), z >= 0 (`stretch`) and c > 0, with one a > 0.

    A row's result depends on nothing but the row. Limits: R z where a is very small (nobody drops out), and
    (1 - (1 + z)^-R) where c is.

    >>> beta_mean(np.array([2.0]), np.array([0.5]), 1e-9, np.array([3.0])).round(6)
    array([1.])
    """
    rate_shape, stretch, c = np.broadcast_arrays(rate_shape, stretch, c)
    shape = rate_shape.shape
    rate_shape, stretch, c = rate_shape.ravel(), stretch.ravel(), c.ravel()
    found = np.zeros(rate_shape.shape)
    reach = np.maximum(np.maximum(rate_shape, 1.0) * stretch, 1.0)
    decades = np.ceil(np.log10(reach)).astype(np.intp)
    for decade in np.flatnonzero(np.bincount(decades)) if decades.size else ():
        rows = np.flatnonzero(decades == decade)
        shapes, shape_at = coded(c[rows])
        p, weight = _grid(a, shapes, int(decade))
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            found[block] = _sum(p, weight, shape_at[start : start + _BLOCK], rate_shape[block], stretch[block])
    return found.reshape(shape)


def _sum(p: Array, weight: Array, at: np.ndarray, rate_shape: Array, stretch: Array) -> Array:
    total = np.zeros(len(stretch))
    down = -rate_shape
    for nodes, weights in zip(p, weight, strict=True):
        pz = nodes[at]
        pz *= stretch
        np.maximum(pz, _TINY, out=pz)
        term = np.log1p(pz)
        term *= down
        np.expm1(term, out=term)
        term /= pz
        term *= weights[at]
        total -= term
    total *= stretch
    return total


def _grid(a: float, c: Array, decade: int) -> tuple[Array, Array]:
    """Nodes p and weights (sum 1) of Beta(a, c): one row for each node, one column for each c.

    `decade`: the largest R z and z are below ten to this power; the integrand bends at p = 1 / (R z) and 1 / z.
    """
    size = 64 + 12 * min(decade, 8)
    width = np.minimum(1.0, np.sqrt(1 / a + 1 / c))
    mode = np.log(a) - np.log(c)
    lowest = mode - 9 * width - np.log1p(40 / c) - 40 / a
    highest = mode + 9 * width + np.log1p(40 / a) + 40 / c
    right = np.log(np.maximum(a, 1.0)) - np.log(np.maximum(c, 1.0)) + width
    left = np.maximum(np.minimum(-decade * _LOG10, right - 2 * width), lowest)
    first = left - width * np.log1p((left - lowest) / width)
    last = right + width * np.log1p(np.maximum(highest - right, 0) / width)
    step = (last - first) / (size - 1)
    t = first + step * np.arange(size)[:, None]
    up, down = np.exp((t - right) / width), np.exp((left - t) / width)
    s = t + width * (up - down)
    log_p, log_q = -np.logaddexp(0, -s), -np.logaddexp(0, s)
    density = a * log_p + c * log_q
    weight = np.exp(density - density.max(axis=0)) * (1 + up + down)
    total = np.zeros(c.shape)
    for row in weight:  # in this order for any number of columns: a customer's numbers do not depend on the others
        total += row
    return np.exp(log_p), weight / total
