"""The store's history: old stores keep their rows, many may open a new one, a later one is refused."""

from __future__ import annotations

import importlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from fiel.errors import StoreError, StoreUnavailableError
from fiel.store import Store, migrations
from fiel.store.engine import Database
from fiel.store.migrations.append_only import guards
from fiel.store.reader import RankingQuery, Reader
from fiel.store.schema import APPEND_ONLY, METADATA
from tests.store.worlds import AS_OF, customer, published

FIRST = importlib.import_module("fiel.store.migrations.versions.r0001_ledgers_and_scores")

ROWS = (
    "INSERT INTO promotions VALUES ('club', 1, '2025-03-01 04:00:00', 'retrain', 'first', NULL, '1', 'd1', 'f1', "
    "'the first', '{}', NULL)",
    "INSERT INTO cycles VALUES ('club', '2025-09-01', 0, 'p', '1', 'd', '2025-09-02 04:00:00', 'me', '0.1', '{}')",
    "INSERT INTO grants VALUES ('g1', 'club', 1, 'grant', '2025-09-01', 'ana', 1, 'mug', 50, 1, 0.5, NULL, 'r', 'me', "
    "'2025-09-02 04:00:00')",
    "INSERT INTO score_sets VALUES ('club', '2025-09-01', '1', 'digest', 2, '2025-09-02 04:00:00')",
    "INSERT INTO scores VALUES ('club', '2025-09-01', 'ana', 'fiel', NULL, NULL, 'fiel', 'high', true, 0.25, NULL, "
    "NULL, 'r', NULL, NULL, '1', 'd1')",
    "INSERT INTO scores VALUES ('club', '2025-09-01', 'Ána', 'fiel', NULL, NULL, 'fiel', 'high', false, NULL, NULL, "
    "NULL, NULL, NULL, NULL, '1', 'd1')",
)


def made_before_migrations(address: str, version: str) -> str:
    """The address, where there is now a store of the schema version with rows, as an earlier Fiel made it."""
    bare = sa.create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
    ledgers = list(FIRST.LEDGERS)
    tables = [table for table in FIRST.TABLES.sorted_tables if version == "2" or table.name != "message_calls"]
    if version == "1":
        ledgers.remove("message_calls")
    with bare.begin() as connection:
        FIRST.TABLES.create_all(connection, tables=tables)
        for statement in guards(connection.dialect.name, ledgers):
            connection.exec_driver_sql(statement)
        for statement in (*ROWS, f"INSERT INTO store_info VALUES ('schema_version', '{version}')"):
            connection.exec_driver_sql(statement)
    bare.dispose()
    return address


@pytest.fixture
def old_store(address: str) -> str:
    return made_before_migrations(address, "2")


@pytest.mark.parametrize("version", ["1", "2"])
def test_an_old_store_is_upgraded_when_a_writer_opens_it_and_keeps_its_rows(address: str, version: str) -> None:
    store = Store(made_before_migrations(address, version))
    assert [row.reason for row in store.promotions("club")] == ["the first"]
    assert store.entries("club").get_column("customer_id").to_list() == ["ana"]
    found = store.score("club", "ana")
    assert found is not None
    assert (found["prob"], found["segment"], found["is_cross_fitted"]) == (0.25, None, False)
    assert store.message_answers("club", AS_OF) == {}


