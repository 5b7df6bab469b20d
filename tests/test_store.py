"""The store: what it keeps, what it refuses, and what it says when it cannot be reached."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from fiel.errors import StoreError
from fiel.store import PromotionRow, Store

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


def test_a_store_of_another_schema_version_is_refused(store: Store) -> None:
    with store.database.write("club") as connection:
        connection.execute(sa.text("UPDATE store_info SET value = '999'"))
    with pytest.raises(StoreError, match="schema version 999"):
        Store(store.database.url.render_as_string())
