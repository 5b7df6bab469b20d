"""Figures of the program page: those of the report that answer its questions, none of them drawn twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from fiel.reports import sections
from fiel.reports.data import ReportData
from fiel.serving.figures import CHAMPION, GROUPS, figures
from tests.reports.conftest import make_shop_report

SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in Path(sections.__file__).parent.glob("*.py"))


@pytest.fixture(scope="module")
def shop() -> ReportData:
    return make_shop_report(300)


@pytest.mark.parametrize("name", [name for names in GROUPS.values() for name in names])
def test_every_figure_that_is_asked_for_is_one_of_the_reports(name: str) -> None:
    first, *_ = name.split("-")
    assert f'"{name}"' in SOURCES or f'f"{first}-{{' in SOURCES


def test_no_figure_stands_in_two_groups() -> None:
    names = [name for names in GROUPS.values() for name in names]
    assert len(names) == len(set(names))
    assert set(CHAMPION) <= set(GROUPS["model"])


def test_a_shop_shows_its_segments_its_cohorts_and_what_is_at_stake(shop: ReportData) -> None:
    found = {item["name"]: item for item in figures(shop)}
    assert {"rfm-grid", "cohort-retention", "stake-segments", "matrix-alive", "segment-moves"} <= set(found)
    assert found["rfm-grid"]["is_wide"]
    assert found["rfm-grid"]["group"] == "segments"


def test_a_figure_is_said_in_portuguese_with_the_same_numbers(shop: ReportData) -> None:
    shown = {item["name"]: item for item in figures(shop)}["mix"]
    assert shown["title"]["pt"] != shown["title"]["en"]
    rows = {language: table["rows"] for language, table in shown["table"].items()}
    assert [row[0] for row in rows["pt"]] == [row[0] for row in rows["en"]]
    assert len(rows["pt"]) == len(rows["en"])
