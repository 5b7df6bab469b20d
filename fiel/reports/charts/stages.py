"""Charts of the life cycle: stage mix, changes, transitions, who drops soon."""

from __future__ import annotations

import altair as alt
import polars as pl

from fiel.program import STAGES
from fiel.reports import format as fmt
from fiel.reports.charts.base import About, Chart, as_text, finished, label, layered, time_x, tip
from fiel.reports.charts.heatmap import NAME_AXIS, heatmap
from fiel.reports.metrics import LEAVING
from fiel.reports.theme import DIVERGING, light, stage_scale


def _stage_legend() -> alt.Legend:
    return alt.Legend(title=None, symbolType="square", columns=4)


def stage_mix_over_time(mix: pl.DataFrame, about: About) -> Chart:
    """Customers by stage over time, without zumbi; `mix` as made by `metrics.stage_mix`."""
    order = {stage: place for place, stage in enumerate(STAGES)}
    rows = as_text(
        mix.filter(pl.col("stage") != "zumbi")
        .with_columns(order=pl.col("stage").replace_strict(order, return_dtype=pl.Int64))
        .with_columns(pl.col("active_share").round(4))
        .drop("share")
    )
    newest = mix.filter(pl.col("as_of") == pl.col("as_of").max(), pl.col("stage") != "zumbi")
    area = (
        alt.Chart(rows)
        .mark_area(stroke=light("paper"), strokeWidth=0.5)
        .encode(
            time_x("as_of"),
            alt.Y("customers:Q", title="customers", stack="zero"),
            alt.Color("stage:N", scale=stage_scale(), legend=alt.Legend(
                title=None, symbolType="square", columns=3, values=[s for s in STAGES if s != "zumbi"])),
            order=alt.Order("order:O", sort="ascending"),
            tooltip=[
                tip("as_of_text", "as of"),
                tip("stage", "stage"),
                tip("customers", "customers", ",d"),
                tip("active_share", "share of non-zumbis", ".1%"),
            ],
        )
    )  # fmt: skip
    said = fmt.listed([f"{row['stage']} {fmt.percent(row['active_share'])}" for row in newest.to_dicts()])
    return finished(
        layered(area),
        "Customers by stage over time",
        about.subtitle("customers in each stage, zumbi left out", int(newest["customers"].sum())),
        f"Among the customers who are not zumbi, on the newest date: {said}.",
        300,
    )


def stage_mix_now(mix: pl.DataFrame, about: About) -> Chart:
    """Customers in each stage on the newest date of `mix`, as bars."""
    newest = mix.filter(pl.col("as_of") == pl.col("as_of").max())
    words = [f"{fmt.whole(row['customers'])} ({fmt.percent(row['share'])})" for row in newest.to_dicts()]
    rows = newest.select("stage", "customers", pl.col("share").round(4), words=pl.Series(words, dtype=pl.String))
    base = alt.Chart(rows).encode(
        alt.Y("stage:N", sort=list(STAGES), title=None),
        alt.X("customers:Q", title=None, axis=None, scale=alt.Scale(padding=0, domainMax=_room(rows))),
        tooltip=[tip("stage", "stage"), tip("customers", "customers", ",d"), tip("share", "share", ".1%")],
    )
    bars = base.mark_bar().encode(color=alt.Color("stage:N", scale=stage_scale(), legend=None))
    said = fmt.listed([f"{row['stage']} {fmt.whole(row['customers'])}" for row in rows.to_dicts()])
    return finished(
        layered(bars, label(base, "words:N")),
        "Customers by stage",
        about.subtitle("customers and share of all"),
        f"Customers in each stage: {said}.",
        28 * len(STAGES),
    )


def _room(rows: pl.DataFrame, column: str = "customers") -> float:
    """The end of a bar axis that leaves room for the labels."""
    return 1.9 * float(rows[column].max() or 1)  # type: ignore[arg-type]


