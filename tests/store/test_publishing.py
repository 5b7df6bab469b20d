"""Publishing a set: all of it or nothing, the same again changes nothing, the oldest go."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from fiel.errors import StoreError
from fiel.store import Publication, Store
from fiel.store.publishing import ADDED
from fiel.store.reader import RankingQuery, Reader
from fiel.store.schema import DOCUMENTS, PARTS, SCORE_SETS, SCORES
from tests.store.worlds import AS_OF, FEATURES, LATER, crowd, customer, published

SERVED = (SCORE_SETS, SCORES, DOCUMENTS, PARTS)


def contents(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the served tables."""
    with store.database.read() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for table in SERVED
        }


def test_scores_documents_and_parts_are_seen_together(store: Store, reader: Reader) -> None:
    done = store.publish(published(customer("ana", prob=0.2, segment="gold"), overview={"n": [1, 2]}))
    assert (done.changed, done.customers) == (True, 1)
    ana = reader.customer("club", "ana")
    assert ana is not None
    assert (ana.as_of, ana.scores["prob"], ana.scores["segment"]) == (AS_OF, 0.2, "gold")
    assert (ana.features, ana.document) == ("[3,0.1]", '{"who":"ana","as_of":"2025-09-01"}')
    assert (ana.feature_names, ana.set_digest) == (FEATURES, done.content_digest)
    assert reader.part("club", "overview") == {"n": [1, 2]}
    found = reader.newest_set("club")
    assert found is not None
    assert (found.customers, found.known_through, found.feature_names) == (1, AS_OF, FEATURES)
    assert found.counts == [
        {"stage": "fiel", "segment": "gold", "in_population": True, "customers": 1, "scored": 1},
    ]


def test_every_value_comes_back_as_it_went_in(store: Store, reader: Reader) -> None:
    given = customer(
        'Á "b", c\n\\N', prob=0.1 + 0.2, gain_prob=5e-324, loss_prob=1 / 3, value=1.7976931348623157e308,
        reason_1="", reason_2='a "quoted", text\nof two lines', reason_3="\\.", risk=" NULL ", grade=-3,
        next_stage="zombie", next_stage_date=date(2025, 9, 20), segment="ouro, prata", alive_prob=-0.0,
    )  # fmt: skip
    store.publish(published(given))
    found = reader.customer("club", given["customer_id"])
    assert found is not None
    assert {name: found.scores[name] for name in given} == given
    assert found.scores["expected_profit"] is None
    assert found.scores["reason_1"] == ""


def test_the_same_content_again_writes_nothing_whatever_its_order(store: Store) -> None:
    given = crowd(50)
    first = store.publish(given)
    before = contents(store)
    again = store.publish(replace(given, scores=given.scores.reverse(), documents=given.documents.reverse()))
    assert (first.changed, again.changed) == (True, False)
    assert contents(store) == before


@pytest.mark.parametrize(
    "other",
    [
        lambda given: replace(given, model_version="4"),
        lambda given: replace(given, known_through=LATER),
        lambda given: replace(given, parts={"overview": {"n": 2}}),
        lambda given: replace(given, feature_names=("gap", "recency_days")),
        lambda given: replace(given, documents=given.documents.head(1)),
        lambda given: replace(given, documents=given.documents.with_columns(document=pl.lit("{}"))),
        lambda given: replace(given, scores=given.scores.with_columns(prob=pl.lit(0.1))),
        lambda given: replace(given, scores=given.scores.head(2), documents=given.documents.head(2)),
    ],
    ids=["version", "known", "parts", "names", "fewer documents", "documents", "scores", "fewer customers"],
)
def test_any_other_content_replaces_the_set(tmp_path: Any, other: Any) -> None:
    given = published(*(customer(f"c{number}") for number in range(3)), overview={"n": 1})
    store, fresh = (Store(f"sqlite:///{tmp_path}/{name}.db") for name in ("store", "fresh"))
    store.publish(given)
    assert store.publish(other(given)).changed
    fresh.publish(other(given))
    instants = (SCORE_SETS.c.loaded_at, SCORE_SETS.c.published_at)
    for opened in (store, fresh):
        with opened.database.write("club") as connection:
            connection.execute(SCORE_SETS.update().values(dict.fromkeys(instants[1:])))
            connection.exec_driver_sql("UPDATE score_sets SET loaded_at = '2025-09-01 00:00:00'")
    assert contents(store) == contents(fresh)


