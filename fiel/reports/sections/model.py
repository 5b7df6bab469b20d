"""What the scores rest on: the champion, why it is, and how it was judged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import polars as pl

from fiel.models.profit import threshold as break_even
from fiel.reports import charts
from fiel.reports import format as fmt
from fiel.reports.cards import ModelCard
from fiel.reports.charts import About
from fiel.reports.charts.model import BASELINES, METRIC_NAMES, reliability_baselines
from fiel.reports.data import ReportData
from fiel.reports.sections.ablation import ablation, beside
from fiel.reports.sections.base import Block, Empty, Section, Shown, Words, figure
from fiel.reports.sections.baselines import QUALITY_COLUMNS, further_targets, of_target, side_by_side
from fiel.reports.sections.evidence import evidence
from fiel.reports.sections.gates import gates
from fiel.reports.sections.grades import columns_that_say_nothing, thresholds
from fiel.reports.sections.now import about
from fiel.reports.sections.wording import target_word
from fiel.reports.tables import column, number, table

_SPLITS = {"train": "training", "valid": "calibration", "oot": "judging (out of time)"}
_MODELS = {"catboost": "classifier", **BASELINES}
_KINDS = {"catboost": "a CatBoost classifier", "stage_rule": "the stage rule (no machine learning)"}
_WEEK_DAYS = 7
_ACTIONS = {
    "promote": "The challenger became champion",
    "keep": "The champion stays",
    "first": "The first champion was set",
    "rollback": "The champion was set back",
}


def model(data: ReportData) -> Section:
    """The champion, why it is, and how well it does out of time."""
    card, title = data.model, "The model"
    if card is None:
        command = f"fiel run retrain --program {data.program.name}"
        return Section("model", title, (Empty("There is no champion yet.", command), *further_targets(data)))
    blocks: list[Block] = [
        Words(_decision_in_words(card)),
        *evidence(data, card),
        *_comparison(data, card),
        *_judgement(data, card),
        *beside(card, _judged(data, card)),
        *ablation(card, _judged(data, card)),
    ]
    if data.program.economics is not None:
        blocks += _profit(data, card)
    blocks += columns_that_say_nothing(card, _judged(data, card))
    blocks += _realised(data)
    blocks += further_targets(data)
    return Section("model", title, tuple(blocks))


def _decision_in_words(card: ModelCard) -> str:
    when = f" (as of {fmt.day_in_words(card.decided_on)})" if card.decided_on else ""
    action = _ACTIONS.get(card.action, card.action.capitalize())
    reason = fmt.typeset(card.reason.rstrip("."))
    text = f"{action}{when}: {reason}. In force is version {card.version}, {_kind(card.kind)}."
    if card.action == "keep":
        text += " Gains, slices and features below are those of the challenger, which did not replace it."
    elif _is_rule(card):
        text += " The champion that it replaced is the stage rule."
    return text


def _is_rule(card: ModelCard) -> bool:
    """Whether the champion that a challenger met is the stage rule itself: then it is shown once."""
    champion, rule = (
        card.comparison.filter(pl.col("model") == name).drop("model") for name in ("champion", "stage rule")
    )
    return champion.height > 0 and champion.equals(rule)


def _roles(card: ModelCard) -> tuple[pl.DataFrame, dict[str, str]]:
    """The comparison as it is shown, and what its models are called: after a promotion the champion is another one."""
    shown = card.comparison.filter(pl.col("model") != "champion") if _is_rule(card) else card.comparison
    return shown, {"champion": "champion before"} if card.action == "promote" else {}


def _kind(kind: str) -> str:
    return _KINDS.get(kind, kind)


def _judged(data: ReportData, card: ModelCard) -> About:
    """What the subtitles of this section say: the out-of-time rows, of which a customer has one for each cohort."""
    rows = card.metrics.filter(pl.col("split") == "oot", pl.col("model") == "catboost")["rows"]
    if rows.is_empty():
        return about(data)
    return About(data.as_of, int(rows.item()), data.program.simulated, what="out-of-time row")


def _comparison(data: ReportData, card: ModelCard) -> list[Block]:
    blocks: list[Block] = []
    comparison, names = _roles(card)
    beside = side_by_side(_judged(data, card), comparison, card.differences, names)
    blocks += beside
    for metric in ("profit", "auc", "log_loss"):
        part = comparison.filter(pl.col("metric") == metric)
        if part.is_empty():
            continue
        show: Callable[[float | None], str] = fmt.measure
        if metric == "profit" and data.program.economics is not None:
            show = partial(fmt.money, currency=data.program.economics.currency)
        shown = table(
            part.with_columns(pl.col("model").replace(names)),
            [
                column("model"),
                number("value", METRIC_NAMES[metric], show),
                number("low", "interval from", show),
                number("high", "to", show),
            ],
        )
        currency = data.program.economics.currency if data.program.economics is not None else ""
        chart = charts.model_comparison(comparison, metric, _judged(data, card), names, currency)
        blocks.append(figure(f"compare-{metric.replace('_', '-')}", chart, shown, half=True))
    differences = card.differences.filter(pl.col("against") == "stage rule") if _is_rule(card) else card.differences
    if beside:
        differences = differences.filter(~pl.col("metric").is_in(["auc", "log_loss"]))  # they stand there already
    if differences.height:
        rows = differences.to_dicts()
        between = [fmt.difference(row["value"], row["low"], row["high"]) for row in rows]
        shown = table(
            differences.with_columns(
                pl.col("against").replace(names),
                difference=pl.Series(between, dtype=pl.String),
                metric=pl.col("metric").replace(METRIC_NAMES | {"profit": _profit_each(data)}),
            ),
            [column("against", "challenger minus"), column("metric"), column("difference", kind="number")],
            "Paired on the same rows, bootstrapped by customer. Better: higher AUC and profit, lower log loss.",
        )
        blocks.append(
            Shown("Differences out of time", _judged(data, card).subtitle("difference and its interval"), shown)
        )
    blocks += gates(card.gates, _judged(data, card))
    return blocks


def _profit_each(data: ReportData) -> str:
    """What a difference of profit is: that of one customer, in the program's currency."""
    economics = data.program.economics
    return "profit" if economics is None else f"profit for each customer, {economics.currency}"


