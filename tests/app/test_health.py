from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.security.keys import new_key
from fiel.errors import StoreUnavailableError
from fiel.store import Store
from tests.app import worlds
from tests.app.tiny import tiny
from tests.app.waiting import until

FRESH = 100_000


def test_it_is_alive_without_asking_the_store(served_store, make_client, monkeypatch) -> None:
    client = make_client(served_store.serve(), tiny)
    monkeypatch.setattr("fiel.store.reader.Reader.check", _away)
    assert client.get("/health").json()["status"] == "alive"


def test_it_is_ready_when_store_and_models_are_there_and_scores_are_fresh(served_store, make_client) -> None:
    answer = make_client(served_store.serve(score_age_limit_days=FRESH), tiny).get("/ready")
    assert answer.status_code == 200
    content = answer.json()
    assert content["status"] == "ready"
    assert content["store"] == "up"
    assert {model["program"]: model["version"] for model in content["models"]} == {"teomewhy": "3", "retail": "1"}


def test_old_scores_are_degraded_and_still_served(served_store, make_client) -> None:
    client = make_client(served_store.serve(score_age_limit_days=10, score_age_limits={"retail": FRESH}), tiny)
    answer = client.get("/ready")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    stale = {row["program"]: row["is_stale"] for row in answer.json()["programs"]}
    assert stale == {"teomewhy": True, "retail": False}


@pytest.mark.parametrize(("now", "age"), [("2025-10-02T02:59:00", 0), ("2025-10-02T03:01:00", 1)])
def test_the_age_is_counted_in_the_days_of_the_program(served_store, make_client, monkeypatch, now, age) -> None:
    instant = datetime.fromisoformat(now).replace(tzinfo=UTC)  # midnight in São Paulo is 03:00 UTC
    monkeypatch.setattr("app.service.now", lambda: instant)
    content = make_client(served_store.serve(), tiny).get("/ready").json()
    assert {row["program"]: row["age_days"] for row in content["programs"]}["teomewhy"] == age


def test_a_store_that_is_away_makes_it_not_ready_and_its_return_ready_again(
    served_store, make_client, monkeypatch
) -> None:
    client = make_client(served_store.serve(score_age_limit_days=FRESH), tiny)
    with monkeypatch.context() as gone:
        gone.setattr("fiel.store.reader.Reader.check", _away)
        until(lambda: client.get("/ready").status_code == 503)
        assert client.get("/ready").json()["status"] == "not ready"
        assert client.get("/ready").headers["retry-after"] == "2"
    until(lambda: client.get("/ready").status_code == 200)


def test_without_a_model_it_is_not_ready(tmp_path, make_client) -> None:
    empty = worlds.unpublished(tmp_path)
    answer = make_client(empty.serve(), tiny).get("/ready")
    assert answer.status_code == 503
    assert answer.json()["models"] == []


def test_a_refused_model_is_told_and_the_one_before_stays(own_store, make_client) -> None:
    client = make_client(own_store.serve(score_age_limit_days=FRESH), tiny)
    store = Store(own_store.address)
    other = worlds.another_model("4", iterations=5)
    worlds.promote(store, "teomewhy", other, is_stored=False)
    store.close()
    until(lambda: client.get("/ready").json()["status"] == "degraded")
    content = client.get("/ready").json()
    assert "version 4" in content["problems"]["teomewhy"]
    assert {model["program"]: model["version"] for model in content["models"]}["teomewhy"] == "3"


def test_without_a_key_it_says_only_whether_it_is_ready(own_store, make_client) -> None:
    store = Store(own_store.address)
    scoped = new_key("shop", ("retail",), "test")
    store.add_key(scoped.row)
    store.close()
    client = make_client(own_store.serve(), tiny)
    assert client.get("/ready").json() == {"status": "degraded"}
    content = client.get("/ready", headers={"X-API-Key": scoped.text}).json()
    assert [row["program"] for row in content["programs"]] == ["retail"]
    assert "models" not in content
    assert "problems" not in content


def test_a_program_file_that_is_wrong_is_left_out_and_the_others_are_served(own_store, make_client, tmp_path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("teomewhy", "retail"):
        (programs / f"{name}.yaml").write_text(
            (own_store.settings.programs / f"{name}.yaml").read_text("utf-8"), "utf-8"
        )
    (programs / "broken.yaml").write_text("name: broken\ntitel: x\n")
    settings = own_store.settings.model_copy(update={"programs_path": str(programs)})
    client = make_client(own_store.serve().model_copy(update={"fiel": settings}), tiny)
    assert sorted(client.app.state.service.programs) == ["retail", "teomewhy"]
    assert client.get("/v1/retail/name").status_code == 200


def _away(*_given):
    raise StoreUnavailableError("away")


def test_a_finished_file_is_never_stale_and_quarters_have_a_quarter(own_store, make_client, monkeypatch) -> None:
    store = Store(own_store.address)
    for program in ("santander", "pension"):
        model = own_store.models["teomewhy"]
        worlds.promote(store, program, model)
        store.publish(worlds.publication(program, model, own_store.snapshot, worlds.AS_OF))
    store.close()
    monkeypatch.setattr("app.service.now", lambda: datetime(2025, 12, 31, tzinfo=UTC))  # 91 days later
    shown = make_client(own_store.serve(), tiny).get("/ready").json()["programs"]
    limits = {row["program"]: (row["limit_days"], row["is_stale"]) for row in shown}
    assert limits["santander"] == (None, False)
    assert limits["pension"] == (100, False)
    assert limits["teomewhy"] == (10, True)


@pytest.mark.parametrize("path", ["/health", "/ready", "/health_check"])
def test_a_balancer_that_asks_for_the_head_only_gets_the_same_status(client, path) -> None:
    assert client.head(path).status_code == client.get(path).status_code == 200
