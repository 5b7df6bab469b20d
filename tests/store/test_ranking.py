"""Pages of the ranking against a plain sort of the same rows."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fiel.errors import CursorError, StoreError
from fiel.store import Store, cursors, ranking, ranking_sql
from fiel.store.connections import Connections
from fiel.store.reader import RankingQuery, Reader
from tests.store.conftest import BOTH
from tests.store.worlds import AS_OF, LATER, crowd, customer, published

CROWD = crowd(250)
QUERIES = [
    RankingQuery(sort=sort, descending=descending, stage=stage, segment=segment, is_scored=is_scored, size=47)
    for sort, descending, (stage, segment, is_scored) in product(
        ranking.SORTS,
        (True, False),
        [
            (None, None, None),
            ("zombie", None, None),
            (None, "gold", None),
            ("fiel", "tin", True),
            (None, None, True),
            (None, "tin", False),
        ],
    )
]
SEARCHES = [
    RankingQuery(sort=sort, descending=descending, search=search, stage=stage, size=11)
    for sort, descending, (search, stage) in product(
        ("prob", "customer_id"), (True, False), [("a", None), ("ç0", None), ("b001", "zombie"), ("nobody", None)]
    )
]


@pytest.fixture(scope="module", params=BOTH)
def ranked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A crowd that no test changes."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path_factory.mktemp('ranked')}/store.db"
    else:
        address = request.getfixturevalue("_postgres_server").database()
    store, reader = Store(address), Reader(address)
    store.publish(CROWD)
    store.publish(published(customer("somebody"), program="other"))
    yield reader
    store.close()
    reader.close()


def plainly_sorted(query: RankingQuery) -> list[str]:
    """The ids in the order that the page's docstring states."""
    rows = CROWD.scores
    for name in ("stage", "segment"):
        if wanted := getattr(query, name):
            rows = rows.filter(pl.col(name) == wanted)
    if query.search:
        rows = rows.filter(pl.col("customer_id").str.starts_with(query.search))
    if query.is_scored is not None:
        rows = rows.filter(pl.col("prob").is_not_null() == query.is_scored)
    by = list(dict.fromkeys([query.sort, "customer_id"]))
    return rows.sort(by, descending=query.descending, nulls_last=True).get_column("customer_id").to_list()


def ids(rows: list[dict[str, object]]) -> list[object]:
    return [row["customer_id"] for row in rows]


def test_pages_forward_and_back_are_a_plain_sort_for_every_order_and_filter(ranked: Reader) -> None:
    for query in QUERIES + SEARCHES:
        expected = plainly_sorted(query)
        page = ranked.ranking("club", query)
        assert page.previous_cursor is None
        forward, pages = ids(page.rows), [page]
        while page.next_cursor is not None:
            page = ranked.ranking("club", replace(query, cursor=page.next_cursor))
            forward += ids(page.rows)
            pages.append(page)
        assert forward == expected, query
        assert {page.total for page in pages} == {len(expected)}, query
        back = ids(page.rows)
        while page.previous_cursor is not None:
            page = ranked.ranking("club", replace(query, cursor=page.previous_cursor))
            back = ids(page.rows) + back
        assert back == expected, query
        assert page.next_cursor is not None or len(expected) <= query.size


def test_the_whole_ranking_in_pieces_is_the_plain_sort(ranked: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "PIECE", 50)
    monkeypatch.setattr(ranking, "_READ_AHEAD", 7)
    for query in [*QUERIES[::3], *SEARCHES]:
        pieces = list(ranked.ranking_rows("club", query))
        assert [name for piece in pieces for name in ids(piece)] == plainly_sorted(query), query
        assert all(len(piece) == 50 for piece in pieces[:-1])


