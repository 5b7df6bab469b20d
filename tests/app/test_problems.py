from __future__ import annotations

import pytest
from starlette.responses import HTMLResponse

from app.problems import problem_of
from fiel import errors


def test_a_problem_says_what_was_wrong_which_field_and_what_to_do(tiny_client) -> None:
    answer = tiny_client.get("/v1/problem")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    content = answer.json()
    assert content["type"] == "urn:fiel:problem:taken"
    assert (content["title"], content["status"], content["detail"]) == ("It is taken", 409, "The name is taken.")
    assert content["errors"] == [{"field": "name", "message": "The name is taken.", "todo": "Choose another."}]


def test_every_wrong_field_of_a_body_is_named(tiny_client) -> None:
    answer = tiny_client.post("/v1/number", json={"number": "seven", "nubmer": 1})
    assert answer.status_code == 422
    content = answer.json()
    assert {error["field"] for error in content["errors"]} == {"number", "nubmer"}
    assert next(e for e in content["errors"] if e["field"] == "nubmer")["todo"].startswith("Leave this field out")


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b'{"number": 1e400}', b"[" * 5000])
def test_a_body_that_is_no_json_is_a_422_or_400_problem(tiny_client, body) -> None:
    answer = tiny_client.post("/v1/number", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_value_that_was_sent_is_not_repeated(tiny_client) -> None:
    answer = tiny_client.post("/v1/number", json={"number": "customer-4711"})
    assert "4711" not in answer.text


def test_an_unknown_address_is_a_404_problem(tiny_client) -> None:
    answer = tiny_client.get("/v1/nothing")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:fiel:problem:not-found"


def test_a_wrong_method_is_a_405_problem_that_names_the_right_ones(tiny_client) -> None:
    answer = tiny_client.delete("/v1/hello")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert answer.json()["type"] == "urn:fiel:problem:method-not-allowed"


def test_a_defect_is_a_500_with_the_request_id_and_says_nothing_of_itself(tiny_client) -> None:
    answer = tiny_client.get("/v1/customers/c4711", headers={"X-Request-ID": "shop-0000-0003"})
    assert answer.status_code == 500
    assert answer.json()["instance"] == "urn:fiel:request:shop-0000-0003"
    for secret in ("4711", "secret", "KeyError", "Traceback", ".py"):
        assert secret not in answer.text


def test_a_store_that_is_away_is_a_503_that_says_when_to_come_back(tiny_client) -> None:
    answer = tiny_client.get("/v1/store")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "3"
    assert answer.json()["type"] == "urn:fiel:problem:store-unavailable"
    assert "db.internal" not in answer.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NoChampionError("none"), 404),
        (errors.RegistryError("digest"), 503),
        (errors.FeatureError("unknown", "activ_days"), 422),
        (errors.EstimatorError("T is negative"), 422),
        (errors.CursorError("of another query"), 400),
        (errors.StoreError("revision 7"), 503),
        (errors.PlanError("of no concern here"), 500),
        (ValueError("defect"), 500),
    ],
)
def test_errors_of_the_house_have_their_status(error, status) -> None:
    assert problem_of(error).status_code == status


def test_a_wrong_feature_is_named_as_the_field(tiny_client) -> None:
    problem = problem_of(errors.FeatureError("there is no feature activ_days", "activ_days"))
    assert problem.as_dict("id")["errors"][0]["field"] == "activ_days"


def test_people_get_a_page_and_programs_get_problem_details(tiny_client) -> None:
    tiny_client.app.state.error_page = lambda _request, problem: HTMLResponse("sorry", problem.status_code)
    as_person = tiny_client.get("/nothing", headers={"Accept": "text/html"})
    assert (as_person.status_code, as_person.text) == (404, "sorry")
    assert tiny_client.get("/nothing").headers["content-type"] == "application/problem+json"
    on_api = tiny_client.get("/v1/nothing", headers={"Accept": "text/html"})
    assert on_api.headers["content-type"] == "application/problem+json"


def test_an_error_page_that_fails_does_not_hide_the_problem(tiny_client) -> None:
    def fail(_request, _problem):
        raise ValueError("no template")

    tiny_client.app.state.error_page = fail
    answer = tiny_client.get("/nothing", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:fiel:problem:not-found"


def test_a_wrong_place_is_named_as_it_was_sent_without_the_kinds_that_were_tried(client) -> None:
    answer = client.post("/v1/teomewhy/score", json={"customers": ["c1", 2.5, {"features": {"stage": []}}]})
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == {
        "customers.1", "customers.2", "customers.2.features.stage"
    }  # fmt: skip
    missing = client.post("/v1/retail/purchases", json={"customers": [{"frequency": 1, "age_days": 3}]})
    assert [error["field"] for error in missing.json()["errors"]] == ["customers.0.recency_days"]


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_does_not_say_it_is_json_is_told_which_header_to_send(tiny_client, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    answer = tiny_client.post("/v1/number", content=b'{"number": 1}', headers=headers)
    assert answer.status_code == 415
    (only,) = answer.json()["errors"]
    assert (only["field"], only["todo"]) == ("Content-Type", "Send the header Content-Type: application/json.")
