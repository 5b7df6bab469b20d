"""The doors that old clients know: what they send is understood as before, and nothing ambiguous is guessed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from app.settings import ServeSettings
from fiel.store import Store
from tests.app import worlds
from tests.app.worlds import AS_OF, World
from tests.models import worlds as models

ROW = {"descLifeCycleAtual": "02-FIEL", "qtdeAtivacaoD28": 9, "avgIntervaloDiasVida": 3.5}
OURS = {"stage": "fiel", "active_days_d28": 9, "mean_gap_days_life": 3.5}
PREDICT = "/compat/teomewhy/predict"


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The served world with `santander` beside it, whose customers are numbered from 0."""
    world = worlds.published(tmp_path_factory.mktemp("bank"))
    model = worlds._loaded(models.fitted(), "1", "catboost")
    numbered = world.snapshot.with_columns(customer_id=pl.int_range(pl.len()).cast(pl.String))
    store = Store(world.address)
    worlds.promote(store, "santander", model)
    store.publish(worlds.publication("santander", model, numbered, AS_OF))
    store.close()
    return world


@pytest.fixture
def bank_client(bank: World, make_client: Callable[[ServeSettings], TestClient]) -> TestClient:
    return make_client(bank.serve())


def prob_of(world: World, features: dict[str, Any]) -> float:
    """What the champion gives in a batch."""
    frame = pl.DataFrame([features], schema=world.snapshot.select(worlds.FEATURES).schema)
    return float(world.models["teomewhy"].predict(frame)[0])


# ------------------------------------------------------------------------------------------ data


@pytest.mark.parametrize("features", [ROW, OURS], ids=["published names", "our names"])
@pytest.mark.parametrize("path", [PREDICT, "/predict"])
def test_a_customer_under_data_is_scored_by_published_and_by_our_names(
    client: TestClient, served_store: World, path: str, features: dict[str, Any]
) -> None:
    answer = client.post(path, json={"data": {"IdCliente": "abc", **features}})
    assert answer.status_code == 200
    assert answer.json() == {"IdCliente": "abc", "score": prob_of(served_store, OURS)}
    assert "fiel-missing-features" not in answer.headers


def test_an_id_alone_is_scored_by_the_published_features(client: TestClient, served_store: World) -> None:
    customer_id = served_store.customers[0]
    features = served_store.snapshot.select(worlds.FEATURES).row(0, named=True)
    answer = client.post(PREDICT, json={"data": {"IdCliente": customer_id}})
    assert answer.json() == {"IdCliente": customer_id, "score": prob_of(served_store, features)}


def test_a_number_as_id_comes_back_as_a_number(client: TestClient) -> None:
    answer = client.post(PREDICT, json={"data": {"IdCliente": 7, **ROW}})
    assert answer.json()["IdCliente"] == 7


def test_features_that_nobody_sent_are_named_in_a_header(client: TestClient) -> None:
    answer = client.post(PREDICT, json={"data": {"IdCliente": "abc", "descLifeCycleAtual": "fiel"}})
    assert answer.status_code == 200
    assert answer.headers["fiel-missing-features"] == "active_days_d28, mean_gap_days_life"


@pytest.mark.parametrize("features", [ROW, OURS], ids=["published names", "our names"])
def test_features_that_a_champion_of_less_does_not_read_are_passed_over_and_named_in_a_header(
    own_store: World, make_client: Callable[[ServeSettings], TestClient], features: dict[str, Any]
) -> None:
    store, rule = Store(own_store.address), own_store.models["retail"]
    worlds.promote(store, "teomewhy", rule, action="rollback")
    store.close()
    client = make_client(own_store.serve())
    answer = client.post(PREDICT, json={"data": {"IdCliente": "abc", **features}})
    assert answer.json() == {"IdCliente": "abc", "score": rule.predict(pl.DataFrame({"stage": ["fiel"]}))[0]}
    assert answer.headers["fiel-unused-features"] == "active_days_d28, mean_gap_days_life"
    answer = client.post(PREDICT, json={"data": {"IdCliente": "abc", **features, "qtdeNada": 1}})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "qtdeNada")