def test_a_republished_set_is_that_of_a_fresh_store(store: Store, reader: Reader) -> None:
    store.publish(crowd(80, seed=1))
    wanted = crowd(90, seed=2)
    store.publish(wanted)
    page = reader.ranking("club", RankingQuery(sort="customer_id", descending=False, size=100))
    rows = pl.DataFrame(page.rows, schema=wanted.scores.schema)
    assert rows.equals(wanted.scores.sort("customer_id").select(rows.columns))
    found = reader.customers("club", wanted.scores.get_column("customer_id").to_list())
    assert {name: row.document for name, row in found.items()} == dict(
        wanted.documents.select("customer_id", "document").iter_rows()
    )


@pytest.mark.postgres
def test_rows_that_are_equal_are_not_written_again(postgres_url: str) -> None:
    store = Store(postgres_url)
    store.publish(published(customer("ana"), customer("bia")))
    store.publish(published(customer("ana"), customer("bia", prob=0.9)))
    with store.database.read() as connection:
        versions = dict(connection.exec_driver_sql("SELECT customer_id, xmin::text FROM scores").tuples().all())
        documents = connection.exec_driver_sql("SELECT count(DISTINCT xmin::text) FROM customer_documents").scalar()
    assert versions["ana"] != versions["bia"]
    assert documents == 1


def test_old_sets_go_with_their_documents_and_parts(store: Store) -> None:
    for days in range(4):
        store.publish(published(customer("ana"), as_of=AS_OF + timedelta(days=days), overview=days), keep_sets=2)
    store.publish(published(customer("ana"), program="other", overview=1))
    kept = [AS_OF + timedelta(days=days) for days in (2, 3)]
    for table, rows in contents(store).items():
        mine = sorted(row[1] for row in rows if row[0] == "club")
        assert mine == kept, table
        assert len(rows) == 3, table


def test_the_columns_that_may_be_missing_count_as_null(store: Store, reader: Reader) -> None:
    given = published(customer("ana"))
    store.publish(replace(given, scores=given.scores.drop(ADDED)))
    found = reader.customer("club", "ana")
    assert found is not None
    assert {name: found.scores[name] for name in ADDED} == dict.fromkeys(ADDED) | {"is_cross_fitted": False}


def test_a_number_that_is_none_is_null_everywhere(store: Store, reader: Reader) -> None:
    store.publish(published(customer("ana", prob=float("nan")), overview={"auc": float("nan")}))
    found = reader.customer("club", "ana")
    assert found is not None
    assert found.scores["prob"] is None
    assert reader.part("club", "overview") == {"auc": None}
    assert reader.ranking("club", RankingQuery(is_scored=False)).total == 1


GIVEN = published(customer("ana"), customer("bia"))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (replace(GIVEN, scores=GIVEN.scores.clear()), "empty"),
        (replace(GIVEN, scores=GIVEN.scores.with_columns(as_of=pl.lit(LATER))), "other dates"),
        (replace(GIVEN, scores=pl.concat([GIVEN.scores] * 2)), "a customer has two rows"),
        (replace(GIVEN, scores=GIVEN.scores.drop("prob")), "columns are missing: prob"),
        (replace(GIVEN, scores=GIVEN.scores.with_columns(stage=pl.lit(None))), "stage may not be null"),
        (replace(GIVEN, scores=GIVEN.scores.with_columns(customer_id=pl.lit(None))), "a customer has no id"),
        (replace(GIVEN, documents=GIVEN.documents.drop("document")), "documents .* columns are missing: document"),
        (replace(GIVEN, documents=pl.concat([GIVEN.documents] * 2)), "documents .* two rows"),
        (
            replace(GIVEN, documents=GIVEN.documents.with_columns(customer_id=pl.col("customer_id") + "x")),
            "2 customers are not in the scores",
        ),
    ],
    ids=str,
)
def test_a_broken_publication_is_refused_and_the_earlier_set_stays(
    tmp_path: Any, broken: Publication, says: str
) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.db")
    store.publish(published(customer("eva")))
    before = contents(store)
    with pytest.raises(StoreError, match=says):
        store.publish(broken)
    assert contents(store) == before


def test_keeping_no_set_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="keep 1 or more"):
        store.publish(GIVEN, keep_sets=0)


@pytest.mark.postgres
def test_text_that_the_database_refuses_leaves_the_earlier_set_and_shows_no_customer(postgres_url: str) -> None:
    store = Store(postgres_url)
    store.publish(published(customer("eva")))
    before = contents(store)
    with pytest.raises(StoreError, match="cannot be used") as caught:
        store.publish(published(customer("secret-id", reason_1="half\0text")))
    assert "secret-id" not in str(caught.value)
    assert contents(store) == before


