"""Charts of the purchase models: what they believe of a history, how they did on a hold-out, lives of customers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Literal

import altair as alt
import polars as pl

from fiel.reports import format as fmt
from fiel.reports.charts.base import About, Chart, as_text, finished, ground, label, layered, time_x, tip
from fiel.reports.charts.rfm import title_of
from fiel.reports.histories import Histories
from fiel.reports.purchase_models import TITLES, PurchaseModels
from fiel.reports.theme import SEQUENTIAL, light

MODEL_TOKENS = {"bg_nbd": "warning", "mbg_nbd": "accent", "pooled": "reborn"}
_DASHES = {"bg_nbd": [2, 3], "mbg_nbd": [7, 3], "pooled": [9, 3, 2, 3]}
_SHAPES = {"bg_nbd": "triangle-up", "mbg_nbd": "circle", "pooled": "diamond"}

Measure = Literal["alive_prob", "purchase_prob", "purchases_expected"]

_MATRICES: dict[Measure, tuple[str, str, str]] = {
    "alive_prob": ("p(alive) by history", "p(alive)", ".2f"),
    "purchase_prob": ("Chance of a purchase by history", "P(at least one purchase)", ".2f"),
    "purchases_expected": ("Expected purchase days by history", "expected purchase days", ".2f"),
}


def history_matrix(models: PurchaseModels, measure: Measure, about: About) -> Chart:
    """What the used model believes of every history: `measure` by frequency and recency, at one age."""
    assert models.used is not None
    heading, name, digits = _MATRICES[measure]
    rows = models.matrix.select("frequency", "recency_days", measure=pl.col(measure).round(4))
    top = 1.0 if measure != "purchases_expected" else max(float(rows["measure"].max() or 0), 1e-9)  # type: ignore[arg-type]
    within = "" if measure == "alive_prob" else f" within {models.horizon_days} days"
    steps = rows["recency_days"].unique().sort(descending=True).to_list()
    cells = (
        alt.Chart(rows)
        .mark_rect()
        .encode(
            alt.X("frequency:O", title="repeat purchase days (frequency)", axis=alt.Axis(labelAngle=0)),
            alt.Y(
                "recency_days:O",
                sort=steps,
                title="days from the first to the last purchase (recency)",
                axis=alt.Axis(labelOverlap="greedy", labelSeparation=4),
            ),
            color=alt.Color(
                "measure:Q",
                scale=alt.Scale(scheme=SEQUENTIAL, domain=[0, top]),
                legend=alt.Legend(title=f"{name}{within}", gradientLength=160, tickCount=3),
            ),
            tooltip=[
                tip("frequency", "repeat purchase days", "d"),
                tip("recency_days", "recency (days)", ",d"),
                tip("measure", f"{name}{within}", digits),
            ],
        )
    )
    often: int = rows["frequency"].max()  # type: ignore[assignment]
    faithful = rows.filter(pl.col("frequency") == often).sort("recency_days")
    lately, long_ago = faithful.tail(1)["measure"].item(), faithful.head(1)["measure"].item()
    early = fmt.whole(faithful.head(1)["recency_days"].item())
    who = "who bought just now" if lately != long_ago else "whoever made them, however long ago the last one was"
    others = ""
    if lately != long_ago:
        others = (
            f", and {fmt.ratio(long_ago)} to who made them all within {early} days of the first and has stayed away "
            "since"
        )
    return finished(
        layered(cells),
        heading,
        about.subtitle(
            f"{name}{within} by {models.used.title} for a customer of {fmt.whole(models.matrix_age_days)} days",
            models.customers,
        ),
        f"With {often} repeat purchase days the model gives {fmt.ratio(lately)} to {who}{others}.",
        340,
    )


def alive_distribution(models: PurchaseModels, about: About) -> Chart:
    """How p(alive) is spread over the customers."""
    rows = models.alive
    bars = (
        alt.Chart(rows)
        .mark_bar(stroke=light("paper"), strokeWidth=0.5)
        .encode(
            alt.X("low:Q", bin="binned", title="p(alive)", scale=alt.Scale(domain=[0, 1])),
            x2="high:Q",
            y=alt.Y("customers:Q", title="customers", axis=alt.Axis(grid=True)),
            tooltip=[tip("low", "from", ".2f"), tip("high", "to", ".2f"), tip("customers", "customers", ",d")],
        )
    )
    everyone = int(rows["customers"].sum())
    above = int(rows.filter(pl.col("low") >= 0.5)["customers"].sum())
    return finished(
        layered(bars),
        "How many are still there, by p(alive)",
        about.subtitle("customers by p(alive)", everyone),
        f"{fmt.whole(above)} of {fmt.counted(everyone, 'customer')} have a p(alive) of at least 0.5.",
    )


def _lines(rows: pl.DataFrame, x: alt.X, what: str, tips: list[alt.Tooltip]) -> list[alt.Chart]:
    """Lines by `x` of what came (solid) and what each model expected (dashed); `rows`: title, actual, expected."""
    models = [TITLES[name] for name in MODEL_TOKENS if TITLES[name] in set(rows["title"])]
    names = ["actual", *models]
    tokens = ["ink", *(token for name, token in MODEL_TOKENS.items() if TITLES[name] in models)]
    dashes = [[1, 0], *(dash for name, dash in _DASHES.items() if TITLES[name] in models)]
    shapes = ["square", *(shape for name, shape in _SHAPES.items() if TITLES[name] in models)]
    came = rows.filter(pl.col("title") == models[0]).with_columns(title=pl.lit("actual"), shown=pl.col("actual"))
    drawn = pl.concat([rows.with_columns(shown=pl.col("expected")), came])
    base = alt.Chart(drawn).encode(
        x,
        alt.Y("shown:Q", title=what),
        color=alt.Color(
            "title:N",
            scale=alt.Scale(domain=names, range=[light(token) for token in tokens]),
            legend=alt.Legend(title=None, columns=2),
        ),
        tooltip=tips,
    )
    line = base.mark_line().encode(strokeDash=alt.StrokeDash("title:N", scale=alt.Scale(domain=names, range=dashes)))
    shape = alt.Shape("title:N", scale=alt.Scale(domain=names, range=shapes))
    return [line, base.mark_point(size=44, opacity=1).encode(shape=shape)]


def hold_out_by_frequency(hold_out: pl.DataFrame, about: About) -> Chart:
    """Mean repeat purchase days in the hold-out by calibration frequency: actual (solid) and expected (dashed)."""
    rows = hold_out.filter(pl.col("kind") == "frequency").with_columns(
        pl.col("actual", "expected").round(4), title=pl.col("model").replace(TITLES)
    )
    first = rows["model"].item(0)
    order = rows.sort("position")["bucket"].unique(maintain_order=True).to_list()
    x = alt.X(
        "bucket:O", sort=order, title="repeat purchase days in the calibration period", axis=alt.Axis(labelAngle=0)
    )
    tips = [
        tip("bucket", "calibration frequency"),
        tip("customers", "customers", ",d"),
        tip("title", "line"),
        tip("actual", "actual", ".2f"),
        tip("expected", "expected", ".2f"),
    ]
    drawn = rows.select("bucket", "customers", "title", "actual", "expected")
    customers = int(rows.filter(pl.col("model") == first)["customers"].sum())
    once = rows.filter(pl.col("position") == rows["position"].min())
    said = fmt.listed([f"{fmt.ratio(row['expected'])} by {row['title']}" for row in once.to_dicts()])
    return finished(
        layered(*_lines(drawn, x, "mean repeat purchase days in the hold-out", tips)),
        "Actual and expected repeat purchases by frequency",
        about.subtitle("mean repeat purchase days in the hold-out; actual solid, expected dashed", customers),
        f"Customers with calibration frequency {once['bucket'].item(0)} made {fmt.ratio(once['actual'].item(0))} "
        f"repeat purchases on average in the hold-out; expected were {said}.",
        300,
    )


def tracking(hold_out: pl.DataFrame, about: About, *, cumulative: bool) -> Chart:
    """Repeat purchases by week (or so far): actual solid, expected dashed, the begin of the hold-out as a rule."""
    pair = ("actual_so_far", "expected_so_far") if cumulative else ("actual", "expected")
    rows = as_text(
        hold_out.filter(pl.col("kind") == "period")
        .with_columns(
            week=pl.col("bucket").str.to_date("%Y-%m-%d"),
            title=pl.col("model").replace(TITLES),
            actual=pl.col(pair[0]).round(1),
            expected=pl.col(pair[1]).round(1),
        )
        .select("model", "title", "week", "actual", "expected", "calibrated_until", "position")
        .sort("model", "week")
    )
    until: date = rows["calibrated_until"].item(0)
    if not cumulative:  # a week that as_of cuts short would look like a fall
        rows = rows.filter(pl.col("week") + timedelta(days=7) <= about.as_of)
    what = "repeat purchases so far" if cumulative else "repeat purchases in the week"
    tips = [
        tip("week_text", "week from"),
        tip("title", "line"),
        tip("actual", "actual", ",.0f"),
        tip("expected", "expected", ",.1f"),
    ]
    x = time_x("week")
    line = _lines(rows.select("title", "week", "week_text", "actual", "expected"), x, what, tips)[0]
    begin = alt.Chart(as_text(pl.DataFrame({"week": [until]}))).encode(x=x)
    last = rows.filter(pl.col("week") == pl.col("week").max())
    said = fmt.listed([f"{fmt.whole(row['expected'])} by {row['title']}" for row in last.to_dicts()])
    return finished(
        layered(begin.mark_rule(color=light("muted"), strokeDash=[4, 3]), line),
        f"Tracking: {'repeat purchases so far' if cumulative else 'repeat purchases a week'}",
        about.subtitle(
            f"{what}; actual solid, expected dashed; rule: the hold-out begins on {fmt.day(until)}",
            int(hold_out.filter(pl.col("kind") == "period")["customers"].max()),  # type: ignore[arg-type]
        ),
        f"{'By' if cumulative else 'In'} the week of {last['week_text'].item(0)} there were "
        f"{fmt.whole(last['actual'].item(0))} {what}; expected were {said}.",
        280,
    )


_LANE = 90
"""Height of one customer's lane in pixels: its upper third holds two lines of words, short enough for a phone."""

