"""A promotion, a refused one and a rollback while customers are asked for: every request is answered, by one model."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fastapi.testclient import TestClient

from app.settings import ServeSettings
from fiel.store import Store
from tests.app import worlds
from tests.app.waiting import until
from tests.app.worlds import World


def test_no_request_is_dropped_while_champions_change(
    own_store: World, make_client: Callable[[ServeSettings], TestClient]
) -> None:
    client = make_client(own_store.serve(poll_seconds=0.02, rate_per_second=1e6, rate_burst=1_000_000))
    store, customers = Store(own_store.address), list(own_store.customers[:12])
    first, second = own_store.models["teomewhy"], worlds.another_model("4", iterations=8)
    expected = {
        model.version: model.predict(own_store.snapshot.head(len(customers))).tolist() for model in (first, second)
    }
    answers: list[tuple[int, str, list[float]]] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            answer = client.post("/v1/teomewhy/score", json={"customers": customers})
            results = answer.json().get("results", [])
            versions = {one["model_version"] for one in results}
            answers.append((answer.status_code, "+".join(sorted(versions)), [one["prob"] for one in results]))

    def in_service(version: str) -> Callable[[], bool]:
        return lambda: bool(answers) and answers[-1][1] == version

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        until(in_service("3"))
        worlds.promote(store, "teomewhy", second)
        until(in_service("4"))
        worlds.promote(store, "teomewhy", worlds.another_model("5", iterations=5), is_stored=False)
        until(lambda: "teomewhy" in client.get("/ready").json().get("problems", {}))
        assert answers[-1][1] == "4", "the one without a file is refused, the old one stays"
        worlds.promote(store, "teomewhy", first, action="rollback", reason="complaints")
        until(in_service("3"))
    finally:
        is_over.set()
        asker.join()
        store.close()
    assert {status for status, _, _ in answers} == {200}
    assert {version for _, version, _ in answers} == {"3", "4"}
    assert all(probs == expected[version] for _, version, probs in answers)
