from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.app import worlds
from tests.app.waiting import until
from tests.conftest import absent
from tests.postgres import PostgresServer


@pytest.fixture
def database() -> Iterator[PostgresServer]:
    """A PostgreSQL server that the test may stop."""
    try:
        server = PostgresServer()
    except FileNotFoundError as error:
        absent("postgres", str(error))
    with server:
        yield server


@pytest.mark.postgres
def test_a_database_that_stops_and_comes_back_needs_no_restart_of_the_service(tmp_path, make_client, database) -> None:
    world = worlds.published(tmp_path, database.database())
    client = make_client(world.serve(score_age_limit_days=100_000))
    customer = f"/v1/teomewhy/customers/{world.customers[0]}"
    assert client.get("/ready").json()["status"] == "ready"
    before = client.get(customer)
    assert before.status_code == 200

    database.stop()
    away = client.get(customer)
    assert away.status_code == 503
    assert away.json()["type"] == "urn:fiel:problem:store-unavailable"
    assert int(away.headers["retry-after"]) >= 1
    until(lambda: client.get("/ready").status_code == 503)
    assert client.get("/health").status_code == 200

    database.start()
    until(lambda: client.get("/ready").status_code == 200)
    until(lambda: client.get(customer).status_code == 200)
    assert {**client.get(customer).json(), "request_id": ""} == {**before.json(), "request_id": ""}
