"""Charts of the source as it came: rows over time, and what took rows and money out."""

from __future__ import annotations

from datetime import timedelta

import altair as alt
import polars as pl

from fiel.program import Value
from fiel.reports import format as fmt
from fiel.reports.charts.base import Chart, as_text, finished, label, layered, time_x, tip
from fiel.reports.theme import light

_KEPT_WORDS = "kept"
_ROW_HEIGHT = 30


def bin_word(rows: pl.DataFrame) -> str:
    """The width of the bins of `coverage` in a word: day, month, quarter, year."""
    days = (rows["to"] - rows["from"]).median() or timedelta(days=1)
    width = days.days  # type: ignore[union-attr]
    return next(word for most, word in ((1, "day"), (31, "month"), (92, "quarter"), (366, "year"), (10**7, "decade"))
                if width <= most)  # fmt: skip


def rows_over_time(rows: pl.DataFrame, *, simulated: bool = False) -> Chart:
    """Rows by day, month, ... of one column of dates; `rows` are those of `profile.coverage` for it."""
    word = bin_word(rows)
    name, table = rows["column"][0], rows["table_name"][0]
    bars = (
        alt.Chart(as_text(rows.drop("table_name", "column")))
        .mark_rect(color=light("accent"), stroke=light("paper"), strokeWidth=0.5)
        .encode(
            time_x("from"),
            x2="to:T",
            y=alt.Y("rows:Q", title=f"rows a {word}", scale=alt.Scale(zero=True), stack=None),
            y2=alt.datum(0),
            tooltip=[tip("from_text", f"{word} from"), tip("rows", "rows", ",d")],
        )
    )
    most = rows.sort("rows", "from", descending=[True, False]).row(0, named=True)
    empty = rows.filter(pl.col("rows") == 0).height
    first, last, total = rows.select(pl.col("from").min(), pl.col("to").max(), pl.col("rows").sum()).row(0)
    return finished(
        layered(bars),
        f"Rows by {word}: {name}",
        f"rows of {table} a {word}, as read" + (" (simulated)" if simulated else ""),
        f"{fmt.whole(total)} rows from {fmt.day(first)} to before {fmt.day(last)}. The most are "
        f"{fmt.whole(most['rows'])} in the {word} from {fmt.day(most['from'])}; {fmt.counted(empty, word)} between the "
        f"first and the last {'has' if empty == 1 else 'have'} none.",
        180,
    )


def rows_by_rule(steps: pl.DataFrame, *, simulated: bool = False) -> Chart:
    """Rows that were kept and rows that each rule took out; `steps` as made by `profile.steps`."""
    rows = _bars(steps)
    rows = rows.with_columns(words=pl.Series([fmt.whole(number) for number in rows["rows"]], dtype=pl.String))
    read = _sum(steps.filter(pl.col("step") == "read")["rows"])
    out = rows.filter(pl.col("what") != _KEPT_WORDS)
    named = ""
    for largest in out.sort("rows", descending=True).head(1).to_dicts():
        share = fmt.percent(largest["share"])
        named = f" The rule that took out the most is {largest['what']} ({largest['words']}, {share})."
    return _by_rule(
        rows,
        "rows",
        "Where the rows went",
        f"rows of all tables, {fmt.whole(read)} read" + (" (simulated)" if simulated else ""),
        f"{fmt.whole(read)} rows were read and {fmt.whole(_sum(rows.filter(what=_KEPT_WORDS)['rows']))} kept.{named}",
    )


def money_by_rule(steps: pl.DataFrame, unit: Value, *, simulated: bool = False) -> Chart:
    """Signed money that was kept and that each rule took out; `steps` as made by `profile.steps`."""
    shown = _bars(steps).filter(pl.col("value").is_not_null())
    rows = shown.with_columns(
        amount=(pl.col("value") / unit.scale).round(0),
        words=pl.Series([fmt.value(value, unit) for value in shown["value"]], dtype=pl.String),
    )
    read = _sum(steps.filter(pl.col("step") == "read")["value"])
    kept = _sum(rows.filter(what=_KEPT_WORDS)["value"])
    return _by_rule(
        rows,
        "amount",
        "Where the money went",
        f"{unit.unit}, quantity times price, {fmt.value(read, unit)} read; cancellations and corrections are below zero"
        + (" (simulated)" if simulated else ""),
        f"The rows that were read sum up to {fmt.value(read, unit)}, those that were kept to {fmt.value(kept, unit)}.",
    )


def _sum(numbers: pl.Series) -> int:
    return int(numbers.sum())


def _bars(steps: pl.DataFrame) -> pl.DataFrame:
    """Kept first, then the rules that took a row out, in their order."""
    shown = steps.filter(pl.col("step").is_in(["set_aside", "rejected"]) & (pl.col("rows") > 0))
    kept = steps.filter(pl.col("step") == "kept").with_columns(pl.lit(_KEPT_WORDS).alias("rule"))
    rows = pl.concat([kept, shown])
    is_kept = pl.col("step") == "kept"
    return rows.select(
        what=pl.col("rule").str.replace_all("_", " "),
        meaning="about",
        rows="rows",
        share="share",
        value="value",
        is_kept=is_kept,
    )


def _by_rule(rows: pl.DataFrame, field: str, title: str, subtitle: str, description: str) -> Chart:
    """Horizontal bars with their words at the end; those that were kept in grey."""
    low, high = rows.select(
        pl.min_horizontal(pl.col(field).min(), 0.0).alias("low"),
        pl.max_horizontal(pl.col(field).max(), 0.0).alias("high"),
    ).row(0)
    room = 0.6 * ((high - low) or 1)
    scale = alt.Scale(domain=[low - (room if low < 0 else 0), high + room], nice=False)
    base = alt.Chart(rows).encode(
        alt.Y("what:N", title=None, sort=rows["what"].to_list(), axis=alt.Axis(labelLimit=220)),
        tooltip=[tip("what", "rule"), tip("meaning", "what"), tip("words", field)],
    )
    bars = base.mark_bar().encode(
        alt.X(f"{field}:Q", title=None, scale=scale, axis=None),
        color=alt.condition("datum.is_kept", alt.value(light("muted")), alt.value(light("accent"))),
    )
    x = alt.X(f"{field}:Q", scale=scale)
    right = label(base.transform_filter(f"datum.{field} >= 0"), "words:N").encode(x)
    left = label(base.transform_filter(f"datum.{field} < 0"), "words:N", align="right", dx=-6).encode(x)
    return finished(layered(bars, right, left), title, subtitle, description, max(90, _ROW_HEIGHT * rows.height))
