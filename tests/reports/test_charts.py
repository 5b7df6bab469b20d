"""Every chart: built from the frames of a report, it has its words, keeps to the colours, and can be drawn."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import polars as pl
import pytest
import vl_convert

from fiel.program import STAGES
from fiel.reports import charts, theme
from fiel.reports.accounts import quarters_of
from fiel.reports.charts import About
from fiel.reports.charts.base import Chart
from fiel.reports.charts.model import auc_interval
from fiel.reports.data import ReportData
from tests.reports import test_accounts
from tests.reports.conftest import AS_OF, make_card, make_program

ABOUT = About(AS_OF, 500, simulated=True)

LIFT = pl.DataFrame(
    [
        (date(2025, 1, 1), "reward", 90, 0.4, 40, 0.3, 0.1, -0.05, 0.24),
        (date(2025, 1, 8), "reward", 0, None, 3, 0.3, None, None, None),
    ],
    schema=[
        "as_of",
        "kind",
        "granted",
        "granted_rate",
        "held_out",
        "held_out_rate",
        "lift",
        "lift_lower",
        "lift_upper",
    ],
    orient="row",
)


def every_chart(report: ReportData, shop: ReportData) -> dict[str, Chart]:
    program, card = make_program(), make_card(make_program())
    assert report.plan is not None
    assert report.quality is not None
    return {
        "active_customers": charts.active_customers(report.daily, ABOUT),
        "new_and_returning": charts.new_and_returning(report.weekly, ABOUT),
        "retention_heatmap": charts.retention_heatmap(report.retention, ABOUT),
        "return_curve": charts.return_curve(report.returns, ABOUT),
        "stage_mix_over_time": charts.stage_mix_over_time(report.mix, ABOUT),
        "stage_mix_now": charts.stage_mix_now(report.mix, ABOUT),
        "stage_change": charts.stage_change(report.stage_change, ABOUT, "2025-02-22"),
        "transition_matrix": charts.transition_matrix(report.transitions, ABOUT, 28),
        "dropping_timeline": charts.dropping_timeline(report.dropping_by_day, ABOUT),
        "value_scatter": charts.value_scatter(report.plane, ABOUT, program.value_clusters, program.value, 28, 900),
        "model_comparison": charts.model_comparison(card.comparison, "auc", ABOUT),
        "model_comparison without intervals": charts.model_comparison(card.comparison, "log_loss", ABOUT),
        "gains_by_decile": charts.gains_by_decile(card.gains, ABOUT, "fiel"),
        "reliability": charts.reliability(card.reliability, ABOUT, "fiel"),
        "slices": charts.slices(card.slices, ABOUT, 0.8),
        "auc_by_cohort": charts.auc_by_cohort(card.cohort_metrics, ABOUT),
        "importances": charts.importances(card.importances, ABOUT),
        "profit_curve": charts.profit_curve(card.profit, ABOUT, "BRL", 0.1),
        "realised_quality": charts.realised_quality(report.quality, ABOUT),
        "plan_by_bucket": charts.plan_by_bucket(report.plan.buckets, ABOUT, "points"),
        "plan_reasons": charts.plan_reasons(report.plan.reasons, ABOUT),
        "budget": charts.budget(report.plan.amounts, ABOUT, "points"),
        "realised_lift": charts.realised_lift(LIFT, ABOUT, "fiel"),
    } | charts_of_purchases(shop)


def charts_of_purchases(shop: ReportData) -> dict[str, Chart]:
    view, unit = shop.purchases, shop.program.value
    assert view is not None
    assert view.rfm is not None
    assert view.clusters is not None
    assert view.models is not None
    assert view.histories is not None
    assert view.stake is not None
    assert view.disagreement is not None
    quarters = quarters_of(test_accounts.core(), test_accounts.PROGRAM, test_accounts.AS_OF)
    return {
        "rfm_grid": charts.rfm_grid(view.rfm, ABOUT, unit, "net revenue"),
        "segment_shares": charts.segment_shares(view.rfm, ABOUT, "net revenue"),
        "segment_moves": charts.segment_moves(view.rfm, ABOUT, "2025-02-01"),
        "cluster_scatter": charts.cluster_scatter(view.clusters, ABOUT, unit, "net revenue"),
        "cluster_segments": charts.cluster_segments(view.clusters, ABOUT),
        "history_matrix of p(alive)": charts.history_matrix(view.models, "alive_prob", ABOUT),
        "history_matrix of purchases": charts.history_matrix(view.models, "purchases_expected", ABOUT),
        "alive_distribution": charts.alive_distribution(view.models, ABOUT),
        "hold_out_by_frequency": charts.hold_out_by_frequency(view.models.hold_out, ABOUT),
        "tracking by week": charts.tracking(view.models.hold_out, ABOUT, cumulative=False),
        "tracking so far": charts.tracking(view.models.hold_out, ABOUT, cumulative=True),
        "customer_histories": charts.customer_histories(view.histories, ABOUT, "MBG/NBD"),
        "cohort_retention": charts.cohort_retention(view.cohort_months, ABOUT),
        "cohort_revenue": charts.cohort_revenue(view.cohort_months, ABOUT, unit, "net revenue"),
        "stake_by_segment": charts.stake_by_segment(view.stake, ABOUT, unit, charts.SEGMENT_TITLES),
        "stake_by_stage": charts.stake_by_stage(view.stake, ABOUT, unit),
        "stake_covered": charts.stake_covered(view.stake, ABOUT, unit, charts.DECISION_WORDS),
        "stake_concentration": charts.stake_concentration(view.stake, ABOUT),
        "disagreement_patterns": charts.disagreement_patterns(view.disagreement, ABOUT, unit),
        "closing_rates": charts.closing_rates(quarters, ABOUT, 0.03),
        "open_accounts": charts.open_accounts(quarters, ABOUT),
        "contributions": charts.contributions(quarters, ABOUT, unit),
    }


@pytest.fixture(scope="module")
def drawn(report: ReportData, shop: ReportData) -> dict[str, dict[str, Any]]:
    return {name: theme.bare_spec(chart) for name, chart in every_chart(report, shop).items()}


def test_every_chart_of_the_module_is_tested(drawn: dict[str, dict[str, Any]]) -> None:
    made = {name for name in charts.__all__ if name.islower() and callable(getattr(charts, name))}
    assert made == {name.split()[0] for name in drawn}


def test_the_title_says_what_and_the_subtitle_unit_date_and_number(drawn: dict[str, dict[str, Any]]) -> None:
    for name, spec in drawn.items():
        assert spec["title"]["text"], name
        assert f"as of {AS_OF}" in spec["title"]["subtitle"], name
        assert re.search(r"[\d,]+ (customer|row)s? ?\(simulated\)", spec["title"]["subtitle"]), name


def test_the_description_is_a_sentence_with_a_figure(drawn: dict[str, dict[str, Any]]) -> None:
    for name, spec in drawn.items():
        assert re.search(r"\d", spec["description"]) or name == "importances", name
        assert spec["description"].endswith("."), name


def test_charts_are_as_wide_as_their_frame(drawn: dict[str, dict[str, Any]]) -> None:
    assert {spec["width"] for spec in drawn.values()} == {"container"}


def test_every_colour_is_a_token_so_that_dark_mode_knows_its_twin(drawn: dict[str, dict[str, Any]]) -> None:
    for name, spec in drawn.items():
        text = json.dumps({key: part for key, part in spec.items() if key != "datasets"})
        assert set(re.findall(r"#[0-9A-Fa-f]{6}", text)) <= set(theme.dark_twins()), name


def test_bars_start_at_zero(drawn: dict[str, dict[str, Any]]) -> None:
    for name, spec in drawn.items():
        layers = spec.get("layer", [spec])
        for layer in layers:
            if layer["mark"]["type"] != "bar":
                continue
            for channel in ("x", "y"):
                scale = layer["encoding"][channel].get("scale") or {}
                assert scale.get("zero", True), name
                assert "domain" not in scale or scale["domain"][0] <= 0, name


def test_stages_keep_their_order_and_their_colours(drawn: dict[str, dict[str, Any]]) -> None:
    bars = drawn["stage_mix_now"]["layer"][0]["encoding"]
    assert bars["y"]["sort"] == list(STAGES)
    assert bars["color"]["scale"]["range"] == [theme.STAGE_COLOURS[stage].light for stage in STAGES]


def test_time_is_drawn_in_utc_so_that_no_browser_shows_the_day_before(drawn: dict[str, dict[str, Any]]) -> None:
    for name in ("active_customers", "new_and_returning", "stage_mix_over_time", "auc_by_cohort", "realised_quality"):
        for layer in drawn[name]["layer"]:
            if layer["encoding"].get("x", {}).get("scale"):
                assert layer["encoding"]["x"]["scale"]["type"] == "utc", name


def test_every_chart_can_be_drawn(report: ReportData, shop: ReportData) -> None:
    for name, chart in every_chart(report, shop).items():
        svg = vl_convert.vegalite_to_svg(theme.themed_spec(chart, width=640))
        assert svg.count("<path") + svg.count("<text") > 5, name


@pytest.mark.parametrize(("rate", "digits"), [(0.4, ".0f"), (0.04, ".1f")])
def test_gains_of_a_few_per_cent_are_told_to_a_tenth(rate: float, digits: str) -> None:
    gains = pl.DataFrame(
        {"split": "oot", "decile": range(1, 11), "rows": 1_000, "positives": round(1_000 * rate), "target_rate": rate,
         "lift": 1.0, "gain_share": [place / 10 for place in range(1, 11)]}
    )  # fmt: skip
    spec = charts.gains_by_decile(gains, About(AS_OF, 10_000), "closed").to_dict()
    formats = {layer["encoding"]["text"].get("format") for layer in spec["layer"] if "text" in layer["encoding"]}
    assert digits in formats


def test_slices_separate_the_thousands_of_their_rows_and_leave_other_splits_out() -> None:
    row = {"slice": "age", "value": "later", "model": "catboost", "rows": 7_967, "positives": 80, "target_rate": 0.01,
           "auc": 0.7}  # fmt: skip
    frame = pl.DataFrame([row | {"split": "train", "rows": 5}, row | {"split": "oot"}])
    spec = charts.slices(frame, About(AS_OF, 7_967), 0.7).to_dict()
    drawn = [line for data in spec["datasets"].values() for line in data if "name" in line]
    assert {line["name"] for line in drawn} == {"later (n = 7,967)"}


def test_intervals_of_an_auc_are_those_of_hanley_and_mcneil() -> None:
    """Their own example: area .893, 51 abnormal and 58 normal images, standard error .0322 (Radiology 143, 1982)."""
    frame = pl.DataFrame({"auc": [0.893], "ill": [51], "well": [58]})
    low, high = frame.select(
        *(
            bound.alias(name)
            for bound, name in zip(auc_interval(*map(pl.col, frame.columns)), ("low", "high"), strict=True)
        )
    ).row(0)
    assert (high - low) / 2 / 1.96 == pytest.approx(0.0322, abs=0.0008)


@pytest.mark.parametrize(("highest", "scale"), [(5_000, "sqrt"), (4_000_000, "symlog")])
def test_the_value_axis_bends_more_where_a_few_earn_many_times_the_rest(highest: int, scale: str) -> None:
    plane = pl.DataFrame(
        {
            "customer_id": ["a", "b"],
            "value_cluster": ["lurker", "hyper"],
            "active_days": [1, 3],
            "value_earned": [0, highest],
            "kmeans_cluster": [1, 2],
        }
    )
    program = make_program()
    spec = theme.bare_spec(charts.value_scatter(plane, ABOUT, program.value_clusters, program.value, 28, 2))
    assert spec["layer"][0]["encoding"]["y"]["scale"]["type"] == scale
    assert vl_convert.vegalite_to_svg(
        theme.themed_spec(charts.value_scatter(plane, ABOUT, program.value_clusters, program.value, 28, 2), width=640)
    )
