"""Every figure that a page can show has its Portuguese twin: all words said, all numbers left as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import altair as alt
import polars as pl
import pytest
import vl_convert

from fiel import words
from fiel.actions.reasons import REASONS
from fiel.features.rfm_segments import GRID
from fiel.models.wording import spoken
from fiel.program import load_program
from fiel.reports.charts import DECISION_WORDS, SEGMENT_TITLES
from fiel.reports.charts.base import Chart, finished
from fiel.reports.charts.model import BASELINES, METRIC_NAMES
from fiel.reports.data import ReportData
from fiel.reports.sections import sections
from fiel.reports.sections.base import Figure, figure
from fiel.serving import translated
from fiel.settings import Settings
from tests.reports import test_ablation, test_accounts, test_engagement
from tests.reports.conftest import report, shop  # noqa: F401  (fixtures)
from tests.reports.test_charts import ABOUT, every_chart

_OF_THE_SOURCE = ("rows-by-rule", "money-by-rule", "rows-over-time-1", "rows-over-time-2")
"""Figures of the section on the source, which no page of the service shows."""


def figures_of(data: ReportData) -> Iterator[Figure]:
    for section in sections(data):
        for block in section.blocks:
            if isinstance(block, Figure) and block.name not in _OF_THE_SOURCE:
                yield block


@pytest.fixture(scope="module")
def shown(report: ReportData, shop: ReportData) -> dict[str, Figure]:  # noqa: F811
    """Every chart function as a figure, and the figures of the reports of each kind of program with their tables."""
    made = {name: figure(name, chart, None) for name, chart in every_chart(report, shop).items()}
    undated = test_engagement.make_report(test_engagement.make_view())
    told = {"club": report, "shop": shop, "operator": undated, "fund": test_accounts.report()}
    for label, data in told.items():
        made |= {f"{label}: {block.name}": block for block in figures_of(data)}
    (parts,) = (block for block in test_ablation.ablation(test_ablation.card(), ABOUT) if isinstance(block, Figure))
    return made | {"ablation": parts}


def test_every_text_of_every_figure_has_a_translation(shown: dict[str, Figure]) -> None:
    assert len(shown) > 90
    missing = {name: texts for name, item in shown.items() if (texts := translated.untranslated(item, "pt"))}
    assert missing == {}


_OF_EVERY_PROGRAM = ("compare-auc", "compare-log-loss", "gains", "reliability", "slices", "cohorts", "importances",
                     "profit_curve", "plan-buckets", "plan-reasons", "budget", "realised_lift")  # fmt: skip


@pytest.mark.parametrize("name", ["santander", "telecom", "pension"])
def test_the_words_of_other_programs_have_translations_too(shown: dict[str, Figure], name: str) -> None:
    program = load_program(name, Settings())
    asked = {key: item for key, item in shown.items() if key.split(": ")[-1] in _OF_EVERY_PROGRAM}
    assert len(asked) > len(_OF_EVERY_PROGRAM)
    missing = {key: translated.untranslated(spoken(item, program), "pt") for key, item in asked.items()}
    assert {key: texts for key, texts in missing.items() if texts} == {}


@pytest.mark.parametrize("name", ["teomewhy", "pension"])
def test_every_reason_of_a_plan_has_its_words(name: str) -> None:
    texts = [*REASONS.values(), *(code.replace("_", " ") for code in REASONS)]
    said = spoken(texts, load_program(name, Settings()))
    assert [text for text in said if words.find(text, "pt") is None] == []


def test_names_of_segments_measures_and_decisions_have_their_words() -> None:
    texts = [*SEGMENT_TITLES.values(), *GRID["what_to_do"], *METRIC_NAMES.values(), *BASELINES.values(),
             *DECISION_WORDS.values()]  # fmt: skip
    assert [text for text in texts if words.find(text, "pt") is None] == []


def test_english_figures_are_untouched(shown: dict[str, Figure]) -> None:
    for item in shown.values():
        assert translated.figure(item, "en") is item


def values_of(part: Any) -> Iterator[Any]:
    """Everything in a specification that is no text, in its order."""
    if isinstance(part, dict):
        for value in part.values():
            yield from values_of(value)
    elif isinstance(part, list):
        for value in part:
            yield from values_of(value)
    elif not isinstance(part, str):
        yield part


def keys_of(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            yield name
            yield from keys_of(value)
    elif isinstance(part, list):
        for value in part:
            yield from keys_of(value)


def test_numbers_fields_and_days_of_the_data_stay(shown: dict[str, Figure]) -> None:
    for name, item in shown.items():
        said = translated.figure(item, "pt").spec
        assert list(values_of(said)) == list(values_of(item.spec)), name
        assert list(keys_of(said)) == list(keys_of(item.spec)), name
        days = [text for text in json.dumps(item.spec).split('"') if text[:2] == "20" and text[10:11] == "T"]
        assert days == [text for text in json.dumps(said).split('"') if text[:2] == "20" and text[10:11] == "T"], name


def categories(spec: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    """Texts of each column of each data set."""
    return {
        (name, column): [row[column] for row in rows if isinstance(row.get(column), str)]
        for name, rows in spec.get("datasets", {}).items()
        for column in (rows[0] if rows else {})
    }


def test_categories_stay_apart(shown: dict[str, Figure]) -> None:
    for name, item in shown.items():
        said = categories(translated.figure(item, "pt").spec)
        for key, texts in categories(item.spec).items():
            assert len(set(said[key])) == len(set(texts)), (name, key)


def test_scales_and_orders_speak_of_the_categories_that_the_data_hold(shown: dict[str, Figure]) -> None:
    said = translated.figure(shown["shop: stake-covered"], "pt").spec
    text = json.dumps(said, ensure_ascii=False)
    for english in ("granted", "held out", "excluded"):
        assert f'"{english}"' not in text
    domain = next(layer["encoding"]["color"]["scale"]["domain"] for layer in said["layer"]
                  if "color" in layer["encoding"])  # fmt: skip
    assert domain == ["concedido", "no grupo de controle", "excluído"]


def test_a_condition_on_a_column_that_nobody_reads_stays(shown: dict[str, Figure]) -> None:
    assert "datum.role == 'plan'" in json.dumps(translated.figure(shown["budget"], "pt").spec)


def test_labels_that_an_expression_makes_are_said_too(shown: dict[str, Figure]) -> None:
    said = json.dumps(translated.figure(shown["auc_by_cohort"], "pt").spec, ensure_ascii=False)
    assert "{'treino': 'treino', 'calibração': 'calibração'" in said
    assert "'training'" not in said


@pytest.mark.parametrize("name", ["stage_mix_over_time", "budget", "rfm_grid", "auc_by_cohort", "customer_histories"])
def test_a_portuguese_chart_can_be_drawn(shown: dict[str, Figure], name: str) -> None:
    svg = vl_convert.vegalite_to_svg(translated.figure(shown[name], "pt").spec | {"width": 640})
    assert svg.count("<path") + svg.count("<text") > 5


def test_a_text_that_nobody_translated_is_named_and_stays() -> None:
    drawn: Chart = alt.layer(alt.Chart(pl.DataFrame({"a": [1], "b": ["Quokka"]})).mark_bar().encode(x="a:Q", y="b:N"))
    item = figure("quokkas", finished(drawn, "Quokkas", "customers", "There are none."), None)
    assert translated.untranslated(item, "pt") == ["Quokkas", "Quokka"]
    assert translated.figure(item, "pt").title == "Quokkas"


def test_ids_and_stages_of_a_table_stay(shown: dict[str, Figure]) -> None:
    item = shown["shop: histories"]
    assert item.table is not None
    said = translated.figure(item, "pt").table
    assert said is not None
    kept = [place for place, column in enumerate(item.table.columns) if column.kind in ("id", "stage")]
    assert kept
    for row, other in zip(item.table.rows, said.rows, strict=True):
        assert [row[place] for place in kept] == [other[place] for place in kept]
