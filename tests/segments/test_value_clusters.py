"""Value clusters by KMeans."""

from __future__ import annotations

import numpy as np
import pytest

from fiel.segments.value_clusters import kmeans_clusters


def blobs(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = ((3, 100), (20, 300), (8, 3_000))
    points = np.concatenate([rng.normal(centre, (0.5, 30), (60, 2)) for centre in centres])
    return points[:, 0], points[:, 1]


def test_kmeans_finds_the_number_of_clusters_that_is_there() -> None:
    k, labels, silhouettes = kmeans_clusters(*blobs(), seed=7)
    assert k == 3
    assert [len(set(labels[start : start + 60])) for start in (0, 60, 120)] == [1, 1, 1]
    assert max(silhouettes, key=lambda found: silhouettes[found]) == 3
    assert set(silhouettes) == set(range(2, 9))


def test_kmeans_numbers_its_clusters_by_value_and_repeats_itself() -> None:
    frequency, value = blobs()
    k, labels, silhouettes = kmeans_clusters(frequency, value, seed=7)
    means = [value[labels == label].mean() for label in range(k)]
    assert means == sorted(means)
    again = kmeans_clusters(frequency, value, seed=7)
    assert (again[0], again[2]) == (k, silhouettes)
    assert np.array_equal(again[1], labels)


def test_kmeans_weighs_both_scales_alike() -> None:
    """Unscaled, value in the thousands would drown the two groups that differ in frequency alone."""
    rng = np.random.default_rng(3)
    frequency = np.concatenate([np.full(80, 2.0), np.full(80, 25.0)])
    _, labels, _ = kmeans_clusters(frequency, rng.normal(2_000, 300, 160), seed=1, k_range=range(2, 3))
    assert len(set(labels[:80])) == 1
    assert len(set(labels[80:])) == 1


@pytest.mark.parametrize("points", [[], [1.0], [1.0, 1.0, 1.0], [1.0, 2.0]])
def test_kmeans_of_hardly_anybody_is_one_cluster(points: list[float]) -> None:
    k, labels, silhouettes = kmeans_clusters(points, points, seed=1)
    assert (k, silhouettes) == (1, {})
    assert labels.tolist() == [0] * len(points)