def test_a_search_that_finds_too_many_to_count_is_ordered_all_the_same(
    ranked: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking_sql, "MOST_FOUND", 5)
    monkeypatch.setattr(ranking_sql, "GROUPS_A_STATEMENT", 3)
    query = RankingQuery(search="a", size=37)
    page = ranked.ranking("club", query)
    assert ids(page.rows) == plainly_sorted(query)[:37]
    assert page.total is None
    pieces = list(ranked.ranking_rows("club", query))
    assert [name for piece in pieces for name in ids(piece)] == plainly_sorted(query)


def test_a_row_has_every_score_column_and_its_date(store: Store, reader: Reader) -> None:
    store.publish(published(customer("ana", value=12.25, is_cross_fitted=True, next_stage_date=LATER)))
    (row,) = reader.ranking("club", RankingQuery()).rows
    assert (row["as_of"], row["value"], row["is_cross_fitted"]) == (AS_OF, 12.25, True)
    assert (row["next_stage_date"], row["in_population"], row["risk"]) == (LATER, True, None)


def test_a_cursor_stays_with_its_set_while_a_newer_one_arrives(store: Store, reader: Reader) -> None:
    store.publish(published(*(customer(f"c{number}") for number in range(4))))
    first = reader.ranking("club", RankingQuery(size=2))
    store.publish(published(customer("new"), as_of=LATER))
    second = reader.ranking("club", RankingQuery(size=2, cursor=first.next_cursor))
    assert (second.as_of, ids(second.rows)) == (AS_OF, ["c1", "c0"])
    assert ids(reader.ranking("club", RankingQuery(size=2)).rows) == ["new"]


def test_a_cursor_whose_set_was_dropped_says_so(store: Store, reader: Reader) -> None:
    store.publish(published(*(customer(f"c{number}") for number in range(4))))
    first = reader.ranking("club", RankingQuery(size=2))
    store.publish(published(customer("new"), as_of=LATER), keep_sets=1)
    with pytest.raises(CursorError, match="no longer kept: start at the first page"):
        reader.ranking("club", RankingQuery(size=2, cursor=first.next_cursor))


def test_an_export_whose_set_is_published_anew_stops(
    store: Store, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "PIECE", 2)
    store.publish(published(*(customer(f"c{number}") for number in range(5))))
    pieces = reader.ranking_rows("club", RankingQuery())
    assert len(next(pieces)) == 2
    store.publish(published(*(customer(f"c{number}", prob=0.1) for number in range(5))))
    with pytest.raises(StoreError, match="published anew meanwhile"):
        list(pieces)