def _judgement(data: ReportData, card: ModelCard) -> list[Block]:
    word = target_word(data.program)
    blocks: list[Block] = []
    if card.metrics.height:
        blocks.append(_metrics(data, card))
    gains = card.gains.filter(pl.col("split") == "oot")
    if gains.height and int(gains["positives"].sum()):
        shown = table(
            gains,
            [
                number("decile"),
                number("rows", "customers"),
                number("positives", word),
                number("target_rate", f"share {word}", fmt.percent),
                number("lift", "times everyone's share", fmt.ratio),
                number("gain_share", "captured down to here", fmt.percent),
            ],
        )
        blocks.append(figure("gains", charts.gains_by_decile(card.gains, _judged(data, card), word), shown, half=True))
    kind = card.kind if card.kind in _MODELS else "catboost"
    bins = card.reliability.filter(pl.col("split") == "oot", pl.col("model") == kind)
    if bins.height:
        baselines = reliability_baselines(card.reliability, kind)
        shown = table(
            pl.concat([bins, baselines]).with_columns(pl.col("model").replace(_MODELS)),
            [
                *([column("model")] if baselines.height else []),
                number("bin"),
                number("rows"),
                number("mean_prob", "mean score", fmt.percent),
                number("observed_rate", "observed", fmt.percent),
                number("observed_low", "interval from", fmt.percent),
                number("observed_high", "to", fmt.percent),
            ],
        )
        chart = charts.reliability(card.reliability, _judged(data, card), word, kind)
        blocks.append(figure("reliability", chart, shown, half=True))
    if card.cohort_metrics["auc"].is_not_null().any() and not data.program.is_table:
        shown = table(
            card.cohort_metrics.with_columns(
                pl.col("split").replace(_SPLITS),
                pl.col("model").replace(_MODELS),
                in_break=pl.when("is_break").then(pl.lit("yes")).otherwise(pl.lit("no")),
            ),
            [
                column("as_of", "cohort", fmt.day),
                column("split", "cohort for"),
                column("model"),
                number("rows"),
                number("target_rate", "target rate", fmt.percent),
                number("auc", "AUC", fmt.measure),
                number("log_loss", "log loss", fmt.measure),
                column("in_break", "outcome meets a planned break"),
            ],
        )
        blocks.append(figure("cohorts", charts.auc_by_cohort(card.cohort_metrics, _judged(data, card)), shown))
    slices = _slices(data, card).filter(pl.col("split") == "oot")
    if slices["auc"].is_not_null().any():
        overall = card.metrics.filter(pl.col("split") == "oot", pl.col("model") == "catboost")["auc"].first()
        shown = table(
            slices.with_columns(pl.col("model").replace(_MODELS), pl.col("slice").str.replace_all("_", " ")),
            [
                column("slice"),
                column("value"),
                column("model"),
                number("rows"),
                number("target_rate", "target rate", fmt.percent),
                number("mean_prob", "mean score", fmt.percent),
                number("auc", "AUC", fmt.measure),
                number("log_loss", "log loss", fmt.measure),
            ],
            "Intervals by Hanley and McNeil (1982). Small slices are reported, never gated.",
        )
        chart = charts.slices(slices, _judged(data, card), overall if isinstance(overall, float) else None)
        blocks.append(figure("slices", chart, shown, half=True))
    if card.importances.height:
        columns = [column("feature"), number("mean_abs_shap", "mean |SHAP|, log odds", fmt.measure)]
        shown = table(card.importances, columns, at_most=40)
        blocks.append(
            figure("importances", charts.importances(card.importances, _judged(data, card)), shown, half=True)
        )
    return blocks


