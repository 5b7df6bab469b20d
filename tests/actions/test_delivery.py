"""Delivery to an API without idempotency keys: every grant arrives once, whatever fails on the way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from pydantic import SecretStr

from fiel.actions.corrections import grant_again, reverse
from fiel.actions.delivery import DeliveryReport, Limits, deliver
from fiel.actions.merges import merges_of, no_merges
from fiel.actions.points_api import PointsApi
from fiel.actions.reconciliation import reconcile_with_drop
from fiel.errors import DeliveryError
from fiel.store import Store
from tests.actions.factories import customers, pay, program
from tests.actions.points_server import PointsServer, points_server

NINE = datetime(2025, 9, 1, 9, 30, tzinfo=UTC)
LATER = NINE + timedelta(minutes=10)


@pytest.fixture
def server() -> Iterator[PointsServer]:
    with points_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _paid(store: Store) -> None:
    pay(store, {"ana": 0.9, "bia": 0.6})


def run(store: Store, server: PointsServer, at: datetime = NINE, **more: object) -> DeliveryReport:
    with PointsApi(server.address, SecretStr("t"), timeout_seconds=5) as api:
        return deliver(store, program(), api, now=lambda: at, **more)  # type: ignore[arg-type]


def test_every_grant_arrives_once_in_the_apis_own_words(store: Store, server: PointsServer) -> None:
    first, second = run(store, server), run(store, server, LATER)
    assert server.booked[0] == {
        "customer_id": "ana",
        "points": 100,
        "system_origin": "fiel",
        "products": [{"product_id": "high", "product_qtd": 1, "points": 100}],
    }
    assert server.points() == {"ana": 100, "bia": 50}
    assert (first.sent, first.states, first.stopped) == (2, {"delivered": 2}, None)
    assert (second.sent, second.states) == (0, {"delivered": 2})


@pytest.mark.parametrize("failure", ["500", "500 booked", "503", "silent", "silent booked"])
def test_an_unknown_outcome_is_reconciled_and_never_sent_again_blindly(
    store: Store, server: PointsServer, failure: str
) -> None:
    server.failures = [failure]
    first = run(store, server)
    assert first.states == {"delivered": 1, "unknown": 1}
    at_once = run(store, server, NINE + timedelta(seconds=5))
    assert (at_once.sent, at_once.states) == (0, {"delivered": 1, "unknown": 1})

    later = run(store, server, LATER)

    assert later.reconciled == 1
    assert later.sent == (0 if "booked" in failure else 1)
    assert later.states == {"delivered": 2}
    assert server.points() == {"ana": 100, "bia": 50}


@pytest.mark.parametrize("step", ["intent recorded", "sent"])
def test_a_process_that_dies_around_the_call_pays_once(store: Store, server: PointsServer, step: str) -> None:
    class Killed(BaseException):
        pass

    def die(name: str) -> None:
        if name == step:
            raise Killed

    with pytest.raises(Killed):
        run(store, server, steps=die)
    assert store.outbox("club")["state"].to_list() == ["intent", None]
    assert run(store, server, LATER).states == {"delivered": 2}
    assert server.points() == {"ana": 100, "bia": 50}


def test_two_deliveries_at_once_pay_once(store: Store, server: PointsServer) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: run(store, server), range(4)))
    assert server.points() == {"ana": 100, "bia": 50}


@pytest.mark.parametrize("status", ["401", "403", "404", "429"])
def test_an_api_that_turns_us_away_ends_the_run_and_the_next_one_goes_on(
    store: Store, server: PointsServer, status: str
) -> None:
    server.failures = [status]
    first = run(store, server)
    assert (first.sent, first.states) == (1, {"not_delivered": 1, "waiting": 1})
    assert f"HTTP {status}" in str(first.stopped)
    assert run(store, server, LATER).states == {"delivered": 2}


def test_a_refused_transaction_is_not_tried_again_by_itself(store: Store, server: PointsServer) -> None:
    server.failures = ["422"]
    assert run(store, server).states == {"delivered": 1, "refused": 1}
    assert run(store, server, LATER).sent == 0


def test_an_api_that_keeps_failing_ends_the_run(store: Store, server: PointsServer) -> None:
    server.failures = ["500", "500"]
    report = run(store, server, limits=Limits(stop_after=1))
    assert report.sent == 1
    assert "HTTP 500" in str(report.stopped)


def test_an_entry_is_tried_a_limited_number_of_times(store: Store, server: PointsServer) -> None:
    server.failures = ["429"] * 10
    for minutes in range(6):
        run(store, server, NINE + timedelta(minutes=5 * minutes), limits=Limits(attempts=2))
    assert len(server.failures) == 10 - 4


def test_nobody_at_the_address_is_an_error_and_nothing_is_recorded(store: Store) -> None:
    with PointsApi("http://127.0.0.1:1") as api, pytest.raises(DeliveryError, match="check the address"):
        deliver(store, program(), api)
    assert store.outbox("club")["state"].is_null().all()


def test_a_customer_that_the_api_does_not_know_waits(store: Store, server: PointsServer) -> None:
    server.unknown = {"ana"}
    first = run(store, server)
    assert (first.unknown_customers, first.states) == (["ana"], {"delivered": 1, "waiting": 1})
    server.unknown = set()
    assert run(store, server).states == {"delivered": 2}


def test_a_merged_customer_is_paid_at_the_surviving_id(store: Store, server: PointsServer) -> None:
    merges = merges_of(customers(["eva"], merged={"ana": "eva"}))
    run(store, server, merges=merges)
    assert server.points() == {"eva": 100, "bia": 50}


@pytest.mark.parametrize("made_up", [{"invented": True}, {"simulated": True}])
def test_made_up_amounts_and_customers_go_to_a_rehearsal_only(server: PointsServer, made_up: dict[str, bool]) -> None:
    rules = program(invented="invented" in made_up).model_copy(update={"simulated": "simulated" in made_up})
    store = Store("sqlite://")
    pay(store, {"ana": 0.9}, rules)
    with pytest.raises(DeliveryError, match="rehearsal"):
        run(store, server)
    assert server.booked == []
    assert run(store, server, rehearsal=True).states == {"delivered": 1}


@pytest.mark.postgres
def test_postgresql_keeps_the_outbox_as_sqlite_does(postgres_url: str, server: PointsServer) -> None:
    store = Store(postgres_url)
    pay(store, {"ana": 0.9, "bia": 0.6})
    server.failures = ["silent booked"]
    assert run(store, server).states == {"delivered": 1, "unknown": 1}
    assert run(store, server, LATER).states == {"delivered": 2}
    assert server.points() == {"ana": 100, "bia": 50}


class TestReversals:
    def test_a_grant_that_is_taken_back_before_it_was_sent_is_withdrawn(
        self, store: Store, server: PointsServer
    ) -> None:
        reverse(store, store.entries("club")["grant_id"][0], "wrong person", by="ops")
        assert run(store, server).states == {"delivered": 1, "withdrawn": 2}
        assert server.points() == {"bia": 50}

    def test_a_grant_that_is_taken_back_after_it_was_sent_is_taken_back_there_too(
        self, store: Store, server: PointsServer
    ) -> None:
        run(store, server)
        grant = store.entries("club")["grant_id"][0]
        reverse(store, grant, "wrong amount", by="ops")
        grant_again(store, program(), grant, 70, "right amount", by="ops")
        server.stamp = "2025-09-01 09:40:00.000"
        assert run(store, server, LATER).states == {"delivered": 4}
        assert server.points() == {"ana": 70, "bia": 50}

    def test_a_reversal_waits_until_it_is_known_whether_its_grant_arrived(
        self, store: Store, server: PointsServer
    ) -> None:
        server.failures = ["silent booked"]
        run(store, server)
        reverse(store, store.entries("club")["grant_id"][0], "wrong person", by="ops")
        assert run(store, server, NINE + timedelta(seconds=9)).sent == 0
        run(store, server, LATER)
        assert server.points() == {"ana": 0, "bia": 50}


class TestWhenTheApiCannotTell:
    """It knows yesterday and today only, and an earlier transaction of the same day may hide ours."""

    @pytest.mark.parametrize("before", ["2025-09-01", "2025-09-01 00:00:00"])
    @pytest.mark.parametrize("failure", ["silent", "silent booked"])
    def test_a_date_that_was_there_before_says_nothing(
        self, store: Store, server: PointsServer, before: str, failure: str
    ) -> None:
        server.last["ana", "high"] = server.stamp = before
        server.failures = [failure]
        run(store, server)
        assert run(store, server, LATER).states == {"delivered": 1, "unknown": 1}

    def test_after_a_day_only_the_ledger_drop_can_tell(self, store: Store, server: PointsServer) -> None:
        server.failures = ["silent"]
        run(store, server)
        assert run(store, server, NINE + timedelta(hours=25)).states == {"delivered": 1, "unknown": 1}

    def test_an_api_that_says_not_found_says_nothing(self, store: Store, server: PointsServer) -> None:
        server.failures, server.tells_last = ["silent"], False
        run(store, server)
        assert run(store, server, LATER).states == {"delivered": 1, "unknown": 1}

    @pytest.mark.parametrize(
        ("known_through", "booked_on", "settled", "states"),
        [
            (date(2025, 9, 1), [date(2025, 9, 1)], 0, {"delivered": 1, "unknown": 1}),
            (date(2025, 9, 2), [date(2025, 9, 1)], 1, {"delivered": 2}),
            (date(2025, 9, 2), [date(2025, 9, 2)], 1, {"delivered": 2}),
            (date(2025, 9, 2), [], 1, {"delivered": 1, "not_delivered": 1}),
            (date(2025, 9, 2), [date(2025, 8, 25)], 1, {"delivered": 1, "not_delivered": 1}),
        ],
    )
    def test_the_ledger_drop_settles_it_once_it_knows_the_day_after(
        self,
        store: Store,
        server: PointsServer,
        known_through: date,
        booked_on: list[date],
        settled: int,
        states: dict[str, int],
    ) -> None:
        server.failures, server.tells_last = ["silent"], False
        run(store, server)
        lines = pl.DataFrame(
            [("ana", day, "high", "high") for day in booked_on],
            schema={"customer_id": pl.String, "day": pl.Date, "product_id": pl.String, "product_name": pl.String},
            orient="row",
        )
        assert reconcile_with_drop(store, program(), lines, no_merges(), known_through, now=lambda: LATER) == settled
        assert store.outbox("club").group_by("state").len().sort("state").rows() == sorted(states.items())

    def test_a_line_that_another_delivery_explains_is_not_counted_twice(
        self, store: Store, server: PointsServer
    ) -> None:
        run(store, server)
        grant = store.entries("club")["grant_id"][0]
        reverse(store, grant, "wrong amount", by="ops")
        server.failures, server.tells_last = ["silent"], False
        run(store, server, LATER)
        lines = pl.DataFrame(
            {"customer_id": ["ana"], "day": [date(2025, 9, 1)], "product_id": ["high"], "product_name": [None]},
            schema_overrides={"product_name": pl.String},
        )
        assert reconcile_with_drop(store, program(), lines, no_merges(), date(2025, 9, 3), now=lambda: LATER) == 1
        assert store.outbox("club")["state"].to_list() == ["delivered", "delivered", "not_delivered"]


def test_the_token_goes_with_every_call_and_into_no_message(server: PointsServer) -> None:
    api = PointsApi(server.address, SecretStr("hunter2"))
    assert api._client.headers["authorization"] == "Bearer hunter2"
    with PointsApi("http://127.0.0.1:1", SecretStr("hunter2")) as lost, pytest.raises(DeliveryError) as caught:
        lost.knows("ana")
    assert "hunter2" not in str(caught.value)
