"""Charts of how a model is judged: comparison, gains, reliability, slices.

The frames are those of `fiel.reports.cards.ModelCard`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import altair as alt
import polars as pl

from fiel.reports import format as fmt
from fiel.reports.charts.base import About, Chart, finished, ground, label, layered, tip
from fiel.reports.theme import ROLE_COLOURS, light

METRIC_NAMES = {"auc": "AUC", "log_loss": "log loss", "brier": "Brier score", "profit": "profit"}
_FEW = 0.1
"""Rates below are shown to a tenth of a per cent."""
_BETTER = {
    "auc": "higher is better",
    "log_loss": "lower is better",
    "brier": "lower is better",
    "profit": "higher is better",
}
_SHAPES = {"champion": "circle", "challenger": "diamond", "stage rule": "square", "purchase model": "triangle-up"}
BASELINES = {"stage_rule": "stage rule", "purchase_model": "purchase model"}
"""What a classifier is compared with, by its name in tables of measures: drawn in grey, under this name."""


def model_comparison(
    comparison: pl.DataFrame,
    metric: str,
    about: About,
    called: Mapping[str, str] | None = None,
    currency: str = "",
) -> Chart:
    """One metric of champion, challenger and baselines out of time, with intervals; `called` renames them.

    `currency` is that of the profit.
    """
    found = comparison.filter(pl.col("metric") == metric)
    shown = [role for role in ROLE_COLOURS if role != "purchase model" or role in found["model"]]
    kind, digits = ("whole", ",.0f") if metric == "profit" else ("measure", ".4f")
    words = [fmt.with_interval(row["value"], row["low"], row["high"], kind) for row in found.to_dicts()]
    if metric == "profit" and currency:
        words = [f"{fmt.money(row['value'], currency)}{text.removeprefix(fmt.whole(row['value']))}"
                 for row, text in zip(found.to_dicts(), words, strict=True)]  # fmt: skip
    rows = found.with_columns(pl.col("value", "low", "high").round(5), words=pl.Series(words, dtype=pl.String))
    name = METRIC_NAMES.get(metric, metric)
    heading = name[:1].upper() + name[1:]
    is_known = bool(found["low"].is_not_null().any())
    bounds = [tip("low", "interval from", digits), tip("high", "to", digits)] if is_known else []
    roles = alt.Color(
        "model:N",
        scale=alt.Scale(domain=shown, range=[light(ROLE_COLOURS[role]) for role in shown]),
        legend=None,
    )
    base = alt.Chart(rows).encode(
        alt.Y(
            "model:N",
            sort=shown,
            title=None,
            axis=alt.Axis(labelExpr=f"{dict(called or {})}[datum.label] || datum.label"),
        ),
        tooltip=[tip("model", "model"), tip("value", name, digits), *bounds],
    )
    value = alt.X(
        "value:Q",
        title=f"{name} ({_BETTER.get(metric, '')})",
        scale=alt.Scale(zero=False, padding=24),
        axis=alt.Axis(tickCount=5),
    )
    shapes = alt.Scale(domain=shown, range=[_SHAPES[role] for role in shown])
    point = base.mark_point(size=110, opacity=1).encode(
        value, color=roles, shape=alt.Shape("model:N", scale=shapes, legend=None)
    )
    # With its interval a label is wider than half a phone: it begins at the edge then, above its row.
    near = label(base.encode(value), "words:N", align="center", dx=0, dy=-14)
    names = label(base, "words:N", dx=2, dy=-14).encode(x=alt.value(0)) if is_known else near
    layers = [point, names]
    if is_known:
        layers.insert(0, base.mark_rule(strokeWidth=2).encode(alt.X("low:Q"), x2="high:Q", color=roles))
    said = fmt.listed([f"{(called or {}).get(r['model'], r['model'])} {r['words']}" for r in rows.to_dicts()])
    return finished(
        layered(*layers),
        f"{heading} out of time",
        about.subtitle(f"{name} on the pooled out-of-time cohorts{', with its interval' if is_known else ''}"),
        f"{heading} on the out-of-time cohorts: {said}. {_BETTER.get(metric, '').capitalize()}.",
        44 * rows.height,
    )


def gains_by_decile(gains: pl.DataFrame, about: About, target: str, split: str = "oot") -> Chart:
    """Share of the target by decile of the score, against the share of everyone."""
    part = gains.filter(pl.col("split") == split)
    everyone = int(part["positives"].sum()) / max(int(part["rows"].sum()), 1)
    rows = part.select("decile", "rows", "positives", pl.col("target_rate", "gain_share", "lift").round(4))
    base = alt.Chart(rows).encode(
        alt.X("decile:O", title="decile of the score (1 the highest)", axis=alt.Axis(labelAngle=0)),
        alt.Y("target_rate:Q", title=f"share {target}", axis=alt.Axis(format=".0%"), scale=alt.Scale(domainMin=0)),
        tooltip=[
            tip("decile", "decile", "d"),
            tip("rows", "customers", ",d"),
            tip("positives", target, ",d"),
            tip("target_rate", "share", ".1%"),
            tip("lift", "times the share of everyone", ".2f"),
            tip("gain_share", "captured down to here", ".1%"),
        ],
    )
    # Ten labels with a unit do not fit on a phone, so they are numbers; the axis carries the per cent.
    numbers = base.transform_calculate(percent="100 * datum.target_rate")
    on_top: dict[str, Any] = {"align": "center", "baseline": "bottom", "dx": 0, "dy": -4}
    # Rates of a few per cent would all read 1 or 0 as whole numbers.
    percent = alt.Text("percent:Q", format=".0f" if float(rows["target_rate"].max() or 0) >= _FEW else ".1f")  # type: ignore[arg-type]
    baseline = alt.Chart(pl.DataFrame({"rate": [everyone], "words": [f"everyone: {fmt.percent(everyone)}"]}))
    line = baseline.mark_rule(strokeDash=[4, 3], color=light("ink")).encode(y="rate:Q")
    name = label(
        baseline.encode(alt.Y("rate:Q"), x=alt.value("width")), "words:N", align="right", dx=0, dy=-8,
    )  # fmt: skip
    half = rows.filter(pl.col("gain_share") >= 0.5).head(1)
    reach = f" The first {half['decile'].item()} deciles hold at least half of them." if half.height else ""
    return finished(
        layered(base.mark_bar(), line, ground(numbers, percent, **on_top), label(numbers, percent, **on_top), name),
        "Gains by decile of the score",
        about.subtitle(f"% {target}, out of time; dashed: everyone", int(part["rows"].sum())),
        f"In the highest decile {fmt.percent(rows['target_rate'].to_list()[0])} were {target}, of everyone "
        f"{fmt.percent(everyone)}.{reach}",
    )


def reliability(frame: pl.DataFrame, about: About, target: str, model: str = "catboost", split: str = "oot") -> Chart:
    """Observed share against the mean score, with intervals; on the dashed line a score means what it says.

    Where `frame` holds the purchase model, the classifier's chart shows the baselines too: grey, dashed, named.
    """
    part = frame.filter(pl.col("split") == split, pl.col("model") == model)
    rows = part.select("rows", pl.col("mean_prob", "observed_rate", "observed_low", "observed_high").round(4))
    others = reliability_baselines(frame, model, split).with_columns(pl.col("mean_prob", "observed_rate").round(4))
    tops = [float(rows[name].max() or 0) for name in ("observed_high", "mean_prob")]  # type: ignore[arg-type]
    tops += [float(others[name].max() or 0) for name in ("observed_rate", "mean_prob")]  # type: ignore[arg-type]
    most = min(1.0, 1.08 * max(tops)) or 1.0
    domain = alt.Scale(domain=[0, most])
    base = alt.Chart(rows).encode(
        alt.X("mean_prob:Q", title="mean score", scale=domain, axis=alt.Axis(format=".0%", tickCount=5)),
        tooltip=[
            tip("rows", "rows", ",d"),
            tip("mean_prob", "mean score", ".1%"),
            tip("observed_rate", "observed", ".1%"),
            tip("observed_low", "interval from", ".1%"),
            tip("observed_high", "to", ".1%"),
        ],
    )
    share = alt.Axis(format=".0%", grid=True, tickCount=5)
    rule = base.mark_rule(strokeWidth=2, color=light("accent")).encode(
        alt.Y("observed_low:Q", scale=domain, title=f"observed share {target}", axis=share), y2="observed_high:Q"
    )
    point = base.mark_point(size=80, opacity=1).encode(alt.Y("observed_rate:Q"))
    ideal = alt.Chart(pl.DataFrame({"at": [0.0, most]})).encode(alt.X("at:Q"), alt.Y("at:Q"))
    line = ideal.mark_line(strokeDash=[4, 3], strokeWidth=1, color=light("muted"))
    who = BASELINES.get(model, "classifier")
    inside = rows.filter(pl.col("mean_prob").is_between("observed_low", "observed_high")).height
    drawn = [line, *_grey(others, domain), rule, point]
    return finished(
        layered(*drawn),
        "Reliability of the scores",
        about.subtitle(
            f"observed share {target} against the mean score of the {who}, out of time; dashed: perfect",
            int(rows["rows"].sum()),
        ),
        f"In {inside} of {rows.height} bins the interval of the observed share holds the mean score.",
        300,
    )


def reliability_baselines(frame: pl.DataFrame, model: str = "catboost", split: str = "oot") -> pl.DataFrame:
    """The bins of the baselines that stand beside the classifier's; none where the program has no purchase model."""
    part = frame.filter(pl.col("split") == split, pl.col("model").is_in(list(BASELINES)))
    return part if model == "catboost" and "purchase_model" in part["model"] else part.clear()


