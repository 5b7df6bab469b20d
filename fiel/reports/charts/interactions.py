"""Charts of the interaction log: when people click, fill carts and order."""

from __future__ import annotations

import altair as alt
import polars as pl

from fiel.features.arithmetic import ratio
from fiel.features.interactions import KINDS
from fiel.reports import format as fmt
from fiel.reports.charts.base import About, Chart, finished, ground, label, layered, tip
from fiel.reports.theme import light

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_COLOURS = {"clicks": "accent", "carts": "warning", "orders": "good"}
_DASHES = {"clicks": [1, 0], "carts": [6, 3], "orders": [2, 2]}


def events_by_hour(counts: pl.DataFrame, about: About, zone: str) -> Chart:
    """Share of each kind's events by hour of the day. `counts`: kind, hour, events."""
    summed = counts.group_by("kind", "hour").agg(pl.col("events").sum())
    grid = pl.DataFrame({"kind": list(KINDS)}).join(pl.DataFrame({"hour": list(range(24))}), how="cross")
    rows = (
        grid.with_columns(pl.col("hour").cast(pl.Int64))
        .join(summed, on=["kind", "hour"], how="left", maintain_order="left")
        .with_columns(pl.col("events").fill_null(0))
        .with_columns(share=ratio(pl.col("events"), pl.col("events").sum().over("kind")).fill_nan(0.0).round(4))
    )
    y = alt.Y("share:Q", title="share of the kind's events", axis=alt.Axis(format=".0%"))
    x = alt.X(
        "hour:Q", title=f"hour ({zone})", axis=alt.Axis(values=[0, 6, 12, 18, 23]), scale=alt.Scale(domain=[0, 26])
    )
    layers, names = [], []
    for place, kind in enumerate(KINDS):
        part = rows.filter(pl.col("kind") == kind)
        colour = light(_COLOURS[kind])
        base = alt.Chart(part).encode(
            x, y, tooltip=[tip("kind", "kind"), tip("hour", "hour", "d"), tip("events", "events", ",d"),
                           tip("share", "share of the kind", ".1%")],
        )  # fmt: skip
        layers.append(base.mark_line(strokeWidth=2, strokeDash=_DASHES[kind], color=colour))
        end = alt.Chart(part.tail(1)).encode(x="hour:Q", y="share:Q")
        said = {"dy": 14 * (place - 1), "color": colour}
        names += [ground(end, alt.value(kind), **said), label(end, alt.value(kind), **said)]
    busiest = summed.group_by("hour").agg(pl.col("events").sum()).sort(["events", "hour"], descending=[True, False])
    return finished(
        layered(*layers, *names),
        "Events by hour",
        about.subtitle("share of the events of each kind", int(rows["events"].sum()), "event"),
        f"Most events fall into the hour from {busiest['hour'].item(0)}:00." if busiest.height else "There are none.",
        240,
    )


def events_by_weekday(counts: pl.DataFrame, about: About) -> Chart:
    """Events by day of the week. `counts`: weekday (1 Monday), events."""
    summed = counts.group_by("weekday").agg(pl.col("events").sum())
    rows = (
        pl.DataFrame({"weekday": pl.Series(range(1, 8), dtype=pl.Int64), "name": list(WEEKDAYS)})
        .join(summed, on="weekday", how="left", maintain_order="left")
        .with_columns(pl.col("events").fill_null(0))
        .with_columns(share=ratio(pl.col("events"), pl.col("events").sum()).fill_nan(0.0).round(4))
    )
    rows = rows.with_columns(
        words=pl.Series([f"{fmt.whole(row['events'])} ({fmt.percent(row['share'])})" for row in rows.to_dicts()])
    )
    most = 1.7 * float(rows["events"].max() or 1)  # type: ignore[arg-type]
    base = alt.Chart(rows).encode(
        alt.Y("name:N", sort=list(WEEKDAYS), title=None),
        alt.X("events:Q", title=None, axis=None, scale=alt.Scale(domain=[0, most])),
        tooltip=[tip("name", "day"), tip("events", "events", ",d"), tip("share", "share", ".1%")],
    )
    busiest = rows.sort(["events", "weekday"], descending=[True, False]).row(0, named=True)
    return finished(
        layered(base.mark_bar(), label(base, "words:N")),
        "Events by weekday",
        about.subtitle("events", int(rows["events"].sum()), "event"),
        f"Most events fall on {busiest['name']}: {busiest['words']}.",
        26 * rows.height,
    )