def test_features_that_nobody_reads_do_not_turn_a_description_into_a_look_up(
    own_store: World, make_client: Callable[[ServeSettings], TestClient]
) -> None:
    store = Store(own_store.address)
    worlds.promote(store, "teomewhy", own_store.models["retail"], action="rollback")
    store.close()
    answer = make_client(own_store.serve()).post(PREDICT, json={"data": {"IdCliente": "new", "qtdeAtivacaoD28": 9}})
    assert answer.status_code == 200
    assert answer.headers["fiel-missing-features"] == "stage"


@pytest.mark.parametrize(
    ("row", "status", "field"),
    [
        ({"IdCliente": "nobody at all"}, 404, "customer_id"),
        ({"IdCliente": "abc", "qtdeNada": 1}, 422, "qtdeNada"),
        ({"IdCliente": "abc", "descLifeCycleAtual": "09-NADA"}, 422, "descLifeCycleAtual"),
        ({"IdCliente": [1]}, 422, "IdCliente"),
        ({}, 422, "IdCliente"),
        ([ROW], 422, "data"),
        (None, 422, "data"),
    ],
    ids=["unknown", "unknown feature", "no stage", "id of lists", "empty", "a list", "null"],
)
def test_what_cannot_be_scored_is_a_problem_that_names_the_field(
    client: TestClient, row: Any, status: int, field: str
) -> None:
    answer = client.post(PREDICT, json={"data": row})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("path", ["/compat/teomewhy/predict_many", "/predict_many"])
def test_many_customers_keep_their_order_and_show_who_failed(
    client: TestClient, served_store: World, path: str
) -> None:
    known = served_store.customers[1]
    rows = [{"IdCliente": "b", **ROW}, {"IdCliente": "nobody at all"}, {"IdCliente": known}, {"IdCliente": "c", "x": 1}]
    found = client.post(path, json={"data": rows}).json()["result"]
    assert [one["IdCliente"] for one in found] == ["b", "nobody at all", known, "c"]
    assert [one["score"] is None for one in found] == [False, True, False, True]
    assert found[1]["error"]["type"] == "unknown-customer"
    assert found[3]["error"]["field"] == "x"


def test_a_customer_outside_the_population_has_no_score_and_says_why(client: TestClient, served_store: World) -> None:
    gone = served_store.customers[-1]
    found = client.post("/predict_many", json={"data": [{"IdCliente": gone}]}).json()["result"]
    assert found[0]["score"] is None
    assert "population" in found[0]["why"]


# ------------------------------------------------------------------------------------------ values


def test_a_model_hub_gets_its_predictions_by_id(client: TestClient, served_store: World) -> None:
    known = served_store.customers[0]
    answer = client.post(PREDICT, json={"values": [{"id": "a", **ROW}, {"id": known}]})
    found = answer.json()["predictions"]
    assert found["a"] == {"score_fiel": prob_of(served_store, OURS)}
    assert set(found) == {"a", known}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ([{**ROW}], "values.0.id"),
        ([{"id": 1, **ROW}, {"id": "1", **ROW}], "values.1.id"),
        ([], "values"),
        ({}, "values"),
    ],
    ids=["no id", "an id twice", "nobody", "an object"],
)
def test_a_hub_that_cannot_be_answered_by_id_is_told_so(client: TestClient, values: Any, field: str) -> None:
    answer = client.post(PREDICT, json={"values": values})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


# ------------------------------------------------------------------------------------------ purchases


@pytest.mark.parametrize("wrapped", [False, True], ids=["an object", "a JSON string that holds it"])
@pytest.mark.parametrize("path", ["/compat/retail/predict", "/predict"])
def test_days_are_converted_to_the_models_unit(client: TestClient, path: str, wrapped: bool) -> None:
    body: Any = {"frequency": 2, "recency": 213, "T": 272}
    answer = client.post(path, json=json.dumps(body) if wrapped else body)
    assert answer.status_code == 200
    found = answer.json()
    assert (found["code"], found["status"]) == (200, "success")
    expected = bg_nbd_alive(2, 213 / 7, 272 / 7)
    assert float(found["data"]["prob_alive"]) == pytest.approx(expected, rel=1e-12)
    assert isinstance(found["data"]["prob_alive"], str)


