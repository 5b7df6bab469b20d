"""Charts of value at stake: who holds it, how concentrated it is, what the plan covers, where the voices differ."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import polars as pl

from fiel.program import Value
from fiel.reports import format as fmt
from fiel.reports.charts.base import About, Chart, finished, ground, label, layered, tip
from fiel.reports.stake import Disagreement, Stake
from fiel.reports.theme import DECISION_COLOURS, STAGE_COLOURS, light
from fiel.segments.disagreement import VOICES


def _amount_bars(
    rows: pl.DataFrame, order: list[str], unit: Value, colours: Mapping[str, str] | None = None, room: float = 2.4
) -> alt.LayerChart:
    """Bars of money with their share as labels; `rows`: name (a `|` in it ends a line), amount, share, customers.

    `room` is the axis over the longest bar: what is left for the labels on a phone.
    """
    words = [f"{fmt.units(row['amount'], unit.unit)} ({fmt.percent(row['share'])})" for row in rows.to_dicts()]
    rows = rows.with_columns(
        pl.col("amount").round(0), pl.col("share").round(4), words=pl.Series(words, dtype=pl.String)
    )
    most = room * float(rows["amount"].max() or 1)  # type: ignore[arg-type]
    base = alt.Chart(rows).encode(
        alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=180, labelExpr="split(datum.label, '|')")),
        alt.X("amount:Q", title=None, axis=None, scale=alt.Scale(domain=[0, most or 1])),
        tooltip=[
            tip("name", "group"),
            tip("amount", f"value at stake ({unit.unit})", ",.0f"),
            tip("share", "share", ".1%"),
            tip("customers", "customers", ",d"),
        ],
    )
    bars = base.mark_bar()
    if colours is not None:
        names = [name for name in order if name in set(rows["name"])]
        scale = alt.Scale(domain=names, range=[colours[name] for name in names])
        bars = bars.encode(color=alt.Color("name:N", scale=scale, legend=None))
    return layered(bars, label(base, "words:N"))


def _amounts(groups: pl.DataFrame, names: Mapping[str, str], unit: Value, column: str = "group") -> pl.DataFrame:
    return groups.select(
        "customers",
        "share",
        name=pl.col(column).replace(names),
        amount=pl.col("value_at_stake") / unit.scale,
    )


def stake_by_segment(found: Stake, about: About, unit: Value, titles: Mapping[str, str]) -> Chart:
    """Value at stake of each named segment, best to worst."""
    rows = _amounts(found.by_segment, titles, unit)
    most = rows.sort("amount", descending=True).row(0, named=True)
    return finished(
        _amount_bars(rows, rows["name"].to_list(), unit),
        "Value at stake by segment",
        about.subtitle(f"{unit.unit} and share of all, segments best to worst", found.customers),
        f"{most['name']} hold the most: {fmt.units(most['amount'], unit.unit)}, {fmt.percent(most['share'])}.",
        28 * rows.height,
    )


def stake_by_stage(found: Stake, about: About, unit: Value) -> Chart:
    """Value at stake of each life-cycle stage."""
    rows = _amounts(found.by_stage, {}, unit)
    colours = {stage: token.light for stage, token in STAGE_COLOURS.items()}
    most = rows.sort("amount", descending=True).row(0, named=True)
    return finished(
        _amount_bars(rows, rows["name"].to_list(), unit, colours),
        "Value at stake by stage",
        about.subtitle(f"{unit.unit} and share of all", found.customers),
        f"Those who are {most['name']} hold the most: {fmt.units(most['amount'], unit.unit)}, "
        f"{fmt.percent(most['share'])}.",
        28 * rows.height,
    )


def stake_covered(found: Stake, about: About, unit: Value, names: Mapping[str, str]) -> Chart:
    """Value at stake of those whom the plan grants something, holds out, or leaves out."""
    rows = _amounts(found.covered, names, unit, "decision")
    colours = {names[decision]: light(token) for decision, token in DECISION_COLOURS.items()}
    said = fmt.listed([f"{row['name']} {fmt.percent(row['share'])}" for row in rows.to_dicts()])
    return finished(
        _amount_bars(rows, rows["name"].to_list(), unit, colours),
        "What the plan covers",
        about.subtitle(f"value at stake in {unit.unit} and share of all", int(rows["customers"].sum())),
        f"Value at stake by decision: {said}.",
        32 * rows.height,
    )


def stake_concentration(found: Stake, about: About) -> Chart:
    """Share of the value at stake held by the first customers, the ones with the most first."""
    rows = found.curve.with_columns(pl.col("customer_share", "value_share").round(4))
    base = alt.Chart(rows).encode(
        alt.X(
            "customer_share:Q",
            title="share of the customers, the most value first",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format=".0%", tickCount=5),
        ),
        alt.Y("value_share:Q", title="share of the value at stake", axis=alt.Axis(format=".0%", grid=True)),
        tooltip=[
            tip("customers", "customers", ",d"),
            tip("customer_share", "share of the customers", ".1%"),
            tip("value_share", "share of the value", ".1%"),
        ],
    )
    even = alt.Chart(pl.DataFrame({"at": [0.0, 1.0]})).encode(x="at:Q", y="at:Q")
    tenth = found.held_by(0.1)
    words = f"a tenth holds {fmt.percent(tenth)}"
    mark = alt.Chart(pl.DataFrame({"x": [0.1], "y": [round(tenth, 4)]})).encode(x="x:Q", y="y:Q")
    return finished(
        layered(
            even.mark_line(strokeDash=[4, 3], strokeWidth=1, color=light("muted")),
            base.mark_line(),
            mark.mark_point(size=80, color=light("ink"), opacity=1),
            ground(mark, alt.value(words), dx=10, dy=12),
            label(mark, alt.value(words), dx=10, dy=12),
        ),
        "How concentrated it is",
        about.subtitle("share of the value at stake; dashed: everyone the same", found.customers),
        f"The tenth of the customers with the most holds {fmt.percent(tenth)} of the value at stake, half of them "
        f"{fmt.percent(found.held_by(0.5))}.",
        280,
    )


VOICE_WORDS = dict(zip(VOICES, ("stage", "p(alive)", "classifier"), strict=True))
"""The three as people call them."""


def voice(says: bool | None) -> str:
    """What one of the three says."""
    return "silent" if says is None else "stays" if says else "leaves"


def disagreement_patterns(found: Disagreement, about: About, unit: Value) -> Chart:
    """Money at stake and customers of each way in which stage, p(alive) and classifier differ."""
    patterns = found.patterns.to_dicts()
    said = [" / ".join(voice(row[name]) for name in found.voices) for row in patterns]
    who = [VOICE_WORDS[name] for name in found.voices]
    names = [f"{words}|{fmt.counted(row['customers'], 'customer')}" for words, row in zip(said, patterns, strict=True)]
    rows = found.patterns.select(
        "customers",
        name=pl.Series(names, dtype=pl.String),
        amount=pl.col("value_at_stake").fill_null(0.0) / unit.scale,
        share=pl.col("value_at_stake").fill_null(0.0) / (found.value_at_stake or 1.0),
    )
    most = rows.row(0, named=True)
    return finished(
        _amount_bars(rows, names, unit, room=3.4),
        f"Where {fmt.listed(who)} disagree",
        about.subtitle(f"{' / '.join(who)}; value at stake in {unit.unit} and its share", found.customers),
        f"The most money lies where they say {said[0]}: {fmt.units(most['amount'], unit.unit)}, "
        f"{fmt.counted(most['customers'], 'customer')}.",
        44 * rows.height,
    )
