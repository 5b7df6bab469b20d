"""The ranking of a set's customers, page by page in an index's order: page one thousand costs what page one does.

The order: by the column of the query, rows without a value last; equal values by customer_id (by its bytes), in the
same direction. A page is found by the key of the row before (or after) it, never by counting rows.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from typing import Any, Literal

from fiel.errors import CursorError, StoreError
from fiel.store import ranking_sql as sql
from fiel.store.connections import Connections
from fiel.store.cursors import Cursor, fingerprint, read_cursor, write_cursor
from fiel.store.customers import is_no_id
from fiel.store.ranking_sql import Group, Phase, Range, ShownSet

Sort = Literal["prob", "value_at_stake", "expected_profit", "loss_prob", "customer_id"]
SORTS: tuple[Sort, ...] = ("prob", "value_at_stake", "expected_profit", "loss_prob", "customer_id")

MOST_ROWS = 10_000
"""Most rows of a page."""

PIECE = 5_000
"""Rows of a piece of a whole ranking."""

_READ_AHEAD = 500
"""Rows of a group that a whole ranking reads at once."""

_TRIES = 3
"""Times that a page is read where its set is replaced meanwhile."""


@dataclass(frozen=True)
class RankingQuery:
    """What to show of a ranking. `search` is the beginning of a customer id; None and "" filter nothing."""

    sort: Sort = "prob"
    descending: bool = True
    stage: str | None = None
    segment: str | None = None
    search: str | None = None
    is_scored: bool | None = None
    size: int = 50
    cursor: str | None = None


@dataclass(frozen=True)
class RankingPage:
    """Rows (as_of and every score column) in the order of the query, and the cursors of the pages around them.

    `total`: customers that the query's filters leave; None where a search finds more than `sql.MOST_FOUND`.
    """

    as_of: date
    rows: list[dict[str, Any]]
    next_cursor: str | None
    previous_cursor: str | None
    total: int | None
    set_digest: str


def page(connections: Connections, program: str, query: RankingQuery) -> RankingPage:
    """One page of the newest set, or of the set of the query's cursor.

    CursorError for a cursor that cannot be used; StoreError for a query that makes no sense, or without any set.
    """
    _check(query)
    mark = fingerprint(program, query.sort, query.descending, query.stage, query.segment, query.search, query.is_scored)
    cursor = None if query.cursor is None else read_cursor(query.cursor, mark)
    for _ in range(_TRIES):
        shown = sql.shown_set(connections, program, None if cursor is None else cursor.as_of)
        found = _found(connections, shown, query)
        rows = _rows(connections, shown, query, cursor, query.size + 1, found)
        total = _total(connections, shown, query, found)
        if sql.shown_set(connections, program, shown.as_of).digest == shown.digest:
            return _page(shown, query, cursor, rows, total, mark)
    raise StoreError(f"the set of {program} {shown.as_of} is being published again and again: try later")


def pieces(connections: Connections, program: str, query: RankingQuery) -> Iterator[list[dict[str, Any]]]:
    """Every row that the query's filters leave, in order, `PIECE` at a time, of the set that is newest at the start.

    No connection is held between two pieces. StoreError where the set is replaced or dropped meanwhile.
    """
    _check(query)
    shown = sql.shown_set(connections, program, None)
    found = _found(connections, shown, query)
    rows = _all_rows(connections, shown, query, found)
    while piece := list(islice(rows, PIECE)):
        if sql.shown_set(connections, program, shown.as_of).digest != shown.digest:
            raise StoreError(f"the set of {program} {shown.as_of} was published anew meanwhile: start again")
        yield piece


def _check(query: RankingQuery) -> None:
    if query.sort not in SORTS:
        raise StoreError(f"a ranking cannot be sorted by {query.sort!r}: choose one of {', '.join(SORTS)}")
    if not 1 <= query.size <= MOST_ROWS:
        raise StoreError(f"a page of {query.size} rows cannot be had: ask for 1 to {MOST_ROWS:,}")


def _page(
    shown: ShownSet,
    query: RankingQuery,
    cursor: Cursor | None,
    rows: list[dict[str, Any]],
    total: int | None,
    mark: str,
) -> RankingPage:
    has_more, rows = len(rows) > query.size, rows[: query.size]
    if cursor is not None and cursor.is_before:
        rows.reverse()
        has_previous, has_next = has_more, True
    else:
        has_previous, has_next = cursor is not None, has_more

    def at(row: dict[str, Any], is_before: bool) -> str:
        return write_cursor(Cursor(shown.as_of, row[query.sort], row["customer_id"], is_before), mark)

    return RankingPage(
        as_of=shown.as_of,
        rows=rows,
        next_cursor=at(rows[-1], is_before=False) if rows and has_next else None,
        previous_cursor=at(rows[0], is_before=True) if rows and has_previous else None,
        total=total,
        set_digest=shown.digest,
    )


def _found(connections: Connections, shown: ShownSet, query: RankingQuery) -> int | None:
    """Customers whose id begins with the search, counted no further than one beyond the most; None without one."""
    if not query.search or is_no_id(query.search):
        return None
    return sql.count_found(connections, shown, query.search)


def _is_nobody(query: RankingQuery) -> bool:
    return any(is_no_id(text) for text in (query.stage, query.segment, query.search) if text)


def _rows(
    connections: Connections,
    shown: ShownSet,
    query: RankingQuery,
    cursor: Cursor | None,
    size: int,
    found: int | None,
) -> list[dict[str, Any]]:
    """Rows after the cursor; before it, nearest first, where the cursor says so."""
    if _is_nobody(query):
        return []
    is_down = query.descending != (cursor is not None and cursor.is_before)
    rows: list[dict[str, Any]] = []
    for phase in _phases(query, cursor):
        here = cursor if cursor is not None and phase == _phase(cursor, query) else None
        wanted = _range(query, phase, here, is_down, size - len(rows))
        if found is not None and found <= sql.MOST_FOUND:
            rows += sql.of_found(connections, shown, wanted, query.stage, query.segment)
        else:
            rows += sql.of_groups(connections, shown, wanted, _groups(shown, query, phase))
        if len(rows) == size:
            break
    return rows


def _all_rows(
    connections: Connections, shown: ShownSet, query: RankingQuery, found: int | None
) -> Iterator[dict[str, Any]]:
    """Every row in order: few found ones at once, many by merging the groups, each read ahead a little."""
    if _is_nobody(query):
        return
    if found is not None and found <= sql.MOST_FOUND:
        yield from _rows(connections, shown, query, None, sql.MOST_FOUND, found)
        return
    for phase in _phases(query, None):
        streams = [_stream(connections, shown, query, phase, group) for group in _groups(shown, query, phase)]
        yield from heapq.merge(
            *streams,
            key=lambda row: (row["customer_id"] if phase == "empty" else row[query.sort], row["customer_id"]),
            reverse=query.descending,
        )


def _stream(
    connections: Connections, shown: ShownSet, query: RankingQuery, phase: Phase, group: Group
) -> Iterator[dict[str, Any]]:
    here: Cursor | None = None
    while True:
        wanted = _range(query, phase, here, query.descending, _READ_AHEAD)
        rows = sql.of_groups(connections, shown, wanted, [group])
        yield from rows
        if len(rows) < _READ_AHEAD:
            return
        here = Cursor(shown.as_of, rows[-1][query.sort], rows[-1]["customer_id"], is_before=False)


def _range(query: RankingQuery, phase: Phase, here: Cursor | None, is_down: bool, size: int) -> Range:
    after = None if here is None else (here.value, here.customer_id)
    return Range(query.sort, phase, is_down, after, query.search or None, query.is_scored, size)


def _phases(query: RankingQuery, cursor: Cursor | None) -> list[Phase]:
    """Rows with a value of the sort come first, then those without; from the cursor's own on, or back from there."""
    phases: list[Phase] = ["value"] if query.sort == "customer_id" else ["value", "empty"]
    if query.sort == "prob" and query.is_scored is not None:
        phases = ["value" if query.is_scored else "empty"]
    if cursor is None:
        return phases
    if cursor.is_before:
        phases.reverse()
    return phases[phases.index(_phase(cursor, query)) :]


