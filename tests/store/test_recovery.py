"""A PostgreSQL that goes away and comes back: quick and clear answers, and nothing to reopen."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from fiel.errors import StoreError, StoreUnavailableError
from fiel.store import Store, connections
from fiel.store.reader import Reader
from tests.conftest import absent
from tests.postgres import PostgresServer
from tests.store.worlds import customer, published

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of these tests' own: they stop it."""
    try:
        made = PostgresServer("max_connections=12", "superuser_reserved_connections=2")
    except FileNotFoundError as error:
        absent("postgres", str(error))
    with made:
        yield made


@pytest.fixture
def address(server: PostgresServer) -> str:
    return server.database()


@pytest.fixture
def reader(address: str) -> Iterator[Reader]:
    store, opened = Store(address), Reader(address, pool_size=3)
    store.publish(published(customer("ana")))
    store.close()
    yield opened
    opened.close()


def seconds(work: object) -> float:
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        work()  # type: ignore[operator]
    return time.monotonic() - started


def comes_back(reader: Reader) -> bool:
    """Whether the reader answers within ten seconds."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            return reader.customer("club", "ana") is not None
        except StoreUnavailableError:
            time.sleep(0.05)
    return False


def test_a_server_that_stops_is_told_at_once_and_found_again(reader: Reader, server: PostgresServer) -> None:
    assert reader.customer("club", "ana") is not None
    server.stop()
    try:
        for ask in (reader.check, lambda: reader.customer("club", "ana"), reader.heads, reader.keys):
            assert seconds(ask) < 4
        with pytest.raises(StoreUnavailableError, match=r"does not answer: .* tried again by itself") as caught:
            reader.programs()
        assert caught.value.retry_after > 0
    finally:
        server.start()
    assert comes_back(reader)


def test_a_restart_between_two_questions_is_not_noticed(reader: Reader, server: PostgresServer) -> None:
    for ask in (lambda: reader.customer("club", "ana"), reader.programs):
        assert ask()
        server.stop()
        server.start()
        assert ask()


def test_while_it_is_away_only_one_in_a_while_tries_to_connect(
    reader: Reader, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PAUSE_SECONDS", 600)
    server.stop()
    try:
        assert seconds(reader.check) < 4
        tries: list[int] = []
        monkeypatch.setattr(psycopg.Connection, "connect", lambda *_, **__: tries.append(1))
        for _ in range(50):
            seconds(lambda: reader.customer("club", "ana"))
        assert tries == []
    finally:
        server.start()


def test_a_frozen_server_is_given_up(reader: Reader, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "READ_SECONDS", 0.5)
    impatient = Reader(address, pool_size=1)
    (pid,) = impatient._connections.fetch("SELECT pg_backend_pid()", ())[0]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert impatient.customer("club", "ana") is not None, "asked again on another connection"
    finally:
        os.kill(pid, signal.SIGCONT)
    impatient.close()


def test_a_busy_pool_says_so_within_seconds(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    held = [reader._connections.engine.raw_connection() for _ in range(3)]
    try:
        started = time.monotonic()
        with pytest.raises(StoreUnavailableError, match="busy: no connection was free within 2 s"):
            reader.customer("club", "ana")
        assert time.monotonic() - started < 5
    finally:
        for connection in held:
            connection.close()
    assert reader.customer("club", "ana") is not None


def test_more_threads_than_connections_are_all_answered(reader: Reader) -> None:
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.extend(reader.customer("club", "ana") for _ in range(20)))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 240
    assert all(found)


def test_a_server_without_free_connections_is_unavailable_not_broken(reader: Reader, address: str) -> None:
    reader.close()
    taken: list[psycopg.Connection] = []
    try:
        with contextlib.suppress(psycopg.OperationalError):
            while len(taken) < 20:
                taken.append(psycopg.connect(address))
        with pytest.raises(StoreUnavailableError, match="too many clients"):
            reader.customer("club", "ana")
    finally:
        for connection in taken:
            connection.close()
    assert comes_back(reader)


def test_a_wrong_password_or_database_says_where_to_look_and_never_the_password(server: PostgresServer) -> None:
    address = server.address.replace("fiel@", "fiel:hunter2@") + "/nowhere"
    with pytest.raises(StoreUnavailableError, match='database "nowhere" does not exist') as caught:
        Reader(address).check()
    assert "hunter2" not in str(caught.value)


def test_an_empty_database_asks_for_an_upgrade(server: PostgresServer) -> None:
    with pytest.raises(StoreError, match="fiel store upgrade"):
        Reader(server.database()).check()
