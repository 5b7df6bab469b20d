"""Connections of the store: SQLite and PostgreSQL behind the same two transactions, one to read and one to write.

Writers of one program stand in line: SQLite by `BEGIN IMMEDIATE` (the whole file), PostgreSQL by an advisory lock of
the program that ends with the transaction. So what a writer reads is still true when it commits.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from fiel.errors import StoreError
from fiel.store import migrations
from fiel.store.addresses import later_revision, name, parse, plain

LOCK_WAIT_SECONDS = 30
CONNECT_SECONDS = 10
_WRITES = "fiel_writes"


class Database:
    """One database that holds the store's tables; made and checked when it is opened."""

    def __init__(self, address: str) -> None:
        self.url = parse(address)
        self.engine = self._engine()
        with self._guard():
            self._prepare()

    @property
    def name(self) -> str:
        """The address without its password."""
        return name(self.url)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the store and changes nothing."""
        with self._guard(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, program: str) -> Iterator[Connection]:
        """A transaction of the only writer of `program`: all of it is committed at the end, or nothing."""
        with self._guard(), self._begin_writing(f"fiel:{program}") as connection:
            yield connection

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @contextmanager
    def _begin_writing(self, lock: str) -> Iterator[Connection]:
        with self.engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
            if self.engine.dialect.name == "postgresql":
                key = int.from_bytes(hashlib.sha256(lock.encode()).digest()[:8], "big", signed=True)
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
            yield connection

    def _engine(self) -> Engine:
        try:
            if self.url.get_backend_name() == "sqlite":
                return _sqlite(self.url)
            return sa.create_engine(
                self.url,
                pool_pre_ping=True,
                hide_parameters=True,
                connect_args={"connect_timeout": CONNECT_SECONDS, "options": f"-c lock_timeout={LOCK_WAIT_SECONDS}s"},
            )
        except OSError as error:
            raise StoreError(
                f"the store's folder {Path(self.url.database or '').parent} cannot be made ({error.strerror}): "
                "check the path and its permissions"
            ) from error
        except (SQLAlchemyError, ImportError) as error:
            raise StoreError(f"the store {self.name} cannot be opened: {plain(self.url, error)}") from None

    def _prepare(self) -> None:
        if self.engine.dialect.name == "sqlite":
            self._write_ahead()
        if self._revision() != migrations.HEAD:
            self.upgrade()

    def upgrade(self) -> None:
        """Bring the tables to this Fiel's revision, one process at a time; nothing happens where they are.

        StoreError for a store of a later Fiel.
        """
        with self._guard(), self._begin_writing("fiel") as connection:
            found = migrations.found(connection)
            if found == migrations.HEAD:
                return
            if not migrations.can_upgrade(found):
                raise StoreError(later_revision(self.url, found))
            migrations.upgrade(connection)

    def _write_ahead(self) -> None:
        """Readers and one writer at once; kept in the file, so it is switched on once."""
        for attempt in Retrying(
            retry=retry_if_exception_type(sqlite3.OperationalError),
            stop=stop_after_attempt(5),
            wait=wait_random(0.05, 0.3),
            reraise=True,
        ):
            with attempt, self.engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA journal_mode = WAL")

    def _revision(self) -> str | None:
        with self.engine.connect() as connection, connection.begin():
            return migrations.found(connection)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, driver_errors(self.engine)) as error:
            raise StoreError(
                f"the store {self.name} cannot be used: {plain(self.url, error)}: {_advice(error)}"
            ) from None


def _sqlite(url: URL) -> Engine:
    in_memory = url.database in (None, "", ":memory:")
    if not in_memory:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url,
        poolclass=StaticPool if in_memory else NullPool,
        hide_parameters=True,
        connect_args={"timeout": LOCK_WAIT_SECONDS, "check_same_thread": not in_memory},
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare_connection(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy says BEGIN, not the driver
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def driver_errors(engine: Engine) -> type[Exception]:
    """What the engine's driver raises, where it is used without SQLAlchemy."""
    found: Any = engine.dialect.dbapi
    return found.Error  # type: ignore[no-any-return]


def _advice(error: Exception) -> str:
    text = str(error).lower()
    if "append-only" in text:
        return "a ledger row is never changed; reverse it with a new row"
    if "locked" in text or "lock timeout" in text:
        return "another process holds it; wait for it to end, then run again"
    if "full" in text or "no space" in text or "disk i/o" in text:
        return "free some space, then run again; nothing was half written"
    if "readonly" in text or "permission" in text or "unable to open" in text:
        return "check FIEL_DATABASE_URL and the permissions of the file and its folder"
    return "check FIEL_DATABASE_URL, that the server runs, and the user's rights; nothing was half written"
