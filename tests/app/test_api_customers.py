"""GET /v1/{program}/customers/{id}: all that is known of one customer, with the score of now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from app.api.schemas import CustomerAnswer
from app.settings import ServeSettings
from fiel.store import Store
from tests.app import worlds
from tests.app.worlds import World

MakeClient = Callable[[ServeSettings], TestClient]


def ask(client: TestClient, customer: str, program: str = "teomewhy", **query: Any) -> dict[str, Any]:
    answer = client.get(f"/v1/{program}/customers/{customer}", params=query)
    assert answer.status_code == 200, answer.text
    return CustomerAnswer.model_validate_json(answer.text).model_dump(mode="json", exclude_unset=True)


def test_stage_history_features_and_activity_are_those_that_were_published(
    client: TestClient, served_store: World
) -> None:
    row = served_store.snapshot.row(0, named=True)
    found = ask(client, row["customer_id"])
    assert (found["program"], found["customer_id"], found["as_of"]) == ("teomewhy", row["customer_id"], "2025-10-01")
    assert found["stage"]["now"] == row["stage"]
    assert (found["stage"]["next"], found["stage"]["next_date"], found["stage"]["after_visit"]) == (
        "turista",
        "2025-10-06",
        "fiel",
    )
    assert [span[0] for span in found["stage"]["history"]] == ["curioso", row["stage"]]
    assert found["features"] == {name: row[name] for name in worlds.FEATURES}
    assert found["days"][-1] == ["2025-09-30", 3, 30]
    assert (found["segment"], found["segments"]) == ("00-20", {"value_cluster": "80-100"})
    assert (found["value"]["unit"], found["value"]["value_cluster"]) == ("points", "00-20")


def test_the_score_is_read_where_the_champion_has_scored_the_published_set(
    client: TestClient, served_store: World
) -> None:
    probs = served_store.models["teomewhy"].predict(served_store.snapshot)
    for place in range(10):
        found = ask(client, served_store.customers[place])
        score = found["score"]
        assert (score["prob"], score["basis"], score["model_version"]) == (probs[place], "published", "3")
        assert found["published"]["prob"] == probs[place]
        is_fiel = found["stage"]["now"] == "fiel"
        assert score["gain_prob"] == (None if is_fiel else probs[place])
        assert score["loss_prob"] == (1 - probs[place] if is_fiel else None)


@pytest.mark.parametrize(("language", "text"), [("en", "active on many days"), ("pt", "ativo em muitos dias")])
def test_reasons_are_those_that_were_told_when_the_customer_was_scored(
    client: TestClient, served_store: World, language: str, text: str
) -> None:
    assert ask(client, served_store.customers[0], language=language)["score"]["reasons"] == [{"text": text}]


@pytest.mark.parametrize(("language", "said"), [("en", "active days in the last 28 days"), ("pt", "dias ativos")])
def test_reasons_are_asked_of_the_champion_where_they_are_wanted_now(
    client: TestClient, served_store: World, language: str, said: str
) -> None:
    reasons = ask(client, served_store.customers[0], live_reasons=True, language=language)["score"]["reasons"]
    assert said in reasons[0]["text"]
    assert reasons[0]["feature"] == "active_days_d28"
    assert reasons[0]["value"] == served_store.snapshot["active_days_d28"][0]


def test_a_new_champion_has_its_own_score_and_reasons(own_store: World, make_client: MakeClient) -> None:
    client = make_client(own_store.serve())
    first = own_store.customers[0]
    before = ask(client, first)
    store = Store(own_store.address)
    newer = worlds.another_model("4", iterations=9)
    worlds.promote(store, "teomewhy", newer)
    store.close()
    client.app.state.service.champions.poll()  # type: ignore[attr-defined]
    found = ask(client, first)
    assert (found["model_version"], found["published"]["model_version"]) == ("4", "3")
    assert (before["basis"], found["basis"]) == ("published", "recomputed")
    assert found["score"]["prob"] == newer.predict(own_store.snapshot.head(1))[0] != before["score"]["prob"]
    assert found["score"]["reasons"][0]["feature"] == "active_days_d28"  # asked now: the published ones are of 3
    assert ask(client, first)["score"]["reasons"] == found["score"]["reasons"]


def test_outside_the_population_the_score_is_empty_and_says_why(client: TestClient, served_store: World) -> None:
    found = ask(client, served_store.customers[-1])
    assert (found["stage"]["now"], found["score"]["prob"], found["score"]["reasons"]) == ("zumbi", None, [])
    assert "outside the model's population" in found["score"]["why"]


def test_grants_and_hold_outs_come_from_the_ledger_oldest_first(own_store: World, make_client: MakeClient) -> None:
    first, second = own_store.customers[:2]
    store = Store(own_store.address)
    days = (date(2025, 8, 1), date(2025, 9, 1))
    with store.database.write("teomewhy") as connection:
        for entry, day in enumerate(days, start=1):
            add_cycle(connection, day, entry, first, second)
    store.close()
    client = make_client(own_store.serve())
    grants = ask(client, first)["grants"]
    assert [(grant["as_of"], grant["kind"], grant["points"]) for grant in grants] == [
        ("2025-08-01", "grant", 50),
        ("2025-09-01", "grant", 50),
    ]
    held = ask(client, second)
    assert held["grants"] == []
    assert [row["as_of"] for row in held["held_out"]] == ["2025-08-01", "2025-09-01"]


def add_cycle(connection: Any, day: date, entry: int, winner: str, held_out: str) -> None:
    from fiel.store.schema import CYCLES, GRANTS, HOLD_OUTS

    at = datetime(day.year, day.month, day.day, 7, tzinfo=UTC)
    connection.execute(
        CYCLES.insert().values(
            program="teomewhy",
            as_of=day,
            entry=entry - 1,
            policy_version="p1",
            model_version="3",
            plan_digest="d",
            applied_at=at,
            applied_by="the test",
            fiel_version="0",
            summary={},
        )
    )
    connection.execute(
        GRANTS.insert().values(
            grant_id=f"g{entry}",
            program="teomewhy",
            entry=entry,
            kind="grant",
            as_of=day,
            customer_id=winner,
            sequence=0,
            product="fiel-score-1",
            points=50,
            rank=1,
            prob=0.8,
            reason="score in [.75, 1]",
            made_by="the test",
            at=at,
        )
    )
    connection.execute(
        HOLD_OUTS.insert().values(
            program="teomewhy", as_of=day, customer_id=held_out, season="2025", product="fiel-score-1", points=50
        )
    )


def test_messages_and_what_only_one_kind_of_program_has_are_shown(own_store: World, make_client: MakeClient) -> None:
    document = (
        '{"messages":[{"as_of":"2025-10-01","channel":"file","language":"pt","tone":1,"text":"Oi","status":"written"}],'
        '"quarters":[["2025Q3",100,2]],"level":{"level":"low"},"probs":{"closing_year":0.25},'
        '"purchase":{"frequency":2,"alive_prob":0.5}}'
    )
    made = worlds.publication("teomewhy", own_store.models["teomewhy"], own_store.snapshot, worlds.AS_OF)
    store = Store(own_store.address)
    store.publish(replace(made, documents=made.documents.with_columns(document=pl.lit(document))))
    store.close()
    found = ask(make_client(own_store.serve()), own_store.customers[0])
    assert found["messages"][0]["text"] == "Oi"
    assert found["details"] == {"quarters": [["2025Q3", 100, 2]], "level": {"level": "low"}}
    assert found["probs"] == {"closing_year": 0.25}
    assert found["purchase"] == {"frequency": 2, "alive_prob": 0.5}
    assert found["stage"]["history"] == []


@pytest.mark.parametrize("customer", ["nobody", "c%2F1", "c1/", "%00", "%ED%A0%80", "x" * 200])
def test_an_unknown_customer_is_a_problem_that_says_what_to_do(client: TestClient, customer: str) -> None:
    answer = client.get(f"/v1/teomewhy/customers/{customer}")
    found = answer.json()
    assert (answer.status_code, found["type"]) == (404, "urn:fiel:problem:unknown-customer")
    assert found["errors"][0]["field"] == "customer_id"
    assert "Check the id" in found["errors"][0]["todo"]


def test_an_id_that_is_too_long_is_refused(client: TestClient) -> None:
    answer = client.get("/v1/teomewhy/customers/" + "x" * 201)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "path.customer_id")


def test_a_plain_request_is_answered_as_one_with_every_wish_spelled_out(
    client: TestClient, served_store: World
) -> None:
    for customer in (*served_store.customers[:5], served_store.customers[-1], "nobody"):
        plain = client.get(f"/v1/teomewhy/customers/{customer}", headers={"x-request-id": "the-same-id"})
        spelled = client.get(
            f"/v1/teomewhy/customers/{customer}?language=en&live_reasons=false",
            headers={"x-request-id": "the-same-id"},
        )
        assert (plain.status_code, plain.content) == (spelled.status_code, spelled.content)


def test_an_unknown_program_is_a_problem(client: TestClient) -> None:
    assert client.get("/v1/teomewhyy/customers/c1").json()["type"] == "urn:fiel:problem:unknown-program"


def test_of_a_program_without_published_scores_it_says_that_and_not_to_check_the_id(client: TestClient) -> None:
    for answer in (
        client.get("/v1/santander/customers/7"),
        client.post("/compat/santander/predict", json={"data": {"IdCliente": 7}}),
    ):
        found = answer.json()
        assert (answer.status_code, found["type"]) == (404, "urn:fiel:problem:not-published")
        assert found["detail"] == "nothing is published of santander yet"
        assert "fiel run loyalty --program santander" in found["todo"]
    page = client.get("/p/santander/customers/7", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert "fiel run loyalty --program santander" in page.text