def bg_nbd_alive(frequency: int, recency: float, age: float) -> float:
    """P(alive) of BG/NBD (Fader, Hardie and Lee 2008) with the parameters of the world."""
    r, alpha, a, b = (worlds.CDNOW[name] for name in ("r", "alpha", "a", "b"))
    ratio = a / (b + frequency - 1) * ((alpha + age) / (alpha + recency)) ** (r + frequency)
    return 1 / (1 + ratio)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"frequency": 2, "recency": 30}, "T"),
        ({"frequency": 2, "recency": 30, "T": "200"}, "T"),
        ({"frequency": 2, "recency": True, "T": 200}, "recency"),
        ({"frequency": 2, "recency": 300, "T": 200}, "recency"),
        ({"frequency": -1, "recency": 3, "T": 200}, "frequency"),
        ({"frequency": 2, "recency": 30, "T": 200, "monetary": 3}, "monetary"),
    ],
)
def test_a_wrong_field_of_a_purchase_history_is_named(client: TestClient, body: dict[str, Any], field: str) -> None:
    answer = client.post("/compat/retail/predict", json=body)
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_text_in_a_json_string_is_read_and_never_run(client: TestClient, tmp_path: Path) -> None:
    target = tmp_path / "made"
    code = f"__import__('pathlib').Path({str(target)!r}).touch()"
    assert client.post("/compat/retail/predict", json=code).status_code == 400
    assert not target.exists()


# ------------------------------------------------------------------------------------------ the bank's form


@pytest.mark.parametrize("path", ["/compat/santander/predict", "/predict"])
def test_a_form_with_a_clients_number_says_whether_to_apply_the_promotion(
    bank_client: TestClient, bank: World, path: str
) -> None:
    prob = prob_of(bank, bank.snapshot.select(worlds.FEATURES).row(0, named=True))
    found = bank_client.post(path, data={"client_id": "0"}).json()
    assert found["client_id"] == 0
    assert found["prob"] == prob
    assert found["is_applied"] is (prob > 0.1)
    assert found["expected_profit"] == pytest.approx(90 * prob - 10 * (1 - prob))


def test_no_promotion_without_a_probability(bank_client: TestClient) -> None:
    found = bank_client.post("/compat/santander/predict", data={"client_id": str(worlds.CUSTOMERS - 1)}).json()
    assert found["is_applied"] is False
    assert found["prob"] is None


@pytest.mark.parametrize(("given", "status"), [("-1", 422), ("abc", 422), ("1.5", 422), ("", 422), ("999999", 404)])
def test_a_number_that_is_none_or_nobodys_is_told_so(bank_client: TestClient, given: str, status: int) -> None:
    answer = bank_client.post("/compat/santander/predict", data={"client_id": given})
    assert answer.status_code == status
    assert answer.json()["errors"][0]["field"] == "client_id"


def test_the_form_page_answers_on_itself(bank_client: TestClient) -> None:
    page = bank_client.get("/compat/santander/form", headers={"accept": "text/html"})
    assert page.status_code == 200
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    known = bank_client.post("/compat/santander/form", data={"client_id": "0", "csrf_token": token})
    assert known.status_code == 200
    assert "apply the promotion." in known.text
    assert "The probability is that of: Unsatisfied." in known.text
    unknown = bank_client.post("/compat/santander/form", data={"client_id": "999999", "csrf_token": token})
    assert unknown.status_code == 404
    assert "There is no client 999999" in unknown.text


def test_a_browser_form_without_our_token_is_refused(bank_client: TestClient) -> None:
    answer = bank_client.post("/compat/santander/form", data={"client_id": "0"})
    assert answer.status_code == 403


