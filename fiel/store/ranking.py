# ruff: noqa: S608 - statements are made of the store's own table and column names; values are always bound
"""The ranking of a set's customers, page by page in an index's order: page one thousand costs what page one does.

The order: by the column of the query, rows without a value last; equal values by customer_id (by its bytes), in the
same direction. A page is found by the key of the row before (or after) it, never by counting rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from json import loads
from typing import Any, Literal

from fiel.errors import CursorError, StoreError
from fiel.store.connections import Connections
from fiel.store.cursors import Cursor, fingerprint, read_cursor, write_cursor
from fiel.store.customers import SCORE_NAMES, is_no_id, scores_of

Sort = Literal["prob", "value_at_stake", "expected_profit", "loss_prob", "customer_id"]
Phase = Literal["value", "empty"]
SORTS: tuple[Sort, ...] = ("prob", "value_at_stake", "expected_profit", "loss_prob", "customer_id")

_COLUMNS = ", ".join(SCORE_NAMES)

MOST_ROWS = 10_000
"""Most rows of a page."""

PIECE = 5_000
"""Rows of a piece of a whole ranking."""

MOST_FOUND = 10_000
"""A prefix that more customers share is not counted, and their order comes from the sort's index."""


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

    `total`: customers that the query's filters leave; None where a search finds more than `MOST_FOUND`.
    """

    as_of: date
    rows: list[dict[str, Any]]
    next_cursor: str | None
    previous_cursor: str | None
    total: int | None
    set_digest: str


@dataclass(frozen=True)
class _Set:
    as_of: date
    digest: str
    counts: list[dict[str, Any]]


def page(connections: Connections, program: str, query: RankingQuery) -> RankingPage:
    """One page of the newest set, or of the set of the query's cursor.

    CursorError for a cursor that cannot be used; StoreError for a query that makes no sense, or without any set.
    """
    _check(query)
    mark = fingerprint(program, query.sort, query.descending, query.stage, query.segment, query.search, query.is_scored)
    cursor = None if query.cursor is None else read_cursor(query.cursor, mark)
    shown = _set(connections, program, None if cursor is None else cursor.as_of)
    found = _matching(connections, program, shown.as_of, query)
    rows = _rows(connections, program, shown.as_of, query, cursor, query.size + 1, found)
    has_more = len(rows) > query.size
    rows = rows[: query.size]
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
        next_cursor=at(rows[-1], False) if rows and has_next else None,
        previous_cursor=at(rows[0], True) if rows and has_previous else None,
        total=_total(connections, program, shown, query, found),
        set_digest=shown.digest,
    )


def pieces(connections: Connections, program: str, query: RankingQuery) -> Iterator[list[dict[str, Any]]]:
    """Every row that the query's filters leave, in order, `PIECE` at a time, of the set that is newest at the start.

    No connection is held between two pieces. StoreError where the set is replaced or dropped meanwhile.
    """
    _check(query)
    shown = _set(connections, program, None)
    found = _matching(connections, program, shown.as_of, query)
    cursor = None
    while True:
        rows = _rows(connections, program, shown.as_of, query, cursor, PIECE, found)
        if _set(connections, program, shown.as_of).digest != shown.digest:
            raise StoreError(f"the set of {program} {shown.as_of} was published anew meanwhile: start again")
        if rows:
            yield rows
        if len(rows) < PIECE:
            return
        cursor = Cursor(shown.as_of, rows[-1][query.sort], rows[-1]["customer_id"], is_before=False)


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


def _check(query: RankingQuery) -> None:
    if query.sort not in SORTS:
        raise StoreError(f"a ranking cannot be sorted by {query.sort!r}: choose one of {', '.join(SORTS)}")
    if not 1 <= query.size <= MOST_ROWS:
        raise StoreError(f"a page of {query.size} rows cannot be had: ask for 1 to {MOST_ROWS:,}")


def _set(connections: Connections, program: str, as_of: date | None) -> _Set:
    wanted = "SELECT as_of, content_digest, counts FROM score_sets WHERE program = ?"
    if as_of is None:
        rows = connections.fetch(f"{wanted} ORDER BY as_of DESC LIMIT 1", (program,))
    else:
        rows = connections.fetch(f"{wanted} AND as_of = ?", (program, connections.day(as_of)))
    if rows:
        found, digest, counts = rows[0]
        return _Set(connections.as_date(found), digest, loads(counts))
    if as_of is None:
        raise StoreError(f"nothing was published of {program} yet: run fiel run publish --program {program}")
    raise CursorError(f"the ranking of {program} at {as_of} is no longer kept: start at the first page")


def _rows(
    connections: Connections,
    program: str,
    as_of: date,
    query: RankingQuery,
    cursor: Cursor | None,
    size: int,
    found: int | None,
) -> list[dict[str, Any]]:
    """Rows after the cursor; before it (nearest first) where the cursor says so."""
    if any(is_no_id(text) for text in (query.stage, query.segment, query.search) if text):
        return []
    is_before = cursor is not None and cursor.is_before
    direction, beyond = ("DESC", "<") if query.descending != is_before else ("ASC", ">")
    filters, values = _filters(query, found, connections.is_sqlite)
    # A unary plus keeps the planner off the sort's index: few customers have the prefix, and sorting them is quick.
    column = query.sort if found is None or found > MOST_FOUND or query.sort == "customer_id" else f"+{query.sort}"
    order = f"{direction}, ".join(dict.fromkeys((f"{column} ", "customer_id "))) + direction
    rows: list[dict[str, Any]] = []
    for phase in _phases(query, cursor):
        conditions, bound = list(filters), [program, connections.day(as_of), *values]
        if query.sort != "customer_id":
            conditions.append(f"{column} IS {'NOT ' if phase == 'value' else ''}NULL")
        if cursor is not None and phase == _phase(cursor, query):
            both = phase == "value" and query.sort != "customer_id"
            conditions.append(f"({column}, customer_id) {beyond} (?, ?)" if both else f"customer_id {beyond} ?")
            bound += [cursor.value, cursor.customer_id] if both else [cursor.customer_id]
        where = " AND ".join(("program = ?", "as_of = ?", *conditions))
        statement = f"SELECT {_COLUMNS} FROM scores WHERE {where} ORDER BY {order} LIMIT {size - len(rows)}"
        found_rows = connections.fetch(statement, tuple(bound), prepare=False)
        rows += [{"as_of": as_of} | scores_of(row, connections.is_sqlite) for row in found_rows]
        if len(rows) == size:
            break
    return rows


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


def _filters(query: RankingQuery, found: int | None, is_sqlite: bool) -> tuple[list[str], list[Any]]:
    conditions, values = [], list[Any]()
    for name, value in (("stage", query.stage), ("segment", query.segment)):
        if value:
            conditions.append(f"{name} = ?")
            values.append(value)
    if query.is_scored is not None and query.sort != "prob":
        conditions.append(f"prob IS {'NOT ' if query.is_scored else ''}NULL")
    if query.search:
        many = found is not None and found > MOST_FOUND and query.sort != "customer_id"
        column = "+customer_id" if many and is_sqlite else "customer_id"
        last = after_prefix(query.search)
        conditions += [f"{column} >= ?", *([f"{column} < ?"] if last is not None else [])]
        values += [query.search, *([last] if last is not None else [])]
    return conditions, values


def _matching(connections: Connections, program: str, as_of: date, query: RankingQuery) -> int | None:
    """Customers whose id begins with the search, counted no further than one beyond `MOST_FOUND`; None without one."""
    if not query.search or is_no_id(query.search):
        return None
    return _count(connections, program, as_of, RankingQuery(search=query.search), MOST_FOUND + 1)


def _total(connections: Connections, program: str, shown: _Set, query: RankingQuery, found: int | None) -> int | None:
    if any(is_no_id(text) for text in (query.stage, query.segment, query.search) if text):
        return 0
    if found is not None:
        return None if found > MOST_FOUND else _count(connections, program, shown.as_of, query, None)
    if not shown.counts:  # mirrored by an earlier Fiel, which did not count
        return _count(connections, program, shown.as_of, query, None)
    rows = [
        row
        for row in shown.counts
        if query.stage in (None, "", row["stage"]) and query.segment in (None, "", row["segment"])
    ]
    customers, scored = (sum(int(row[name]) for row in rows) for name in ("customers", "scored"))
    return customers if query.is_scored is None else scored if query.is_scored else customers - scored


def _count(connections: Connections, program: str, as_of: date, query: RankingQuery, most: int | None) -> int:
    conditions, values = _filters(replace(query, sort="customer_id"), None, connections.is_sqlite)
    where = " AND ".join(("program = ?", "as_of = ?", *conditions))
    limit = "" if most is None else f" LIMIT {most}"
    statement = f"SELECT count(*) FROM (SELECT 1 FROM scores WHERE {where}{limit}) AS found"
    found = connections.fetch(statement, (program, connections.day(as_of), *values), prepare=False)
    return int(found[0][0])
