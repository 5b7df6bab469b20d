"""GET /v1/programs and /v1/programs/{program}: what is served, by which model, and how it came to be champion."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from app.api.schemas import ProgramDetails, ProgramList
from app.settings import ServeSettings
from fiel.store import Store
from tests.app import worlds
from tests.app.worlds import World

MakeClient = Callable[[ServeSettings], TestClient]


def listed(client: TestClient) -> dict[str, dict[str, object]]:
    answer = client.get("/v1/programs")
    assert answer.status_code == 200
    found = ProgramList.model_validate_json(answer.text).model_dump(mode="json")
    return {program["program"]: program for program in found["programs"]}


def details(client: TestClient, program: str = "teomewhy") -> dict[str, object]:
    answer = client.get(f"/v1/programs/{program}")
    assert answer.status_code == 200, answer.text
    return ProgramDetails.model_validate_json(answer.text).model_dump(mode="json")


def test_every_program_is_listed_in_its_own_words(client: TestClient) -> None:
    found = listed(client)
    assert list(found) == sorted(found)
    club, shop, fund = found["teomewhy"], found["retail"], found["pension"]
    assert (club["target"]["name"], club["target"]["horizon"], club["unit"]) == ("fiel", "28 days", "points")
    assert (shop["unit"], shop["unit_scale"], shop["has_purchase_model"]) == ("GBP", 100, True)
    assert (fund["target"]["horizon"], fund["target"]["horizon_days"], fund["target"]["horizon_months"]) == (
        "3 months",
        None,
        3,
    )
    assert (club["as_of"], club["known_through"], club["customers"], club["model_version"]) == (
        "2025-10-01",
        "2025-09-30",
        60,
        "3",
    )


def test_a_program_of_which_nothing_was_published_is_listed_empty(client: TestClient) -> None:
    found = listed(client)["santander"]
    assert (found["as_of"], found["customers"], found["model_version"]) == (None, None, None)
    assert found["target"]["horizon"] is None
    assert found["simulated"] is None


def test_a_program_shows_its_champion_with_measures_inputs_and_reason(client: TestClient, served_store: World) -> None:
    found = details(client)
    (champion,) = found["champions"]
    assert (champion["target"], champion["version"], champion["kind"]) == ("fiel", "3", "catboost")
    assert champion["digest"] == served_store.models["teomewhy"].digest
    assert (champion["reason"], champion["metrics"]) == ("better than the stage rule", {"oot.auc": 0.81})
    assert champion["oot_as_of"] == ["2025-07-01", "2025-08-01", "2025-09-01"]
    assert found["inputs"] == list(worlds.FEATURES)
    assert found["stages"][:2] == ["curioso", "fiel"]
    assert sum(count["customers"] for count in found["counts"]) == worlds.CUSTOMERS


def test_promotions_and_rollbacks_are_listed_oldest_first(own_store: World, make_client: MakeClient) -> None:
    client = make_client(own_store.serve())
    store = Store(own_store.address)
    worlds.promote(store, "teomewhy", worlds.another_model("4", iterations=8), reason="newer data")
    worlds.promote(store, "teomewhy", own_store.models["teomewhy"], action="rollback", reason="it was wrong")
    store.close()
    client.app.state.service.champions.poll()  # type: ignore[attr-defined]
    found = details(client)
    told = [(row["action"], row["from_version"], row["to_version"], row["reason"]) for row in found["promotions"]]
    assert told == [
        ("first", None, "3", "better than the stage rule"),
        ("promote", "3", "4", "newer data"),
        ("rollback", "4", "3", "it was wrong"),
    ]
    assert found["champions"][0]["reason"] == "it was wrong"


def test_a_refused_model_is_told_and_the_one_before_stays(own_store: World, make_client: MakeClient) -> None:
    client = make_client(own_store.serve())
    store = Store(own_store.address)
    newer = worlds.another_model("4", iterations=8)
    wrong = hashlib.sha256(b"another file").hexdigest()
    worlds.promote(store, "teomewhy", newer, digest=wrong)
    store.close()
    client.app.state.service.champions.poll()  # type: ignore[attr-defined]
    found = details(client)
    assert found["champions"][0]["version"] == "3"
    assert "version 3 stays in service" in found["refused"]["fiel"]


def test_a_key_sees_the_programs_that_it_is_made_for(served_store: World, make_client: MakeClient) -> None:
    client = make_client(served_store.serve())
    gate = client.app.state.service.gate  # type: ignore[attr-defined]
    opened = type(gate).caller

    def only_retail(self: object, *args: object) -> object:
        found = opened(self, *args)
        return None if found is None else replace(found, programs=("retail",))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(gate), "caller", only_retail)
        assert list(listed(client)) == ["retail"]
        assert client.get("/v1/programs/teomewhy").status_code == 403
        assert client.post("/v1/teomewhy/score", json={"customers": ["c1"]}).status_code == 403


def test_an_unknown_program_says_which_one_was_meant(client: TestClient) -> None:
    found = client.get("/v1/programs/teomewy").json()
    assert (found["status"], found["errors"][0]["todo"]) == (404, "Did you mean teomewhy?")
