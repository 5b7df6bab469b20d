"""POST /v1/{program}/purchases: what the published purchase model says of any history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient

from app.api.schemas import PurchasesAnswer
from app.purchase_models import PurchaseCalculator
from app.settings import ServeSettings
from fiel.spool import found
from tests.app.worlds import World

LOYAL = {"frequency": 5, "recency_days": 210, "age_days": 280, "mean_value": 12_500}
ONCE = {"frequency": 0, "recency_days": 0, "age_days": 280}


def ask(client: TestClient, *customers: object, program: str = "retail", **more: object) -> dict[str, Any]:
    answer = client.post(f"/v1/{program}/purchases", json={"customers": list(customers), **more})
    assert answer.status_code == 200, answer.text
    return PurchasesAnswer.model_validate_json(answer.text).model_dump(mode="json", exclude_unset=True)


@pytest.fixture
def calculator(client: TestClient) -> PurchaseCalculator:
    part = client.app.state.service.reader.part("retail", "purchase_model")  # type: ignore[attr-defined]
    return PurchaseCalculator.of(part)


def test_one_history_has_the_figures_of_the_published_model(client: TestClient, calculator: PurchaseCalculator) -> None:
    found = ask(client, LOYAL)
    (only,) = found["results"]
    assert (found["program"], found["as_of"], found["unit"], found["model"]["name"]) == (
        "retail",
        "2025-10-01",
        "GBP",
        "bg_nbd",
    )
    history = (5, 210, 280)
    assert only["alive_prob"] == calculator.alive_one(*history)
    assert only["purchases_expected"] == {str(days): float(calculator.expected(days, *history)) for days in (28, 90)}
    assert only["purchase_probs"]["90"] == float(calculator.purchase_prob(90, *history))
    assert only["value_expected"]["90"] == float(calculator.value_expected(90, *history, 12_500))


def test_horizons_are_the_programs_unless_they_are_given(client: TestClient) -> None:
    assert list(ask(client, LOYAL)["results"][0]["purchases_expected"]) == ["28", "90"]
    assert list(ask(client, LOYAL, horizons_days=[365, 7, 7])["results"][0]["purchase_probs"]) == ["7", "365"]


def test_many_histories_keep_their_order_and_an_impossible_one_fails_alone(client: TestClient) -> None:
    late = {"customer_id": 7, "frequency": 2, "recency_days": 300, "age_days": 280}
    found = ask(client, LOYAL, late, {**ONCE, "customer_id": "b"})
    assert (found["computed"], found["failed"]) == (2, 1)
    first, wrong, last = found["results"]
    assert (first["status"], wrong["status"], last["status"]) == ("computed", "failed", "computed")
    assert (wrong["customer_id"], last["customer_id"], wrong["alive_prob"]) == ("7", "b", None)
    assert wrong["error"]["field"] == "recency_days"
    assert "at most age_days" in wrong["error"]["todo"]
    assert first["alive_prob"] == ask(client, LOYAL)["results"][0]["alive_prob"]


def test_without_a_mean_value_there_is_no_value_except_where_nobody_has_one(client: TestClient) -> None:
    unknown = {name: value for name, value in LOYAL.items() if name != "mean_value"}
    with_mean, without, once = ask(client, LOYAL, unknown, ONCE)["results"]
    assert without["value_expected"] is None
    assert with_mean["value_expected"]["90"] > 0
    assert once["value_expected"]["90"] > 0
    assert without["purchases_expected"] == with_mean["purchases_expected"]


def test_a_program_without_a_purchase_model_says_so(client: TestClient) -> None:
    answer = client.post("/v1/teomewhy/purchases", json={"customers": [LOYAL]})
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("no-purchase-model")
    assert "has_purchase_model" in answer.json()["errors"][0]["todo"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"frequency": -1}, "customers.0.frequency"),
        ({"frequency": 1.5}, "customers.0.frequency"),
        ({"recency_days": "ten"}, "customers.0.recency_days"),
        ({"age_days": 1e9}, "customers.0.age_days"),
        ({"mean_value": 0}, "customers.0.mean_value"),
        ({"T": 280}, "customers.0.T"),
    ],
)
def test_a_wrong_field_is_named(client: TestClient, change: dict[str, object], field: str) -> None:
    answer = client.post("/v1/retail/purchases", json={"customers": [LOYAL | change]})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_missing_field_is_named(client: TestClient) -> None:
    answer = client.post("/v1/retail/purchases", json={"customers": [{"frequency": 1, "recency_days": 2}]})
    assert [(error["field"], error["todo"]) for error in answer.json()["errors"]] == [
        ("customers.0.age_days", "Send this field.")
    ]


def test_far_from_everything_there_is_a_number_or_an_error_and_never_a_defect(client: TestClient) -> None:
    extreme = {"frequency": 100_000, "recency_days": 1e-9, "age_days": 100_000, "mean_value": 1e15}
    for one in ask(client, extreme, {**extreme, "recency_days": 100_000}, horizons_days=[1, 3650])["results"]:
        assert (one["status"] == "computed") == (one["alive_prob"] is not None)


def test_a_stage_rule_program_serves_both(client: TestClient, served_store: World) -> None:
    answer = client.post("/v1/retail/score", json={"customers": [served_store.customers[0]]})
    assert answer.json()["results"][0]["status"] == "scored"


def test_an_answer_is_logged_with_the_history_and_the_model_that_it_is_of(
    served_store: World, make_client: Callable[[ServeSettings], TestClient], tmp_path: Path
) -> None:
    settings = served_store.serve()
    own = settings.model_copy(update={"fiel": settings.fiel.model_copy(update={"serve_spool": str(tmp_path)})})
    client = make_client(own)
    late = {"frequency": 2, "recency_days": 300, "age_days": 280}
    computed, _ = ask(client, {"customer_id": "a", **LOYAL}, late)["results"]
    door = client.post("/compat/retail/predict", json={"frequency": 2, "recency": 213, "T": 272})
    client.app.state.service.served.stop()  # type: ignore[attr-defined]
    told, first, second = (orjson.loads(line) for file in found(tmp_path / "retail") for line in file.lines())
    assert told["inputs"] == ["frequency", "recency_days", "age_days", "mean_value"]
    assert first[2:9] == [0, "a", None, "alive", "given", "purchases", "bg_nbd of 2025-10-01"]
    assert first[10:] == [computed["alive_prob"], [5, 210, 280, 12_500]]
    assert second[2:8] == [0, None, None, "alive", "given", "purchase"]
    assert second[10:] == [float(door.json()["data"]["prob_alive"]), [2, 213, 272, None]]
