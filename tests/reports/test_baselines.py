"""The purchase model beside the classifier, and further targets, in report, plots and card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from fiel.models.bootstrap import Comparison, Interval
from fiel.models.evaluation import evaluate
from fiel.program import Program, Target
from fiel.reports import cards, charts, theme
from fiel.reports.cards import ModelCard
from fiel.reports.charts import About
from fiel.reports.data import ReportData
from fiel.reports.model_card import _comparison, _differences, card_json, read_card
from fiel.reports.plots import model_plots
from fiel.reports.sections.base import Block, Empty, Figure, Shown, Words
from fiel.reports.sections.model import model
from fiel.tables import TABLES
from tests.reports.conftest import AS_OF, make_card, make_predictions, make_program, make_report

ABOUT = About(AS_OF, 500, simulated=True)
SOON = Target(name="purchase_30", kind="active", horizon_days=30)


def predictions() -> pl.DataFrame:
    rng = np.random.default_rng(8)
    found = make_predictions()
    noisy = np.clip(found["prob"].to_numpy() + rng.normal(0, 0.2, found.height), 0, 1)
    return found.with_columns(purchase_prob=pl.Series(noisy))


def card_of_three() -> ModelCard:
    """The made-up card as a program with a purchase model has it."""
    program = make_program()
    found, card = evaluate(predictions(), program), make_card(program)
    more = [("purchase model", "auc", 0.79, 0.76, 0.82), ("purchase model", "log_loss", 0.61, None, None)]
    brier = [(name, "brier", 0.2, None, None) for name in ("champion", "challenger", "stage rule", "purchase model")]
    against = [("purchase model", "auc", 0.03, -0.01, 0.07), ("purchase model", "log_loss", -0.13, -0.2, -0.06)]
    return replace(
        card,
        metrics=found.metrics,
        cohort_metrics=found.cohorts,
        slices=found.slices,
        reliability=found.reliability,
        comparison=pl.concat(
            [card.comparison, pl.DataFrame(more + brier, schema=cards.COMPARISON_SCHEMA, orient="row")]
        ),
        differences=pl.concat([card.differences, pl.DataFrame(against, schema=cards.DIFFERENCE_SCHEMA, orient="row")]),
    )


@pytest.fixture(scope="module")
def shop() -> ReportData:
    """A program with two targets, of which the second has a card and a score that matured."""
    program = make_program(more_targets=(SOON,))
    quality = pl.DataFrame(
        [
            (date(2024, 12, 1), "fiel", "2", 300, 0.3, 0.28, 0.81, 0.45, 0.15),
            (date(2025, 1, 1), "purchase_30", "1", 290, 0.4, 0.42, 0.77, 0.5, 0.18),
            (date(2025, 2, 1), "purchase_30", "1", 295, 0.4, 0.42, 0.71, 0.5, 0.18),
        ],
        schema=TABLES["out_quality"].declared,
        orient="row",
    )
    more = {"purchase_30": replace(card_of_three(), version="9", action="keep", reason="not as good as it could be")}
    return make_report(program=program, model=card_of_three(), more_models=more, quality=quality)


def shown(blocks: tuple[Block, ...], title: str) -> Shown:
    (found,) = [block for block in blocks if isinstance(block, Shown) and block.title == title]
    return found


def titles(data: ReportData) -> list[str]:
    return [block.title for block in model(data).blocks if isinstance(block, Shown | Figure)]


def rows_of(block: Shown) -> list[dict[str, str]]:
    names = [column.name for column in block.table.columns]
    return [dict(zip(names, row, strict=True)) for row in block.table.rows]


# ------------------------------------------------------------------------------------------------ side by side


def test_the_models_stand_side_by_side_with_their_measures_and_differences(shop: ReportData) -> None:
    rows = {row["model"]: row for row in rows_of(shown(model(shop).blocks, "The models side by side"))}
    assert list(rows) == ["champion before", "challenger", "stage rule", "purchase model"]
    purchase = rows["purchase model"]
    assert (purchase["auc"], purchase["log_loss"], purchase["brier"]) == ("0.790 (0.760 to 0.820)", "0.610", "0.200")
    assert purchase["auc_difference"].startswith("+0.03")
    assert rows["challenger"]["auc_difference"] == "–"


def test_a_program_without_a_purchase_model_is_told_as_before(report: ReportData) -> None:
    assert "The models side by side" not in titles(report)
    assert "Further targets" not in titles(report)
    texts = str(model(report).blocks)
    assert "purchase model" not in texts
    assert "the classifier and the stage rule" in texts


def test_the_table_of_measures_has_all_three(shop: ReportData) -> None:
    found = shown(model(shop).blocks, "Measures by part of the data")
    assert {row["model"] for row in rows_of(found)} == {"classifier", "stage rule", "purchase model"}
    assert "the classifier, the stage rule and the purchase model" in found.subtitle


# ---------------------------------------------------------------------------------------------------- charts


def layers(chart: Any) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = theme.bare_spec(chart)["layer"]
    return found


def dashed(chart: Any) -> list[Mapping[str, Any]]:
    """Grey, dashed lines through points, without the diagonal."""
    return [
        layer["mark"]
        for layer in layers(chart)
        if layer["mark"]["type"] == "line" and layer["mark"].get("strokeDash") and layer["mark"]["strokeWidth"] > 1
    ]


def names(chart: Any) -> set[str]:
    found = [layer["encoding"].get("text", {}).get("value") for layer in layers(chart)]
    return {name for name in found if name}


def test_the_baselines_are_grey_dashed_and_named_in_the_reliability_chart() -> None:
    chart = charts.reliability(card_of_three().reliability, ABOUT, "active")
    assert [mark["color"] for mark in dashed(chart)] == [theme.light("muted")] * 2
    assert names(chart) == {"stage rule", "purchase model"}
    plain = charts.reliability(make_card(make_program()).reliability, ABOUT, "active")
    assert dashed(plain) == []
    assert names(plain) == set()


def test_the_reliability_table_holds_what_the_chart_draws(shop: ReportData) -> None:
    (found,) = [block for block in model(shop).blocks if isinstance(block, Figure) and block.name == "reliability"]
    assert found.table is not None
    assert {row[0] for row in found.table.rows} == {"classifier", "stage rule", "purchase model"}


def test_cohorts_and_slices_draw_the_classifier_as_the_model_and_the_others_in_grey() -> None:
    card = card_of_three()
    chart = charts.auc_by_cohort(card.cohort_metrics, ABOUT)
    assert names(chart) == {"stage rule", "purchase model"}
    assert len(dashed(chart)) == 2
    spec = theme.bare_spec(charts.slices(card.slices, ABOUT, 0.8))
    assert "purchase model (triangles)" in spec["title"]["subtitle"]
    squares = [layer["mark"].get("shape") for layer in spec["layer"] if layer["mark"]["type"] == "point"]
    assert squares == ["square", "triangle-up", None]


def test_the_comparison_tells_the_purchase_model_by_its_shape() -> None:
    spec = theme.bare_spec(charts.model_comparison(card_of_three().comparison, "auc", ABOUT))
    scale = spec["layer"][1]["encoding"]["shape"]["scale"]
    assert dict(zip(scale["domain"], scale["range"], strict=True))["purchase model"] == "triangle-up"
    before = theme.bare_spec(charts.model_comparison(make_card(make_program()).comparison, "auc", ABOUT))
    assert "purchase model" not in before["layer"][1]["encoding"]["shape"]["scale"]["domain"]


def test_mlflow_gets_a_reliability_plot_of_the_purchase_model() -> None:
    assert "plots/reliability_purchase_model.png" in model_plots(card_of_three(), make_program(), AS_OF)
    assert "plots/reliability_purchase_model.png" not in model_plots(make_card(make_program()), make_program(), AS_OF)


# ------------------------------------------------------------------------------------------------------ the card


def evidence_rows() -> pl.DataFrame:
    return (
        predictions()
        .filter(pl.col("split") == "oot")
        .with_columns(champion_prob="rule_prob", customer_id="customer_id")
    )


def quick() -> Program:
    program = make_program()
    return program.model_copy(update={"promotion": program.promotion.model_copy(update={"bootstrap": 60})})


def test_the_card_compares_with_the_purchase_model_where_the_evidence_holds_it() -> None:
    rows = evidence_rows()
    with_it, without = _comparison(rows, quick()), _comparison(rows.drop("purchase_prob"), quick())
    assert "purchase model" in with_it["model"]
    assert with_it.filter(metric="brier").height == 4
    assert with_it.filter(pl.col("model") != "purchase model", pl.col("metric") != "brier").equals(without)


def test_the_card_holds_the_paired_differences_from_every_baseline() -> None:
    champion = Comparison(1, 1, 60, 0.95, Interval(0, 0, 0), Interval(0, 0, 0), None, None)
    found = _differences(evidence_rows(), champion, quick())
    assert found["against"].unique(maintain_order=True).to_list() == ["champion", "stage rule", "purchase model"]
    row = found.filter(against="purchase model", metric="auc").row(0, named=True)
    assert row["low"] < row["value"] < row["high"]


def test_a_card_of_three_models_is_read_back_as_it_was() -> None:
    card = card_of_three()
    assert card_json(read_card(card_json(card))) == card_json(card)


# ----------------------------------------------------------------------------------------------- further targets


def test_each_further_target_has_its_champion_figures_and_decision(shop: ReportData) -> None:
    (row,) = rows_of(shown(model(shop).blocks, "Further targets"))
    judged = card_of_three().metrics.filter(split="oot")
    assert row["target"] == "purchase 30"
    assert (row["horizon"], row["champion"]) == ("30 days", "version 9, classifier")
    columns = {"catboost": "classifier", "stage_rule": "stage_rule", "purchase_model": "purchase_model"}
    for name, auc in judged.select("model", "auc").iter_rows():
        assert float(row[columns[name]]) == pytest.approx(auc, abs=0.001)
    assert row["difference"].startswith("+0.03")
    assert (row["decision"], row["reason"]) == ("the champion stays", "not as good as it could be")


def test_a_target_that_was_never_trained_says_what_to_run() -> None:
    data = make_report(120, program=make_program(more_targets=(SOON,)), model=None)
    blocks = model(data).blocks
    (row,) = rows_of(shown(blocks, "Further targets"))
    assert row["champion"] == row["decision"] == "–"
    waiting = [block for block in blocks if isinstance(block, Empty) and "purchase_30" in block.text]
    assert [block.command for block in waiting] == ["fiel run retrain --program made_up"]


def test_the_quality_of_earlier_scores_is_told_by_target(shop: ReportData) -> None:
    folded = shown(model(shop).blocks, "How good earlier scores of further targets turned out")
    assert [row["as_of"] for row in rows_of(folded)] == ["2025-01-01"], "the score of February matures on 3 March"
    (ours,) = [block for block in model(shop).blocks if isinstance(block, Figure) and block.name == "quality"]
    assert ours.table is not None
    assert [row[0] for row in ours.table.rows] == ["2024-12-01"]


def test_where_none_has_matured_the_page_says_when_the_first_does() -> None:
    data = make_report(120, program=make_program(more_targets=(SOON,)))
    said = [block.text for block in model(data).blocks if isinstance(block, Words)]
    assert "No score of a further target has matured yet: the first is known 30 days after its date." in said


def test_a_slice_that_is_worse_than_chance_stays_in_the_drawing() -> None:
    card = card_of_three()
    worse = card.slices.with_columns(auc=pl.when(pl.int_range(pl.len()) == 0).then(0.17).otherwise("auc"))
    domains = [
        layer["encoding"]["x"]["scale"]["domain"]
        for layer in theme.bare_spec(charts.slices(worse, ABOUT, 0.8))["layer"]
        if "scale" in layer["encoding"].get("x", {})
    ]
    assert domains
    assert all(low <= 0.17 for low, _ in domains)


@pytest.mark.parametrize(
    ("rule", "purchase", "ours", "is_below"),
    [
        (0.67, 0.74, 0.75, True),  # free below: the stage rule is far away
        (0.72, 0.74, 0.75, False),  # the stage rule's name would be in the way
        (0.60, 0.76, 0.75, False),  # the classifier's line is below
    ],
)
def test_the_purchase_models_name_stands_on_the_free_side_of_its_line(
    rule: float, purchase: float, ours: float, is_below: bool
) -> None:
    card = card_of_three()
    level = {"stage_rule": rule, "purchase_model": purchase}
    cohorts = card.cohort_metrics.with_columns(auc=pl.col("model").replace_strict(level, default=ours).cast(pl.Float64))
    named = {
        layer["encoding"]["text"]["value"]: layer["mark"]["dy"]
        for layer in theme.bare_spec(charts.auc_by_cohort(cohorts, ABOUT))["layer"]
        if layer["mark"]["type"] == "text"
    }
    assert named["stage rule"] > 0
    assert (named["purchase model"] > 0) is is_below
