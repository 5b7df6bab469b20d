"""Value clusters: the program's cuts, the real file's labels, and a KMeans beside them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fiel.program import ValueClusters
from fiel.segments.value_clusters import kmeans_clusters, value_cluster_expr
from fiel.tables import CLUSTERS


def cluster(active_days: int, value_earned: int, cuts: ValueClusters | None = None) -> str:
    frame = pl.DataFrame({"f": [active_days], "v": [value_earned]})
    return str(frame.select(value_cluster_expr(pl.col("f"), pl.col("v"), cuts or ValueClusters())).item())


@pytest.mark.parametrize(
    ("active_days", "value_earned", "expected"),
    [
        (0, 0, "none"),
        (1, 1_500, "hyper"),
        (10, 1_500, "hyper"),
        (11, 1_500, "eficiente"),
        (10, 1_499, "indeciso"),
        (11, 750, "esforcado"),
        (1, 750, "indeciso"),
        (4, 749, "lurker"),
        (5, 749, "preguicoso"),
        (10, 0, "preguicoso"),
        (11, 749, "potencial"),
    ],
)
def test_clusters_at_their_cuts(active_days: int, value_earned: int, expected: str) -> None:
    assert cluster(active_days, value_earned) == expected
    assert expected in CLUSTERS


def test_the_cuts_are_the_program_s() -> None:
    cuts = ValueClusters(high_value=10, middle_value=5, rare_below=2, frequent_above=3)
    assert [cluster(f, v, cuts) for f, v in ((3, 10), (4, 10), (3, 5), (1, 4), (4, 4))] == [
        "hyper",
        "eficiente",
        "indeciso",
        "lurker",
        "potencial",
    ]


@pytest.mark.real_data
def test_the_rule_reproduces_every_real_cluster(real_data: Path) -> None:
    labels = {
        "12-HYPER": "hyper",
        "22-EFICIENTE": "eficiente",
        "11-INDECISO": "indeciso",
        "21-ESFORÇADO": "esforcado",
        "0-LURKER": "lurker",
        "01-PREGUIÇOSO": "preguicoso",
        "20-POTENCIAL": "potencial",
    }
    path = real_data / "teomewhy" / "analytics" / "life_cycle.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        real = pl.read_database("select * from life_cycle", connection, infer_schema_length=None)
    frequency, points = (pl.col(name).fill_null(0) for name in ("qtdeFrequencia", "qtdePontosPos"))
    found = real.select(
        cluster=value_cluster_expr(frequency, points, ValueClusters()),
        expected=pl.col("cluster").replace_strict(labels).fill_null("none"),
    )
    assert found.height == 45_605
    assert found.filter(pl.col("cluster") != pl.col("expected")).is_empty()


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
