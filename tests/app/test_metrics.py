from __future__ import annotations

import os
import re
import subprocess
import sys

from prometheus_client.parser import text_string_to_metric_families

from tests.app.tiny import tiny


def samples(client) -> dict[tuple[str, tuple], float]:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_are_counted_by_route_template_and_status(tiny_client) -> None:
    labels = (("method", "GET"), ("route", "/v1/{program}/name"), ("status", "200"))
    before = samples(tiny_client).get(("fiel_requests_total", labels), 0)
    for program in ("retail", "teomewhy"):
        tiny_client.get(f"/v1/{program}/name")
    after = samples(tiny_client)
    assert after["fiel_requests_total", labels] == before + 2
    assert after["fiel_request_seconds_count", (("route", "/v1/{program}/name"),)] >= 2


def test_addresses_and_methods_that_nobody_defined_make_one_series(tiny_client) -> None:
    for number in range(5):
        tiny_client.get(f"/guess/{number}")
        tiny_client.request(f"GUESS{number}", "/v1/hello")
    routes = {dict(labels).get("route") for name, labels in samples(tiny_client) if name == "fiel_requests_total"}
    methods = {dict(labels).get("method") for name, labels in samples(tiny_client) if name == "fiel_requests_total"}
    assert not any("guess" in route for route in routes)
    assert "OTHER" in methods
    assert not any("GUESS" in method for method in methods)


def test_defects_and_refusals_are_counted(tiny_client) -> None:
    before = samples(tiny_client)
    tiny_client.get("/v1/customers/c1")
    tiny_client.get("/v1/hello", headers={"Host": "evil.example"})
    after = samples(tiny_client)
    defects, refusals = (
        ("fiel_unexpected_errors_total", (("kind", "KeyError"),)),
        ("fiel_refused_total", (("reason", "host"),)),
    )
    assert after[defects] == before.get(defects, 0) + 1
    assert after[refusals] == before.get(refusals, 0) + 1


def test_the_models_in_service_and_the_age_of_the_scores_are_told(served_store, make_client) -> None:
    client = make_client(served_store.serve(), tiny)
    found = samples(client)
    models = {dict(labels)["program"]: dict(labels) for name, labels in found if name == "fiel_model_info"}
    assert models["teomewhy"]["version"] == "3"
    assert models["teomewhy"]["kind"] == "catboost"
    assert models["retail"]["kind"] == "stage_rule"
    assert found["fiel_score_age_seconds", (("program", "teomewhy"),)] > 86_400
    assert found["fiel_store_up", ()] == 1
    assert found["fiel_model_problems", ()] == 0


def test_several_workers_count_together(tmp_path) -> None:
    count = "from app import metrics; metrics.observe('GET', '/v1/x', 200, 0.01); metrics.SERVED_QUEUE.set(2)"
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", count], env=environment, check=True, timeout=60)
    show = "from app import metrics; print(metrics.counted().decode())"
    done = subprocess.run(
        [sys.executable, "-c", show], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert 'fiel_requests_total{method="GET",route="/v1/x",status="200"} 2.0' in done.stdout
    assert 'fiel_request_seconds_bucket{le="0.01",route="/v1/x"} 2.0' in done.stdout
    assert re.search(r"^fiel_served_queue 0\.0$", done.stdout, re.M)  # both are gone, and their queues with them
