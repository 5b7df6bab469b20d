"""What the ranking's page shows: columns, filters, counts and addresses, of plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import polars as pl

from app.pages.customer_links import LONGEST, customer_href
from app.pages.layout import url
from app.pages.voice import Voice
from fiel.program import STAGES, Program
from fiel.reports import format as fmt
from fiel.segments.levels import loyalty_level, relative_level
from fiel.store.ranking import RankingQuery

Sort = Literal["prob", "value_at_stake", "expected_profit", "loss_prob", "customer_id"]
Kind = Literal["id", "stage", "text", "level", "percent", "amount", "money", "whole", "day"]

SIZES = (25, 50, 100, 200)
DEFAULT_SIZE = 50
LONGEST_CURSOR = 600


@dataclass(frozen=True)
class Asked:
    """What a reader asks of the ranking, as the address says it; `first` is the number of the first row."""

    sort: Sort = "prob"
    is_descending: bool = True
    stage: str | None = None
    segment: str | None = None
    scored: Literal["yes", "no"] | None = None
    search: str | None = None
    size: int = DEFAULT_SIZE
    cursor: str | None = None
    first: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str], program: Program) -> Asked:
        """The query of an address; what the program does not know or nobody could mean is left out."""
        known = sorts(program)
        sort = cast("Sort", query.get("sort")) if query.get("sort") in known else known[0]
        order = query.get("order")
        search = (query.get("search") or "").strip()[:LONGEST].replace("\x00", "")
        size = query.get("size", "")
        scored = query.get("scored")
        first = query.get("first", "")
        return cls(
            sort=sort,
            is_descending=order == "desc" if order in ("asc", "desc") else sort != "customer_id",
            stage=query.get("stage") or None,
            segment=query.get("segment") or None,
            scored="yes" if scored == "yes" else "no" if scored == "no" else None,
            search=search or None,
            size=int(size) if size in {str(number) for number in SIZES} else DEFAULT_SIZE,
            cursor=(query.get("cursor") or "")[:LONGEST_CURSOR] or None,
            first=int(first) if first.isdecimal() and len(first) < 10 and query.get("cursor") else 1,
        )

    @property
    def query(self) -> RankingQuery:
        """The question to the store."""
        return RankingQuery(
            sort=self.sort,
            descending=self.is_descending,
            stage=self.stage,
            segment=self.segment,
            search=self.search,
            is_scored=None if self.scored is None else self.scored == "yes",
            size=self.size,
            cursor=self.cursor,
        )

    @property
    def filters(self) -> dict[str, str | None]:
        """What narrows the ranking down, as parts of an address."""
        return {"stage": self.stage, "segment": self.segment, "scored": self.scored, "search": self.search}

    def address(self, program: str, end: str = "ranking") -> str:
        """The address that asks this, without what goes without saying."""
        default = self.sort != "customer_id"
        return url(
            f"/p/{program}/{end}",
            sort=None if self.sort == "prob" else self.sort,
            order=None if self.is_descending == default else "desc" if self.is_descending else "asc",
            **self.filters,
            size=None if self.size == DEFAULT_SIZE or end != "ranking" else self.size,
            cursor=self.cursor if end == "ranking" else None,
            first=self.first if self.cursor and end == "ranking" else None,
        )


@dataclass(frozen=True)
class Column:
    """One column: its heading, how its cells are shown, and what it sorts by."""

    key: str
    title: str
    kind: Kind
    sort: Sort | None = None
    about: str = ""


@dataclass(frozen=True)
class Heading:
    """A column's heading as the table shows it; `href` sorts by it, `aria` is what a screen reader hears."""

    column: Column
    href: str | None
    aria: Literal["ascending", "descending"] | None


@dataclass(frozen=True)
class Cell:
    """One cell: what is shown, the exact value on hover, and where it leads."""

    kind: Kind
    text: str
    exact: str = ""
    href: str = ""


def sorts(program: Program) -> tuple[Sort, ...]:
    """What the program's ranking can be sorted by, the main order first."""
    found: list[Sort] = ["prob"]
    if program.target.kind not in ("label", "closed"):
        found.append("loss_prob")
    if "purchase" in program.features.groups:
        found.append("value_at_stake")
    if program.economics is not None:
        found.append("expected_profit")
    return (*found, "customer_id")


def columns(voice: Voice) -> list[Column]:
    """The columns that the program has, from who to what is known."""
    program, _ = voice.program, voice.say
    stages, buys = program.has_stages, "purchase" in program.features.groups
    found = [
        Column("customer_id", _("Account") if program.is_quarterly else _("Customer"), "id", "customer_id"),
        Column("prob", voice.outcome(program.target), "percent", "prob"),
        Column("loss_prob", _("Chance of losing"), "percent", "loss_prob", voice.loss_words)
        if program.target.kind not in ("label", "closed")
        else None,
        Column("expected_profit", _("Expected profit"), "money", "expected_profit", _("of treating this customer"))
        if program.economics is not None
        else None,
        Column("grade", _("Grade"), "whole", None, _("1: treating pays")) if program.economics is not None else None,
        Column("value_at_stake", _("Value at stake"), "amount", "value_at_stake") if buys else None,
        Column("alive_prob", _("p(alive)"), "percent") if buys else None,
        Column("stage", _("Stage"), "stage") if stages else None,
        Column("segment", _("Segment"), "text") if not (program.is_quarterly or program.economics) else None,
        Column("risk", _("Risk"), "text", None, _("for the operator only")) if program.engagement else None,
        Column("level", _("Loyalty"), "level", None, _("low, middle or high, for the next quarter"))
        if program.is_quarterly
        else None,
        Column("relative", _("Risk against all accounts"), "level", None, _("calm, usual or raised"))
        if program.is_quarterly
        else None,
        Column("value", *_value_words(voice), None, "") if not program.economics else None,
        Column("next_stage_date", _("Next stage on"), "day", None, _("without a visit")) if stages else None,
    ]
    return [column for column in found if column is not None]


