"""Purchase histories as unique patterns with weights: what the likelihood of a million customers is computed on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fiel.errors import EstimatorError
from fiel.estimators.inputs import Array, Indices

# Up to this many distinct whole values an axis is coded by a table; beyond it, and for broken numbers, by sorting.
_TABLE = 1 << 20


@dataclass(frozen=True)
class Patterns:
    """One row for each unique (frequency, recency, T), sorted, with the number of its customers.

    `x`, `t_x` and `T` hold each axis' distinct values, ascending; `x_at`, `t_x_at` and `T_at` say, for each pattern,
    where on the axis it lies. `starts` is the first pattern of each frequency.
    """

    x: Array
    t_x: Array
    T: Array
    x_at: Indices
    t_x_at: Indices
    T_at: Indices
    weight: Array
    starts: Indices

    @property
    def customers(self) -> float:
        """Sum of the weights."""
        return float(self.weight.sum())

    def sums_by_x(self, values: Array) -> Array:
        """Sum of `values` (one for each pattern) for each frequency."""
        return np.add.reduceat(values, self.starts)

    def scaled(self, unit: float) -> Patterns:
        """The same patterns with times divided by `unit`."""
        return Patterns(
            self.x, self.t_x / unit, self.T / unit, self.x_at, self.t_x_at, self.T_at, self.weight, self.starts
        )

    def of(self, kept: Indices) -> Patterns:
        """The patterns at `kept` (ascending, not empty)."""
        return _patterns(
            (self.x, self.t_x, self.T), (self.x_at[kept], self.t_x_at[kept], self.T_at[kept]), self.weight[kept]
        )


def unique_patterns(x: Array, t_x: Array, age: Array, weights: Array | None) -> Patterns:
    """The unique patterns of checked histories; rows of weight 0 do not count.

    >>> found = unique_patterns(np.array([1.0, 0, 1]), np.array([2.0, 0, 2]), np.array([9.0, 9, 9]), None)
    >>> found.x[found.x_at], found.t_x[found.t_x_at], found.T[found.T_at], found.weight
    (array([0., 1.]), array([0., 2.]), array([9., 9.]), array([1., 2.]))
    """
    if weights is not None and not weights.all():
        counted = weights > 0
        x, t_x, age, weights = x[counted], t_x[counted], age[counted], weights[counted]
    if x.size == 0:
        raise EstimatorError("frequency is empty: there is no customer to fit on")
    axes, codes = zip(*(coded(axis) for axis in (x, age, t_x)), strict=True)
    n_age, n_t = len(axes[1]), len(axes[2])
    key = (codes[0] * n_age + codes[1]) * n_t + codes[2]
    if weights is None:
        found, counts = _counted(key, len(axes[0]) * n_age * n_t)
        weight = counts.astype(np.float64)
    else:
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        found, weight = ordered[starts], np.add.reduceat(weights[order], starts)
    rest, t_x_at = np.divmod(found, n_t)
    x_at, age_at = np.divmod(rest, n_age)
    return _patterns((axes[0], axes[2], axes[1]), (x_at, t_x_at, age_at), weight)


def unique_pairs(x: Array, age: Array) -> tuple[Array, Array, Indices]:
    """The distinct pairs of `x` and `age`, and for each row the position of its pair."""
    x_values, x_at = coded(x)
    age_values, age_at = coded(age)
    key = x_at * len(age_values) + age_at
    room = len(x_values) * len(age_values)
    if room <= 4 * key.size + _TABLE:
        there = np.zeros(room, dtype=bool)
        there[key] = True
        found = np.flatnonzero(there)
        position = np.zeros(room, dtype=np.intp)
        position[found] = np.arange(len(found))
        at = position[key]
    else:
        found, at = np.unique(key, return_inverse=True)
    return x_values[found // len(age_values)], age_values[found % len(age_values)], at


def _patterns(axes: tuple[Array, ...], at: tuple[Indices, ...], weight: Array) -> Patterns:
    values, positions = zip(*(_used(axis, where) for axis, where in zip(axes, at, strict=True)), strict=True)
    starts = np.searchsorted(positions[0], np.arange(len(values[0])))
    return Patterns(values[0], values[1], values[2], positions[0], positions[1], positions[2], weight, starts)


def _used(axis: Array, at: Indices) -> tuple[Array, Indices]:
    there = np.zeros(len(axis), dtype=bool)
    there[at] = True
    return axis[there], (np.cumsum(there) - 1)[at]


def coded(values: Array) -> tuple[Array, Indices]:
    """The distinct values, ascending, and each row's position among them."""
    if values.size == 0:
        return values, np.zeros(0, dtype=np.intp)
    largest = float(values.max())
    for parts in (1.0, 7.0) if largest < _TABLE else ():  # whole numbers, or whole days in weeks
        whole = np.rint(values * parts)
        if np.array_equal(whole / parts, values):
            return _tabled(whole.astype(np.intp), parts)
    ordered = np.sort(values)
    distinct = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])]
    return distinct, np.searchsorted(distinct, values)


def _tabled(whole: Indices, parts: float) -> tuple[Array, Indices]:
    there = np.zeros(int(whole.max()) + 1, dtype=bool)
    there[whole] = True
    found = np.flatnonzero(there)
    position = np.zeros(len(there), dtype=np.intp)
    position[found] = np.arange(len(found))
    return found / parts, position[whole]


def _counted(key: Indices, room: int) -> tuple[Indices, Indices]:
    if room <= 2 * key.size + _TABLE:
        counts = np.bincount(key, minlength=room)
        found = np.flatnonzero(counts)
        return found, counts[found]
    ordered = np.sort(key)
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return ordered[starts], np.diff(np.append(starts, len(ordered)))
