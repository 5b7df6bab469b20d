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
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from fiel.errors import StoreError
from fiel.store import schema

LOCK_WAIT_SECONDS = 30
CONNECT_SECONDS = 10
_WRITES = "fiel_writes"


class Database:
    """One database that holds the store's tables; made and checked when it is opened."""

    def __init__(self, address: str) -> None:
        self.url = _parse(address)
        self.engine = self._engine()
        with self._guard():
            self._prepare()

    @property
    def name(self) -> str:
        """The address without its password."""
        return self.url.set(query={}).render_as_string(hide_password=True)

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
            raise StoreError(f"the store {self.name} cannot be opened: {self._plain(error)}") from None

    def _prepare(self) -> None:
        if self.engine.dialect.name == "sqlite":
            self._write_ahead()
        found = self._schema_version()
        if found is None or schema.lacks_tables_only(found):
            with self._begin_writing("fiel") as connection:
                schema.create(connection)
        found = self._schema_version()
        if found != str(schema.SCHEMA_VERSION):
            raise StoreError(
                f"the store {self.name} has schema version {found}, this Fiel needs {schema.SCHEMA_VERSION}: "
                "install the Fiel that wrote it, or give FIEL_DATABASE_URL a new database"
            )

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

    def _schema_version(self) -> str | None:
        with self.engine.connect() as connection, connection.begin():
            if not sa.inspect(connection).has_table(schema.STORE_INFO.name):
                return None
            info = schema.STORE_INFO.c
            return connection.execute(sa.select(info.value).where(info.name == "schema_version")).scalar()

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            raise StoreError(f"the store {self.name} cannot be used: {self._plain(error)}: {_advice(error)}") from None

    def _plain(self, error: BaseException) -> str:
        """An error's first line; the password never shows."""
        cause = getattr(error, "orig", None) or error
        lines = str(cause).strip().splitlines() or [type(cause).__name__]
        text = lines[0][:300]
        for secret in _secrets(self.url):
            text = text.replace(secret, "***")
        return text


def _parse(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError:
        raise StoreError(
            "FIEL_DATABASE_URL is no database address: write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise StoreError(
            f"FIEL_DATABASE_URL names {url.drivername!r}: the store lives in SQLite (sqlite:///FILE) or in "
            "PostgreSQL (postgresql://USER:PASSWORD@HOST/DATABASE)"
        )
    return url


def _secrets(url: URL) -> list[str]:
    query = url.query.get("password", ())
    given = [query] if isinstance(query, str) else list(query)
    return [secret for secret in (url.password, *given) if secret]


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


def _advice(error: DBAPIError | sqlite3.Error) -> str:
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
