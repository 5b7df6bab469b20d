"""What /openapi.json shows of the API: an example of every request, answer and problem, each true to its model."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel

from app.api import schemas
from app.api.examples import ANSWERS

MODELS: dict[str, type[BaseModel]] = {
    "get /v1/programs": schemas.ProgramList,
    "get /v1/programs/{program}": schemas.ProgramDetails,
    "get /v1/{program}/customers/{customer_id}": schemas.CustomerAnswer,
    "post /v1/{program}/score": schemas.ScoreAnswer,
    "post /v1/{program}/what-if": schemas.WhatIfAnswer,
    "post /v1/{program}/purchases": schemas.PurchasesAnswer,
}
REQUESTS = (schemas.ScoreRequest, schemas.WhatIfRequest, schemas.PurchasesRequest)


@pytest.fixture
def operations(client: TestClient) -> dict[str, dict[str, Any]]:
    paths = client.get("/openapi.json").json()["paths"]
    return {
        f"{method} {path}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
        if path.startswith("/v1")
    }


def test_every_operation_of_the_api_has_an_answer_here(operations: dict[str, dict[str, Any]]) -> None:
    assert set(operations) == set(MODELS) == set(ANSWERS)


@pytest.mark.parametrize("name", ANSWERS)
def test_the_example_of_an_answer_fits_its_model_and_is_shown(operations: dict[str, dict[str, Any]], name: str) -> None:
    example = ANSWERS[name]
    MODELS[name].model_validate(example)
    assert operations[name]["responses"]["200"]["content"]["application/json"]["example"] == example


@pytest.mark.parametrize("name", ANSWERS)
def test_every_problem_has_an_example_and_the_one_shape(operations: dict[str, dict[str, Any]], name: str) -> None:
    problems = {
        status: response["content"]["application/problem+json"]
        for status, response in operations[name]["responses"].items()
        if status.startswith(("4", "5"))
    }
    assert {"401", "403", "429", "503"} <= set(problems)
    for status, content in problems.items():
        assert content["schema"] == {"$ref": "#/components/schemas/ProblemDetails"}
        assert schemas.ProblemDetails.model_validate(content["example"]).status == int(status)


@pytest.mark.parametrize("model", REQUESTS, ids=lambda model: model.__name__)
def test_the_examples_of_a_request_are_requests(model: type[BaseModel]) -> None:
    found = model.model_json_schema()["examples"]
    assert found
    for example in found:
        model.model_validate(example)


def test_every_field_that_a_caller_sends_is_described(client: TestClient) -> None:
    parts = client.get("/openapi.json").json()["components"]["schemas"]
    silent = [
        f"{name}.{field}"
        for name in ("ScoreRequest", "ScoreItem", "WhatIfRequest", "PurchasesRequest", "PurchaseItem")
        for field, content in parts[name]["properties"].items()
        if "description" not in content
    ]
    assert silent == []
