"""The store: what it keeps, what it refuses, and what it says when it cannot be reached."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from fiel.errors import StoreError
from fiel.store import PromotionRow, Store
from fiel.tables import TABLES

FIRST = PromotionRow(
    program="club",
    at=datetime(2025, 3, 1, 4, tzinfo=UTC),
    by="retrain",
    action="first",
    from_version=None,
    to_version="1",
    digest="d1",
    fingerprint="f1",
    reason="the stage rule is the first champion",
    metrics={"auc": 0.8, "nothing": float("nan")},
)
SECOND = replace(FIRST, action="promote", from_version="1", to_version="2", digest="d2", fingerprint="f2")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path}/state/store.db")


def test_promotions_come_back_oldest_first_and_by_program(store: Store) -> None:
    store.append_promotion(FIRST)
    store.append_promotion(SECOND)
    store.append_promotion(replace(FIRST, program="other"))

    assert store.promotions("club") == [replace(FIRST, metrics={"auc": 0.8, "nothing": None}), SECOND_READ]
    assert len(store.promotions("other")) == 1
    assert store.promotions("unheard of") == []


SECOND_READ = replace(SECOND, metrics={"auc": 0.8, "nothing": None})


def test_the_same_promotion_again_adds_no_row(store: Store) -> None:
    assert store.append_promotion(FIRST) is True
    assert store.append_promotion(replace(FIRST, at=FIRST.at + timedelta(hours=1), by="a second run")) is False
    assert len(store.promotions("club")) == 1


def test_a_version_that_comes_back_after_a_rollback_gets_its_row(store: Store) -> None:
    for row in (FIRST, SECOND, replace(FIRST, action="rollback", from_version="2"), SECOND):
        assert store.append_promotion(row) is True
    assert [row.to_version for row in store.promotions("club")] == ["1", "2", "1", "2"]


def test_of_two_promotions_compared_with_the_same_champion_only_the_first_is_made(store: Store) -> None:
    store.append_promotion(FIRST)
    store.append_promotion(SECOND)
    late = replace(SECOND, to_version="3", digest="d3", fingerprint="f3")
    with pytest.raises(StoreError, match="it is version 2, not 1: nothing was promoted; compare again"):
        store.append_promotion(late)
    assert [row.to_version for row in store.promotions("club")] == ["1", "2"]


def test_instants_come_back_in_utc_whatever_zone_they_had(store: Store) -> None:
    brasilia = timezone(timedelta(hours=-3))
    store.append_promotion(replace(FIRST, at=FIRST.at.astimezone(brasilia)))
    assert store.promotions("club")[0].at == FIRST.at
    assert store.promotions("club")[0].at.tzinfo is UTC


@pytest.mark.parametrize("statement", ["UPDATE promotions SET to_version = '9'", "DELETE FROM promotions"])
def test_the_database_itself_refuses_to_change_a_promotion(store: Store, statement: str) -> None:
    store.append_promotion(FIRST)
    with pytest.raises(StoreError, match="append-only"), store.database.write("club") as connection:
        connection.execute(sa.text(statement))
    assert len(store.promotions("club")) == 1


def test_a_store_file_reads_ahead_of_its_writer(store: Store) -> None:
    with sqlite3.connect(str(store.database.url.database)) as file:
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_opening_twice_finds_what_was_written(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path}/store.db").append_promotion(FIRST)
    assert len(Store(f"sqlite:///{tmp_path}/store.db").promotions("club")) == 1


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("no address at all: hunter2", "is no database address"),
        ("mysql://me:hunter2@localhost/db", "'mysql'"),
        ("postgresql://me:hunter2@127.0.0.1:1/db", "check FIEL_DATABASE_URL"),
        ("postgresql://127.0.0.1:1/db?user=me&password=hunter2", "check FIEL_DATABASE_URL"),
        ("sqlite:////proc/nowhere/store.db", "cannot be made"),
    ],
)
def test_an_unusable_address_says_what_to_do_and_never_the_password(address: str, says: str) -> None:
    with pytest.raises(StoreError) as caught:
        Store(address)
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("These are not the rows you are looking for. " * 50)
    with pytest.raises(StoreError, match="not a database"):
        Store(f"sqlite:///{tmp_path}/store.db")


AS_OF = date(2025, 9, 1)


def scores(probs: dict[str, float | None], as_of: date = AS_OF) -> pl.DataFrame:
    nulls = dict.fromkeys(("next_stage", "next_stage_date", "gain_prob", "loss_prob", "reason_2", "reason_3"))
    rows = [
        {
            "customer_id": customer,
            "as_of": as_of,
            "stage": "fiel",
            "stage_after_visit": "fiel",
            "value_cluster": "none",
            "in_population": prob is not None,
            "prob": prob,
            "reason_1": "came every week",
            "model_version": "3",
            "model_digest": "abc",
            "table_versions": "{}",
        }
        | nulls
        for customer, prob in probs.items()
    ]
    return pl.DataFrame(rows, schema=TABLES["out_scores"].declared)


class TestTheMirrorOfScores:
    def test_a_customers_score_comes_from_the_newest_set(self, store: Store) -> None:
        store.load_scores("club", AS_OF, scores({"ana": 0.2}), "3")
        store.load_scores("club", AS_OF + timedelta(days=1), scores({"ana": 0.4}, AS_OF + timedelta(days=1)), "3")
        found = store.score("club", "ana")
        assert found is not None
        assert (found["prob"], found["as_of"], found["reason_1"]) == (0.4, AS_OF + timedelta(days=1), "came every week")
        earlier = store.score("club", "ana", AS_OF)
        assert earlier is not None
        assert earlier["prob"] == 0.2

    def test_the_same_content_changes_nothing_whatever_its_order(self, store: Store) -> None:
        rows = scores({"ana": 0.2, "bia": None})
        first = store.load_scores("club", AS_OF, rows, "3")
        again = store.load_scores("club", AS_OF, rows.reverse(), "3")
        assert (first.changed, again.changed) == (True, False)
        assert again.loaded_at == first.loaded_at

    def test_other_content_replaces_the_whole_set(self, store: Store) -> None:
        store.load_scores("club", AS_OF, scores({"ana": 0.2, "bia": 0.3}), "3")
        assert store.load_scores("club", AS_OF, scores({"ana": 0.5}), "3").changed
        assert store.score("club", "bia") is None
        found = store.score_set("club")
        assert found is not None
        assert found.customers == 1

    def test_only_the_newest_sets_are_kept(self, store: Store) -> None:
        for days in (0, 1, 2, 3):
            as_of = AS_OF + timedelta(days=days)
            store.load_scores("club", as_of, scores({"ana": 0.2}, as_of), "3", keep_sets=2)
        assert store.score("club", "ana", AS_OF + timedelta(days=1)) is None
        assert store.score("club", "ana", AS_OF + timedelta(days=2)) is not None

    @pytest.mark.parametrize(
        ("frame", "says"),
        [
            (scores({}), "empty"),
            (scores({"ana": 0.1}, AS_OF + timedelta(days=1)), "other dates"),
            (pl.concat([scores({"ana": 0.1})] * 2), "two rows"),
            (scores({"ana": 0.1}).drop("prob"), "missing: prob"),
        ],
    )
    def test_a_broken_set_leaves_the_earlier_one(self, store: Store, frame: pl.DataFrame, says: str) -> None:
        store.load_scores("club", AS_OF, scores({"ana": 0.2}), "3")
        with pytest.raises(StoreError, match=says):
            store.load_scores("club", AS_OF, frame, "3")
        found = store.score("club", "ana")
        assert found is not None
        assert found["prob"] == 0.2

    def test_nobody_is_found_where_nothing_was_mirrored(self, store: Store) -> None:
        assert store.score("club", "ana") is None
        assert store.score_set("club") is None


@pytest.mark.postgres
def test_postgresql_keeps_promotions_and_scores_as_sqlite_does(postgres_url: str) -> None:
    store = Store(postgres_url)
    assert store.append_promotion(FIRST) is True
    assert store.append_promotion(FIRST) is False
    assert store.promotions("club") == [replace(FIRST, metrics={"auc": 0.8, "nothing": None})]
    assert store.load_scores("club", AS_OF, scores({"ana": 0.2, "bia": None}), "3").changed
    assert store.load_scores("club", AS_OF, scores({"ana": 0.2, "bia": None}), "3").changed is False
    found = Store(postgres_url).score("club", "bia")
    assert found is not None
    assert found["prob"] is None


def test_many_can_open_a_new_store_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: Store(f"sqlite:///{tmp_path}/store.db"), range(8)))
    assert sum(store.append_promotion(FIRST) for store in stores) == 1


def test_a_store_that_another_process_holds_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fiel.store.engine.LOCK_WAIT_SECONDS", 0.1)
    waiting = Store(store.database.url.render_as_string())
    with store.database.write("club"), pytest.raises(StoreError, match="another process holds it"):
        waiting.append_promotion(FIRST)
