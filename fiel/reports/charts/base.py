"""What every chart shares: its heading, its axes in time, its description."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, cast

import altair as alt
import polars as pl

from fiel.reports import format as fmt
from fiel.reports.theme import light

Chart = alt.Chart | alt.LayerChart


@dataclass(frozen=True)
class About:
    """What a chart's subtitle says: the date, the number of customers, and whether the data are made up."""

    as_of: date
    customers: int
    simulated: bool = False
    what: str = "customer"

    def subtitle(self, unit: str, shown: int | None = None, what: str | None = None) -> str:
        """Unit, date and number of customers (or `what`; `shown` where a chart shows another number)."""
        number = self.customers if shown is None else shown
        parts = [unit, f"as of {fmt.day(self.as_of)}", fmt.counted(number, what or self.what)]
        return ", ".join(parts) + (" (simulated)" if self.simulated else "")


def finished(chart: Chart, title: str, subtitle: str, description: str, height: int = 260) -> Chart:
    """`chart` with its heading and its description, as wide as its frame; `height` is the plot's, in pixels."""
    return chart.properties(
        title=alt.TitleParams(title, subtitle=subtitle),
        description=description,
        width="container",
        height=height,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )


def layered(*layers: alt.Chart) -> alt.LayerChart:
    """The charts on top of each other, the first at the bottom."""
    return cast("alt.LayerChart", alt.layer(*layers))


def time_x(field: str, **more: Any) -> alt.X:
    """A date on the x axis. The scale is in UTC, or a browser west of Greenwich would show the day before."""
    axis = alt.Axis(format="%Y-%m-%d", tickCount=6, title=None) if "axis" not in more else more.pop("axis")
    return alt.X(f"{field}:T", scale=alt.Scale(type="utc"), axis=axis, **more)


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with dates as ISO text beside them (`day` also as `day_text`), so that a tooltip is exact anywhere."""
    dates = [name for name, dtype in frame.schema.items() if dtype == pl.Date]
    return frame.with_columns(pl.col(name).dt.to_string("%Y-%m-%d").alias(f"{name}_text") for name in dates)


def tip(field: str, title: str, number: str | None = None) -> alt.Tooltip:
    """A line of a tooltip; `number` is a d3 format and makes the field a quantity."""
    return alt.Tooltip(f"{field}:Q", title=title, format=number) if number else alt.Tooltip(f"{field}:N", title=title)


def label(chart: alt.Chart, text: Any, **mark: Any) -> alt.Chart:
    """Text beside a mark, in ink unless `mark` says otherwise."""
    drawn: dict[str, Any] = {"align": "left", "dx": 6, "color": light("ink"), "baseline": "middle"} | mark
    return cast("alt.Chart", chart.mark_text(**drawn).encode(text=text))


def ground(chart: alt.Chart, text: Any, **mark: Any) -> alt.Chart:
    """The same text as a broad stroke of the ground's colour, to be drawn below a label that crosses other marks."""
    paper = light("paper")
    return label(chart, text, **{**mark, "color": paper, "stroke": paper, "strokeWidth": 5, "strokeJoin": "round"})


VIRIDIS_DARK_TO = 0.44
"""Share of a viridis scale up to which white text stands out from its colours; black does above (a test holds it)."""


def text_on_viridis(field: str, top: float, *, is_sqrt: bool = False) -> Any:
    """The colour of text on a cell that is coloured by `field`, from 0 to `top` (its square root where so scaled)."""
    share = VIRIDIS_DARK_TO**2 if is_sqrt else VIRIDIS_DARK_TO
    return alt.condition(f"datum.{field} > {share * top:.6g}", alt.value("black"), alt.value("white"))
