"""POST /v1/{program}/score: the bits of the batch, the order of the request, and every failure said."""

from __future__ import annotations

import json
from collections.abc import Callable

import polars as pl
import pytest
from fastapi.testclient import TestClient

from app.api.schemas import ScoreAnswer
from app.settings import ServeSettings
from fiel.models.scoring import score as score_batch
from fiel.program import Program
from tests.app import worlds
from tests.app.worlds import World
from tests.models import worlds as models

PROGRAM = models.program()


def ask(client: TestClient, *customers: object, program: str = "teomewhy", **more: object) -> dict[str, object]:
    answer = client.post(f"/v1/{program}/score", json={"customers": list(customers), **more})
    assert answer.status_code == 200, answer.text
    return ScoreAnswer.model_validate_json(answer.text).model_dump(mode="json", exclude_unset=True)


def problem(client: TestClient, body: object, program: str = "teomewhy") -> dict[str, object]:
    answer = client.post(f"/v1/{program}/score", json=body)
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, object] = answer.json()
    assert found["status"] == answer.status_code
    return found


def test_a_customer_by_id_is_scored_by_the_champion_now(client: TestClient, served_store: World) -> None:
    found = ask(client, served_store.customers[0])
    (only,) = found["results"]
    assert found["program"], found["target"] == ("teomewhy", "fiel")
    assert (found["horizon"], found["as_of"], found["model_version"]) == ("28 days", "2025-10-01", "3")
    assert (only["status"], only["basis"], only["as_of"], only["model_version"]) == (
        "scored",
        "recomputed",
        "2025-10-01",
        "3",
    )