def stage_change(change: pl.DataFrame, about: About, before: str) -> Chart:
    """Change of the customers in each stage; `change` has stage, before, now and change."""
    rows = change.with_columns(
        words=pl.Series([fmt.signed_whole(number) for number in change["change"]], dtype=pl.String)
    )
    most = float(rows["change"].abs().max() or 1) * 1.4  # type: ignore[arg-type]
    y = alt.Y("stage:N", sort=list(STAGES), title=None)
    x = alt.X("change:Q", title=None, axis=None, scale=alt.Scale(domain=[-most, most]))
    bars = (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            y,
            x,
            color=alt.condition("datum.change < 0", alt.value(DIVERGING[0]), alt.value(DIVERGING[1])),
            tooltip=[
                tip("stage", "stage"),
                tip("before", f"as of {before}", ",d"),
                tip("now", "now", ",d"),
                tip("change", "change", "+,d"),
            ],
        )
    )
    zero = alt.Chart(pl.DataFrame({"zero": [0]})).mark_rule(color=light("muted")).encode(alt.X("zero:Q", axis=None))
    rises = label(alt.Chart(rows.filter(pl.col("change") >= 0)).encode(y, x), "words:N")
    falls = label(alt.Chart(rows.filter(pl.col("change") < 0)).encode(y, x), "words:N", align="right", dx=-6)
    said = fmt.listed([f"{row['stage']} {row['words']}" for row in rows.to_dicts()])
    return finished(
        layered(bars, zero, rises, falls),
        f"Change by stage since {before}",
        about.subtitle("customers in the stage now minus then"),
        f"Change of the number of customers in each stage since {before}: {said}.",
        28 * len(STAGES),
    )


def transition_matrix(transitions: pl.DataFrame, about: About, days: int) -> Chart:
    """What became of each stage over `days` days; `transitions` as made by `metrics.transitions`."""
    sizes = [f"{row['from_stage']} (n = {fmt.whole(row['from_customers'])})" for row in transitions.to_dicts()]
    rows = transitions.with_columns(
        row=pl.Series(sizes, dtype=pl.String),
        number=(100 * pl.col("share")).round(0),
        share=pl.col("share").round(4),
    )
    matrix = heatmap(
        rows,
        alt.X("to_stage:N", sort=list(STAGES), title=f"stage {days} days later", axis=NAME_AXIS),
        alt.Y(
            "row:N", sort=rows["row"].unique(maintain_order=True).to_list(), title=None, axis=alt.Axis(labelLimit=220)
        ),
        [
            tip("from_stage", "from"),
            tip("to_stage", "to"),
            tip("customers", "customers", ",d"),
            tip("from_customers", "of", ",d"),
            tip("share", "share", ".1%"),
        ],
        legend="share of the row",
    )
    loyal = transitions.filter(pl.col("from_stage") == "fiel").sort("customers", descending=True)
    said = fmt.listed([f"{fmt.percent(r['share'])} {r['to_stage']}" for r in loyal.head(3).to_dicts()])
    return finished(
        matrix,
        f"What became of each stage in {days} days",
        about.subtitle("% of the customers of a stage", int(transitions["customers"].sum())),
        f"Of the customers who were fiel {days} days before as_of, most are now: {said}.",
        32 * len(STAGES),
    )


_LABELLED_DAYS = 14
"""Days up to which each bar carries its number; more would collide on a phone."""


def dropping_timeline(by_day: pl.DataFrame, about: About) -> Chart:
    """Customers who drop a stage on each coming day if they stay away; `by_day` as made by `people.dropping_by_day`."""
    rows = as_text(by_day).with_columns(
        total=pl.col("customers").sum().over("day"), order=pl.col("next_stage").replace_strict(
            {stage: place for place, stage in enumerate(LEAVING)}, return_dtype=pl.Int64)
    )  # fmt: skip
    bars = (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            alt.X("day_text:O", title="first day in the lower stage", axis=alt.Axis(labelAngle=-35)),
            alt.Y("customers:Q", title="customers"),
            alt.Color(
                "next_stage:N",
                scale=stage_scale(),
                legend=alt.Legend(title="falls into", symbolType="square", values=list(LEAVING)),
            ),
            order=alt.Order("order:O", sort="ascending"),
            tooltip=[tip("day_text", "day"), tip("next_stage", "falls into"), tip("customers", "customers", ",d")],
        )
    )
    days = rows["day_text"].n_unique()
    totals = (
        alt.Chart(rows.select("day_text", "total").unique(maintain_order=True))
        .mark_text(baseline="bottom", dy=-4, color=light("ink"))
        .encode(alt.X("day_text:O"), alt.Y("total:Q"), text=alt.Text("total:Q", format=",d"))
    )
    total = int(rows["customers"].sum())
    sums = rows.group_by("next_stage", "order").agg(pl.col("customers").sum()).sort("order")
    said = fmt.listed([f"{fmt.whole(r['customers'])} into {r['next_stage']}" for r in sums.to_dicts()])
    return finished(
        layered(bars, totals) if days <= _LABELLED_DAYS else layered(bars),
        f"Who drops a stage in the next {days} days",
        about.subtitle("customers who fall if they stay away, by day", total),
        f"If they stay away, {fmt.counted(total, 'customer')} drop a stage: {said}.",
    )
