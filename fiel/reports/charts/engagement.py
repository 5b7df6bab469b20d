"""Charts of value segments and risk groups, and of what a treatment did."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from fiel.reports import format as fmt
from fiel.reports.charts.base import About, Chart, finished, ground, label, layered, text_on_viridis, tip
from fiel.reports.theme import SEQUENTIAL, light

POINTS = "datum.value == 0 ? '0' : format(100 * datum.value, '+~r')"
"""Labels of an axis of differences of shares, in percentage points."""


def segments_by_risk(crossed: pl.DataFrame, segments: Sequence[str], risks: Sequence[str], about: About) -> Chart:
    """Customers in each segment (rows, the most valuable first) and risk group (columns, the lowest first).

    `crossed`: segment, risk_group, customers; pairs that it lacks are empty cells.
    """
    grid = pl.DataFrame({"segment": list(segments)}).join(pl.DataFrame({"risk_group": list(risks)}), how="cross")
    rows = grid.join(crossed, on=["segment", "risk_group"], how="left", maintain_order="left").with_columns(
        pl.col("customers").fill_null(0)
    )
    rows = rows.with_columns(
        words=pl.Series([fmt.whole(count) if count else "nobody" for count in rows["customers"]], dtype=pl.String)
    )
    most = float(rows["customers"].max() or 1)  # type: ignore[arg-type]
    base = alt.Chart(rows).encode(
        alt.X("risk_group:O", sort=list(risks), title="risk of leaving", axis=alt.Axis(labelAngle=0, orient="top")),
        alt.Y("segment:O", sort=list(segments), title=None),
        tooltip=[tip("segment", "segment"), tip("risk_group", "risk"), tip("customers", "customers", ",d")],
    )
    cells = base.mark_rect(stroke=light("paper"), strokeWidth=2).encode(
        color=alt.Color(
            "customers:Q",
            scale=alt.Scale(scheme=SEQUENTIAL, type="sqrt", domain=[0, most]),
            legend=None,
        )
    )
    words = base.mark_text().encode(text="words:N", color=text_on_viridis("customers", most, is_sqrt=True))
    largest = rows.sort("customers", descending=True).row(0, named=True)
    return finished(
        layered(cells, words),
        "Value segments and risk groups",
        about.subtitle("customers", int(rows["customers"].sum())),
        f"The largest group is {largest['segment']} with {largest['risk_group']} risk: "
        f"{fmt.counted(largest['customers'], 'customer')}.",
        44 * len(segments),
    )


def observed_uplift(rows: pl.DataFrame, overall: float | None, what: str, about: About) -> Chart:
    """Uplift of each group with its interval; dashed lines: no effect, and the uplift of everyone.

    `rows`: name, customers, treated, control, rate_treated, rate_control, uplift, low, high, predicted_uplift, in the
    order in which they are shown. `what`: what the groups are.
    """
    drawn = rows.filter(pl.col("uplift").is_not_null()).with_columns(
        pl.col("uplift", "low", "high", "rate_treated", "rate_control", "predicted_uplift").round(4)
    )
    base = alt.Chart(drawn).encode(
        alt.Y("name:N", sort=drawn["name"].to_list(), title=None, axis=alt.Axis(labelLimit=220)),
        tooltip=[
            tip("name", what),
            tip("customers", "customers", ",d"),
            tip("rate_control", "left, not treated", ".2%"),
            tip("rate_treated", "left, treated", ".2%"),
            tip("uplift", "uplift", "+.2%"),
            tip("low", "interval from", "+.2%"),
            tip("high", "to", "+.2%"),
            tip("predicted_uplift", "predicted", "+.2%"),
        ],
    )
    value = alt.X("uplift:Q", title="left less often when treated", axis=alt.Axis(labelExpr=POINTS, tickCount=6))
    zero = alt.Chart(pl.DataFrame({"zero": [0]})).mark_rule(strokeDash=[4, 3], color=light("muted")).encode(x="zero:Q")
    layers = [
        zero,
        base.mark_rule(strokeWidth=2, color=light("accent")).encode(alt.X("low:Q"), x2="high:Q"),
        base.mark_point(size=80, opacity=1).encode(value),
    ]
    told = ""
    if overall is not None:
        line = alt.Chart(pl.DataFrame({"all": [overall]}))
        layers.insert(1, line.mark_rule(strokeDash=[8, 4], color=light("muted")).encode(x="all:Q"))
        told = f", and everyone ({fmt.signed_points(overall)})"
    sure = drawn.filter(pl.col("low") > 0)["name"].to_list()
    return finished(
        layered(*layers),
        f"Observed uplift by {what}",
        about.subtitle(f"percentage points with intervals; dashed: no effect{told}", int(drawn["customers"].sum())),
        f"The interval lies above no effect for {fmt.listed(sure)}." if sure else "No interval lies above no effect.",
        30 * drawn.height,
    )


def qini_curve(curve: pl.DataFrame, confidence: float, about: About) -> Chart:
    """The Qini curve with its band, and the dashed line of a ranking that knows nothing.

    `curve`: share, gain, low, high, random.
    """
    rows = curve.with_columns((pl.col("gain", "low", "high", "random") * 1_000).round(3))
    tips = [
        tip("share", "share treated", ".0%"),
        tip("gain", "kept", ".2f"),
        tip("low", "interval from", ".2f"),
        tip("high", "to", ".2f"),
        tip("random", "at random", ".2f"),
    ]
    x = alt.X(
        "share:Q", title="share treated, the highest predicted uplift first", axis=alt.Axis(format=".0%", tickCount=6)
    )
    base = alt.Chart(rows).encode(x, tooltip=tips)
    y = alt.Y("gain:Q", title="kept for each 1,000 treated", axis=alt.Axis(tickCount=6))
    end = alt.Chart(rows.filter(pl.col("share") == pl.col("share").max()))
    middle = alt.Chart(rows.filter((pl.col("share") - 0.7).abs() == (pl.col("share") - 0.7).abs().min()))
    named = {"align": "left", "dx": 4, "dy": 14, "color": light("muted")}
    random = alt.value("at random")
    layers = [
        base.mark_area(opacity=0.18, color=light("accent")).encode(alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(strokeDash=[8, 4], strokeWidth=1.5, color=light("muted")).encode(alt.Y("random:Q")),
        base.mark_line(strokeWidth=2).encode(y),
        ground(middle.encode(x="share:Q", y="random:Q"), random, **named),
        label(middle.encode(x="share:Q", y="random:Q"), random, **named),
    ]
    last = end.data.row(0, named=True)
    return finished(
        layered(*layers),
        "Qini curve",
        about.subtitle(
            f"customers kept for each 1,000 treated of all, by predicted uplift (band: {fmt.percent(confidence)} "
            "interval, by customer)"
        ),
        f"With everyone treated {fmt.ratio(last['gain'])} are kept for each 1,000 treated, interval "
        f"{fmt.ratio(last['low'])} to {fmt.ratio(last['high'])}.",
        300,
    )
