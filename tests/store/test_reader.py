"""The store as the service reads it: what it finds, and that it changes nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from fiel.errors import StoreError, StoreUnavailableError
from fiel.store import CycleRow, KeyRow, PromotionRow, ServedModel, Store
from fiel.store import deliveries as events
from fiel.store import ledger as rows_of
from fiel.store.connections import Connections
from fiel.store.customers import ONE
from fiel.store.ledger import ENTRIES, HELD_OUT
from fiel.store.reader import Reader
from tests.store.worlds import AS_OF, LATER, crowd, customer, published

NOW = datetime(2025, 9, 2, 4, tzinfo=UTC)
FIRST = PromotionRow("club", NOW, "retrain", "first", None, "1", "d1", "f1", "the first", {"auc": 0.8})
SECOND = replace(FIRST, action="promote", from_version="1", to_version="2", digest="d2", fingerprint="f2")


class TestCustomers:
    def test_come_from_the_newest_set_only(self, store: Store, reader: Reader) -> None:
        store.publish(published(customer("ana", prob=0.1), customer("gone")))
        store.publish(published(customer("ana", prob=0.2), as_of=LATER))
        ana = reader.customer("club", "ana")
        assert ana is not None
        assert (ana.as_of, ana.scores["prob"]) == (LATER, 0.2)
        assert reader.customer("club", "gone") is None
        assert set(reader.customers("club", ["gone", "ana", "ana"])) == {"ana"}

    def test_without_a_document_have_a_score(self, store: Store, reader: Reader) -> None:
        given = published(customer("ana"), customer("bia"))
        store.publish(replace(given, documents=given.documents.filter(customer_id="ana")))
        bia = reader.customer("club", "bia")
        assert bia is not None
        assert (bia.scores["prob"], bia.features, bia.document) == (0.5, None, None)

    def test_are_those_of_their_program(self, store: Store, reader: Reader) -> None:
        store.publish(published(customer("ana")))
        assert reader.customer("other", "ana") is None
        assert reader.customers("other", ["ana"]) == {}
        assert reader.newest_set("other") is None
        assert reader.part("other", "overview") is None

    @pytest.mark.parametrize("nobody", ["", "\0", "\ud800", "ana ", "ANA", "x" * 10_000, "' OR 1=1 --", "%"])
    def test_that_nobody_is_are_not_found(self, store: Store, reader: Reader, nobody: str) -> None:
        store.publish(published(customer("ana")))
        assert reader.customer("club", nobody) is None
        assert reader.customers("club", [nobody]) == {}
        assert reader.grants_of("club", nobody) == []

    def test_may_be_asked_for_by_the_thousand(self, store: Store, reader: Reader) -> None:
        store.publish(published(*(customer(f"c{number}") for number in range(1_200))))
        wanted = [f"c{number}" for number in range(0, 2_400, 2)]
        found = reader.customers("club", wanted)
        assert sorted(found) == sorted(wanted[:600])
        assert all(row.scores["customer_id"] == name for name, row in found.items())


def test_programs_are_those_with_a_set_or_a_promotion(store: Store, reader: Reader) -> None:
    store.publish(published(customer("ana"), program="shop"))
    store.append_promotion(FIRST)
    store.append_promotion(replace(FIRST, program="bank.CHURN"))
    assert reader.programs() == ["bank", "club", "shop"]


def test_heads_are_the_newest_rows_of_every_ledger(store: Store, reader: Reader) -> None:
    assert reader.heads() == {}
    for row in (FIRST, SECOND, replace(FIRST, program="club.CHURN")):
        store.append_promotion(row)
    assert reader.heads() == {"club": SECOND, "club.CHURN": replace(FIRST, program="club.CHURN")}
    assert reader.champion_row("club") == SECOND
    assert reader.champion_row("nobody") is None
    assert reader.promotions("club") == [FIRST, SECOND]


CONTENT = b"\x00model\xff" * 100
MODEL = ServedModel(
    hashlib.sha256(CONTENT).hexdigest(), "club", "2", "catboost", CONTENT, {"features": ["a"], "metrics": {}}, NOW
)


class TestModels:
    def test_are_kept_once_under_their_digest(self, store: Store, reader: Reader) -> None:
        assert store.put_model(MODEL) is True
        assert store.put_model(replace(MODEL, version="9")) is False
        assert reader.served_model(MODEL.digest) == MODEL == store.served_model(MODEL.digest)
        assert reader.served_model("0" * 64) is None

    def test_whose_bytes_have_another_digest_are_refused(self, store: Store, reader: Reader) -> None:
        with pytest.raises(StoreError, match="club version 2 has digest"):
            store.put_model(replace(MODEL, content=CONTENT[:-1]))
        assert reader.served_model(MODEL.digest) is None


KEY = KeyRow("k1", "the till", "ab" * 32, ("club", "shop"), NOW, "me", NOW + timedelta(days=90))


class TestKeys:
    def test_are_listed_with_what_they_open(self, store: Store, reader: Reader) -> None:
        other = replace(KEY, key_id="k2", programs=("*",), expires_at=None, created_at=NOW - timedelta(days=1))
        store.add_key(KEY)
        store.add_key(other)
        assert reader.keys() == store.keys() == [other, KEY]

    def test_are_revoked_once(self, store: Store, reader: Reader) -> None:
        store.add_key(KEY)
        assert store.revoke_key("k1", NOW) is True
        assert store.revoke_key("k1", NOW + timedelta(days=1)) is False
        assert store.revoke_key("nobody", NOW) is False
        assert reader.keys() == [replace(KEY, revoked_at=NOW)]

    def test_of_an_id_that_is_taken_are_refused(self, store: Store) -> None:
        store.add_key(KEY)
        with pytest.raises(StoreError, match="a key k1 already"):
            store.add_key(replace(KEY, digest="cd" * 32))


def test_rewards_of_a_customer_and_of_a_cycle(store: Store, reader: Reader) -> None:
    import polars as pl

    grants = [
        {"entry": number, "grant_id": f"g{number}", "kind": "grant", "as_of": AS_OF, "customer_id": name,
         "sequence": 1, "product": "mug", "points": 50, "rank": number, "prob": 0.5, "reverses": None, "reason": "r",
         "made_by": "me", "at": NOW}
        for number, name in enumerate(("ana", "bia", "eva"), 1)
    ]  # fmt: skip
    out = [{"as_of": AS_OF, "customer_id": "ivo", "season": "s", "product": "mug", "points": 50}]
    with store.database.write("club") as connection:
        rows_of.add_cycle(connection, CycleRow("club", AS_OF, 0, "p", "1", "d", NOW, "me", "0.1", {"granted": 3}))
        rows_of.add_entries(connection, "club", pl.DataFrame(grants, schema=ENTRIES))
        rows_of.add_held_out(connection, "club", pl.DataFrame(out, schema=HELD_OUT))
        for state in ("intent", "delivered"):
            events.add(connection, "club", "g1", ["intent", "delivered"].index(state), state, {}, NOW)  # type: ignore[arg-type]
        events.add(connection, "club", "g2", 0, "intent", {}, NOW)
    assert [(row["grant_id"], row["points"]) for row in reader.grants_of("club", "ana")] == [("g1", 50)]
    assert reader.grants_of("club", "ivo") == []
    assert [row["season"] for row in reader.held_out_of("club", "ivo")] == ["s"]
    assert [row.summary for row in reader.cycles("club")] == [{"granted": 3}]
    assert reader.entries("club", AS_OF).get_column("grant_id").to_list() == ["g1", "g2", "g3"]
    assert reader.deliveries("club", AS_OF) == {"delivered": 1, "intent": 1, "waiting": 1}
    assert reader.deliveries("club", date(2030, 1, 1)) == {}


@pytest.mark.postgres
def test_a_readers_connection_cannot_write(postgres_url: str) -> None:
    Store(postgres_url)
    with pytest.raises(StoreError, match="read-only"):
        Reader(postgres_url)._connections.fetch("DELETE FROM api_keys RETURNING 1", ())


def test_a_readers_file_cannot_be_written(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path}/store.db").close()
    reader = Reader(f"sqlite:///{tmp_path}/store.db")
    with pytest.raises(StoreError, match="readonly"):
        reader._connections.fetch("DELETE FROM api_keys", ())


def test_a_store_in_memory_is_refused() -> None:
    with pytest.raises(StoreError, match="in memory"):
        Reader("sqlite://")


class TestAStoreFile:
    def test_that_is_not_there_is_not_made_and_is_read_once_it_is(self, tmp_path: Path) -> None:
        reader = Reader(f"sqlite:///{tmp_path}/store.db")
        with pytest.raises(StoreUnavailableError, match=r"publish a program first \(fiel run loyalty"):
            reader.check()
        assert not (tmp_path / "store.db").exists()
        Store(f"sqlite:///{tmp_path}/store.db").publish(published(customer("ana")))
        assert reader.programs() == ["club"]

    def test_that_was_replaced_is_read_anew(self, tmp_path: Path) -> None:
        for name in ("store", "copy"):
            store = Store(f"sqlite:///{tmp_path}/{name}.db")
            store.publish(published(customer(name)))
            store.close()
        reader = Reader(f"sqlite:///{tmp_path}/store.db")
        assert reader.customer("club", "store") is not None
        (tmp_path / "copy.db").replace(tmp_path / "store.db")
        assert reader.customer("club", "store") is None
        assert reader.customer("club", "copy") is not None

    def test_that_is_no_store_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "store.db").write_text("not the rows you are looking for. " * 50)
        with pytest.raises(StoreError, match="not a database") as caught:
            Reader(f"sqlite:///{tmp_path}/store.db").check()
        assert not isinstance(caught.value, StoreUnavailableError)

    def test_of_another_kind_is_refused(self, tmp_path: Path) -> None:
        sqlite3.connect(tmp_path / "store.db").execute("CREATE TABLE cats (name)")
        with pytest.raises(StoreError, match="fiel store upgrade"):
            Reader(f"sqlite:///{tmp_path}/store.db").check()


def test_a_customer_is_found_by_indexes_alone_on_postgresql(postgres_url: str) -> None:
    store = Store(postgres_url)
    store.publish(crowd(3_000))
    store.close()
    reader = Reader(postgres_url)
    known, wanted = ONE.rsplit("?", 1)[0].replace("?", "'club'"), "'a00042'"
    plan = "\n".join(row[0] for row in reader._connections.fetch(f"EXPLAIN {known}{wanted}", ()))
    reader.close()
    assert "Seq Scan on scores" not in plan, plan
    assert "Seq Scan on customer_documents" not in plan, plan


def test_many_customers_may_come_without_their_documents(store: Store, reader: Reader) -> None:
    store.publish(published(customer("ana"), customer("bia")))
    bare = reader.customers("club", ["ana", "bia"], with_documents=False)
    whole = reader.customers("club", ["ana", "bia"])
    assert {name: replace(row, document=None) for name, row in whole.items()} == bare
    assert whole["ana"].document is not None


def test_a_set_that_is_replaced_between_two_questions_is_asked_again(
    store: Store, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.publish(published(customer("ana", prob=0.1)))
    fetch, asked = Connections.fetch, []

    def replaced_after_the_first(connections: Connections, text: str, *values: object) -> object:
        found = fetch(connections, text, *values)  # type: ignore[arg-type]
        if not asked:
            store.publish(published(customer("ana", prob=0.9), model_version="4"))
        asked.append(text)
        return found

    monkeypatch.setattr(Connections, "fetch", replaced_after_the_first)
    ana = reader.customers("club", ["ana"])["ana"]
    assert ana.scores["prob"] == 0.9
    assert ana.set_digest == reader.newest_set("club").content_digest
    assert len(asked) > 2
