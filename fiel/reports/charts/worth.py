"""Charts of a model's worth: AUC by cohort, quality of earlier scores, profit, what it looks at."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from fiel.reports import format as fmt
from fiel.reports.charts.base import About, Chart, as_text, finished, ground, label, layered, time_x, tip
from fiel.reports.charts.model import BASELINES
from fiel.reports.labels import feature_label
from fiel.reports.theme import light


def auc_by_cohort(cohorts: pl.DataFrame, about: About) -> Chart:
    """AUC of each monthly cohort, the model against the baselines (grey, dashed)."""
    known = cohorts.filter(pl.col("auc").is_not_null()).sort("as_of")
    rows = as_text(
        known.select("as_of", "split", "is_break", "model", "rows", pl.col("auc", "log_loss", "target_rate").round(4))
    )
    model = rows.filter(~pl.col("model").is_in(list(BASELINES)))
    grey = {name: part for name in BASELINES if (part := rows.filter(pl.col("model") == name)).height}
    tips = [
        tip("as_of_text", "cohort"),
        tip("split", "split"),
        tip("model", "model"),
        tip("rows", "customers", ",d"),
        tip("auc", "AUC", ".3f"),
        tip("log_loss", "log loss", ".3f"),
        tip("target_rate", "target rate", ".1%"),
        tip("is_break", "outcome meets a planned break"),
    ]
    # The padding keeps the names of the grey lines off the axis of time.
    y = alt.Y("auc:Q", title="AUC (.5 is chance)", scale=alt.Scale(zero=False, padding=24))
    splits = alt.Shape(
        "split:N",
        scale=alt.Scale(domain=["train", "valid", "oot"], range=["triangle-up", "square", "circle"]),
        legend=alt.Legend(
            title="cohort for",
            columns=2,
            labelExpr="{'train': 'training', 'valid': 'calibration', 'oot': 'judging (out of time)'}[datum.label]",
        ),
    )
    ours = alt.Chart(model).encode(time_x("as_of"), y, tooltip=tips)
    ends = {name: float(part["auc"].item(-1)) for name, part in {"ours": model, **grey}.items()}
    lines, names = [], []
    for name, part in grey.items():
        base = alt.Chart(part).encode(time_x("as_of"), y, tooltip=tips)
        dash = [4, 3] if name == "stage_rule" else [8, 4]
        lines.append(base.mark_line(strokeDash=dash, strokeWidth=1.5, color=light("muted")))
        end = alt.Chart(part.tail(1)).encode(x="as_of:T", y="auc:Q")
        dy = 16 if _is_named_below(name, ends) else -14
        named: dict[str, Any] = {"align": "right", "dx": 0, "dy": dy, "color": light("muted")}
        names += [ground(end, alt.value(BASELINES[name]), **named), label(end, alt.value(BASELINES[name]), **named)]
    judged = model.filter(pl.col("split") == "oot")
    return finished(
        layered(
            *lines,
            ours.mark_line(strokeWidth=1.5),
            ours.mark_point(size=70, opacity=1).encode(shape=splits),
            *names,
        ),
        "AUC by monthly cohort",
        about.subtitle(
            f"AUC of the model (blue) and {fmt.listed([f'the {BASELINES[name]}' for name in grey])} (grey)",
            int(model["rows"].sum()),
            "row",
        ),
        "AUC on the out-of-time cohorts: "
        + fmt.listed([f"{fmt.measure(row['auc'])} in {row['as_of_text']}" for row in judged.to_dicts()])
        + ".",
        240,
    )


_APART = 0.03
"""AUC between two lines that leaves room for a name."""


def _is_named_below(name: str, ends: dict[str, float]) -> bool:
    """Whether a grey line's name stands below it: the stage rule's does, the other's where that is the free side."""
    if name == "stage_rule":
        return True
    return ends["ours"] >= ends[name] and ends[name] - ends.get("stage_rule", 0.0) > _APART