def _value_words(voice: Voice) -> tuple[str, Kind]:
    """What `value` is in this program (fiel.serving.ranking.value_of), and how it is shown."""
    program, _ = voice.program, voice.say
    if program.engagement is not None:
        return _("Value"), "whole"
    if program.is_quarterly:
        return _("Balance"), "amount"
    if "purchase" in program.features.groups:
        return _("Expected value, %(days)s days", days=program.target.horizon_days), "amount"
    return _("Earned, %(days)s days", days=program.features.frequency_window), "amount"


def headings(asked: Asked, voice: Voice) -> list[Heading]:
    """The headings; one that is sorted by turns the order round."""
    found = []
    for column in columns(voice):
        if column.sort is None:
            found.append(Heading(column, None, None))
            continue
        is_sorted = column.sort == asked.sort
        down = not asked.is_descending if is_sorted else column.sort != "customer_id"
        turned = replace(asked, sort=column.sort, is_descending=down, cursor=None, first=1)
        aria: Literal["ascending", "descending"] = "descending" if asked.is_descending else "ascending"
        found.append(Heading(column, turned.address(voice.program.name), aria if is_sorted else None))
    return found


def cells(rows: Sequence[Mapping[str, Any]], voice: Voice, base_prob: float | None = None) -> list[list[Cell]]:
    """The rows as cells, in the order of the columns; `base_prob` is the mean of a pension fund's accounts."""
    shown = columns(voice)
    if voice.program.is_quarterly:
        rows = _with_levels(rows, voice.program, base_prob)
    return [[_cell(column, row, voice) for column in shown] for row in rows]


def _with_levels(rows: Sequence[Mapping[str, Any]], program: Program, base_prob: float | None) -> list[dict[str, Any]]:
    prob, cuts = pl.col("prob"), program.quarterly.levels
    nothing = pl.lit(None, pl.String)
    levels = pl.DataFrame({"prob": [row["prob"] for row in rows]}, schema={"prob": pl.Float64}).select(
        level=loyalty_level(prob, cuts), relative=relative_level(prob, base_prob, cuts) if base_prob else nothing
    )
    return [{**row, **level} for row, level in zip(rows, levels.to_dicts(), strict=True)]


def _cell(column: Column, row: Mapping[str, Any], voice: Voice) -> Cell:
    value = row.get(column.key)
    if column.kind == "id":
        return Cell("id", str(value), href=customer_href(voice.program.name, str(value)))
    if value is None:
        return Cell(column.kind, fmt.MISSING)
    if column.kind == "percent":
        return Cell("percent", voice.percent(value), repr(float(value)))
    if column.kind == "amount":
        return Cell("amount", voice.amount(value), repr(value / voice.program.value.scale))
    if column.kind == "money":
        return Cell("money", voice.money(value), repr(value))
    if column.kind == "whole":
        return Cell("whole", voice.whole(value), repr(value) if isinstance(value, float) else "")
    if column.kind == "day":
        return Cell("day", str(value)[:10])
    if column.kind == "stage":
        return Cell("stage", str(value))
    if column.kind == "level":
        return Cell("level", voice.level(str(value)))
    return Cell("text", voice.code(str(value)))


@dataclass(frozen=True)
class Choice:
    """One choice of a filter: its value, its words with its count, and whether it is chosen."""

    value: str
    text: str
    is_chosen: bool


def choices(counts: Sequence[Mapping[str, Any]], key: str, asked: str | None, voice: Voice) -> list[Choice]:
    """The values of `key` (stage or segment) with their customers, in the order of stages or by size."""
    totals: dict[str, int] = {}
    for row in counts:
        if row.get(key):
            totals[str(row[key])] = totals.get(str(row[key]), 0) + int(row["customers"])
    if asked is not None:
        totals.setdefault(asked, 0)
    if key == "stage":
        order = {name: place for place, name in enumerate(STAGES)}
        names = sorted(totals, key=lambda name: (order.get(name, len(order)), name))
    else:
        names = sorted(totals, key=lambda name: (-totals[name], name))
    words = {name: name if key == "stage" else voice.code(name) for name in names}
    return [Choice(name, f"{words[name]} ({voice.whole(totals[name])})", name == asked) for name in names]


def customers_and_scored(counts: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """How many customers the set holds, and how many of them are scored."""
    return sum(int(row["customers"]) for row in counts), sum(int(row.get("scored") or 0) for row in counts)