def _phase(cursor: Cursor, query: RankingQuery) -> Phase:
    return "empty" if cursor.value is None and query.sort != "customer_id" else "value"


def _groups(shown: ShownSet, query: RankingQuery, phase: Phase) -> list[Group]:
    """The groups that may hold rows of the phase; one of everything where the primary key has the order."""
    if query.sort == "customer_id" and not query.stage and not query.segment and query.is_scored is None:
        return [Group.everything(shown.customers)]
    groups = [group for group in shown.groups if group.passes(query.stage, query.segment, query.is_scored)]
    if query.sort == "customer_id":
        return groups
    return [group for group in groups if group.may_hold(query.sort, phase)]


def _total(connections: Connections, shown: ShownSet, query: RankingQuery, found: int | None) -> int | None:
    if _is_nobody(query):
        return 0
    if found is not None:
        if found > sql.MOST_FOUND:
            return None
        wanted = _range(replace(query, sort="customer_id"), "value", None, is_down=False, size=found)
        return sql.count_of_found(connections, shown, wanted, query.stage, query.segment)
    groups = [group for group in shown.groups if group.passes(query.stage, query.segment, None)]
    customers, scored = sum(group.customers for group in groups), sum(group.scored for group in groups)
    return customers if query.is_scored is None else scored if query.is_scored else customers - scored


__all__ = ["SORTS", "CursorError", "RankingPage", "RankingQuery", "Sort", "page", "pieces"]
