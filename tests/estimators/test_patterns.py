"""Unique patterns hold exactly the customers that went in."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from fiel.estimators.patterns import unique_pairs, unique_patterns


def columns(kind: str, n: int = 4_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 6, n).astype(float)
    if kind == "continuous":
        return x, rng.uniform(0, 30, n), rng.uniform(30, 60, n)
    days = rng.integers(0, 30, n).astype(float), rng.integers(30, 60, n).astype(float)
    if kind == "huge":
        return x * 1e7, days[0] * 1e9, days[1] * 1e9
    if kind == "weeks":
        return x, days[0] / 7, days[1] / 7
    return x, *days


@pytest.mark.parametrize("kind", ["days", "weeks", "continuous", "huge"])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_pattern_has_its_customers(kind: str, weighted: bool) -> None:
    x, t_x, age = columns(kind)
    weights = np.random.default_rng(2).integers(0, 3, len(x)).astype(float) if weighted else None
    found = unique_patterns(x, t_x, age, weights)
    counted: Counter[tuple[float, float, float]] = Counter()
    for row, weight in zip(zip(x, t_x, age, strict=True), np.ones(len(x)) if weights is None else weights, strict=True):
        counted[row] += int(weight)
    back = zip(found.x[found.x_at], found.t_x[found.t_x_at], found.T[found.T_at], strict=True)
    assert dict(zip(back, found.weight, strict=True)) == {row: n for row, n in counted.items() if n}
    assert found.customers == (len(x) if weights is None else weights.sum())
    by_x = dict(zip(found.x, found.sums_by_x(found.weight), strict=True))
    assert by_x == {value: sum(n for row, n in counted.items() if row[0] == value) for value in found.x}


@pytest.mark.parametrize("kind", ["days", "weeks", "continuous", "huge"])
def test_every_row_finds_its_pair(kind: str) -> None:
    x, _, age = columns(kind)
    pair_x, pair_age, at = unique_pairs(x, age)
    assert len(set(zip(pair_x, pair_age, strict=True))) == len(pair_x)
    np.testing.assert_array_equal(pair_x[at], x)
    np.testing.assert_array_equal(pair_age[at], age)


def test_a_part_of_the_patterns_keeps_its_rows() -> None:
    found = unique_patterns(*columns("days"), None)
    kept = np.arange(5, len(found.weight), 11)
    part = found.of(kept)
    np.testing.assert_array_equal(part.x[part.x_at], found.x[found.x_at[kept]])
    np.testing.assert_array_equal(part.t_x[part.t_x_at], found.t_x[found.t_x_at[kept]])
    np.testing.assert_array_equal(part.T[part.T_at], found.T[found.T_at[kept]])
    np.testing.assert_array_equal(part.weight, found.weight[kept])
