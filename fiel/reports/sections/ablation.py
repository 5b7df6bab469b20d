"""What the parts of a model are worth on the folds, and what stands beside it: single, ensemble, random split."""

from __future__ import annotations

from typing import Any

import polars as pl

from fiel.reports import format as fmt
from fiel.reports.cards import ModelCard
from fiel.reports.charts import About
from fiel.reports.charts.ablation import ablation as ablation_chart
from fiel.reports.charts.ablation import hundredths, with_shares
from fiel.reports.charts.model import METRIC_NAMES
from fiel.reports.sections.base import Block, Shown, Words, figure
from fiel.reports.tables import column, number, table

_KINDS = {"pca": "PCA"}


def ablation(card: ModelCard, judged: About) -> list[Block]:
    """The comparisons on the folds; none where nothing was tried."""
    if card.ablation.is_empty():
        return []
    rows = with_shares(card.ablation)
    saved = [_share_difference(row) for row in rows.to_dicts()]
    shown = table(
        rows.with_columns(pl.col("with", "without").replace(_KINDS), saved_words=pl.Series(saved, dtype=pl.String)),
        [
            column("with"),
            column("without", "against"),
            number("rows"),
            number("log_loss", "log loss with", fmt.measure),
            number("log_loss_without", "against", fmt.measure),
            column("saved_words", "log loss saved", kind="number"),
            number("auc", "AUC with", fmt.measure),
            number("auc_without", "against", fmt.measure),
            number("average_precision", "average precision with", fmt.measure),
            number("average_precision_without", "against", fmt.measure),
            column("kept", "in the model"),
        ],
        "Folds inside the training rows; the out-of-time rows had no say. A part stays if it helps there: an optional "
        "group by its log loss, an embedding or an ensemble only by more than the standard error of what it saves.",
    )
    return [figure("ablation", ablation_chart(card.ablation, judged), shown)]


def beside(card: ModelCard, judged: About) -> list[Block]:
    """The model beside the single model or ensemble that was not chosen, and beside itself on a random split."""
    if card.alternatives.is_empty():
        return []
    found = card.alternatives.to_dicts()
    rows = card.alternatives.with_columns(
        judged_on=pl.when("is_optimistic").then(pl.lit("a random split: optimistic")).otherwise("judged_on"),
        auc_words=pl.Series(
            [fmt.with_interval(row["auc"], row["auc_low"], row["auc_high"], "measure") for row in found],
            dtype=pl.String,
        ),
        model=pl.Series([_called(row) for row in found], dtype=pl.String),
    )
    shown = table(
        rows,
        [
            column("model"),
            column("judged_on", "judged on"),
            number("rows"),
            number("target_rate", "target rate", fmt.percent),
            column("auc_words", "AUC", kind="number"),
            number("average_precision", "PR-AUC", fmt.measure),
            number("f1", "F1", fmt.measure),
            number("f1_threshold", "F1 from a score of", fmt.percent),
            number("log_loss", "log loss", fmt.measure),
        ],
        "PR-AUC is the average precision. The threshold of F1 is the best one on rows that do not judge.",
    )
    blocks: list[Block] = [Words(text) for text in (_against(card), _optimism(found)) if text]
    subtitle = judged.subtitle("measures of the newest training")
    return [Shown("The model beside its alternatives", subtitle, shown), *blocks]


def _called(row: dict[str, Any]) -> str:
    return f"{row['model']} (registered)" if row["is_registered"] else str(row["model"])


def _against(card: ModelCard) -> str:
    """The registered model minus the other one, in words."""
    found = card.alternative_differences.to_dicts()
    if not found:
        return ""
    ours = str(card.alternatives.filter("is_registered")["model"].item())
    parts = [f"{METRIC_NAMES[row['metric']]} {fmt.difference(row['value'], row['low'], row['high'])}" for row in found]
    return (
        f"The {ours} minus the {found[0]['against']} out of time, paired on the same rows: {fmt.listed(parts)}. The "
        "choice between them was made on the folds, before these rows were read."
    )


def _optimism(rows: list[dict[str, Any]]) -> str:
    """What a random split shows, and why it is not to be believed."""
    ours = next((row for row in rows if row["is_registered"]), None)
    drawn = next((row for row in rows if row["is_optimistic"]), None)
    if ours is None or drawn is None or ours["auc"] is None or drawn["auc"] is None:
        return ""
    lower = (
        " That it comes out lower here says that the earlier dates are harder to tell apart, or is chance."
        if drawn["auc"] <= ours["auc"]
        else ""
    )
    auc, f1 = ((fmt.measure(drawn[name]), fmt.measure(ours[name])) for name in ("auc", "f1"))
    return (
        f"On a random split of the rows the AUC is {auc[0]} and F1 {f1[0]}, out of time {auc[1]} and {f1[1]}. The "
        "random split is optimistic by construction, whatever it comes to: it puts the same customers and the same "
        f"dates on both sides, and earlier dates judge too.{lower} It stands here for comparison with figures that "
        "were measured so, and measures nothing that is to come."
    )


def _share_difference(row: dict[str, Any]) -> str:
    between = " to ".join(hundredths(row[bound]) for bound in ("low", "high"))
    return f"{hundredths(row['saved'])} ({between})"
