from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from fiel.features import interactions
from fiel.features.interactions import (
    event_counts,
    event_distribution,
    popular_items,
    popular_items_by_segment,
)
from fiel.tables import TABLES

KINDS = ("clicks", "carts", "orders")
SEGMENT_OF = {"a": "base", "b": "premium"}
SEGMENTS = pl.DataFrame({"customer_id": list(SEGMENT_OF), "segment": list(SEGMENT_OF.values())})


@pytest.fixture(scope="module")
def rows() -> list[tuple[int, datetime, int, str]]:
    rng = np.random.default_rng(2)
    start = datetime(2025, 11, 1)
    found = {
        (int(rng.integers(40)), start + timedelta(minutes=int(rng.integers(20_000))), int(rng.integers(12)),
         KINDS[int(rng.choice(3, p=[0.8, 0.15, 0.05]))])
        for _ in range(900)
    }  # fmt: skip
    return sorted(found)


@pytest.fixture(scope="module")
def log(rows) -> pl.LazyFrame:
    full = [(s, at, aid, kind, at.date(), at.hour, at.isoweekday()) for s, at, aid, kind in rows]
    return pl.DataFrame(full, schema=TABLES["core_interactions"].declared, orient="row").lazy()


@pytest.fixture(scope="module")
def links() -> pl.DataFrame:
    pairs = [(session, "ab"[session % 2]) for session in range(0, 40, 3)]
    return pl.DataFrame(pairs, schema=TABLES["core_links_sessions"].declared, orient="row")


def best(rows, top: int) -> list[tuple[int, int]]:
    """(aid, sessions) of the most popular articles, counted one by one."""
    sessions = {aid: {row[0] for row in rows if row[2] == aid} for aid in {row[2] for row in rows}}
    kinds = Counter((aid, kind) for _, _, aid, kind in rows)
    order = sorted(sessions, key=lambda aid: (-len(sessions[aid]), -kinds[aid, "orders"], -kinds[aid, "carts"], aid))
    return [(aid, len(sessions[aid])) for aid in order[:top]]


def test_counts_are_those_of_counting(rows, log) -> None:
    found = event_counts(log)
    expected = Counter((kind, at.hour, at.isoweekday()) for _, at, _, kind in rows)
    assert {row[:3]: row[3] for row in found.select("kind", "hour", "weekday", "events").iter_rows()} == expected
    sessions = {(k, at.hour, at.isoweekday()): set() for _, at, _, k in rows}
    for session, at, _, kind in rows:
        sessions[kind, at.hour, at.isoweekday()].add(session)
    assert {row[:3]: row[4] for row in found.iter_rows()} == {key: len(some) for key, some in sessions.items()}


@pytest.mark.parametrize(("by", "values"), [("kind", KINDS), ("hour", range(24)), ("weekday", range(1, 8))])
def test_a_distribution_has_every_value_and_sums_to_one(log, by, values) -> None:
    counts = event_counts(log)
    found = event_distribution(counts, by)
    assert found[by].to_list() == list(values)
    assert found["share"].sum() == pytest.approx(1)
    assert found["events"].sum() == counts["events"].sum()


def test_a_distribution_of_nothing_is_all_zeros(log) -> None:
    found = event_distribution(event_counts(log.filter(pl.col("aid") < 0)), "weekday")
    assert found.select("events", "share").sum().row(0) == (0, 0.0)


def test_popular_is_what_many_sessions_have(rows, log) -> None:
    found = popular_items(log, 5)
    assert found.select("aid", "sessions").rows() == best(rows, 5)
    assert found["rank"].to_list() == [1, 2, 3, 4, 5]
    kinds = Counter((aid, kind) for _, _, aid, kind in rows)
    for row in found.to_dicts():
        assert [row[kind] for kind in KINDS] == [kinds[row["aid"], kind] for kind in KINDS]


def test_a_segments_popular_articles_are_those_of_its_customers_sessions(rows, log, links) -> None:
    found = popular_items_by_segment(log, links, SEGMENTS, 4)
    owner = dict(links.iter_rows())
    for customer, segment in SEGMENT_OF.items():
        own = [row for row in rows if owner.get(row[0]) == customer]
        assert found.filter(pl.col("segment") == segment).select("aid", "sessions").rows() == best(own, 4)


def test_without_links_no_segment_has_articles(log, links) -> None:
    assert popular_items_by_segment(log, links.clear(), SEGMENTS, 4).is_empty()


def test_nothing_from_as_of_on_is_counted(log, rows, links) -> None:
    as_of = date(2025, 11, 8)
    early = [row for row in rows if row[1].date() < as_of]
    assert event_counts(log, as_of)["events"].sum() == len(early) < len(rows)
    assert popular_items(log, 12, as_of).select("aid", "sessions").rows() == best(early, 12)
    assert popular_items_by_segment(log, links, SEGMENTS, 12, date(2025, 11, 1)).is_empty()


def test_the_order_of_the_log_does_not_matter(log, links) -> None:
    other = log.collect().sample(fraction=1.0, shuffle=True, seed=1).lazy()
    assert popular_items(other, 12).equals(popular_items(log, 12))
    assert event_counts(other).equals(event_counts(log))
    one, again = (popular_items_by_segment(some, links, SEGMENTS, 12) for some in (log, other))
    assert one.equals(again)


def test_a_log_that_is_counted_in_turns_gives_the_same(log, links, monkeypatch) -> None:
    whole = event_counts(log), popular_items(log, 12), popular_items_by_segment(log, links, SEGMENTS, 12)
    monkeypatch.setattr(interactions, "ROWS_AT_ONCE", 70)
    turns = event_counts(log), popular_items(log, 12), popular_items_by_segment(log, links, SEGMENTS, 12)
    for one, other in zip(whole, turns, strict=True):
        assert one.equals(other)
