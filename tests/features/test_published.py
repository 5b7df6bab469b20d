from __future__ import annotations

import sqlite3
from datetime import date

import polars as pl
import pytest

from fiel.core import Core
from fiel.features.published import CLUSTER_LABELS, DIFFERENCES, STAGE_LABELS, published_features, to_published
from fiel.features.snapshot import build_snapshots
from fiel.program import STAGES, load_program
from fiel.settings import Settings
from fiel.tables import CLUSTERS, TABLES


@pytest.mark.real_data
def test_every_published_name_is_in_the_table_once_and_no_other(real_data) -> None:
    published = pl.read_csv(real_data / "teomewhy" / "published_features.csv")
    ours = published_features()
    assert ours.height == 93
    assert ours.select("group", "published_name").equals(published.select("group", "published_name"))


@pytest.mark.real_data
def test_the_published_course_columns_name_real_courses(real_data) -> None:
    courses = pl.read_csv(real_data / "teomewhy" / "education-platform" / "cursos.csv", separator=";")
    slugs = {f"course_share_{slug.replace('-', '_')}" for slug in courses.get_column("descSlugCurso")}
    shares = published_features().filter(pl.col("ours").str.starts_with("course_share_"))
    assert shares.height == 23
    assert set(shares.get_column("ours")) <= slugs


@pytest.mark.real_data
def test_the_labels_are_those_of_the_real_snapshots(real_data) -> None:
    path = real_data / "teomewhy" / "analytics" / "life_cycle.db"
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as database:
        stages = {row[0] for row in database.execute("select distinct descLifeCycle from life_cycle")}
        clusters = {row[0] for row in database.execute("select distinct cluster from life_cycle")}
    assert stages - {None} == set(STAGE_LABELS.values())
    assert clusters - {None} == set(CLUSTER_LABELS.values())


def test_every_stage_and_cluster_has_a_published_label() -> None:
    assert set(STAGE_LABELS) == set(STAGES)
    assert set(CLUSTER_LABELS) == set(CLUSTERS) - {"none"}


def test_every_one_of_our_names_is_declared() -> None:
    table = TABLES["feat_snapshot"]
    patterns = table.patterns
    undeclared = [
        name
        for name in published_features().get_column("ours")
        if name not in table.declared and not any(pattern.matches(name) for pattern in patterns)
    ]
    assert undeclared == []


def test_every_difference_is_explained_and_every_explanation_used() -> None:
    used = set(published_features().get_column("differences").explode())
    assert used == set(DIFFERENCES)


def test_our_names_are_one_to_one_but_for_the_frequency() -> None:
    table = published_features()
    twice = table.filter(pl.col("ours").is_duplicated()).get_column("published_name").to_list()
    assert twice == ["qtdeAtivacaoD28", "qtdeFrequencia"]


def test_a_snapshot_is_given_back_in_published_names_signs_and_labels() -> None:
    snapshot = pl.DataFrame(
        {
            "customer_id": ["a", "b"],
            "as_of": [date(2025, 3, 1)] * 2,
            "age_days": [40, 8],
            "value_spent_d7": [30, 0],
            "value_earned_d7": [5, 2],
            "stage": ["desencantado", "fiel"],
            "stage_d28": ["fiel", "none"],
        }
    )
    assert to_published(snapshot).to_dicts() == [
        {
            "customer_id": "a",
            "as_of": date(2025, 3, 1),
            "idadeDias": 39,
            "qtdePontosPosD7": 5,
            "qtdePontosNegD7": -30,
            "descLifeCycleAtual": "04-DESENCANTADA",
            "descLifeCycleD28": "02-FIEL",
        },
        {
            "customer_id": "b",
            "as_of": date(2025, 3, 1),
            "idadeDias": 7,
            "qtdePontosPosD7": 2,
            "qtdePontosNegD7": 0,
            "descLifeCycleAtual": "02-FIEL",
            "descLifeCycleD28": None,
        },
    ]


def test_every_one_of_our_names_is_in_a_snapshot_of_the_simulated_program(simulated) -> None:
    as_of = date(2025, 8, 1)
    program = load_program("teomewhy", Settings())
    snapshot = dict(build_snapshots(Core.open(simulated.lake), [as_of], program))[as_of]["feat_snapshot"]
    ours = set(published_features().get_column("ours"))
    of_courses = {name for name in ours if name.startswith("course_share_")}
    assert ours - of_courses <= set(snapshot.columns)
    assert of_courses & set(snapshot.columns), "the simulated courses are named like the real ones"
    published = to_published(snapshot)
    assert published.height == snapshot.height
    assert published.width == 2 + published_features().filter(pl.col("ours").is_in(snapshot.columns)).height
    assert published.get_column("qtdePontosNegVida").max() <= 0
