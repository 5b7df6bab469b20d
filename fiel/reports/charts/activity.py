"""Charts of activity: daily and monthly active, joins, retention, the return curve."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from fiel.reports import format as fmt
from fiel.reports.charts.base import About, Chart, as_text, finished, ground, label, layered, time_x, tip
from fiel.reports.charts.heatmap import MONTH_AXIS, heatmap
from fiel.reports.metrics import ReturnCurve
from fiel.reports.theme import light


def active_customers(daily: pl.DataFrame, about: About, window_days: int = 28) -> Chart:
    """Customers active in the last `window_days` days and on each day; `daily` as made by `metrics.daily_active`."""
    last = daily.tail(1)
    rows = as_text(daily.select("day", "daily_active", "monthly_active", pl.col("mean_daily_active").round(1)))
    x = time_x("day")
    tips = [
        tip("day_text", "day"),
        tip("daily_active", "active that day", ",d"),
        tip("monthly_active", f"active in {window_days} days", ",d"),
        tip("mean_daily_active", f"mean a day over {window_days} days", ",.1f"),
    ]
    chart = alt.Chart(rows)
    bars = chart.mark_bar(width=1, color=light("muted")).encode(
        x, y=alt.Y("daily_active:Q", title="customers"), tooltip=tips
    )
    line = chart.mark_line(color=light("accent")).encode(x, y="monthly_active:Q", tooltip=tips)
    end = alt.Chart(as_text(last.select("day", "monthly_active"))).encode(x, y="monthly_active:Q")
    words = alt.value(f"{fmt.whole(last['monthly_active'].item())} in {window_days} days")
    named: dict[str, Any] = {"align": "right", "dx": 0, "dy": -14, "color": light("accent")}
    return finished(
        layered(bars, line, ground(end, words, **named), label(end, words, **named)),
        "Active customers",
        about.subtitle(f"customers a day (grey bars) and in the last {window_days} days (blue line)"),
        f"On {fmt.day(last['day'].item())} {fmt.whole(last['daily_active'].item())} customers were active, and "
        f"{fmt.whole(last['monthly_active'].item())} in the {window_days} days that end with it. The most on one day "
        f"were {fmt.whole(daily['daily_active'].max())}.",  # type: ignore[arg-type]
        280,
    )


def new_and_returning(weekly: pl.DataFrame, about: About) -> Chart:
    """New customers by week; `weekly` as made by `metrics.weekly_joins`."""
    rows = as_text(weekly.with_columns(pl.col("returning").round(1), end=pl.col("week").dt.offset_by("7d")))
    bars = (
        alt.Chart(rows)
        .mark_rect(color=light("curioso"), stroke=light("paper"), strokeWidth=0.5)
        .encode(
            time_x("week"),
            x2="end:T",
            y=alt.Y("new:Q", title="new customers a week"),
            tooltip=[
                tip("week_text", "week from"),
                tip("new", "new customers", ",d"),
                tip("returning", "returning a day", ",.1f"),
            ],
        )
    )
    newest = weekly.tail(1)
    return finished(
        layered(bars),
        "New customers by week",
        about.subtitle("customers on their first active day; weeks end with the day before as_of"),
        f"In the newest week {fmt.whole(newest['new'].item())} customers were new. The most in a week were "
        f"{fmt.whole(weekly['new'].max())}.",  # type: ignore[arg-type]
        200,
    )


def retention_heatmap(retention: pl.DataFrame, about: About) -> Chart:
    """Retention by join month; `retention` as made by `metrics.retention`. The join month itself is left out."""
    rows = (
        retention.filter(pl.col("month") > 0)
        .with_columns(
            joined=pl.col("join_month").dt.to_string("%Y-%m"),
            size=pl.format("{}", "customers"),
            number=(100 * pl.col("share")).round(0).cast(pl.Int64),
            share=pl.col("share").round(4),
        )
        .with_columns(row=pl.format("{} (n = {})", "joined", "size"))
        .drop("join_month")
    )
    ceiling = max(0.05, float(rows["share"].max() or 0))  # type: ignore[arg-type]
    matrix = heatmap(
        rows,
        alt.X("month:O", title="calendar months after the month of the first active day", axis=MONTH_AXIS),
        alt.Y("row:O", title=None, sort="ascending", axis=alt.Axis(labelLimit=200)),
        [
            tip("joined", "joined in"),
            tip("month", "months later", "d"),
            tip("active", "active", ",d"),
            tip("customers", "of", ",d"),
            tip("share", "share", ".1%"),
        ],
        legend="share active",
        top=ceiling,
    )
    shown = rows["row"].n_unique()
    first = rows.filter(pl.col("month") == 1)
    mean = int(first["active"].sum()) / max(int(first["customers"].sum()), 1)
    return finished(
        matrix,
        "Retention by month of the first active day",
        about.subtitle(
            "% of the customers who joined in a month that were active in a later calendar month",
            int(first["customers"].sum()),
        ),
        f"{shown} join months. On average {fmt.percent(mean)} of the customers were active in the month after they "
        "joined.",
        24 * shown,
    )


def return_curve(returns: ReturnCurve, about: About) -> Chart:
    """How soon customers come back; the marks are the mean gaps within which half and 80 % of them lie."""
    assert returns.half_days is not None
    assert returns.most_days is not None
    line = (
        alt.Chart(returns.curve.with_columns(pl.col("share_within").round(4)))
        .mark_line(color=light("accent"), interpolate="step-after")
        .encode(
            alt.X("gap_days:Q", title="mean days between active days", axis=alt.Axis(tickMinStep=1, tickCount=8)),
            alt.Y(
                "share_within:Q",
                title="share of customers",
                axis=alt.Axis(format=".0%"),
                scale=alt.Scale(domain=[0, 1]),
            ),
            tooltip=[
                tip("gap_days", "mean gap up to (days)", "d"),
                tip("customers", "customers", ",d"),
                tip("share_within", "share", ".1%"),
            ],
        )
    )
    marks = alt.Chart(
        pl.DataFrame(
            {
                "days": [returns.half_days, returns.most_days],
                "share": [0.5, 0.8],
                "words": [
                    f"half within {fmt.ratio(returns.half_days)} days",
                    f"80 % within {fmt.ratio(returns.most_days)} days",
                ],
            }
        )
    ).encode(x="days:Q", y="share:Q")
    return finished(
        layered(line, marks.mark_point(color=light("ink"), size=80), label(marks, "words:N", dx=10, dy=10)),
        "How soon customers come back",
        about.subtitle("share of customers by their mean gap in days; two active days or more", returns.customers),
        f"Half of the {fmt.whole(returns.customers)} customers with two active days or more come back within "
        f"{fmt.ratio(returns.half_days)} days on average, 80 % within {fmt.ratio(returns.most_days)} days.",
    )