class TestACursor:
    @pytest.fixture
    def cursor(self, ranked: Reader) -> str:
        found = ranked.ranking("club", RankingQuery(size=3)).next_cursor
        assert found is not None
        return found

    @pytest.mark.parametrize(
        "other",
        [
            RankingQuery(sort="value_at_stake"),
            RankingQuery(descending=False),
            RankingQuery(stage="fiel"),
            RankingQuery(segment="tin"),
            RankingQuery(search="a"),
            RankingQuery(is_scored=True),
        ],
        ids=str,
    )
    def test_of_another_query_is_refused(self, ranked: Reader, cursor: str, other: RankingQuery) -> None:
        with pytest.raises(CursorError, match="belongs to another ranking"):
            ranked.ranking("club", replace(other, cursor=cursor))

    def test_of_another_program_is_refused(self, ranked: Reader, cursor: str) -> None:
        with pytest.raises(CursorError, match="belongs to another ranking"):
            ranked.ranking("other", RankingQuery(cursor=cursor))

    def test_may_be_used_with_another_page_size(self, ranked: Reader, cursor: str) -> None:
        page = ranked.ranking("club", RankingQuery(cursor=cursor, size=5))
        assert ids(page.rows) == plainly_sorted(RankingQuery())[3:8]

    @pytest.mark.parametrize(
        ("value", "customer_id"),
        [({}, "a"), ([1], "a"), ("text", "a"), (True, "a"), (10**400, "a"), (float("nan"), "a"), (float("inf"), "a"),
         (0.5, 5), (0.5, None), (0.5, {}), (0.5, "a\0b"), (0.5, "\ud800")],
    )  # fmt: skip
    def test_that_somebody_made_is_refused_where_it_holds_no_key(
        self, ranked: Reader, value: Any, customer_id: Any
    ) -> None:
        mark = cursors.fingerprint("club", "prob", True, None, None, None, None)
        text = json.dumps([1, mark, "2025-09-01", value, customer_id, 0]).encode()
        made = base64.urlsafe_b64encode(cursors._sum(text) + text).decode().rstrip("=")
        with pytest.raises(CursorError, match="not one of ours"):
            ranked.ranking("club", RankingQuery(cursor=made))

    def test_that_was_changed_in_any_place_is_refused(self, ranked: Reader, cursor: str) -> None:
        for place in range(len(cursor)):
            changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
            with pytest.raises(CursorError, match="start at the first page"):
                ranked.ranking("club", RankingQuery(cursor=changed))

    @pytest.mark.parametrize("text", ["", "x", "ção", "A" * 5_000, base64.b64encode(b"[]").decode(), "=" * 9, "a\0"])
    def test_that_is_none_is_refused(self, ranked: Reader, text: str) -> None:
        with pytest.raises(CursorError, match="not one of ours"):
            ranked.ranking("club", RankingQuery(cursor=text))

    def test_shows_no_customer_id_to_the_eye(self, cursor: str) -> None:
        assert plainly_sorted(RankingQuery())[2] not in cursor


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (RankingQuery(sort="stage"), "cannot be sorted by 'stage'"),  # type: ignore[arg-type]
        (RankingQuery(size=0), "ask for 1 to 10,000"),
        (RankingQuery(size=10_001), "ask for 1 to 10,000"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(ranked: Reader, query: RankingQuery, says: str) -> None:
    with pytest.raises(StoreError, match=says):
        ranked.ranking("club", query)


@pytest.mark.parametrize("text", ["\0", "\ud800", "%", "a%", "_", "'", "ç" * 300, "\U0010ffff"])
def test_text_that_no_id_begins_with_finds_nobody(ranked: Reader, text: str) -> None:
    for query in (RankingQuery(search=text), RankingQuery(stage=text), RankingQuery(segment=text)):
        page = ranked.ranking("club", query)
        assert (page.rows, page.total, page.next_cursor) == ([], 0, None)


def test_without_a_set_it_says_what_to_do(reader: Reader) -> None:
    with pytest.raises(StoreError, match="nothing was published of club yet"):
        reader.ranking("club", RankingQuery())


def test_every_page_comes_from_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No page sorts a group or reads one from the table; what is sorted is a page's worth of keys."""
    store, reader = Store(f"sqlite:///{tmp_path}/store.db"), Reader(f"sqlite:///{tmp_path}/store.db")
    store.publish(CROWD)
    asked: list[tuple[str, tuple[object, ...]]] = []
    fetch = Connections.fetch

    def noted(connections: Connections, text: str, values: tuple[object, ...], prepare: bool = True) -> object:
        asked.append((text, values))
        return fetch(connections, text, values, prepare)

    monkeypatch.setattr(Connections, "fetch", noted)
    for query in QUERIES:
        first = reader.ranking("club", query)
        reader.ranking("club", replace(query, cursor=first.next_cursor))
    merged = [(text, values) for text, values in asked if "AS part" in text]
    assert merged
    for text, values in merged:
        plan = [row[3] for row in fetch(reader._connections, f"EXPLAIN QUERY PLAN {text}", values)]
        groups = [step for step in plan if step.startswith(("SEARCH scores", "SCAN scores"))]
        if "stage = ?" in text:
            assert all("INDEX scores_by_" in step for step in groups), plan
        assert not any("TEMP B-TREE" in after for step, after in pairwise(plan) if "SEARCH scores" in step), plan
