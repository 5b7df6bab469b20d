"""The model beside what it is compared with, and the models of the program's further targets."""

from __future__ import annotations

from typing import Any

import polars as pl

from fiel.program import Target
from fiel.reports import format as fmt
from fiel.reports.cards import ModelCard
from fiel.reports.charts import About
from fiel.reports.charts.model import BASELINES
from fiel.reports.data import ReportData
from fiel.reports.sections.base import Block, Empty, Shown, Words
from fiel.reports.sections.now import about
from fiel.reports.tables import column, number, table

_KINDS = {"catboost": "classifier", "stage_rule": "stage rule"}
_DECISIONS = {"promote": "promoted", "keep": "the champion stays", "first": "first champion", "rollback": "set back"}

QUALITY_COLUMNS = (
    column("as_of", "cohort", fmt.day),
    column("model_version", "model version"),
    number("customers"),
    number("target_rate", "target rate", fmt.percent),
    number("mean_prob", "mean score", fmt.percent),
    number("auc", "AUC", fmt.measure),
    number("log_loss", "log loss", fmt.measure),
    number("brier", "Brier score", fmt.measure),
)
"""How good earlier scores turned out: the columns of out_quality that people read."""


def side_by_side(
    judged: About, comparison: pl.DataFrame, differences: pl.DataFrame, called: dict[str, str]
) -> list[Block]:
    """Every model's AUC with its interval, log loss and Brier score, and the challenger minus it.

    Only where the purchase model is among them; the others have their charts below. `called` renames the models.
    """
    if "purchase model" not in comparison["model"]:
        return []
    measured = _by_metric(comparison, "model")
    against = _by_metric(differences, "against")
    rows = [
        {
            "model": called.get(model, model),
            "auc": _interval(found.get("auc")),
            "log_loss": fmt.measure(_value(found.get("log_loss"))),
            "brier": fmt.measure(_value(found.get("brier"))),
            "auc_difference": _difference(against.get(model, {}).get("auc")),
            "log_loss_difference": _difference(against.get(model, {}).get("log_loss")),
        }
        for model, found in measured.items()
    ]
    shown = table(
        pl.DataFrame(rows),
        [
            column("model"),
            column("auc", "AUC", kind="number"),
            column("log_loss", "log loss", kind="number"),
            column("brier", "Brier score", kind="number"),
            column("auc_difference", "challenger minus it: AUC", kind="number"),
            column("log_loss_difference", "log loss", kind="number"),
        ],
        "Better: higher AUC, lower log loss and Brier score. The purchase model has learned from no outcome and is not "
        "calibrated; a customer without a purchase that stands has the training rows' share instead. Intervals by a "
        "paired bootstrap of customers.",
    )
    subtitle = judged.subtitle("measures on the pooled out-of-time cohorts, with intervals")
    return [Shown("The models side by side", subtitle, shown)]


def further_targets(data: ReportData) -> list[Block]:
    """The champion of each further target, how well it does out of time, and what was decided of it last."""
    targets = data.program.more_targets
    if not targets:
        return []
    rows = [_target_row(target, data.more_models.get(target.name)) for target in targets]
    compared = [name for name in BASELINES if any(row[name] != fmt.MISSING for row in rows)]
    has_difference = any(row["difference"] != fmt.MISSING for row in rows)
    shown = table(
        pl.DataFrame(rows),
        [
            column("target", show=fmt.words),
            column("horizon", kind="number"),
            column("champion"),
            column("classifier", "classifier, AUC", kind="number"),
            *(column(name, f"{BASELINES[name]}, AUC", kind="number") for name in compared),
            *([column("difference", "classifier minus purchase model", kind="number")] if has_difference else []),
            column("decision", "last decision"),
            column("reason", kind="prose"),
        ],
        "Each target has a model, gates and a ledger of its own. Figures are those of the newest training, on its "
        "out-of-time cohorts.",
    )
    blocks: list[Block] = [
        Shown("Further targets", about(data).subtitle("AUC out of time of each target's models"), shown)
    ]
    waiting = [target.name for target in targets if target.name not in data.more_models]
    if waiting:
        command = f"fiel run retrain --program {data.program.name}"
        blocks.append(Empty(f"There is no champion yet for {fmt.listed(waiting)}.", command))
    return blocks + _earlier_scores(data, targets)


def of_target(quality: pl.DataFrame, name: str) -> pl.DataFrame:
    """The realised quality of one target."""
    return quality.filter(pl.col("target") == name)


def _earlier_scores(data: ReportData, targets: tuple[Target, ...]) -> list[Block]:
    """Realised quality of the further targets, once a score of theirs has matured."""
    if data.quality is None:
        return []
    found = data.quality.filter(pl.col("target").is_in([target.name for target in targets]))
    if found.is_empty():
        soonest = min(targets, key=lambda target: target.ends(data.as_of)).horizon_words
        words = f"No score of a further target has matured yet: the first is known {soonest} after its date."
        return [Words(words, "muted")]
    shown = table(
        found.sort(["target", "as_of"], descending=[False, True]),
        [column("target", show=fmt.words), *QUALITY_COLUMNS],
    )
    subtitle = about(data).subtitle("measures of each scored cohort, once its outcome was known")
    return [Shown("How good earlier scores of further targets turned out", subtitle, shown, is_folded=True)]


def _target_row(target: Target, card: ModelCard | None) -> dict[str, str]:
    row = {"target": target.name, "horizon": target.horizon_words}
    if card is None:
        return row | dict.fromkeys(
            ("champion", "classifier", *BASELINES, "difference", "decision", "reason"), fmt.MISSING
        )
    judged = card.metrics.filter(pl.col("split") == "oot")
    auc = dict(judged.select("model", "auc").iter_rows())
    against = _by_metric(card.differences, "against").get("purchase model", {})
    return row | {
        "champion": f"version {card.version}, {_KINDS.get(card.kind, card.kind)}",
        "classifier": fmt.measure(auc.get("catboost")),
        **{name: fmt.measure(auc.get(name)) for name in BASELINES},
        "difference": _difference(against.get("auc")),
        "decision": _DECISIONS.get(card.action, card.action),
        "reason": fmt.typeset(card.reason),
    }


def _by_metric(frame: pl.DataFrame, key: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Rows by `key` and metric, in their order."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in frame.to_dicts():
        found.setdefault(row[key], {})[row["metric"]] = row
    return found


def _value(row: dict[str, Any] | None) -> float | None:
    return None if row is None else row["value"]


def _interval(row: dict[str, Any] | None) -> str:
    return fmt.MISSING if row is None else fmt.with_interval(row["value"], row["low"], row["high"], "measure")


def _difference(row: dict[str, Any] | None) -> str:
    return fmt.MISSING if row is None else fmt.difference(row["value"], row["low"], row["high"])
