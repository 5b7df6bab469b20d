"""The plots of a model for MLflow: PNG files in the look of the report, made offline."""

from __future__ import annotations

from datetime import date

import polars as pl
import vl_convert

from fiel.models.evaluation import MODELS
from fiel.models.profit import threshold
from fiel.program import Program
from fiel.reports import charts
from fiel.reports.cards import ModelCard
from fiel.reports.charts import About
from fiel.reports.charts.ablation import ablation
from fiel.reports.charts.base import Chart
from fiel.reports.sections.wording import target_word
from fiel.reports.theme import themed_spec

WIDTH_PX = 720
SCALE = 2.0


def model_plots(card: ModelCard, program: Program, as_of: date) -> dict[str, bytes]:
    """PNG files by path (`plots/gains.png` …) of every chart that `card` has figures for; equal cards, equal bytes."""
    return {f"plots/{name}.png": png(chart) for name, chart in _charts(card, program, as_of).items()}


def png(chart: Chart) -> bytes:
    """`chart` as a PNG in the light colours, with its title."""
    content: bytes = vl_convert.vegalite_to_png(themed_spec(chart, width=WIDTH_PX), scale=SCALE)
    return content


def _charts(card: ModelCard, program: Program, as_of: date) -> dict[str, Chart]:
    word = target_word(program)
    judged = card.metrics.filter(pl.col("split") == "oot", pl.col("model") == "catboost").to_dicts()
    about = About(as_of, judged[0]["rows"] if judged else 0, program.simulated, what="row")
    drawn: dict[str, Chart] = {}
    if int(card.gains.filter(pl.col("split") == "oot")["positives"].sum()):
        drawn["gains"] = charts.gains_by_decile(card.gains, about, word)
    for model in MODELS:
        if card.reliability.filter(pl.col("split") == "oot", pl.col("model") == model).height:
            drawn[f"reliability_{model}"] = charts.reliability(card.reliability, about, word, model)
    if card.cohort_metrics["auc"].is_not_null().any() and not program.is_table:
        drawn["auc_by_cohort"] = charts.auc_by_cohort(card.cohort_metrics, about)
    if card.slices.filter(pl.col("split") == "oot")["auc"].is_not_null().any():
        drawn["slices"] = charts.slices(card.slices, about, judged[0]["auc"] if judged else None)
    if card.importances.height:
        drawn["importances"] = charts.importances(card.importances, about)
    if card.ablation.height:
        drawn["ablation"] = ablation(card.ablation, about)
    for metric in card.comparison["metric"].unique(maintain_order=True):
        drawn[f"comparison_{metric}"] = charts.model_comparison(card.comparison, metric, about)
    if card.profit.height and program.economics is not None:
        economics = program.economics
        even = threshold(economics)
        drawn["profit"] = charts.profit_curve(card.profit, about, economics.currency, even)
    return drawn
