"""Charts of a fund's accounts by quarter: how many close, how many are open, what is paid in."""

from __future__ import annotations

from datetime import date

import altair as alt
import polars as pl

from fiel.program import Value
from fiel.reports import format as fmt
from fiel.reports.charts.base import About, Chart, as_text, finished, ground, label, layered, tip
from fiel.reports.theme import light

_ROOM = 0.16
"""Of the time shown, what is left free after it: the names of the last marks stand there."""


def quarter_name(day: pl.Expr) -> pl.Expr:
    """`2017Q4` of a date."""
    return pl.format("{}Q{}", day.dt.year(), day.dt.quarter())


def closing_rates(quarters: pl.DataFrame, about: About, expected: float | None) -> Chart:
    """Share of the open accounts that closed in each quarter; `expected` is the model's for the next one, if any.

    `quarters` as made by `accounts.quarters_of`. Quarters whose closings are recorded in part are hollow.
    """
    known = quarters.filter(pl.col("closing_rate").is_not_null())
    rows = _named(known.select("day", "closed", "at_risk", pl.col("closing_rate").round(5), "is_observed"))
    days = known["day"]
    until = None if days.is_empty() else days[-1] + (days[-1] - days[0]) * _ROOM
    base = alt.Chart(rows).encode(
        _year_x("day", until),
        alt.Y("closing_rate:Q", title="share closed", axis=alt.Axis(format=".1%")),
        tooltip=[
            tip("quarter", "quarter"),
            tip("closed", "closed", ",d"),
            tip("at_risk", "of open at its beginning", ",d"),
            tip("closing_rate", "share", ".2%"),
            tip("complete", "closings"),
        ],
    )
    line = base.transform_filter("datum.is_observed").mark_line(color=light("accent"), strokeWidth=1.5)
    full = base.transform_filter("datum.is_observed").mark_point(
        color=light("accent"), fill=light("accent"), size=22, opacity=1
    )
    hollow = base.transform_filter("!datum.is_observed").mark_point(
        color=light("muted"), filled=False, size=40, opacity=1
    )
    layers = [line, full, hollow]
    partly = known.filter(~pl.col("is_observed")).tail(1)
    beside = {"align": "left", "dx": 8, "color": light("muted")}
    is_above = expected is None or partly.is_empty() or partly["closing_rate"].item() >= expected
    if partly.height:
        at = alt.Chart(partly.select("day", "closing_rate")).encode(_year_x("day", until), y="closing_rate:Q")
        layers.append(label(at, alt.value("recorded in part"), **beside, dy=-8 if is_above else 8))
    if expected is not None:
        end = alt.Chart(as_text(pl.DataFrame({"day": [about.as_of], "closing_rate": [round(expected, 5)]}))).encode(
            _year_x("day", until), y="closing_rate:Q", tooltip=[tip("closing_rate", "expected next quarter", ".2%")]
        )
        words = alt.value(f"expected: {fmt.percent(expected)}")
        named = {**beside, "dy": 8 if is_above else -8, "color": light("ink")}
        layers += [end.mark_point(shape="diamond", color=light("ink"), fill=light("ink"), size=70, opacity=1),
                   ground(end, words, **named), label(end, words, **named)]  # fmt: skip
    observed = known.filter("is_observed")
    few = known.height - observed.height
    note = f" The last {fmt.counted(few, 'quarter')} (hollow) are recorded in part." if few else ""
    most = observed.sort("closing_rate", descending=True).head(1)
    told = (
        f"The most was {fmt.percent(most['closing_rate'].item())} in {_of(most)}."
        if observed.height
        else "No quarter is recorded completely."
    )
    return finished(
        layered(*layers),
        "Share of the accounts that closed, by quarter",
        about.subtitle("% of the accounts open when the quarter began"),
        f"{told}{note}",
        240,
    )


def open_accounts(quarters: pl.DataFrame, about: About) -> Chart:
    """Accounts open at the end of each quarter; `quarters` as made by `accounts.quarters_of`."""
    rows = _named(quarters.select("day", "open", "opened", "closed"))
    last = rows.tail(1)
    base = alt.Chart(rows).encode(
        _year_x("day"),
        alt.Y("open:Q", title="accounts"),
        tooltip=[tip("quarter", "quarter"), tip("open", "open", ",d"), tip("opened", "opened", ",d"),
                 tip("closed", "closed", ",d")],
    )  # fmt: skip
    end = alt.Chart(last).encode(_year_x("day"), y="open:Q")
    words = alt.value(f"{fmt.whole(last['open'].item())} open")
    named = {"align": "right", "dx": -4, "dy": -12, "color": light("accent")}
    return finished(
        layered(base.mark_line(color=light("accent")), ground(end, words, **named), label(end, words, **named)),
        "Open accounts",
        about.subtitle("accounts at the end of each quarter"),
        f"{fmt.whole(last['open'].item())} accounts were open at the end of {_of(last)}; in that quarter "
        f"{fmt.whole(last['opened'].item())} were opened and {fmt.whole(last['closed'].item())} closed.",
        240,
    )


def contributions(quarters: pl.DataFrame, about: About, value: Value) -> Chart:
    """What was paid in by quarter; `quarters` as made by `accounts.quarters_of`."""
    rows = _named(
        quarters.select("day", "contributors", "contributions", amount=(pl.col("contributed") / value.scale).round(0))
    ).with_columns(begin=pl.col("day").dt.offset_by("1d").dt.offset_by("-3mo"), end=pl.col("day"))
    bars = (
        alt.Chart(rows)
        .mark_rect(color=light("accent"), stroke=light("paper"), strokeWidth=0.5)
        .encode(
            _year_x("begin"),
            x2="end:T",
            y=alt.Y(
                "amount:Q",
                title=value.unit,
                axis=alt.Axis(labelExpr="datum.value == 0 ? '0' : format(datum.value, '~s')"),
            ),
            tooltip=[
                tip("quarter", "quarter"),
                tip("amount", value.unit, ",.0f"),
                tip("contributors", "accounts that paid in", ",d"),
                tip("contributions", "contributions", ",d"),
            ],
        )
    )
    last = quarters.tail(1)
    return finished(
        layered(bars),
        "Contributions by quarter",
        about.subtitle(f"{value.unit} paid in by clients; what the fund credits is not counted"),
        f"In {_of(last)} {fmt.whole(last['contributors'].item())} accounts paid in "
        f"{fmt.value(last['contributed'].item(), value)}.",
        200,
    )


def _year_x(field: str, until: date | None = None) -> alt.X:
    """A date on the x axis, marked by the year; the axis goes on to `until`, so that labels have room."""
    end = {} if until is None else {"domainMax": alt.DateTime(year=until.year, month=until.month, date=until.day)}
    axis = alt.Axis(format="%Y", tickCount=6, title=None)
    return alt.X(f"{field}:T", scale=alt.Scale(type="utc", **end), axis=axis)


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    named = rows.with_columns(quarter=quarter_name(pl.col("day")))
    if "is_observed" in rows.columns:
        named = named.with_columns(
            complete=pl.when("is_observed").then(pl.lit("complete")).otherwise(pl.lit("recorded in part"))
        )
    return named


def _of(rows: pl.DataFrame) -> str:
    return str(rows.select(quarter_name(pl.col("day"))).item())
