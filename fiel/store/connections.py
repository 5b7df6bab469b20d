"""Connections of the service: few, read-only, each statement by itself, and a quick answer when the store is away.

A connection that broke is thrown away and the statement asked once more on a new one; if that cannot be had, the
callers of the next `PAUSE_SECONDS` are told at once, without another try. So the service recovers by itself.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from fiel.errors import StoreError, StoreUnavailableError
from fiel.store import migrations
from fiel.store.addresses import name, parse, plain
from fiel.store.engine import driver_errors

CONNECT_SECONDS = 2
WAIT_SECONDS = 2.0
"""Longest wait for a free connection, and (SQLite) for a lock."""

READ_SECONDS = 5.0
"""Longest time of one statement, also where the server is there but frozen."""

PAUSE_SECONDS = 0.5

_GONE = ("08", "57P", "53")
"""Classes of PostgreSQL's states: the connection broke, the server shuts down or starts, it has no free connection."""

T = TypeVar("T")


class Connections:
    """A pool of read-only connections to a store that somebody else makes, fills and upgrades."""

    def __init__(self, address: str, size: int) -> None:
        self.url = parse(address)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._file = _file(self.url) if self.is_sqlite else None
        self._inode: int | None = None
        self._away_until = 0.0
        self._away = ""
        self._lock = threading.Lock()
        self.engine = self._engine(size)
        self._driver_error = driver_errors(self.engine)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def check(self) -> None:
        """StoreUnavailableError where the store does not answer, StoreError where it has another revision."""
        self._asked(lambda driver: self._check_revision(driver))

    def day(self, value: date) -> date | str:
        """A date as the driver takes it."""
        return value.isoformat() if self.is_sqlite else value

    def as_date(self, value: Any) -> date:
        """A date as the driver gave it."""
        return date.fromisoformat(value) if self.is_sqlite else value

    def fetch(self, statement: str, values: tuple[Any, ...], prepare: bool = True) -> list[tuple[Any, ...]]:
        """All rows of a statement with `?` for each value; `prepare`: PostgreSQL keeps its plan."""
        if self.is_sqlite:
            return self._asked(lambda driver: driver.execute(statement, values).fetchall())
        text = statement.replace("?", "%s")
        return self._asked(lambda driver: driver.execute(text, values, prepare=prepare).fetchall())

    def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` makes of a SQLAlchemy connection; it may be called twice."""

        def in_core() -> T:
            with self.engine.connect() as connection:
                return work(connection)

        return self._twice(in_core)

    def _asked(self, work: Callable[[Any], T]) -> T:
        def in_driver() -> T:
            pooled = self.engine.raw_connection()
            try:
                found = work(pooled.driver_connection)
            except BaseException as error:
                if _is_broken(error, pooled.driver_connection):
                    pooled.invalidate()
                else:
                    pooled.close()
                raise
            pooled.close()
            return found

        return self._twice(in_driver)

    def _twice(self, work: Callable[[], T]) -> T:
        """Once, and once more on a new connection where the first one broke."""
        self._check_file()
        if self._away and time.monotonic() < self._away_until:
            raise StoreUnavailableError(self._away)
        try:
            try:
                found = work()
            except (DBAPIError, self._driver_error) as error:
                if not _is_gone(error):
                    raise
                self.engine.dispose()
                found = work()
        except PoolTimeoutError:
            raise StoreUnavailableError(
                f"the store {name(self.url)} is busy: no connection was free within {WAIT_SECONDS:g} s; try again"
            ) from None
        except (DBAPIError, self._driver_error) as error:
            raise self._explained(error) from None
        self._away = ""
        return found

    def _explained(self, error: Exception) -> StoreError:
        said, cause = plain(self.url, error), getattr(error, "orig", None) or error
        if _lacks_table(error):
            return StoreError(f"the store {name(self.url)} has other tables than this Fiel reads: fiel store upgrade")
        if not _is_operational(cause) and not _is_gone(error):
            return StoreError(
                f"the store {name(self.url)} cannot be read: {said}: check the file, or the user's rights"
            )
        text = f"the store {name(self.url)} does not answer: {said}: check that it runs; it is tried again by itself"
        if _is_gone(error):
            with self._lock:
                self._away, self._away_until = text, time.monotonic() + PAUSE_SECONDS
        return StoreUnavailableError(text)

    def _check_file(self) -> None:
        """A store file that is not there is not made; one that was replaced is opened anew."""
        if self._file is None:
            return
        try:
            inode = self._file.stat().st_ino
        except OSError as error:
            raise StoreUnavailableError(
                f"there is no store at {self._file} ({error.strerror}): publish a program first "
                "(fiel run loyalty --program NAME)"
            ) from None
        if inode != self._inode:
            with self._lock:
                if self._inode is not None:
                    self.engine.dispose()
                self._inode = inode

    def _engine(self, size: int) -> Engine:
        pool: dict[str, Any] = {
            "poolclass": QueuePool,
            "pool_size": size,
            "max_overflow": 0,
            "pool_timeout": WAIT_SECONDS,
            "pool_use_lifo": True,
            "pool_reset_on_return": None,
            "hide_parameters": True,
        }
        if self._file is not None:
            address = f"{self._file.absolute().as_uri()}?mode=ro"
            engine = sa.create_engine(
                self.url,
                creator=lambda: sqlite3.connect(
                    address, uri=True, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
                ),
                **pool,
            )
        else:
            options = f"-c statement_timeout={int(READ_SECONDS * 1000)} -c default_transaction_read_only=on"
            engine = sa.create_engine(
                self.url,
                isolation_level="AUTOCOMMIT",
                use_native_hstore=False,
                connect_args={"connect_timeout": CONNECT_SECONDS, "options": options},
                **pool,
            )
            sa.event.listen(engine, "do_connect", _connect_impatiently)
        sa.event.listen(engine, "connect", self._check_new)
        return engine

    def _check_new(self, driver: Any, _record: Any) -> None:
        """Refuse a store of another revision, at every new connection."""
        try:
            self._check_revision(driver)
        except BaseException:
            driver.close()
            raise

    def _check_revision(self, driver: Any) -> None:
        try:
            found = driver.execute("SELECT version_num FROM alembic_version").fetchone()
        except driver_errors(self.engine) as error:
            if not _lacks_table(error):
                raise
            found = None
        if found is None:
            raise StoreError(f"the store {name(self.url)} is empty or older than this Fiel: run fiel store upgrade")
        if found[0] == migrations.HEAD:
            return
        if found[0] in migrations.KNOWN:
            raise StoreError(
                f"the store {name(self.url)} has revision {found[0]}, this Fiel needs {migrations.HEAD}: "
                "run fiel store upgrade"
            )
        raise StoreError(
            f"the store {name(self.url)} has revision {found[0]}, which this Fiel (revision {migrations.HEAD}) does "
            "not know: install the Fiel that made it"
        )


def _connect_impatiently(_dialect: Any, _record: Any, given: list[Any], named: dict[str, Any]) -> Any:
    """A connection whose statements end after READ_SECONDS, whatever the server does; it is closed then."""
    import psycopg

    class Impatient(psycopg.Connection[Any]):
        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            try:
                return super().wait(gen, interval, READ_SECONDS + 0.5 if timeout is None else timeout)
            except psycopg.errors._WaitTimeout:
                self.close()
                raise psycopg.OperationalError(f"no answer within {READ_SECONDS:g} s") from None

    return Impatient.connect(*given, **named)


def _file(url: URL) -> Path:
    if url.database in (None, "", ":memory:"):
        raise StoreError("a store in memory is seen by nobody else: write sqlite:///FILE")
    return Path(str(url.database))


def _is_gone(error: BaseException) -> bool:
    """Whether the server (or file) cannot be reached, as opposed to a statement that it refused or gave up."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.Error):
        return "unable to open" in str(cause) or "disk i/o" in str(cause).lower()
    if type(cause).__name__ == "InterfaceError":
        return True
    state = getattr(cause, "sqlstate", None) or ""
    return state.startswith(_GONE) or (not state and _is_operational(cause))


def _lacks_table(error: BaseException) -> bool:
    cause = getattr(error, "orig", None) or error
    is_undefined = getattr(cause, "sqlstate", None) in ("42P01", "42703")
    return is_undefined or str(cause).startswith(("no such table", "no such column"))


def _is_operational(error: BaseException) -> bool:
    return any(kind.__name__ == "OperationalError" for kind in type(error).__mro__)


def _is_broken(error: BaseException, driver: Any) -> bool:
    return _is_gone(error) or bool(getattr(driver, "closed", False)) or not isinstance(error, Exception)