@pytest.mark.parametrize("version", ["1", "2"])
def test_an_upgraded_store_still_refuses_to_change_its_ledgers(address: str, version: str) -> None:
    store = Store(made_before_migrations(address, version))
    call = "('r', 1, 'club', '2025-03-01', 'ana', 'intent', '2025-03-01 04:00:00', 'm', 1, 1, 1, 'USD', 'sent', NULL)"
    with store.database.write("club") as connection:
        connection.exec_driver_sql(f"INSERT INTO message_calls VALUES {call}")
    for table in ("promotions", "grants", "message_calls"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET program = 'x'"):
            with pytest.raises(StoreError, match="append-only"), store.database.write("club") as connection:
                connection.exec_driver_sql(statement)


def test_an_upgraded_set_can_be_ranked_and_published_over(old_store: str) -> None:
    store, reader = Store(old_store), Reader(old_store)
    page = reader.ranking("club", RankingQuery())
    assert ([row["customer_id"] for row in page.rows], page.total) == (["ana", "Ána"], 2)
    found = reader.newest_set("club")
    assert found is not None
    assert (found.published_at, found.known_through, found.feature_names) == (None, None, ())
    assert sum(group["scored"] for group in found.counts) == 1
    store.publish(published(customer("bia")))
    assert [row["customer_id"] for row in reader.ranking("club", RankingQuery()).rows] == ["bia"]


def test_the_migrated_tables_are_those_that_the_code_declares(store: Store) -> None:
    with store.database.read() as connection:
        found = compare_metadata(MigrationContext.configure(connection), METADATA)
        if connection.dialect.name == "postgresql":  # the reference of scores to their set is declared for SQLite only
            found = [one for one in found if (one[0], one[1].table.name) != ("add_fk", "scores")]
        assert found == []
        found = sa.inspect(connection)
        for table in METADATA.sorted_tables:
            checks = {check["name"] for check in found.get_check_constraints(table.name)}
            declared = {c.name for c in table.constraints if isinstance(c, sa.CheckConstraint)}
            assert checks == declared, table.name


def test_every_ledger_is_guarded_in_a_new_store(store: Store) -> None:
    assert set(FIRST.LEDGERS) == set(APPEND_ONLY)
    is_sqlite = store.database.engine.dialect.name == "sqlite"
    table = "sqlite_master WHERE type = 'trigger'" if is_sqlite else "pg_trigger WHERE NOT tgisinternal"
    name = "name" if is_sqlite else "tgname"
    with store.database.read() as connection:
        triggers = list(connection.exec_driver_sql(f"SELECT {name} FROM {table}").scalars())
    assert all(any(trigger.startswith(ledger) for trigger in triggers) for ledger in APPEND_ONLY)


def test_the_code_names_the_revisions_that_there_are() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    script = ScriptDirectory.from_config(config)
    assert script.get_current_head() == migrations.HEAD
    assert tuple(revision.revision for revision in script.walk_revisions())[::-1] == migrations.KNOWN


def test_many_may_open_a_new_store_at_once(address: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(lambda _: Store(address), range(6)))
    assert [store.promotions("club") for store in stores] == [[]] * 6


def test_many_processes_may_open_an_old_store_at_once(old_store: str) -> None:
    program = f"from fiel.store import Store; print(len(Store({old_store!r}).promotions('club')))"
    opened = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=60)[0].strip() for process in opened] == ["1", "1", "1"]


def test_upgrading_twice_changes_nothing(old_store: str) -> None:
    Store(old_store).migrate()
    store = Store(old_store)
    store.migrate()
    assert len(store.promotions("club")) == 1


def test_an_upgrade_that_breaks_off_leaves_the_old_store(old_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = migrations.upgrade

    def broken(connection: sa.Connection) -> None:
        upgrade(connection)
        raise RuntimeError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr(migrations, "upgrade", broken)
        with pytest.raises(RuntimeError):
            Store(old_store)
    with pytest.raises(StoreError, match="fiel store upgrade"):
        Reader(old_store).check()
    assert len(Store(old_store).promotions("club")) == 1


def test_a_store_of_a_later_fiel_is_refused_by_writers_and_readers(store: Store, address: str) -> None:
    with store.database.write("club") as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for opened in (lambda: Store(address), lambda: Reader(address).check()):
        with pytest.raises(StoreError, match=r"revision 9999, which this Fiel .* does not know"):
            opened()


def test_a_store_of_an_unknown_version_from_before_migrations_is_refused(old_store: str) -> None:
    bare = sa.create_engine(old_store.replace("postgresql://", "postgresql+psycopg://"))
    with bare.begin() as connection:
        connection.exec_driver_sql("UPDATE store_info SET value = '999'")
    bare.dispose()
    with pytest.raises(StoreError, match="revision version 999"):
        Store(old_store)


def test_a_reader_refuses_an_older_store_and_leaves_it_as_it_is(old_store: str) -> None:
    reader = Reader(old_store)
    for ask in (reader.check, reader.programs, lambda: reader.customer("club", "ana")):
        with pytest.raises(StoreError, match="fiel store upgrade") as caught:
            ask()
        assert not isinstance(caught.value, StoreUnavailableError)
    bare = sa.create_engine(old_store.replace("postgresql://", "postgresql+psycopg://"))
    with bare.connect() as connection:
        assert not sa.inspect(connection).has_table("alembic_version")
    bare.dispose()
    Store(old_store).close()
    assert reader.programs() == ["club"]


def test_a_reader_refuses_a_revision_that_it_has_outgrown(store: Store, address: str) -> None:
    with store.database.write("club") as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(StoreError, match="revision 0001, this Fiel needs 0002: run fiel store upgrade"):
        Reader(address).check()


def test_an_earlier_fiel_would_refuse_the_upgraded_store(store: Store) -> None:
    """It compares store_info with its own schema version, 2."""
    with store.database.read() as connection:
        version = connection.exec_driver_sql("SELECT value FROM store_info WHERE name = 'schema_version'").scalar()
    assert version == "3"


def test_opening_a_store_of_today_does_not_load_alembic(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path}/store.db").close()
    program = (
        f"import sys; from fiel.store import Store; Store('sqlite:///{tmp_path}/store.db'); "
        "print('alembic.command' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
