"""Text to values, and the rules that a source row has to keep. A row that breaks one is set aside with its name.

Parsers return null where a text is no such value; `sift` tells the rows apart and keeps what was wrong as JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from fiel.sources.reading import EXTRA, ROW
from fiel.tables import TABLES

REJECTED = pl.Schema(TABLES["core_rejected"].declared)
Rule = tuple[str, pl.Expr]
"""A rule's name and the expression that is true where a row breaks it."""

_USUAL = "%Y-%m-%d %H:%M:%S%.f"

LARGEST = 10**12
"""Largest absolute value or quantity that is taken for one (beyond it integer sums could wrap)."""


@dataclass
class Sieve:
    """Collects the rows that broke a rule, and counts, over all tables of one source version."""

    source_version: str
    rejected: list[pl.DataFrame] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    read: dict[str, int] = field(default_factory=dict)
    aside: dict[tuple[str, str], int] = field(default_factory=dict)
    """Rows that a rule took out as expected, by table and rule (core_intake)."""
    profiles: list[pl.DataFrame] = field(default_factory=list)
    """What each table looked like as it was read (core_profile; `profile.add_profile` fills it)."""

    def count(self, name: str, number: int) -> None:
        """Add to a count."""
        self.counts[name] = self.counts.get(name, 0) + int(number)

    def put_aside(self, table: str, rule: str, number: int) -> None:
        """Count rows that are neither kept nor rejected."""
        self.count(rule, number)
        self.aside[table, rule] = self.aside.get((table, rule), 0) + int(number)

    def warn(self, number: int, text: str) -> None:
        """Keep a warning if it concerns at least one row."""
        if number:
            self.warnings.append(f"{number:,} {text}")

    def sift(self, table: str, rows: pl.DataFrame, rules: Sequence[Rule], show: Sequence[str]) -> pl.DataFrame:
        """Rows that keep every rule; the others are set aside under the first rule that they break.

        `show` are the columns that go into the rejected row's JSON.
        """
        if rows.is_empty() or not rules:
            return rows
        broken = pl.coalesce(pl.when(breaks).then(pl.lit(name)) for name, breaks in rules)
        marked = rows.with_columns(broken.alias("_rule"))
        if marked.get_column("_rule").null_count() < marked.height:
            self.set_aside(table, marked.filter(pl.col("_rule").is_not_null()), pl.col("_rule"), show)
            marked = marked.filter(pl.col("_rule").is_null())
        return marked.drop("_rule")

    def set_aside(self, table: str, rows: pl.DataFrame, rule: pl.Expr, show: Sequence[str]) -> None:
        """Put all `rows` among the rejected, under `rule`."""
        if rows.is_empty():
            return
        shown = [name for name in show if name in rows.columns]
        number = pl.col(ROW) if ROW in rows.columns else pl.lit(0, pl.Int64)
        self.rejected.append(
            rows.select(
                pl.lit(self.source_version).alias("source_version"),
                pl.lit(table).alias("table_name"),
                number.alias("row"),
                rule.alias("rule"),
                pl.struct(pl.col(shown).cast(pl.String)).struct.json_encode().alias("content"),
            ).cast(REJECTED)
        )

    def one_for_each(
        self, table: str, rows: pl.DataFrame, key: Sequence[str], values: Sequence[str], show: Sequence[str]
    ) -> pl.DataFrame:
        """One row for each key. Equal repeats are counted; of rows that contradict each other the least one stays.

        "Least" is by the values, so that the order of rows in the file does not matter; the others are set aside.
        """
        if not rows.select(pl.struct(key).is_duplicated().any()).item():
            return rows
        ordered = rows.sort([*key, *values, ROW], nulls_last=True)
        distinct = ordered.unique([*key, *values], keep="first", maintain_order=True)
        self.put_aside(table, "repeated_rows", ordered.height - distinct.height)
        first = distinct.select(pl.struct(key).is_first_distinct()).to_series()
        self.set_aside(table, distinct.filter(~first), pl.lit("duplicate_key"), show)
        return distinct.filter(first)

    def rejected_rows(self) -> pl.DataFrame:
        """All rejected rows, as core_rejected."""
        return pl.concat([pl.DataFrame(schema=REJECTED), *self.rejected])


def cleaned(column: str) -> pl.Expr:
    """A text without blanks around it; null where nothing is left."""
    text = pl.col(column).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def missing(column: str) -> pl.Expr:
    """True where a (cleaned) column is empty."""
    return pl.col(column).is_null()


