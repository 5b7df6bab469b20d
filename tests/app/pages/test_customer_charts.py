"""The charts of a customer: nothing of as_of or later, gaps are shown, and every colour has its dark twin."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from typing import Any

import pytest

from app.pages.customer_charts import DAYS_LISTED, quarters_chart, stage_bar, timeline
from app.pages.voice import Voice
from fiel.program import read_program
from fiel.reports.tokens import dark_twins
from fiel.serving import customers
from fiel.settings import HOME

AS_OF = date(2025, 10, 1)
DAYS = [["2025-09-01", 3, 120], ["2025-09-30", 1, -40], ["2025-10-01", 9, 900]]
SPANS = [
    ["curioso", "2025-09-02", "2025-09-08"],
    ["fiel", "2025-09-09", "2025-12-31"],
    ["zumbi", "2026-01-01", "2026-02-01"],
]
QUARTERS = [["2024-12-31", 2, 150_000, 0, None], ["2025-06-30", 1, 50_000, 1, 700], ["2025-12-31", 9, 9, 9, 9]]


def voice(program: str, language: Any = "en") -> Voice:
    return Voice(language, read_program(HOME / "deployments" / "programs" / f"{program}.yaml"))


@pytest.mark.parametrize(
    ("number", "words"),
    [(DAYS_LISTED - 1, "199 active days with"), (DAYS_LISTED, "The last 200 active days, since 2025-03-15: ")],
)
def test_a_list_that_may_have_been_cut_is_not_called_a_year(number: int, words: str) -> None:
    days = [[(AS_OF - timedelta(days=back)).isoformat(), 1, 1] for back in range(number, 0, -1)]
    chart = timeline(days, AS_OF, voice("teomewhy"))
    assert chart is not None
    assert chart.description.startswith(words)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "1 active day with 1 event and a net "), ("pt", "1 dia ativo com 1 evento e ")],
)
def test_one_day_and_one_event_are_told_in_the_singular(language: Any, words: str) -> None:
    chart = timeline([["2025-09-30", 1, -40]], AS_OF, voice("teomewhy", language))
    assert chart is not None
    assert chart.description.startswith(words)


@pytest.mark.parametrize(("first", "ticks"), [("2025-09-29", {"interval": "day", "step": 1}), ("2025-03-01", 6)])
def test_a_short_history_has_no_more_than_one_label_a_day(first: str, ticks: Any) -> None:
    chart = stage_bar([["fiel", first, "2025-10-01"]], AS_OF, voice("teomewhy"))
    assert chart is not None
    assert chart.spec["encoding"]["x"]["axis"]["tickCount"] == ticks


def test_a_document_lists_as_many_days_as_the_chart_believes() -> None:
    assert customers.DAYS_LISTED == DAYS_LISTED


def test_no_chart_knows_anything_of_its_date_or_later() -> None:
    days, spans = timeline(DAYS, AS_OF, voice("teomewhy")), stage_bar(SPANS, AS_OF, voice("teomewhy"))
    quarters = quarters_chart(QUARTERS, AS_OF, voice("pension"))
    assert days is not None
    assert spans is not None
    assert quarters is not None
    assert [row["day"] for row in days.spec["data"]["values"]] == ["2025-09-01", "2025-09-30"]
    assert spans.table.rows == (
        ("fiel", "2025-09-09", "2025-10-01", "23"),
        ("curioso", "2025-09-02", "2025-09-08", "7"),
    )
    assert [row[0] for row in quarters.table.rows] == ["2025Q3", "2025Q2", "2025Q1", "2024Q4"]


def test_a_quarter_without_operations_is_shown_as_zero() -> None:
    found = quarters_chart(QUARTERS, AS_OF, voice("pension"))
    assert found is not None
    assert found.table.rows[2] == ("2025Q1", "0", "RUB 0")
    assert found.description == "Contributions in 2 of 4 quarters, RUB 2,000 in all."


def test_stages_stand_in_their_order_whatever_came_first() -> None:
    found = stage_bar([["zumbi", "2025-01-01", "2025-01-05"], ["fiel", "2025-01-06", "2025-02-01"]], AS_OF,
                      voice("teomewhy"))  # fmt: skip
    assert found is not None
    assert found.spec["encoding"]["y"]["sort"] == ["fiel", "zumbi"]


@pytest.mark.parametrize("language", ["en", "pt"])
def test_charts_speak_the_reader_s_language_and_name_their_colours(language: Any) -> None:
    charts = [
        timeline(DAYS, AS_OF, voice("teomewhy", language)),
        stage_bar(SPANS, AS_OF, voice("teomewhy", language)),
        quarters_chart(QUARTERS, AS_OF, voice("pension", language)),
    ]
    titles = {"en": "Stages over time", "pt": "Estágios ao longo do tempo"}
    assert [chart.title for chart in charts if chart][1] == titles[language]
    for chart in charts:
        assert chart is not None
        colours = set(re.findall(r"#[0-9A-Fa-f]{6}", json.dumps(chart.spec)))
        assert colours
        assert colours <= set(dark_twins())


def test_where_nothing_happened_there_is_no_chart() -> None:
    assert timeline([], AS_OF, voice("teomewhy")) is None
    assert stage_bar([], AS_OF, voice("teomewhy")) is None
    assert quarters_chart([], AS_OF, voice("pension")) is None
