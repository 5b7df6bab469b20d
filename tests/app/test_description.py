from __future__ import annotations

import re

import pytest

from app.api.description import schema


@pytest.fixture
def described(client):
    return client.get("/openapi.json").json()


def operations(described):
    return [
        (path, method, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_needs_a_key_but_the_open_ones(described) -> None:
    assert described["security"] == [{"bearer": []}, {"header": []}]
    free = {path for path, _, operation in operations(described) if operation.get("security") == []}
    assert free == {"/health", "/health_check"}


def test_every_error_of_every_operation_is_problem_details(described) -> None:
    for path, method, operation in operations(described):
        assert "default" in operation["responses"], (path, method)
        for status, response in operation["responses"].items():
            if status == "default" or int(status) >= 400:
                content = response["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/ProblemDetails"}, (path, method, status)


def test_every_operation_and_parameter_says_what_it_is(described) -> None:
    for path, method, operation in operations(described):
        assert operation["summary"], (path, method)
        assert operation.get("description"), (path, method)
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), (path, method, parameter["name"])


def test_every_reference_of_the_schema_is_there(client) -> None:
    found = schema(client.app)
    text = client.get("/openapi.json").text
    named = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert named <= set(found["components"]["schemas"])


def test_the_page_lists_every_operation_and_loads_nothing_from_elsewhere(client, described) -> None:
    page = client.get("/docs", headers={"Accept": "text/html"})
    assert page.status_code == 200
    for path, method, _ in operations(described):
        assert f"{method.upper()} {path}" in page.text
    assert not re.findall(r'(?:src|href)="https?:', page.text)


def test_description_and_page_need_a_key(served_store, make_client) -> None:
    client = make_client(served_store.serve(host="0.0.0.0"))
    assert client.get("/openapi.json").status_code == 401
    assert client.get("/docs", headers={"Accept": "text/html"}).status_code == 303
