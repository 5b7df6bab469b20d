"""The whole OpenAPI description against the service: no defect of ours, no answer outside of what is described."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.api.description import schema as description
from app.main import create_app
from app.settings import ServeSettings
from fiel.settings import Settings
from tests.app.worlds import World

EXAMPLES = 25
"""Requests tried for each operation with data that fits its schema, and as many with data that does not."""

ALWAYS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATIONS = (
    "GET /health",
    "GET /ready",
    "GET /metrics",
    "GET /v1/programs",
    "GET /v1/programs/{program}",
    "GET /v1/{program}/customers/{customer_id}",
    "POST /v1/{program}/score",
    "POST /v1/{program}/what-if",
    "POST /v1/{program}/purchases",
    "POST /compat/{program}/predict",
    "POST /compat/{program}/predict_many",
    "POST /predict",
    "POST /predict_many",
    "GET /health_check",
    "GET /compat/{program}/health_check",
)


@pytest.fixture(scope="module")
def service(served_store: World) -> Iterator[TestClient]:
    """The service over the small published store; no limit of rate comes between."""
    fast = served_store.serve(rate_per_second=1e6, rate_burst=10**6, served_share=0.0)
    with TestClient(create_app(fast), "http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@cache
def operations() -> dict[str, APIOperation[Any, Any, Any, Any]]:
    """Every described operation by its label; programs and customers of the small store are among what is tried."""
    with TemporaryDirectory() as folder:
        found = description(create_app(ServeSettings(fiel=Settings(FIEL_LAKE=f"{folder}/lake"))))
    for path, methods in found["paths"].items():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "program" and "{program}" in path:
                    parameter["schema"] = {"type": "string", "enum": ["teomewhy", "retail", "santander", "nobody"]}
                if parameter["name"] == "customer_id":
                    parameter["schema"] = {"anyOf": [{"enum": ["c00000", "c00001", "c00059"]}, parameter["schema"]]}
    schema = schemathesis.openapi.from_dict(found)
    return {one.ok().label: one.ok() for one in schema.get_all_operations()}


def test_every_operation_that_is_described_is_tried() -> None:
    assert set(operations()) == set(OPERATIONS)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "not fitting"])
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_one_that_is_described(label: str, mode: GenerationMode, service: TestClient) -> None:
    operation = operations()[label]
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.path_parameters or operation.query):
        pytest.skip("takes no input")
    is_whole = label.startswith("POST /v1")  # a door answers for the customers that it can, and lists the others
    checks = [*ALWAYS, negative_data_rejection] if mode is GenerationMode.NEGATIVE and is_whole else ALWAYS

    @seed(20261121)
    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_it(case: Case) -> None:
        sent = case.as_transport_kwargs(base_url="http://127.0.0.1")
        answer = service.request(**sent)
        case.validate_response(answer, checks=checks)
        assert not re.search('Traceback|sqlalchemy|File "', answer.text)

    try_it()