def importances(frame: pl.DataFrame, about: About, at_most: int = 15) -> Chart:
    """What the model looks at most: mean absolute SHAP value of the first features."""
    top = frame.sort(["mean_abs_shap", "feature"], descending=[True, False]).head(at_most)
    rows = top.with_columns(
        pl.col("mean_abs_shap").round(4),
        label=pl.Series([feature_label(name) for name in top["feature"]], dtype=pl.String),
        words=pl.Series([fmt.measure(number) for number in top["mean_abs_shap"]], dtype=pl.String),
    )
    most = 1.6 * float(rows["mean_abs_shap"].max() or 1)  # type: ignore[arg-type]
    base = alt.Chart(rows).encode(
        alt.Y("label:N", sort=rows["label"].to_list(), title=None, axis=alt.Axis(labelLimit=220)),
        alt.X("mean_abs_shap:Q", title=None, axis=None, scale=alt.Scale(domain=[0, most])),
        tooltip=[tip("label", "feature"), tip("feature", "column"), tip("mean_abs_shap", "mean |SHAP|", ".4f")],
    )
    return finished(
        layered(base.mark_bar(), label(base, "words:N")),
        "What the model looks at",
        about.subtitle(f"mean absolute SHAP value in log odds, the first {rows.height} features"),
        f"The features that move the score most: {fmt.listed(rows['label'].head(3).to_list())}.",
        24 * rows.height,
    )


def profit_curve(profit: pl.DataFrame, about: About, currency: str, threshold: float) -> Chart:
    """Profit by the probability from which customers are treated; dashed: where treating breaks even."""
    rows = profit.with_columns(pl.col("profit", "low", "high").round(0))
    unit = fmt.money(0, currency).replace(" 0", "")
    base = alt.Chart(rows).encode(
        alt.X(
            "threshold:Q",
            title="treat from this probability",
            axis=alt.Axis(format=".0%", tickCount=8, tickMinStep=0.01),
        ),
        tooltip=[
            tip("threshold", "treat from", ".1%"),
            tip("treated", "treated", ",d"),
            tip("profit", f"profit ({unit})", ",.0f"),
            tip("low", "interval from", ",.0f"),
            tip("high", "to", ",.0f"),
        ],
    )
    band = base.mark_area(opacity=0.2).encode(alt.Y("low:Q", title=f"profit ({unit})"), y2="high:Q")
    line = base.mark_line().encode(alt.Y("profit:Q"))
    best = rows.sort(["profit", "threshold"], descending=[True, False]).head(1)
    best_words = (
        f"best drawn: {fmt.money(best['profit'].item(), currency)} from {fmt.percent(best['threshold'].item())}"
    )
    mark = alt.Chart(best.with_columns(words=pl.lit(best_words))).encode(x="threshold:Q", y="profit:Q")
    even = alt.Chart(pl.DataFrame({"threshold": [threshold]}))
    rule = even.mark_rule(strokeDash=[4, 3], color=light("muted")).encode(x="threshold:Q")
    return finished(
        layered(band, line, rule, mark.mark_point(color=light("ink"), size=80), label(mark, "words:N", dx=10, dy=-8)),
        "Profit by threshold",
        about.subtitle(f"{unit}, out of time, with its interval; dashed: break-even at {fmt.percent(threshold)}"),
        f"The profit is highest, {fmt.money(best['profit'].item(), currency)}, when customers with a probability of at "
        f"least {fmt.percent(best['threshold'].item())} are treated.",
    )


def realised_quality(quality: pl.DataFrame, about: About) -> Chart:
    """AUC of earlier scores once their outcome was known, by cohort and model version."""
    rows = as_text(quality.filter(pl.col("auc").is_not_null()).with_columns(pl.col("auc").round(4)))
    base = alt.Chart(rows).encode(
        time_x("as_of"),
        alt.Y("auc:Q", title="AUC (.5 is chance)", scale=alt.Scale(zero=False)),
        tooltip=[
            tip("as_of_text", "cohort"),
            tip("model_version", "model version"),
            tip("customers", "customers", ",d"),
            tip("auc", "AUC", ".3f"),
            tip("log_loss", "log loss", ".3f"),
            tip("target_rate", "target rate", ".1%"),
            tip("mean_prob", "mean score", ".1%"),
        ],
    )
    newest = rows.sort("as_of").tail(1)
    words = label(
        alt.Chart(newest).encode(x="as_of:T", y="auc:Q"),
        alt.value(fmt.measure(newest["auc"].item())),
        align="center", dx=0, dy=-14,
    )  # fmt: skip
    return finished(
        layered(base.mark_line(strokeWidth=1), base.mark_point(size=80, opacity=1), words),
        "How good earlier scores turned out",
        about.subtitle("AUC of each scored cohort, once its outcome was known"),
        f"{rows.height} scored cohorts have matured. The newest, of {fmt.day(newest['as_of'].item())}, reached an AUC "
        f"of {fmt.measure(newest['auc'].item())}.",
        240,
    )