_TWO_LINES: dict[str, Any] = {"dx": 0, "dy": -7, "lineBreak": "\n", "lineHeight": 14}


def customer_histories(found: Histories, about: About, model: str) -> Chart:
    """Purchase days (marks) of typical customers, one lane each, and their chance as time passed (the filled line)."""
    lanes = found.customers.with_row_index("place").with_columns(
        base=(found.customers.height - 1 - pl.col("place").cast(pl.Int64)).cast(pl.Float64)
    )
    where = lanes.select("customer_id", "base", "segment")
    days = as_text(found.days.join(where, on="customer_id", maintain_order="left")).with_columns(
        low=pl.col("base"), high=pl.col("base") + (0.12 if found.lines.height else 0.5)
    )
    names = pl.DataFrame(
        {
            "base": lanes["base"],
            "words": [
                f"{title_of(row['segment'])}: "
                + f"{fmt.counted(row['frequency'] + 1, 'purchase day')}, the last {row['days_since_last']} days ago"
                + ("" if found.lines.is_empty() else f"\n{found.chance} {row[found.shown]:.2f}")
                for row in lanes.to_dicts()
            ],
        }
    )
    y = alt.Scale(domain=[0, lanes.height], nice=False)
    start = as_text(found.days.select(day=pl.col("day").min()))
    named = alt.Chart(start.join(names, how="cross").with_columns(top=pl.col("base") + 0.82)).encode(
        time_x("day"), alt.Y("top:Q", scale=y, axis=None)
    )
    marks = (
        alt.Chart(days.select("day", "day_text", "segment", "low", "high"))
        .mark_rule(strokeWidth=2, color=light("ink"))
        .encode(
            time_x("day"),
            alt.Y("low:Q", scale=y, axis=None),
            y2="high:Q",
            tooltip=[tip("day_text", "purchase day"), tip("segment", "segment")],
        )
    )
    rules = alt.Chart(lanes.select("base")).mark_rule(color=light("line")).encode(alt.Y("base:Q", scale=y, axis=None))
    layers = [rules]
    if found.lines.height:
        line = as_text(found.lines.join(where, on="customer_id", maintain_order="left")).with_columns(
            top=(pl.col("base") + 0.66 * pl.col(found.shown)).round(3), chance=pl.col(found.shown).round(3)
        )
        curve = alt.Chart(line.select("day", "day_text", "segment", "base", "top", "chance")).encode(
            time_x("day"),
            alt.Y("top:Q", scale=y, axis=None, stack=None),
            detail="segment:N",
            tooltip=[tip("day_text", "as of"), tip("segment", "segment"), tip("chance", found.chance, ".2f")],
        )
        layers += [
            curve.mark_area(opacity=0.2, color=light("accent")).encode(y2="base:Q"),
            curve.mark_line(strokeWidth=1.5, color=light("accent")),
        ]
    said = fmt.listed([words.split(":", 1)[0] for words in names["words"]])
    by = f"; blue: {found.chance} by {model}, 0 at the line, 1 at two thirds of the lane" if found.lines.height else ""
    return finished(
        layered(*layers, marks, ground(named, "words:N", **_TWO_LINES), label(named, "words:N", **_TWO_LINES)),
        "Histories of typical customers",
        about.subtitle(f"marks: purchase days{by}", lanes.height),
        f"{fmt.counted(lanes.height, 'customer')}, one typical of each segment: {said}.",
        _LANE * lanes.height,
    )
