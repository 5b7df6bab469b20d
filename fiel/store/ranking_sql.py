# ruff: noqa: S608 - statements are made of the store's own table and column names; values are always bound
"""Statements of the ranking: ranges of the group indexes, merged; and few customers by the beginning of their id."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from fiel.errors import CursorError, StoreError
from fiel.store.connections import Connections
from fiel.store.customers import SCORE_NAMES, scores_of

Phase = Literal["value", "empty"]

MOST_FOUND = 10_000
"""A beginning that more customers share is not counted; their order comes from the sort's index."""

GROUPS_A_STATEMENT = 100
"""SQLite takes no more than 500 parts of a union."""

_KEYS = "program = ? AND as_of = ?"


@dataclass(frozen=True)
class Group:
    """Customers of one stage, segment and population: their number, and how many have a value of each sort."""

    stage: str | None
    segment: str | None
    in_population: bool
    customers: int
    scored: int
    valued: dict[str, int] = field(default_factory=dict)
    is_everything: bool = False

    @classmethod
    def everything(cls, customers: int) -> Group:
        """All customers of the set, in the order of the primary key."""
        return cls(None, None, True, customers, 0, is_everything=True)

    def may_hold(self, sort: str, phase: Phase) -> bool:
        """Whether some of the group may have a value of the sort, or may lack it."""
        valued = self.valued.get(sort)
        return valued is None or (valued > 0 if phase == "value" else valued < self.customers)

    def passes(self, stage: str | None, segment: str | None, is_scored: bool | None) -> bool:
        """Whether some of the group may pass the filters."""
        scored = is_scored is None or (self.scored > 0 if is_scored else self.scored < self.customers)
        return stage in (None, "", self.stage) and segment in (None, "", self.segment) and scored


@dataclass(frozen=True)
class ShownSet:
    """The set that a page is of."""

    program: str
    as_of: date
    digest: str
    customers: int
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Range:
    """`size` rows of one phase in one direction, from the key `after` on."""

    sort: str
    phase: Phase
    is_down: bool
    after: tuple[Any, str] | None
    search: str | None
    is_scored: bool | None
    size: int

    @property
    def direction(self) -> str:
        """Of every column of the order."""
        return "DESC" if self.is_down else "ASC"

    @property
    def order(self) -> tuple[str, ...]:
        """Columns of the order: those without a value are in the order of their id."""
        return ("customer_id",) if self.sort == "customer_id" or self.phase == "empty" else (self.sort, "customer_id")

    def conditions(self) -> tuple[list[str], list[Any]]:
        """Conditions of the phase, the key and the filters on single columns, with their values."""
        conditions, values = list[str](), list[Any]()
        if self.sort != "customer_id":
            conditions.append(f"{self.sort} IS {'NOT ' if self.phase == 'value' else ''}NULL")
        if self.is_scored is not None and self.sort != "prob":
            conditions.append(f"prob IS {'NOT ' if self.is_scored else ''}NULL")
        if self.after is not None:
            sign = "<" if self.is_down else ">"
            columns = self.order
            conditions.append(f"({', '.join(columns)}) {sign} ({', '.join('?' * len(columns))})")
            values += self.after if len(columns) == 2 else self.after[1:]
        return conditions, values


def shown_set(connections: Connections, program: str, as_of: date | None) -> ShownSet:
    """The set of `as_of`, or the newest; CursorError where it is not kept any more, StoreError without any set."""
    wanted = "SELECT as_of, content_digest, customers, counts FROM score_sets WHERE program = ?"
    if as_of is None:
        rows = connections.fetch(f"{wanted} ORDER BY as_of DESC LIMIT 1", (program,))
    else:
        rows = connections.fetch(f"{wanted} AND as_of = ?", (program, connections.day(as_of)))
    if rows:
        found, digest, customers, counts = rows[0]
        groups = tuple(Group(**group) for group in json.loads(counts))
        return ShownSet(program, connections.as_date(found), digest, customers, groups)
    if as_of is None:
        raise StoreError(f"nothing was published of {program} yet: run fiel run loyalty --program {program}")
    raise CursorError(f"the ranking of {program} at {as_of} is no longer kept: start at the first page")


def of_groups(
    connections: Connections, shown: ShownSet, wanted: Range, groups: Sequence[Group]
) -> list[dict[str, Any]]:
    """The first rows of the range in all groups together: each group's range of its index, then the best of all."""
    rows: list[dict[str, Any]] = []
    for first in range(0, len(groups), GROUPS_A_STATEMENT):
        rows += _of_groups(connections, shown, wanted, groups[first : first + GROUPS_A_STATEMENT])
    if len(groups) > GROUPS_A_STATEMENT:
        rows.sort(key=lambda row: tuple(row[name] for name in wanted.order), reverse=wanted.is_down)
    return rows[: wanted.size]