def test_a_program_without_economics_has_no_form(client: TestClient) -> None:
    assert client.get("/compat/teomewhy/form").status_code == 404


# ------------------------------------------------------------------------------------------ which door, which program


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"data": ROW, "values": [ROW]}, 422),
        ({"data": ROW, "frequency": 1}, 422),
        ({"data": ROW, "more": 1}, 422),
        ({"something": 1}, 422),
        ([ROW], 422),
        (7, 422),
        ("no json", 400),
        (json.dumps(json.dumps({"data": ROW})), 422),
    ],
)
def test_a_body_that_fits_no_door_or_two_is_refused(client: TestClient, body: Any, status: int) -> None:
    assert client.post(PREDICT, json=body).status_code == status


def test_another_content_type_is_refused(client: TestClient) -> None:
    answer = client.post(PREDICT, content=b"<data/>", headers={"content-type": "application/xml"})
    assert answer.status_code == 415


def test_an_old_address_asks_which_program_where_several_could_be_meant(
    bank: World, make_client: Callable[[ServeSettings], TestClient], tmp_path: Path
) -> None:
    world = worlds.published(tmp_path)
    store = Store(world.address)
    model = world.models["retail"]
    worlds.promote(store, "online_retail", model)
    of_retail = worlds.publication("retail", model, world.snapshot, AS_OF)
    store.publish(replace(of_retail, program="online_retail"))
    store.close()
    body = {"frequency": 2, "recency": 213, "T": 272}
    asked = make_client(world.serve()).post("/predict", json=body)
    assert asked.status_code == 422
    assert "online_retail, retail" in asked.json()["detail"]
    told = make_client(world.serve(doors={"purchase": "retail"})).post("/predict", json=body)
    assert told.status_code == 200


def test_an_old_address_without_any_program_for_its_client_says_so(client: TestClient) -> None:
    answer = client.post("/predict", data={"client_id": "1"})
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("no-program-for-door")


@pytest.mark.parametrize("path", ["/health_check", "/compat/teomewhy/health_check"])
def test_old_clients_see_that_the_service_is_alive(client: TestClient, path: str) -> None:
    assert client.get(path).json() == {"status": "ok"}


# ------------------------------------------------------------------------------------------ ids and empty scores


@pytest.mark.parametrize("customer_id", ["x" * 201, "a\0b", "", True, 1.5, ["a"], None])
def test_an_id_that_nobody_can_have_is_refused(client: TestClient, customer_id: Any) -> None:
    answer = client.post(PREDICT, json={"data": {"IdCliente": customer_id, **ROW}})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "IdCliente"


def test_an_id_beside_columns_that_are_no_features_is_scored_by_the_published_features(
    client: TestClient, served_store: World
) -> None:
    customer_id = served_store.customers[0]
    alone = client.post(PREDICT, json={"data": {"IdCliente": customer_id}}).json()
    assert client.post(PREDICT, json={"data": {"IdCliente": customer_id, "dtRef": "2025-10-01"}}).json() == alone


def test_an_empty_score_says_why(client: TestClient) -> None:
    answer = client.post(PREDICT, json={"data": {"IdCliente": "abc", **ROW, "descLifeCycleAtual": "06-ZUMBI"}})
    assert answer.status_code == 200
    assert answer.json()["score"] is None
    assert "outside the model's population" in answer.json()["why"]


def test_what_is_refused_is_no_answer_and_not_logged(client: TestClient) -> None:
    log = client.app.state.service.served  # type: ignore[attr-defined]
    log.stop()
    before = log.written
    twice = {"values": [{"id": "a", **ROW}, {"id": "a", **ROW}]}
    assert client.post(PREDICT, json=twice).status_code == 422
    assert (log.written, log.waiting) == (before, 0)


def test_an_impossible_history_is_told_in_the_names_of_the_door(client: TestClient) -> None:
    answer = client.post("/compat/retail/predict", json={"frequency": 3, "recency": 300, "T": 200})
    assert answer.json()["errors"][0]["field"] == "recency"
    assert "(T)" in answer.json()["detail"]