def _grey(bins: pl.DataFrame, domain: alt.Scale) -> list[alt.Chart]:
    """A dashed line through the bins of each baseline, with its shape at every bin and its name at the last."""
    layers = []
    for (name,), part in bins.partition_by("model", as_dict=True, maintain_order=True).items():
        words = BASELINES[str(name)]
        base = alt.Chart(part.with_columns(name=pl.lit(words))).encode(
            alt.X("mean_prob:Q", scale=domain),
            alt.Y("observed_rate:Q", scale=domain),
            tooltip=[
                tip("name", "baseline"),
                tip("rows", "rows", ",d"),
                tip("mean_prob", "mean probability", ".1%"),
                tip("observed_rate", "observed", ".1%"),
            ],
        )
        end = part.sort("mean_prob").tail(1)
        last = alt.Chart(end).encode(alt.X("mean_prob:Q", scale=domain), alt.Y("observed_rate:Q", scale=domain))
        shape = _SHAPES[words]
        is_below = end["observed_rate"].item() < end["mean_prob"].item()
        said = {"align": "right", "dx": 8, "dy": 16 if is_below else -16, "color": light("muted")}  # off the diagonal
        layers += [
            base.mark_line(strokeDash=[8, 4], strokeWidth=1.5, color=light("muted")),
            base.mark_point(size=45, shape=shape, filled=False, opacity=1, color=light("muted")),
            ground(last, alt.value(words), **said),
            label(last, alt.value(words), **said),
        ]
    return layers


