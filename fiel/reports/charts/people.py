"""The F x V plane: who comes how often, and what it earns them."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from fiel.program import Value, ValueClusters
from fiel.reports import format as fmt
from fiel.reports.charts.base import About, Chart, finished, layered, tip
from fiel.reports.theme import light

KMEANS_TOKENS = ("zumbi", "accent", "warning", "good", "reborn", "bad", "ink")
"""Colours of the KMeans clusters, the lowest mean value first; each has its own shape too."""

_SHAPES = ("circle", "triangle-up", "square", "diamond", "cross", "triangle-down", "stroke")


_STRIP = 0.15
"""Share of the axis of days from which a strip between two cuts is wide enough for a name."""


def _spread(rows: int) -> pl.Series:
    """Small steps to the left and right, the same every time, so that customers of one day do not hide each other."""
    steps = pl.int_range(rows, eager=True) * 0.618034
    return (steps - steps.floor() - 0.5) * 0.5


def _value_axis(earned: str, window_days: int, top: float, middle: float, high: float) -> alt.Y:
    """The value axis: square roots, or logarithms above the cuts where a few customers earn many times the rest."""
    title = f"{earned} in {window_days} days"
    if top <= 8 * high:
        scale = alt.Scale(type="sqrt", domainMin=0)
        return alt.Y("value:Q", title=f"{title} (square-root scale)", scale=scale, axis=alt.Axis(tickCount=6))
    ticks = [0.0, *(10.0**power for power in range(1, 13) if middle / 10 <= 10.0**power <= top)]
    scale = alt.Scale(type="symlog", constant=max(middle / 10, 1), domainMin=0)
    return alt.Y("value:Q", title=f"{title} (logarithmic scale)", scale=scale, axis=alt.Axis(values=ticks, format=",d"))


def value_scatter(
    plane: pl.DataFrame,
    about: About,
    cuts: ValueClusters,
    unit: Value,
    window_days: int,
    of_customers: int,
    earned: str | None = None,
) -> Chart:
    """Active days (F) and value earned (V) of each customer, the fixed cuts drawn over the KMeans clusters.

    `plane` is made by `people.value_plane`, and may be a sample (`people.sampled`) of `of_customers` customers.
    `earned` is what V is called.
    """
    scale = unit.scale
    earned = earned or f"{unit.unit} earned"
    rows = plane.select(
        "active_days",
        "value_cluster",
        cluster=pl.col("kmeans_cluster").cast(pl.String).fill_null("not clustered"),
        value=(pl.col("value_earned") / scale).round(2),
        place=(pl.col("active_days") + _spread(plane.height)).round(2),
    )
    names = sorted(rows["cluster"].unique().to_list())
    legend = alt.Legend(title="KMeans cluster, by mean value") if len(names) > 1 else None
    top = float(rows["value"].max() or 0)  # type: ignore[arg-type]
    most_days = int(rows["active_days"].max() or 0)  # type: ignore[arg-type]
    right = float(min(window_days, max(most_days + 1, cuts.frequent_above + 3)))
    days = alt.X(
        "place:Q",
        title=f"active days of the last {window_days}",
        scale=alt.Scale(domain=[0, right], nice=False),
        axis=alt.Axis(tickMinStep=1, tickCount=7),
    )
    value = _value_axis(earned, window_days, top, cuts.middle_value / scale, cuts.high_value / scale)
    points = (
        alt.Chart(rows)
        .mark_point(opacity=0.8, size=36)
        .encode(
            days,
            value,
            color=alt.Color(
                "cluster:N",
                scale=alt.Scale(domain=names, range=[light(name) for name in KMEANS_TOKENS[: len(names)]]),
                legend=legend,
            ),
            shape=alt.Shape("cluster:N", scale=alt.Scale(domain=names, range=list(_SHAPES[: len(names)]))),
            tooltip=[
                tip("active_days", "active days", "d"),
                tip("value", earned, ",.0f"),
                tip("value_cluster", "value cluster (fixed cuts)"),
                tip("cluster", "KMeans cluster"),
            ],
        )
    )
    middle, high = cuts.middle_value / scale, cuts.high_value / scale
    often = cuts.frequent_above + 0.5
    rare = cuts.rare_below - 0.5
    lines = pl.DataFrame(
        [
            (0.0, right, middle, middle),
            (0.0, right, high, high),
            (often, often, 0.0, max(top, high)),
            (rare, rare, 0.0, middle),
        ],
        schema=["x", "x2", "y", "y2"],
        orient="row",
    )
    rules = (
        alt.Chart(lines)
        .mark_rule(strokeDash=[4, 3], color=light("muted"))
        .encode(alt.X("x:Q"), alt.Y("y:Q"), x2="x2", y2="y2")
    )
    ceiling = max(top, 1.3 * high)
    # In a narrow strip two names side by side would lie on each other.
    below = 0.85 if often - rare > _STRIP * right else 0.5
    regions = pl.DataFrame(
        [
            (0.2, ceiling, "hyper"),
            (right - 0.2, ceiling, "eficiente"),
            (0.2, 0.9 * high, "indeciso"),
            (right - 0.2, 0.9 * high, "esforcado"),
            (0.2, 0.85 * middle, "lurker"),
            (rare + 0.2, below * middle, "preguicoso"),
            (right - 0.2, 0.85 * middle, "potencial"),
        ],
        schema=["x", "y", "name"],
        orient="row",
    )
    where = alt.Chart(regions).encode(x="x:Q", y="y:Q", text="name:N")
    halo: dict[str, Any] = {"stroke": light("paper"), "strokeWidth": 4, "strokeOpacity": 0.9}
    ends = f"datum.x > {often:.1f}"
    names_left = where.transform_filter(f"!({ends})")
    names_right = where.transform_filter(ends)
    layers = [points, rules]
    for side, align in ((names_left, "left"), (names_right, "right")):
        heavy: dict[str, Any] = {"align": align, "fontWeight": 600}
        layers.append(side.mark_text(color=light("paper"), **heavy, **halo))
        layers.append(side.mark_text(color=light("ink"), **heavy))
    sample = "" if plane.height >= of_customers else f", {fmt.whole(plane.height)} of them drawn, evenly picked"
    return finished(
        layered(*layers),
        f"Frequency and value, last {window_days} days",
        about.subtitle(f"active days and {earned}; dashed: the fixed cuts", of_customers) + sample,
        f"Each point is a customer with at least one active day in the last {window_days} days, moved a little to the "
        f"side so that none hides another. Dashed lines are the "
        f"fixed cuts at {fmt.value(cuts.middle_value, unit)}, {fmt.value(cuts.high_value, unit)} and "
        f"{cuts.frequent_above} days. The table gives the size of each value cluster.",
        380,
    )
