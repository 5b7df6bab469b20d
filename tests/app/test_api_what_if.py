"""POST /v1/{program}/what-if: two scores of the same customer, and what moves the one to the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from app.api.schemas import WhatIfAnswer
from app.settings import ServeSettings
from fiel.store import Store
from tests.app import worlds
from tests.app.worlds import World


def ask(client: TestClient, program: str = "teomewhy", **body: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/{program}/what-if", json=body)
    assert answer.status_code == 200, answer.text
    return WhatIfAnswer.model_validate_json(answer.text).model_dump(mode="json")


def refused(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/teomewhy/what-if", json=body)
    assert answer.status_code >= 400
    found: dict[str, Any] = answer.json()
    return found


def test_both_scores_are_the_champions_to_the_last_bit(client: TestClient, served_store: World) -> None:
    model, row = served_store.models["teomewhy"], served_store.snapshot.head(1)
    found = ask(client, customer_id=served_store.customers[0], changes={"active_days_d28": 19, "stage": "fiel"})
    changed = row.with_columns(active_days_d28=pl.lit(19, pl.Int64), stage=pl.lit("fiel"))
    assert found["prob_before"] == model.predict(row)[0]
    assert found["prob_after"] == model.predict(changed)[0]
    assert found["difference"] == found["prob_after"] - found["prob_before"]
    assert (found["basis"], found["as_of"], found["model_version"]) == ("recomputed", "2025-10-01", "3")
    assert found["changes"] == [
        {"feature": "stage", "before": row["stage"][0], "after": "fiel"},
        {"feature": "active_days_d28", "before": row["active_days_d28"][0], "after": 19},
    ]


def test_the_reasons_sum_to_the_difference_strongest_first(client: TestClient, served_store: World) -> None:
    found = ask(client, customer_id=served_store.customers[0], changes={"active_days_d28": 1}, language="pt")
    added = [reason["contribution"] for reason in found["by_reason"]]
    assert sum(added) == pytest.approx(found["log_odds_difference"], abs=1e-9)
    assert [abs(one) for one in added] == sorted((abs(one) for one in added), reverse=True)
    assert found["by_reason"][0]["feature"] == "active_days_d28"
    assert "1 dia ativo" in found["by_reason"][0]["text"]


def test_features_can_be_the_start_and_what_they_lack_counts_as_empty(client: TestClient) -> None:
    found = ask(client, features={"stage": "fiel", "active_days_d28": 3}, changes={"active_days_d28": 3})
    assert (found["customer_id"], found["basis"], found["as_of"]) == (None, "given", None)
    assert found["missing"] == ["mean_gap_days_life"]
    assert (found["difference"], found["changes"], found["by_reason"]) == (0, [], [])


def test_a_customer_outside_the_population_is_answered_with_a_note(client: TestClient, served_store: World) -> None:
    found = ask(client, customer_id=served_store.customers[-1], changes={"stage": "fiel"})
    assert "outside the model's population" in found["note"]
    assert ask(client, customer_id=served_store.customers[0], changes={"stage": "fiel"})["note"] is None


def test_a_stage_rule_is_asked_the_same_way(client: TestClient, served_store: World) -> None:
    found = ask(client, program="retail", customer_id=served_store.customers[0], changes={"stage": "fiel"})
    assert found["prob_after"] > found["prob_before"]
    assert [reason["topic"] for reason in found["by_reason"]] == ["stage"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"customer_id": "nobody", "changes": {"stage": "fiel"}}, 404, "customer_id"),
        ({"changes": {"stage": "fiel"}}, 422, "customer_id"),
        ({"customer_id": "c00000"}, 422, "changes"),
        ({"customer_id": "c00000", "changes": {}}, 422, "changes"),
        ({"customer_id": "c00000", "changes": {"active_days": 3}}, 422, "changes.active_days"),
        ({"customer_id": "c00000", "changes": {"active_days_d28": "many"}}, 422, "changes.active_days_d28"),
        ({"features": {"xyz": 1}, "changes": {"stage": "fiel"}}, 422, "features.xyz"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(
    client: TestClient, body: dict[str, Any], status: int, field: str
) -> None:
    found = refused(client, **body)
    assert (found["status"], found["errors"][0]["field"]) == (status, field)


def test_a_program_without_a_model_says_so(client: TestClient) -> None:
    answer = client.post("/v1/santander/what-if", json={"features": {}, "changes": {"var15": 3}})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:fiel:problem:no-champion")


def test_changes_that_the_champion_does_not_read_are_passed_over_and_named(
    own_store: World, make_client: Callable[[ServeSettings], TestClient]
) -> None:
    store = Store(own_store.address)
    worlds.promote(store, "teomewhy", own_store.models["retail"], action="rollback")
    store.close()
    client, someone = make_client(own_store.serve()), own_store.customers[0]
    found = ask(client, customer_id=someone, changes={"stage": "fiel", "active_days_d28": 12})
    assert [change["feature"] for change in found["changes"]] in ([], ["stage"])
    assert found["unused"] == ["active_days_d28"]
    given = ask(client, features={"stage": "fiel", "mean_gap_days_life": 2.5}, changes={"active_days_d28": 12})
    assert (given["difference"], given["unused"]) == (0, ["mean_gap_days_life", "active_days_d28"])
    assert refused(client, customer_id=someone, changes={"nothing": 1})["errors"][0]["field"] == "changes.nothing"
