"""POST /v1/{program}/score: the bits of the batch, the order of the request, and every failure said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from fastapi.testclient import TestClient

from app.api.schemas import ScoreAnswer
from app.main import create_app
from app.scoring import MOST_COMPARED
from app.settings import ServeSettings
from fiel.store import Store
from tests.app import worlds
from tests.app.chain import Chain, served_chain
from tests.app.worlds import World

MakeClient = Callable[[ServeSettings], TestClient]


def ask(client: TestClient, *customers: object, program: str = "teomewhy", **more: object) -> dict[str, Any]:
    answer = client.post(f"/v1/{program}/score", json={"customers": list(customers), **more})
    assert answer.status_code == 200, answer.text
    return ScoreAnswer.model_validate_json(answer.text).model_dump(mode="json", exclude_unset=True)


def refused(client: TestClient, body: Any, program: str = "teomewhy") -> dict[str, Any]:
    answer = client.post(f"/v1/{program}/score", json=body)
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == answer.status_code
    return found


# ------------------------------------------------------------------------------------------ the bits of the batch


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return served_chain(tmp_path_factory.mktemp("chain"))


@pytest.fixture(scope="module")
def chain_client(chain: Chain) -> Iterator[TestClient]:
    with TestClient(create_app(chain.serve()), "http://127.0.0.1") as client:
        yield client


def bits(answer: dict[str, Any]) -> dict[str, str | None]:
    return {one["customer_id"]: one["prob"] and one["prob"].hex() for one in answer["results"]}


def bits_of_the_batch(chain: Chain) -> dict[str, str | None]:
    return {customer: prob and prob.hex() for customer, prob in chain.probs.items()}


def test_the_model_of_the_proof_reads_text_whole_numbers_fractions_and_empty_values(chain: Chain) -> None:
    frame = chain.snapshot.filter("in_population").select(chain.model.inputs)
    assert {pl.String, pl.Int64, pl.Float64} <= set(frame.dtypes)
    assert frame.null_count().sum_horizontal().item() > 0
    assert chain.scores["prob"].null_count() > 0
    assert chain.scores["prob"].n_unique() > 50


def test_all_customers_in_one_request_have_the_bits_of_the_batch(chain: Chain, chain_client: TestClient) -> None:
    found = ask(chain_client, *chain.probs)
    assert bits(found) == bits_of_the_batch(chain)
    assert {one["basis"] for one in found["results"] if one["prob"] is not None} == {"recomputed"}


def test_each_customer_alone_has_the_bits_of_the_batch(chain: Chain, chain_client: TestClient) -> None:
    found: dict[str, str | None] = {}
    for customer in chain.probs:
        found |= bits(ask(chain_client, customer))
    assert found == bits_of_the_batch(chain)


def test_the_features_that_the_service_shows_give_the_bits_of_the_batch(chain: Chain, chain_client: TestClient) -> None:
    asked = []
    for customer in chain.probs:
        shown = chain_client.get(f"/v1/teomewhy/customers/{customer}").json()
        assert shown["score"]["prob"] == chain.probs[customer]
        asked.append(
            {
                "customer_id": customer,
                "features": {name: shown["features"][name] for name in chain.model.inputs},
            }
        )
    expected = bits_of_the_batch(chain)
    assert bits(ask(chain_client, *asked)) == expected
    alone: dict[str, str | None] = {}
    for one in asked[:60]:
        alone |= bits(ask(chain_client, one))
    assert alone == {customer: expected[customer] for customer in alone}


def test_the_text_of_an_answer_is_read_back_to_the_same_float(chain: Chain, chain_client: TestClient) -> None:
    text = chain_client.post("/v1/teomewhy/score", json={"customers": list(chain.probs)}).text
    told = [one["prob"] for one in orjson.loads(text)["results"]]
    assert told == list(chain.probs.values())


def test_postgresql_gives_the_bits_of_the_batch_too(postgres_url: str, tmp_path: Path, make_client: MakeClient) -> None:
    world = worlds.published(tmp_path, postgres_url)
    client = make_client(world.serve())
    expected = [
        None if stage == "zumbi" else prob.hex()
        for stage, prob in zip(
            world.snapshot["stage"], world.models["teomewhy"].predict(world.snapshot).tolist(), strict=True
        )
    ]
    assert list(bits(ask(client, *world.customers)).values()) == expected
    assert list(bits(ask(client, world.customers[0])).values()) == expected[:1]
    shown = client.get(f"/v1/teomewhy/customers/{world.customers[1]}").json()
    assert shown["score"]["prob"].hex() == expected[1]


# ------------------------------------------------------------------------------------------ what is answered


def test_a_customer_by_id_is_scored_by_the_champion_now(client: TestClient, served_store: World) -> None:
    found = ask(client, served_store.customers[0])
    assert (found["program"], found["target"], found["horizon"]) == ("teomewhy", "fiel", "28 days")
    assert (found["as_of"], found["model_version"]) == ("2025-10-01", "3")
    (only,) = found["results"]
    assert (only["status"], only["basis"], only["as_of"], only["model_version"]) == (
        "scored",
        "recomputed",
        "2025-10-01",
        "3",
    )


def test_a_plain_request_is_answered_as_one_with_every_wish_spelled_out(
    client: TestClient, served_store: World
) -> None:
    for customer in (*served_store.customers[:5], served_store.customers[-1], "nobody"):
        bodies = ({"customers": [customer]}, {"customers": [customer], "reasons": False, "language": "en"})
        answers = [
            client.post("/v1/teomewhy/score", json=body, headers={"x-request-id": "the-same-id"}) for body in bodies
        ]
        assert len({(answer.status_code, answer.content) for answer in answers}) == 1


@pytest.mark.parametrize("program", ["nobody", "teomewhy"])
def test_a_plain_request_is_refused_as_any_other(client: TestClient, program: str) -> None:
    for customers in ([""], ["x" * 201], ["c\x00"], ["c1"] if program == "nobody" else []):
        answer = client.post(f"/v1/{program}/score", json={"customers": customers})
        assert answer.status_code == (404 if program == "nobody" else 422)


def test_the_answer_keeps_the_order_and_lists_what_failed(client: TestClient, served_store: World) -> None:
    ids = served_store.customers
    asked = [ids[5], "nobody", {"customer_id": "new", "features": {"stage": "fiel"}}, ids[1], ids[5], {"features": {}}]
    found = ask(client, *asked)
    told = [(one["position"], one["customer_id"], one["status"]) for one in found["results"]]
    assert told == [
        (0, ids[5], "scored"),
        (1, "nobody", "failed"),
        (2, "new", "scored"),
        (3, ids[1], "scored"),
        (4, ids[5], "scored"),
        (5, None, "scored"),
    ]
    assert (found["scored"], found["not_scored"], found["failed"]) == (5, 0, 1)
    assert found["results"][0]["prob"] == found["results"][4]["prob"]


def test_an_unknown_customer_says_what_to_do(client: TestClient) -> None:
    (only,) = ask(client, "nobody")["results"]
    assert only["error"]["type"] == "unknown-customer"
    assert only["error"]["field"] == "customer_id"
    assert "Check the id" in only["error"]["todo"]


def test_outside_the_population_there_is_no_probability_and_it_is_said_why(
    client: TestClient, served_store: World
) -> None:
    gone = served_store.customers[-1]
    found = ask(client, gone, {"features": {"stage": "zumbi", "active_days_d28": 0}})
    by_id, by_features = found["results"]
    assert (by_id["status"], by_id["prob"]) == ("not_scored", None)
    assert "outside the model's population" in by_id["why"]
    assert (by_features["status"], by_features["prob"]) == ("not_scored", None)
    assert "stage zumbi" in by_features["why"]


def test_features_that_were_not_given_count_as_empty_and_are_named(client: TestClient) -> None:
    given, empty = ask(
        client,
        {"features": {"stage": "fiel", "active_days_d28": 11}},
        {"features": {"stage": "fiel", "active_days_d28": 11, "mean_gap_days_life": None}},
    )["results"]
    assert given["missing"] == ["mean_gap_days_life"]
    assert "missing" not in empty
    assert given["prob"] == empty["prob"]
    assert (given["basis"], given["as_of"]) == ("given", None)


@pytest.mark.parametrize(
    ("features", "field", "said"),
    [
        ({"stage": "fiel", "active_days": 3}, "active_days", "Did you mean active_days_d28?"),
        ({"active_days_d28": "eleven"}, "active_days_d28", "give a number"),
        ({"stage": 3}, "stage", "give text"),
        ({"IdCliente": 3}, "IdCliente", "`inputs`"),
    ],
)
def test_wrong_features_are_refused_by_name_and_the_others_answered(
    client: TestClient, features: dict[str, object], field: str, said: str
) -> None:
    wrong, right = ask(client, {"features": features}, {"features": {"stage": "fiel"}})["results"]
    assert (wrong["status"], wrong["error"]["type"]) == ("failed", "invalid-features")
    assert wrong["error"]["field"] == field
    assert said in wrong["error"]["message"] + wrong["error"]["todo"]
    assert right["status"] == "scored"


def test_a_number_as_id_is_its_digits(client: TestClient) -> None:
    (only,) = ask(client, 42)["results"]
    assert only["customer_id"] == "42"


@pytest.mark.parametrize(("language", "said"), [("en", "active day"), ("pt", "dias ativos")])
def test_reasons_are_told_where_they_are_asked_for(
    client: TestClient, served_store: World, language: str, said: str
) -> None:
    asked = [served_store.customers[0], {"features": {"stage": "fiel", "active_days_d28": 20}}, "nobody"]
    by_id, by_features, unknown = ask(client, *asked, reasons=True, language=language)["results"]
    assert unknown["reasons"] == []
    for one in (by_id, by_features):
        assert said in " ".join(reason["text"] for reason in one["reasons"])
        assert one["reasons"][0]["feature"] == "active_days_d28"
    assert "reasons" not in ask(client, *asked)["results"][0]


# ------------------------------------------------------------------------------------------ another model, or none


def test_after_a_promotion_the_new_champion_answers_from_the_same_features(
    own_store: World, make_client: MakeClient
) -> None:
    client = make_client(own_store.serve())
    store = Store(own_store.address)
    newer = worlds.another_model("4", iterations=12)
    worlds.promote(store, "teomewhy", newer)
    client.app.state.service.champions.poll()  # type: ignore[attr-defined]
    found = ask(client, *own_store.customers[:10])
    expected = newer.predict(own_store.snapshot.head(10)).tolist()
    assert [one["prob"] for one in found["results"]] == expected
    assert {one["model_version"] for one in found["results"]} == {"4"}
    store.close()


def publish_again(world: World, **columns: pl.Expr) -> None:
    """The newest set of teomewhy with some score columns changed."""
    made = worlds.publication("teomewhy", world.models["teomewhy"], world.snapshot, worlds.AS_OF)
    store = Store(world.address)
    store.publish(replace(made, scores=made.scores.with_columns(**columns)))
    store.close()


def test_who_taught_the_champion_keeps_the_probability_of_models_that_had_not_seen_them(
    own_store: World, make_client: MakeClient
) -> None:
    first = pl.col("customer_id") == own_store.customers[0]
    publish_again(own_store, is_cross_fitted=first, prob=pl.when(first).then(0.123456789012345).otherwise("prob"))
    client = make_client(own_store.serve())
    kept, other = ask(client, *own_store.customers[:2])["results"]
    assert (kept["prob"], kept["basis"]) == (0.123456789012345, "cross_fitted")
    assert other["basis"] == "recomputed"


def test_a_cross_fitted_probability_of_another_model_is_computed_again(
    own_store: World, make_client: MakeClient
) -> None:
    publish_again(own_store, is_cross_fitted=pl.lit(value=True), model_digest=pl.lit("0" * 64))
    (only,) = ask(make_client(own_store.serve()), own_store.customers[0])["results"]
    assert only["basis"] == "recomputed"


def test_without_a_model_in_service_the_stored_score_stands_and_features_cannot_be_scored(
    served_store: World, make_client: MakeClient
) -> None:
    client = make_client(served_store.serve())
    service = client.app.state.service  # type: ignore[attr-defined]
    service.champions.stop()
    service.champions._live = {}
    by_id, by_features = ask(client, served_store.customers[0], {"features": {"stage": "fiel"}})["results"]
    assert (by_id["status"], by_id["basis"]) == ("scored", "published")
    assert by_id["prob"] == served_store.models["teomewhy"].predict(served_store.snapshot.head(1))[0]
    assert by_features["error"]["type"] == "no-model"
    assert "fiel run publish --program teomewhy --as-of latest" in by_features["error"]["todo"]


def test_a_set_without_a_column_that_the_model_reads_fails_and_says_so(
    own_store: World, make_client: MakeClient
) -> None:
    made = worlds.publication("teomewhy", own_store.models["teomewhy"], own_store.snapshot, worlds.AS_OF)
    store = Store(own_store.address)
    store.publish(replace(made, feature_names=("stage", "something_else", "mean_gap_days_life")))
    store.close()
    (only,) = ask(make_client(own_store.serve()), own_store.customers[0])["results"]
    assert (only["status"], only["error"]["type"]) == ("failed", "missing-columns")
    assert "active_days_d28" in only["error"]["message"]
    assert "`fiel run publish --program teomewhy --as-of latest`" in only["error"]["todo"]


# ------------------------------------------------------------------------------------------ a champion that reads less


@pytest.fixture
def stage_client(own_store: World, make_client: MakeClient) -> TestClient:
    """A service that was rolled back to the stage rule; the published set knows two further features."""
    store = Store(own_store.address)
    worlds.promote(store, "teomewhy", own_store.models["retail"], action="rollback")
    store.close()
    return make_client(own_store.serve())


def test_features_that_only_the_published_set_knows_are_passed_over_and_named(
    stage_client: TestClient, own_store: World
) -> None:
    features = {"stage": "fiel", "active_days_d28": 9, "mean_gap_days_life": None}
    (only,) = ask(stage_client, {"customer_id": "new", "features": features})["results"]
    rule = own_store.models["retail"]
    assert only["prob"] == rule.predict(pl.DataFrame({"stage": ["fiel"]}))[0]
    assert only["unused"] == ["active_days_d28", "mean_gap_days_life"]
    assert "missing" not in only


def test_features_that_neither_the_champion_nor_the_set_knows_are_still_refused(stage_client: TestClient) -> None:
    known, unknown = ask(
        stage_client,
        {"features": {"stage": "fiel", "active_days_d28": 9}},
        {"features": {"stage": "fiel", "active_days_d28": 9, "qtdeNada": 1}},
    )["results"]
    assert known["unused"] == ["active_days_d28"]
    assert (unknown["error"]["type"], unknown["error"]["field"]) == ("invalid-features", "qtdeNada")


def test_a_stage_outside_the_population_has_no_score_whatever_else_is_passed_over(stage_client: TestClient) -> None:
    (only,) = ask(stage_client, {"features": {"stage": "zumbi", "active_days_d28": 9}})["results"]
    assert (only["prob"], only["unused"]) == (None, ["active_days_d28"])
    assert "zumbi" in only["why"]


def test_what_the_champion_reads_is_not_called_unused(client: TestClient) -> None:
    (only,) = ask(client, {"features": {"stage": "fiel", "active_days_d28": 9}})["results"]
    assert "unused" not in only


# ------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "customers"),
        ({"customers": []}, "customers"),
        ({"customers": "c1"}, "customers"),
        ({"customers": [{}]}, "customers.0"),
        ({"customers": ["c1", {"features": [1]}]}, "customers.1"),
        ({"customers": [""]}, "customers.0"),
        ({"customers": ["c\x001"]}, "customers.0"),
        ({"customers": [-1]}, "customers.0"),
        ({"customers": [True]}, "customers.0"),
        ({"customers": [{"customer_id": True}]}, "customers.0"),
        ({"customers": ["c1"], "reasons": "yes"}, "reasons"),
        ({"customers": ["c1"], "reason": True}, "reason"),
        ({"customers": ["c1"], "language": "fr"}, "language"),
        ([], "body"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_with_its_field(client: TestClient, body: object, field: str) -> None:
    found = refused(client, body)
    assert found["status"] == 422
    assert any(error["field"].startswith(field) for error in found["errors"]), found


def test_more_customers_than_the_limit_are_refused(served_store: World, make_client: MakeClient) -> None:
    client = make_client(served_store.serve(max_batch=3))
    assert len(ask(client, *served_store.customers[:3])["results"]) == 3
    assert "one request may hold 3" in refused(client, {"customers": list(served_store.customers[:4])})["detail"]


@pytest.mark.parametrize("body", [b"{", b"", b'{"customers": [NaN]}', b'{"customers": ["\\ud800"]}', b"[" * 5_000])
def test_a_body_that_is_no_json_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post("/v1/teomewhy/score", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_program_without_customers_says_so_for_each(client: TestClient) -> None:
    found = ask(client, "c1", "c2", program="santander")["results"]
    assert [one["error"]["type"] for one in found] == ["not-published", "not-published"]
    assert "fiel run loyalty --program santander" in found[0]["error"]["todo"]


# ------------------------------------------------------------------------------------------ a thousand at once


def test_a_thousand_customers_are_answered_at_once(client: TestClient, served_store: World) -> None:
    ids = [served_store.customers[number % 60] for number in range(1_000)]
    found = ask(client, *ids)
    assert [one["customer_id"] for one in found["results"]] == ids
    assert found["failed"] == 0


def test_only_so_many_unknown_names_of_a_request_are_looked_for_among_the_known_ones(client: TestClient) -> None:
    unknown = [{"features": {f"active_days_d28{number}": 1}} for number in range(MOST_COMPARED + 5)]
    results = client.post("/v1/teomewhy/score", json={"customers": [*unknown, unknown[0]]}).json()["results"]
    told = [one["error"]["todo"] for one in results]
    assert told[:MOST_COMPARED] == ["Did you mean active_days_d28?"] * MOST_COMPARED
    assert all(todo.startswith("GET /v1/programs") for todo in told[MOST_COMPARED:-1])
    assert told[-1] == told[0]
