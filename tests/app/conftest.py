"""The service over a small published store: `served_store`, `client`, and `make_client` for other settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import ServeSettings
from tests.app import worlds
from tests.app.tiny import tiny
from tests.app.worlds import World

ADDRESS = "http://127.0.0.1"

MakeClient = Callable[..., TestClient]


@pytest.fixture(scope="session")
def served_store(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A published store that tests only read."""
    return worlds.published(tmp_path_factory.mktemp("served"))


@pytest.fixture
def own_store(served_store: World, tmp_path: Path) -> World:
    """A published store of the test's own, to change."""
    return worlds.copied(served_store, tmp_path)


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    """Starts a service with the given settings and gives a client of it; stopped at the end of the test."""
    with ExitStack() as running:

        def start(settings: ServeSettings, make: Callable[[ServeSettings], FastAPI] = create_app) -> TestClient:
            client = TestClient(make(settings), ADDRESS, follow_redirects=False, client=("127.0.0.1", 50_000))
            return running.enter_context(client)

        yield start


@pytest.fixture
def client(served_store: World, make_client: MakeClient) -> TestClient:
    """A client of the service over `served_store`, on loopback and without keys: nothing is asked."""
    return make_client(served_store.serve())


@pytest.fixture
def tiny_client(served_store: World, make_client: MakeClient) -> TestClient:
    """The frame around tiny routes, on loopback and without keys."""
    return make_client(served_store.serve(), tiny)