def _slices(data: ReportData, card: ModelCard) -> pl.DataFrame:
    """The slices, the new customers' named by the program's own number of days (a week is the default)."""
    days = data.program.life_cycle.new_max_age
    new = "first year" if data.program.is_quarterly else "first week" if days == _WEEK_DAYS else f"first {days} days"
    names = {"first week": new}
    return card.slices.with_columns(
        pl.col("value").replace(names), pl.col("slice").replace({"first_week": "age", "first week": "age"})
    )


def _metrics(data: ReportData, card: ModelCard) -> Shown:
    models = [_MODELS.get(name, name) for name in card.metrics["model"].unique(maintain_order=True)]
    shown = table(
        card.metrics.with_columns(pl.col("split").replace(_SPLITS), pl.col("model").replace(_MODELS)),
        [
            column("split", "cohorts for"),
            column("model"),
            number("rows"),
            number("target_rate", "target rate", fmt.percent),
            number("auc", "AUC", fmt.measure),
            number("log_loss", "log loss", fmt.measure),
            number("brier", "Brier score", fmt.measure),
            number("average_precision", "average precision", fmt.measure),
        ],
        "Only the out-of-time rows judge the model; training rows flatter it.",
    )
    return Shown(
        "Measures by part of the data",
        _judged(data, card).subtitle(f"measures of {fmt.listed([f'the {name}' for name in models])}"),
        shown,
    )


def _profit(data: ReportData, card: ModelCard) -> list[Block]:
    economics = data.program.economics
    assert economics is not None
    if card.profit.is_empty():
        return [Empty("No profit curve was computed.", f"fiel run retrain --program {data.program.name}")]
    threshold = break_even(economics)
    shown = table(
        card.profit,
        [
            number("threshold", "treat from", fmt.percent),
            number("treated"),
            number("profit", show=lambda amount: fmt.money(amount, economics.currency)),
            number("low", "interval from", lambda amount: fmt.money(amount, economics.currency)),
            number("high", "to", lambda amount: fmt.money(amount, economics.currency)),
        ],
    )
    return [
        figure("profit", charts.profit_curve(card.profit, _judged(data, card), economics.currency, threshold), shown),
        *thresholds(card, _judged(data, card), economics.currency),
    ]


def _realised(data: ReportData) -> list[Block]:
    if data.program.is_table:
        return []
    quality = None if data.quality is None else of_target(data.quality, data.program.target.name)
    if quality is None or quality.filter(pl.col("auc").is_not_null()).is_empty():
        later = data.program.target.horizon_words
        return [Words(f"No stored score has matured yet: its outcome is known {later} after its date.", "muted")]
    shown = table(
        quality.sort("as_of", descending=True),
        QUALITY_COLUMNS,
    )
    return [figure("quality", charts.realised_quality(quality, about(data)), shown)]