def _of_groups(
    connections: Connections, shown: ShownSet, wanted: Range, groups: Sequence[Group]
) -> list[dict[str, Any]]:
    keys = (shown.program, connections.day(shown.as_of))
    arms, values = list[str](), list[Any]()
    columns = ", ".join(f"{name} AS key_{number}" for number, name in enumerate(wanted.order))
    for group in groups:
        conditions, bound = wanted.conditions()
        order = list(wanted.order)
        mine, of_group = [_KEYS], list[Any](keys)
        if not group.is_everything:
            mine += ["stage = ?", "in_population = ?"]
            of_group += [group.stage, group.in_population]
            if group.segment is None:
                mine.append("segment IS NULL")
                order.insert(0, "segment")  # PostgreSQL does not see that it is the same in all rows
            else:
                mine.append("segment = ?")
                of_group.append(group.segment)
        found, prefix = _prefix(wanted.search)
        by = ", ".join(f"{name} {wanted.direction}" for name in order)
        where = " AND ".join((*mine, *conditions, *found))
        arms.append(f"SELECT * FROM (SELECT {columns} FROM scores WHERE {where} ORDER BY {by} LIMIT ?) AS part")
        values += [*of_group, *bound, *prefix, wanted.size]
    best = ", ".join(f"key_{number} {wanted.direction}" for number in range(len(wanted.order)))
    customer = f"key_{len(wanted.order) - 1}"
    statement = (
        f"SELECT {', '.join(f's.{name}' for name in SCORE_NAMES)} FROM (SELECT * FROM ({' UNION ALL '.join(arms)}) "
        f"AS every ORDER BY {best} LIMIT ?) AS best JOIN scores AS s ON s.program = ? AND s.as_of = ? "
        f"AND s.customer_id = best.{customer} ORDER BY {best}"
    )
    rows = connections.fetch(statement, (*values, wanted.size, *keys), prepare=False) if groups else []
    return [{"as_of": shown.as_of} | scores_of(row, connections.is_sqlite) for row in rows]


def of_found(
    connections: Connections, shown: ShownSet, wanted: Range, stage: str | None, segment: str | None
) -> list[dict[str, Any]]:
    """The first rows of the range among the few customers whose id begins with the search."""
    source, values = _found(connections, shown, wanted, stage, segment)
    by = ", ".join(f"{name} {wanted.direction}" for name in wanted.order)
    statement = f"SELECT {', '.join(SCORE_NAMES)} FROM {source} ORDER BY {by} LIMIT ?"
    rows = connections.fetch(statement, (*values, wanted.size), prepare=False)
    return [{"as_of": shown.as_of} | scores_of(row, connections.is_sqlite) for row in rows]


def count_of_found(
    connections: Connections, shown: ShownSet, wanted: Range, stage: str | None, segment: str | None
) -> int:
    """How many of the few customers whose id begins with the search pass the filters."""
    source, values = _found(connections, shown, wanted, stage, segment)
    return int(connections.fetch(f"SELECT count(*) FROM {source}", tuple(values), prepare=False)[0][0])


def count_found(connections: Connections, shown: ShownSet, search: str) -> int:
    """Customers whose id begins with the search, counted no further than one beyond `MOST_FOUND`."""
    conditions, values = _prefix(search)
    where = " AND ".join((_KEYS, *conditions))
    statement = f"SELECT count(*) FROM (SELECT 1 FROM scores WHERE {where} LIMIT {MOST_FOUND + 1}) AS found"
    keys = (shown.program, connections.day(shown.as_of))
    return int(connections.fetch(statement, (*keys, *values), prepare=False)[0][0])


def after_prefix(prefix: str) -> str | None:
    r"""The first text, by bytes, that is after every text with the prefix; None if there is none.

    >>> after_prefix("ana"), after_prefix("a\U0010ffff"), after_prefix("\ud7ff")
    ('anb', 'b', '\ue000')
    """
    for end in range(len(prefix), 0, -1):
        code = ord(prefix[end - 1])
        if code < 0x10FFFF:
            return prefix[: end - 1] + chr(0xE000 if code == 0xD7FF else code + 1)
    return None


def _found(
    connections: Connections, shown: ShownSet, wanted: Range, stage: str | None, segment: str | None
) -> tuple[str, list[Any]]:
    """What to select from: all that begin with the search (the limit keeps planners from taking another index)."""
    prefix, values = _prefix(wanted.search)
    inner = f"SELECT {', '.join(SCORE_NAMES)} FROM scores WHERE {' AND '.join((_KEYS, *prefix))} LIMIT {MOST_FOUND + 1}"
    values = [shown.program, connections.day(shown.as_of), *values]
    conditions, bound = wanted.conditions()
    for name, value in (("stage", stage), ("segment", segment)):
        if value:
            conditions.append(f"{name} = ?")
            bound.append(value)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"({inner}) AS found{where}", values + bound


def _prefix(search: str | None) -> tuple[list[str], list[Any]]:
    if not search:
        return [], []
    last = after_prefix(search)
    return (["customer_id >= ?"], [search]) if last is None else (
        ["customer_id >= ?", "customer_id < ?"], [search, last]
    )  # fmt: skip
