"""Heatmaps with a number in every cell: what became of whom, which cohort did what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from fiel.reports.charts.base import layered, text_on_viridis
from fiel.reports.theme import SEQUENTIAL, light

MONTH_AXIS = alt.Axis(labelAngle=0)
"""Columns that are short numbers."""

NAME_AXIS = alt.Axis(labelAngle=-35, labelOverlap=False)
"""Columns that are names: slanted, none left out."""


def heatmap(
    rows: pl.DataFrame,
    x: alt.X,
    y: alt.Y,
    tips: Sequence[alt.Tooltip],
    *,
    legend: str,
    measure: str = "share",
    number: str = "number",
    top: float = 1.0,
    digits: str = ".0%",
) -> alt.LayerChart:
    """A coloured cell for each of `rows`: `measure` (from 0 to `top`) is its colour, `number` is written in it.

    `legend` names the measure and `digits` is the d3 format of its ends. Cells that `rows` do not have stay empty.
    """
    base = alt.Chart(rows).encode(x, y, tooltip=list(tips))
    scale: dict[str, Any] = {"scheme": SEQUENTIAL, "domain": [0, top]}
    cells = base.mark_rect(stroke=light("paper")).encode(
        color=alt.Color(
            f"{measure}:Q",
            scale=alt.Scale(**scale),
            legend=alt.Legend(title=legend, format=digits, gradientLength=160, tickCount=3),
        )
    )
    numbers = base.mark_text(fontSize=12).encode(
        text=alt.Text(f"{number}:Q", format=",.0f"),
        color=text_on_viridis(measure, top),
    )
    return layered(cells, numbers)