def unparsed(text: str, value: str) -> pl.Expr:
    """True where a text is there but gave no value."""
    return pl.col(text).is_not_null() & pl.col(value).is_null()


def too_many_fields() -> pl.Expr:
    """True where a CSV row has more fields than the header."""
    return pl.col(EXTRA).is_not_null()


def whole(column: str) -> pl.Expr:
    """A text as Int64: `7`, `-3`, `5.0`; null for anything else, and beyond LARGEST."""
    number = pl.col(column).str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
    return pl.when(number.abs() < LARGEST).then(number)


def instants(text: pl.Series, time_zone: str, time_format: str | None = None) -> pl.Series:
    """Texts as instants, naive UTC; null where one is no time, or one that the zone's clock skips.

    Without a format: `YYYY-MM-DD`, then optionally `T` or a blank and a time, fractions, and `Z`, ` UTC`, ` +0000 UTC`
    or another offset. A text with an offset is read by it, one without in `time_zone` (the earlier of two readings
    when the clock is set back).

    >>> texts = pl.Series(["2026-01-02 03:04:05.678 +0000 UTC", "2026-01-02T00:04:05-03:00", "2 January"])
    >>> instants(texts, "UTC").to_list()
    [datetime.datetime(2026, 1, 2, 3, 4, 5, 678000), datetime.datetime(2026, 1, 2, 3, 4, 5), None]
    """
    if time_format is not None:
        return _by_format(text, time_zone, time_format)
    usual = text.str.to_datetime(_USUAL, time_unit="us", strict=False)
    unusual = text.filter(usual.is_null() & text.is_not_null()).unique()
    found = in_utc(usual, time_zone)
    if unusual.is_empty():
        return found
    read = pl.DataFrame({"text": unusual}).with_columns(_unusual(time_zone).alias("instant"))
    return (
        pl.DataFrame({"text": text, "found": found})
        .join(read, on="text", how="left", maintain_order="left")
        .select(pl.coalesce("found", "instant"))
        .to_series()
    )


def in_utc(local: pl.Series, time_zone: str) -> pl.Series:
    """Local times (naive, of `time_zone`) as naive UTC; null where that clock skips them."""
    if time_zone == "UTC":
        return local
    aware = local.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    return aware.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _by_format(text: pl.Series, time_zone: str, time_format: str) -> pl.Series:
    if "%z" in time_format:
        aware = text.str.to_datetime(time_format, time_unit="us", strict=False, time_zone="UTC")
        return aware.dt.replace_time_zone(None)
    return in_utc(text.str.to_datetime(time_format, time_unit="us", strict=False), time_zone)


def _unusual(time_zone: str) -> pl.Expr:
    """Every other spelling of a time in column `text`."""
    plain = pl.col("text").str.replace(r"^(\d{4}-\d{2}-\d{2})T", "$1 ")
    bare = plain.str.replace(r"( ?Z| \+0000 UTC| UTC| ?\+00:?00)$", "")
    local = pl.coalesce(
        bare.str.to_datetime(_USUAL, time_unit="us", strict=False),
        bare.str.to_datetime("%Y-%m-%d %H:%M", time_unit="us", strict=False),
        bare.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")),
    )
    says_utc = plain.str.len_chars() != bare.str.len_chars()
    tight = plain.str.replace(r" [A-Z]{2,5}$", "").str.replace(r" ([+-]\d{2}:?\d{2})$", "$1")
    by_offset = tight.str.to_datetime(_USUAL + "%z", time_unit="us", strict=False).dt.replace_time_zone(None)
    in_zone = (
        local
        if time_zone == "UTC"
        else (
            local.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
            .dt.convert_time_zone("UTC")
            .dt.replace_time_zone(None)
        )
    )
    return pl.when(local.is_null()).then(by_offset).when(says_utc).then(local).otherwise(in_zone)


def time_rules(text: str, value: str, now: datetime) -> list[Rule]:
    """The rules of a time column: there, a time, and not after `now` (naive UTC)."""
    return [
        ("time_missing", missing(text)),
        ("time_unparseable", unparsed(text, value)),
        ("time_in_future", pl.col(value) > now),
    ]


def day_of(value: str, day_time_zone: str) -> pl.Expr:
    """The calendar day of an instant (naive UTC) in the program's zone."""
    return pl.col(value).dt.replace_time_zone("UTC").dt.convert_time_zone(day_time_zone).dt.date()
