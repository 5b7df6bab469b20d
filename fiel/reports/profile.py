"""What the source held, as it came, and what became of its rows and money: frames and Markdown for people.

`profile` is core_profile and `intake` core_intake throughout.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from fiel.program import Program
from fiel.reports import format as fmt
from fiel.reports.tables import Column, column, markdown_table, number

_STEPS = ("read", "set_aside", "rejected", "kept", "changed")
_LONGEST = 32
_BARS = "▁▂▃▄▅▆▇█"
_NO_ROW = "\u00a0"
_NO_AMOUNT = re.compile(r"(?:^|_)(?:id|code|year)$|(?:Id|ID|Code|Year|Ano)$")
"""Names of columns whose whole numbers are names: thousands are not separated in them."""

COLUMNS: tuple[Column, ...] = (
    column("column", kind="id"),
    column("kind"),
    number("missing_share", "missing", fmt.percent),
    number("distinct", "distinct"),
    column("shape", kind="id"),
    column("lowest", "lowest (shortest)"),
    column("middle", "median (quartiles)"),
    column("highest", "highest (longest)"),
    number("outliers"),
    number("not_of_kind", "of another kind"),
)
"""How the columns of a source table are shown (`columns_of_table`)."""


@dataclass(frozen=True)
class Reconciliation:
    """Rows (and money, where the source has any) that were read but are neither kept nor counted as taken out."""

    read: int
    kept: int
    out: int
    rows_left: int
    value_left: int | None

    @property
    def is_whole(self) -> bool:
        """Whether everything that was read is accounted for."""
        return self.rows_left == 0 and not self.value_left


def steps(intake: pl.DataFrame) -> pl.DataFrame:
    """Read, taken out by each rule, kept, and what of the kept counts otherwise: over all tables.

    Columns step, rule, about, is_on (None for no rule), rows, value (None where the source has no money), share (of
    the rows read).
    """
    order = pl.col("step").replace_strict({step: place for place, step in enumerate(_STEPS)}, return_dtype=pl.Int64)
    whole = intake.group_by("step", "rule").agg(
        pl.col("about").first(),
        pl.col("is_on").any(),
        pl.col("rows").sum(),
        pl.when(pl.col("value").count() > 0).then(pl.col("value").sum()).alias("value"),
        pl.col("position").min(),
    )
    read = pl.col("rows").filter(pl.col("step") == "read").sum()
    return (
        whole.with_columns(pl.when(read > 0).then(pl.col("rows") / read).alias("share"), order.alias("_order"))
        .sort("_order", "position", "rule")
        .with_columns(pl.when(pl.col("rule").is_not_null()).then("is_on").alias("is_on"))
        .select("step", "rule", "about", "is_on", "rows", "value", "share")
    )


def steps_by_table(intake: pl.DataFrame) -> pl.DataFrame:
    """The steps of each table that concern a row: table_name, and the columns of `steps`."""
    read = pl.col("rows").filter(pl.col("step") == "read").sum().over("table_name")
    return (
        intake.filter((pl.col("rows") > 0) | pl.col("rule").is_null())
        .with_columns(
            pl.when(read > 0).then(pl.col("rows") / read).alias("share"),
            pl.when(pl.col("rule").is_not_null()).then("is_on").alias("is_on"),
        )
        .select("table_name", "step", "rule", "about", "is_on", "rows", "value", "share")
    )


def reconciliation(intake: pl.DataFrame) -> Reconciliation:
    """Whether read = kept + taken out, in rows and in money."""
    totals = {row["step"]: row for row in intake.group_by("step").agg(
        pl.col("rows").sum(), pl.when(pl.col("value").count() > 0).then(pl.col("value").sum()).alias("value")
    ).to_dicts()}  # fmt: skip

    def of(step: str, what: str) -> int:
        return int((totals.get(step) or {}).get(what) or 0)

    out = of("set_aside", "rows") + of("rejected", "rows")
    has_money = (totals.get("read") or {}).get("value") is not None
    value_left = of("read", "value") - of("set_aside", "value") - of("rejected", "value") - of("kept", "value")
    return Reconciliation(
        read=of("read", "rows"),
        kept=of("kept", "rows"),
        out=out,
        rows_left=of("read", "rows") - out - of("kept", "rows"),
        value_left=value_left if has_money else None,
    )


def intake_columns(program: Program | None, *, has_money: bool) -> list[Column]:
    """How `steps` are shown; money in the program's unit."""
    shown: Callable[[Any], str] = fmt.whole
    if program is not None:
        unit = program.value
        shown = lambda amount: fmt.value(amount, unit)  # noqa: E731 (one of two functions of the same kind)
    return [
        column("step", show=lambda step: "kept, but counted otherwise" if step == "changed" else fmt.words(step)),
        column("about", "what", kind="prose"),
        column("is_on", "rule", show=lambda on: {True: "on", False: "off"}.get(on, "")),
        number("rows"),
        number("share", "of the rows read", fmt.percent),
        *([number("value", "money", shown)] if has_money else []),
    ]


def table_names(profile: pl.DataFrame) -> list[str]:
    """The source tables, the largest first."""
    sizes = profile.group_by("table_name", maintain_order=True).agg(pl.col("rows").first())
    return sizes.sort("rows", descending=True, maintain_order=True)["table_name"].to_list()