def test_readers_see_one_set_or_the_other_while_sets_are_replaced(store: Store, reader: Reader, address: str) -> None:
    """Two sets of the same date take turns; whoever reads finds one of them whole."""
    sets = [published(*(customer(f"{name}{n:03}") for n in range(count)), model_version=name)
            for name, count in (("a", 300), ("b", 200))]  # fmt: skip
    store.publish(sets[0])
    seen: list[tuple[str, int, int]] = []
    problems: list[BaseException] = []
    is_over = threading.Event()

    def look() -> None:
        try:
            while not is_over.is_set():
                page = reader.ranking("club", RankingQuery(size=1_000))
                names = {row["customer_id"][0] for row in page.rows}
                found = reader.customers("club", ["a000", "a199", "b000", "b199"])
                assert len(names) == 1
                assert sorted(found) in (["a000", "a199"], ["b000", "b199"])
                assert all(row.document is not None for row in found.values())
                seen.append((names.pop(), len(page.rows), page.total or 0))
        except BaseException as error:
            problems.append(error)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    turn = 0
    while turn < 6 or (len({name for name, *_ in seen}) < 2 and not problems and turn < 200):
        turn += 1
        store.publish(sets[turn % 2])
    is_over.set()
    for looker in lookers:
        looker.join(60)
    assert not problems
    assert set(seen) == {("a", 300, 300), ("b", 200, 200)}


@pytest.fixture
def half_loaded(store: Store, address: str) -> Iterator[subprocess.Popen[str]]:
    """A process that stands still in the middle of publishing over the set of `store`."""
    store.publish(published(customer("eva")))
    command = [sys.executable, "-m", "tests.store.loading", address]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "half"
    yield process
    process.kill()
    process.wait(10)


def test_nobody_sees_a_half_loaded_set_and_a_killed_load_leaves_the_earlier_one(
    store: Store, reader: Reader, address: str, half_loaded: subprocess.Popen[str]
) -> None:
    def shown() -> list[Any]:
        return [row["customer_id"] for row in reader.ranking("club", RankingQuery()).rows]

    assert shown() == ["eva"]
    assert reader.customer("club", "new1") is None
    half_loaded.send_signal(signal.SIGKILL)
    half_loaded.wait(10)
    assert shown() == ["eva"]
    before = contents(store)
    assert store.publish(published(customer("eva"))).changed is False
    assert contents(store) == before
    assert store.publish(published(customer("bia"))).changed
    assert shown() == ["bia"]


class TestDocumentsInPieces:
    GIVEN = crowd(60)
    SORTED = GIVEN.documents.sort("customer_id")

    def test_are_the_set_that_one_frame_is(self, store: Store, reader: Reader) -> None:
        first = store.publish(self.GIVEN)
        again = store.publish(replace(self.GIVEN, documents=(piece for piece in self.SORTED.iter_slices(7))))
        assert (first.changed, again.changed, again.content_digest) == (True, False, first.content_digest)

    def test_are_taken_once_and_all_published(self, store: Store, reader: Reader) -> None:
        store.publish(replace(self.GIVEN, documents=self.SORTED.head(30).iter_slices(30)))
        store.publish(replace(self.GIVEN, documents=self.SORTED.tail(40).iter_slices(7)))
        found = reader.customers("club", self.SORTED.get_column("customer_id").to_list())
        documents = {name: row.document for name, row in found.items() if row.document is not None}
        assert documents == dict(self.SORTED.tail(40).select("customer_id", "document").iter_rows())

    @pytest.mark.parametrize(
        ("pieces", "says"),
        [
            ([SORTED.tail(9), SORTED.head(9)], "not in the order of their ids"),
            ([SORTED.head(9), SORTED.slice(8, 9)], "pieces overlap"),
            ([SORTED.head(9), SORTED.slice(9, 9).drop("features")], "columns are missing: features"),
            ([SORTED.head(1).with_columns(customer_id=pl.lit("nobody"))], "1 customers are not in the scores"),
        ],
        ids=["disordered", "overlapping", "columns", "strangers"],
    )
    def test_that_are_broken_leave_the_earlier_set(self, tmp_path: Any, pieces: list[pl.DataFrame], says: str) -> None:
        store = Store(f"sqlite:///{tmp_path}/store.db")
        store.publish(published(customer("eva")))
        before = contents(store)
        with pytest.raises(StoreError, match=says):
            store.publish(replace(self.GIVEN, documents=pieces))
        assert contents(store) == before
