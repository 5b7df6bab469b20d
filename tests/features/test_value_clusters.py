"""Value clusters at their cuts, and against the real ones."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import polars as pl
import pytest

from fiel.features.value_clusters import value_cluster_expr
from fiel.program import ValueClusters
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