def auc_interval(auc: pl.Expr, positives: pl.Expr, negatives: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """A 95 % interval of an AUC from its class sizes (Hanley and McNeil 1982), for parts that were not bootstrapped."""
    first = auc / (2 - auc) - auc**2
    second = 2 * auc**2 / (1 + auc) - auc**2
    variance = (auc * (1 - auc) + (positives - 1) * first + (negatives - 1) * second) / (positives * negatives)
    spread = 1.96 * variance.sqrt()
    return (auc - spread).clip(0, 1), (auc + spread).clip(0, 1)


def _slice_name() -> pl.Expr:
    """`stage curioso`, but `first week` for slices whose value says it all."""
    return pl.when(pl.col("slice") == "stage").then(pl.format("stage {}", "value")).otherwise("value")


def slices(frame: pl.DataFrame, about: About, overall: float | None, split: str = "oot") -> Chart:
    """AUC of parts of the rows, with intervals, beside the baselines'; dashed: the model on all of them.

    `frame` has the columns of `Evaluation.slices`. Small slices are drawn too, and say how many rows they have.
    """
    low, high = auc_interval(pl.col("auc"), pl.col("positives"), pl.col("rows") - pl.col("positives"))
    drawn = frame.filter(pl.col("split") == split, pl.col("auc").is_not_null())
    counts = pl.Series("count", [fmt.whole(number) for number in drawn["rows"]], dtype=pl.String)
    rows = (
        drawn.with_columns(counts)
        .with_columns(low=low.round(4), high=high.round(4), name=pl.format("{} (n = {})", _slice_name(), "count"))
        .with_columns(pl.col("auc", "target_rate").round(4))
        .select("name", "slice", "value", "model", "rows", "positives", "target_rate", "auc", "low", "high")
    )
    order = rows["name"].unique(maintain_order=True).to_list()
    model = rows.filter(~pl.col("model").is_in(list(BASELINES)))
    grey = [(name, part) for name in BASELINES if (part := rows.filter(pl.col("model") == name)).height]
    tips = [
        tip("name", "slice"),
        tip("model", "model"),
        tip("auc", "AUC", ".3f"),
        tip("low", "interval from", ".3f"),
        tip("high", "to", ".3f"),
        tip("target_rate", "target rate", ".1%"),
    ]
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=260))
    lowest = min(0.4, *(math.floor(10 * auc) / 10 for auc in rows["auc"]))  # a small slice may be worse than chance
    scale = alt.Scale(domain=[lowest, 1])
    value = alt.X("auc:Q", title="AUC (.5 is chance)", scale=scale, axis=alt.Axis(tickCount=6))
    base = alt.Chart(model).encode(y, tooltip=tips)
    layers = [
        *(
            alt.Chart(part)
            .mark_point(size=70, shape=_SHAPES[BASELINES[name]], filled=False, opacity=1, color=light("muted"))
            .encode(y, value, tooltip=tips)
            for name, part in grey
        ),
        base.mark_rule(strokeWidth=2, color=light("accent"), clip=True).encode(alt.X("low:Q"), x2="high:Q"),
        base.mark_point(size=80, opacity=1).encode(value),
    ]
    if overall is not None:
        line = alt.Chart(pl.DataFrame({"auc": [overall]}))
        layers.append(line.mark_rule(strokeDash=[4, 3], color=light("muted")).encode(x="auc:Q"))
    all_of_them = "" if overall is None else f"; dashed: everyone, {fmt.measure(overall)}"
    ours = "AUC out of time with its interval (blue) and of the stage rule (grey squares)"
    if "purchase_model" in dict(grey):
        ours = "AUC with its interval (blue), stage rule (squares), purchase model (triangles)"
    worst = model.sort("auc").head(1)
    return finished(
        layered(*layers),
        "AUC by slice",
        about.subtitle(f"{ours}{all_of_them}"),
        f"The lowest AUC is {fmt.measure(worst['auc'].item())}, in {worst['name'].item()}." if worst.height else "",
        28 * len(order),
    )
