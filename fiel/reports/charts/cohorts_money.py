"""Heatmaps of cohorts by the month of the first purchase: who buys again, and what they bring."""

from __future__ import annotations

import altair as alt
import polars as pl

from fiel.program import Value
from fiel.reports import format as fmt
from fiel.reports.charts.base import About, Chart, finished, tip
from fiel.reports.charts.heatmap import MONTH_AXIS, heatmap


def cohort_retention(months: pl.DataFrame, about: About) -> Chart:
    """% of the customers of a cohort who bought in a later month; `months` as made by `cohorts.cohort_months`."""
    later = months.filter(pl.col("month") > 0).with_columns(
        shown=(100 * pl.col("share")).round(0), measure=pl.col("share").round(4)
    )
    first = later.filter(pl.col("month") == 1)
    mean = int(first["buyers"].sum()) / max(int(first["customers"].sum()), 1)
    return finished(
        _heatmap(
            later,
            "share who bought",
            ".0%",
            [tip("buyers", "bought", ",d"), tip("customers", "of", ",d"), tip("measure", "share", ".1%")],
        ),
        "Who buys again, by month of the first purchase",
        about.subtitle("% of a cohort that bought in a later calendar month", int(first["customers"].sum())),
        f"{later['cohort_month'].n_unique()} cohorts. On average {fmt.percent(mean)} of the customers bought in the "
        "calendar month after their first purchase.",
        24 * later["cohort_month"].n_unique(),
    )


def cohort_revenue(months: pl.DataFrame, about: About, unit: Value, money: str) -> Chart:
    """Mean money of a customer of a cohort in each month, the first one included."""
    rows = months.with_columns(
        measure=(pl.col("revenue_per_customer") / unit.scale).round(2),
        so_far=(pl.col("revenue_so_far") / unit.scale).round(2),
        total=(pl.col("revenue_net") / unit.scale).round(0),
    ).with_columns(shown=pl.col("measure").round(0))
    whole = months.group_by("cohort_month").agg(pl.col("revenue_so_far").last(), pl.col("customers").first())
    mean = float((whole["revenue_so_far"] * whole["customers"]).sum()) / max(int(whole["customers"].sum()), 1)
    return finished(
        _heatmap(
            rows,
            f"{unit.unit} a customer",
            ",.0f",
            [
                tip("measure", f"{unit.unit} a customer in the month", ",.2f"),
                tip("so_far", f"{unit.unit} a customer so far", ",.2f"),
                tip("total", f"{money} of the cohort", ",.0f"),
                tip("customers", "customers", ",d"),
            ],
        ),
        "What cohorts bring, by month of the first purchase",
        about.subtitle(
            f"{money} in {unit.unit} for each customer of the cohort, by calendar month", _customers(months)
        ),
        f"{rows['cohort_month'].n_unique()} cohorts. A customer brought {fmt.value(mean, unit)} on average until the "
        "last complete month.",
        24 * rows["cohort_month"].n_unique(),
    )


def _customers(months: pl.DataFrame) -> int:
    return int(months.filter(pl.col("month") == 0)["customers"].sum())


def _heatmap(months: pl.DataFrame, legend: str, digits: str, tips: list[alt.Tooltip]) -> alt.LayerChart:
    """Cohorts in rows, months in columns; `shown` is the number in a cell, `measure` its colour."""
    rows = (
        months.with_columns(cohort=pl.col("cohort_month").dt.to_string("%Y-%m"))
        .with_columns(row=pl.format("{} (n = {})", "cohort", "customers"))
        .drop("cohort_month")
    )
    top = max(float(rows["measure"].max() or 0), 1e-9)  # type: ignore[arg-type]
    return heatmap(
        rows,
        alt.X("month:O", title="calendar months after the month of the first purchase", axis=MONTH_AXIS),
        alt.Y("row:O", title=None, sort="ascending", axis=alt.Axis(labelLimit=200)),
        [tip("cohort", "first purchase in"), tip("month", "months later", "d"), *tips],
        legend=legend,
        measure="measure",
        number="shown",
        top=top,
        digits=digits,
    )
