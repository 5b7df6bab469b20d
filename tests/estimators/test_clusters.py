"""Ranked KMeans: the k that is there, numbers by rank, the same in any order, stable only where there is shape."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.errors import EstimatorError
from fiel.estimators import clusters
from fiel.estimators.clusters import RankedKMeans

CENTRES = np.array([[0.0, 0.0], [8.0, 1.0], [1.0, 9.0], [9.0, 9.0]])


def blobs(each: int = 60, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Four round groups far apart, and which of them each point is of."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(at, 0.5, (each, 2)) for at in CENTRES]), np.repeat(np.arange(4), each)


def noise(rows: int = 240) -> np.ndarray:
    return np.random.default_rng(5).normal(0, 1, (rows, 2))


def test_k_is_the_number_of_groups_that_is_there() -> None:
    points, group = blobs()
    found = RankedKMeans(2, 8, seed=7).fit(points, value=group)
    assert found.k_ == 4
    assert set(found.silhouettes_) == set(range(2, 9))
    assert found.silhouette_ == found.silhouettes_[4] == max(found.silhouettes_.values())


def test_clusters_are_numbered_from_the_highest_median_down() -> None:
    points, group = blobs()
    found = RankedKMeans(4, 4, seed=7).fit(points, value=np.array([30, 10, 40, 20])[group])
    assert [set(found.labels_[group == place]) for place in range(4)] == [{1}, {3}, {0}, {2}]


def test_the_median_is_not_moved_by_one_rich_customer_and_the_mean_is() -> None:
    points, group = blobs()
    value = np.array([4.0, 3.0, 2.0, 1.0])[group]
    value[-1] = 1e6
    ranks = {
        by: RankedKMeans(4, 4, seed=7, rank_by=by).fit(points, value).labels_[-1]  # type: ignore[arg-type]
        for by in ("median", "mean")
    }
    assert ranks == {"median": 3, "mean": 0}


def test_centres_are_the_means_of_their_customers_in_their_own_units() -> None:
    points, group = blobs()
    points = points * [1_000, 1] + [0, 50]
    found = RankedKMeans(4, 4, seed=7).fit(points, value=group)
    for label in range(4):
        assert found.centres_[label] == pytest.approx(points[found.labels_ == label].mean(axis=0))


def test_predict_gives_the_customers_of_the_fit_their_own_cluster() -> None:
    points, group = blobs()
    found = RankedKMeans(seed=7).fit(points, value=group)
    assert np.array_equal(found.predict(points), found.labels_)


def test_everybody_is_in_the_nearest_cluster() -> None:
    points, group = blobs(each=20)
    found = RankedKMeans(4, 4, seed=7).fit(points, value=group)
    spread = points.std(axis=0)
    for point, label in zip(points, found.labels_, strict=True):
        distances = [sum(((point - centre) / spread) ** 2) for centre in found.centres_]
        assert distances[label] == pytest.approx(min(distances))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_order_of_the_rows_changes_nothing(seed: int) -> None:
    points = np.round(noise(90), 1)
    value = np.round(points.sum(axis=1))
    order = np.random.default_rng(seed).permutation(len(points))
    one = RankedKMeans(2, 4, seed=1).fit(points, value)
    other = RankedKMeans(2, 4, seed=1).fit(points[order], value[order])
    assert (one.k_, one.silhouettes_) == (other.k_, other.silhouettes_)
    assert np.array_equal(one.labels_[order], other.labels_)
    assert one.stability(points, 3) == other.stability(points[order], 3)


def test_bounded_samples_find_what_all_rows_find() -> None:
    points, group = blobs(each=500)
    bounded = RankedKMeans(2, 6, seed=7, fit_rows=200, silhouette_rows=100, stability_rows=100).fit(points, group)
    assert bounded.k_ == 4
    assert np.array_equal(bounded.labels_, RankedKMeans(2, 6, seed=7).fit(points, group).labels_)
    order = np.random.default_rng(1).permutation(len(points))
    again = RankedKMeans(2, 6, seed=7, fit_rows=200, silhouette_rows=100, stability_rows=100)
    assert np.array_equal(again.fit(points[order], group[order]).labels_, bounded.labels_[order])
    assert again.silhouettes_ == bounded.silhouettes_


def test_groups_far_apart_are_stable_and_noise_is_not() -> None:
    points, group = blobs()
    clear = RankedKMeans(4, 4, seed=7).fit(points, group).stability(points, 10)
    vague = RankedKMeans(4, 4, seed=7).fit(noise(), noise()[:, 0]).stability(noise(), 10)
    assert clear is not None
    assert vague is not None
    assert (clear.mean, clear.low, clear.bootstraps) == (1.0, 1.0, 10)
    assert vague.low < vague.mean < 0.8


def test_stability_is_the_rand_index_corrected_for_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """One bootstrap sample, so mean and quantile are its index: recomputed pair by pair from what it predicts."""
    points = noise(40)
    model = RankedKMeans(3, 3, seed=2).fit(points, points[:, 0])
    seen: list[np.ndarray] = []

    def pairs(labels: np.ndarray) -> np.ndarray:
        return np.array([labels[a] == labels[b] for a, b in combinations(range(len(labels)), 2)])

    original = clusters.adjusted_rand_score
    monkeypatch.setattr(clusters, "adjusted_rand_score", lambda *two: seen.extend(two) or original(*two))
    found = model.stability(points, 1)
    one, two = pairs(seen[0]), pairs(seen[1])
    expected = one.sum() * two.sum() / len(one)
    index = ((one & two).sum() - expected) / ((one.sum() + two.sum()) / 2 - expected)
    assert found is not None
    assert found.mean == found.low == pytest.approx(index)


@pytest.mark.parametrize(
    "points",
    [np.empty((0, 2)), [[1.0, 2.0]], [[1.0, 2.0]] * 9, [[1.0, 2.0], [3.0, 4.0]]],
    ids=["nobody", "one", "equal", "two"],
)
def test_hardly_anybody_is_one_cluster_without_a_silhouette(points: np.ndarray) -> None:
    found = RankedKMeans(2, 8, seed=7).fit(points, np.ones(len(points)))
    assert (found.k_, found.silhouettes_, found.silhouette_) == (1, {}, None)
    assert found.labels_.tolist() == [0] * len(points)
    assert found.stability(points, 5) is None


def test_a_column_that_does_not_vary_is_no_hindrance() -> None:
    points, group = blobs()
    points = np.column_stack([points, np.full(len(points), 3.3)])
    assert RankedKMeans(2, 8, seed=7).fit(points, group).k_ == 4


@pytest.mark.parametrize(
    ("points", "value", "message"),
    [
        ([[1.0, np.nan]], [1], "points at position 1"),
        ([1.0, 2.0], [1, 2], "points need rows and columns"),
        ([[1.0], [2.0]], [1], "value has the shape"),
        ([[1.0]], [np.inf], "value at position 0"),
    ],
)
def test_bad_input_is_named(points: list, value: list, message: str) -> None:
    with pytest.raises(EstimatorError, match=message):
        RankedKMeans().fit(points, value)


@pytest.mark.parametrize(("low", "high"), [(1, 4), (5, 4)])
def test_a_range_of_k_that_is_none_is_refused(low: int, high: int) -> None:
    with pytest.raises(EstimatorError, match="k_min"):
        RankedKMeans(low, high).fit([[1.0]], [1.0])


def test_points_of_another_width_are_refused() -> None:
    points, group = blobs()
    with pytest.raises(EstimatorError, match="points have 1 columns, the clusters 2"):
        RankedKMeans(2, 3).fit(points, group).predict([[1.0]])