def columns_of_table(profile: pl.DataFrame, table: str) -> pl.DataFrame:
    """One row for each column of a source table, as COLUMNS show it."""
    rows = profile.filter(pl.col("table_name") == table).sort("position")
    five = ("lowest", "quartile_1", "median", "quartile_3", "highest")
    shown = rows.with_columns(
        pl.Series(name, [_value(*row) for row in rows.select(name, "kind", "column").iter_rows()], pl.String)
        for name in five
    )
    return shown.with_columns(
        pl.when(pl.col("rows") > 0).then(pl.col("missing") / pl.col("rows")).alias("missing_share"),
        pl.format("{} ({} to {})", "median", "quartile_1", "quartile_3").alias("middle"),
        pl.Series("shape", [sparkline(text) for text in rows["histogram"]], pl.String),
    )


def sparkline(histogram: str | None) -> str:
    """A histogram of core_profile as a row of blocks, one for each bin; a bin without a row is blank.

    >>> sparkline("[[0, 10, 4], [10, 20, 1], [20, 30, 8]]")
    '▄▁█'
    """
    bins = json.loads(histogram) if histogram else []
    most = max((rows for _, _, rows in bins), default=0)
    return "".join(_BARS[max(0, -(-rows * len(_BARS) // most) - 1)] if rows else _NO_ROW for _, _, rows in bins)


def coverage(profile: pl.DataFrame) -> pl.DataFrame:
    """Rows by day or month of each column of dates: table_name, column, from, to (exclusive), rows; largest first."""
    dated = profile.filter((pl.col("kind") == "date") & pl.col("histogram").is_not_null())
    order = {name: place for place, name in enumerate(table_names(profile))}
    found = [
        (order[name], position, name, column_name, date.fromisoformat(low), date.fromisoformat(high), rows)
        for name, column_name, position, histogram in dated.select(
            "table_name", "column", "position", "histogram"
        ).iter_rows()
        for low, high, rows in json.loads(histogram)
    ]
    schema = {"order": pl.Int64, "position": pl.Int64, "table_name": pl.String, "column": pl.String, "from": pl.Date,
              "to": pl.Date, "rows": pl.Int64}  # fmt: skip
    return pl.DataFrame(found, schema=schema, orient="row").sort("order", "position", "from").drop("order", "position")


def frequent_values(profile: pl.DataFrame) -> pl.DataFrame:
    """The most frequent values: table_name, column, value, rows, share (of the table's rows)."""
    found = [
        (name, column_name, _shortened(value), number_of, number_of / rows)
        for name, column_name, rows, frequent in profile.select("table_name", "column", "rows", "frequent").iter_rows()
        if frequent
        for value, number_of in json.loads(frequent)
    ]
    schema = {"table_name": pl.String, "column": pl.String, "value": pl.String, "rows": pl.Int64, "share": pl.Float64}
    return pl.DataFrame(found, schema=schema, orient="row")


def profile_markdown(profile: pl.DataFrame, intake: pl.DataFrame, program: Program | None = None) -> str:
    """What came and what became of it, as Markdown (an artifact); money in the program's unit where there is one."""
    if profile.is_empty() and intake.is_empty():
        return "No profile: ingest the source once more."
    parts = ["# The data, as they came"]
    if intake.height:
        whole = steps(intake)
        found = reconciliation(intake)
        parts += [
            "## Where rows and money went",
            reconciled_words(found, program),
            markdown_table(whole, intake_columns(program, has_money=found.value_left is not None)),
        ]
    for name in table_names(profile):
        rows = columns_of_table(profile, name)
        parts += [f"## {name}", f"{size_words(rows)}.", markdown_table(rows, COLUMNS)]
    return "\n\n".join(parts)


def size_words(rows: pl.DataFrame) -> str:
    """Rows, columns and repeats of one table (its rows of core_profile)."""
    number_of, repeated = rows.select(pl.col("rows").first(), pl.col("duplicate_rows").first()).row(0)
    repeats = f"{fmt.counted(repeated, 'row')} {'repeats' if repeated == 1 else 'repeat'} an earlier one"
    return f"{fmt.counted(number_of, 'row')}, {fmt.counted(rows.height, 'column')}; " + (
        f"{repeats} in every column" if repeated else "no row stands twice"
    )


def reconciled_words(found: Reconciliation, program: Program | None = None) -> str:
    """The sum: read = kept + taken out; or what is not accounted for."""
    sum_up = f"{fmt.whole(found.read)} rows read = {fmt.whole(found.kept)} kept + {fmt.whole(found.out)} taken out"
    if found.is_whole:
        money = " The same holds for the money." if found.value_left is not None else ""
        return f"Every row is accounted for: {sum_up}.{money}"
    lost = fmt.whole(found.value_left) if program is None else fmt.value(found.value_left, program.value)
    return (
        f"Rows and money do not add up: {sum_up} leaves {fmt.counted(found.rows_left, 'row')}"
        + (f" and {lost}" if found.value_left else "")
        + ". Please report this as a fault of the ingest."
    )


def _value(value: str | None, kind: str, column_name: str) -> str | None:
    """A value of core_profile as people read it: thousands separated, days without a time, long texts cut.

    Years, codes and ids are no amounts: they stand as they are.
    """
    if value is None or kind in ("text", "flag"):
        return None if value is None else _shortened(value)
    if kind == "date":
        return value[: len("2024-01-01")]
    if _NO_AMOUNT.search(column_name) and value.removeprefix("-").isdigit():
        return value
    if "." in value or "e" in value.lower():
        return f"{Decimal(value):,}".replace("-", fmt.MINUS)
    return fmt.whole(int(value))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"
