from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.frame import BrokenOffError
from app.headers import CONTENT_SECURITY_POLICY
from tests.app.tiny import tiny


def test_importing_the_service_loads_neither_prefect_nor_mlflow() -> None:
    code = (
        "import sys; import app.main; app.main.load_rooms();"
        "print([name for name in ('prefect', 'mlflow', 'altair', 'optuna') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_a_well_formed_request_id_is_taken_over(tiny_client) -> None:
    answer = tiny_client.get("/v1/hello", headers={"X-Request-ID": "shop-0000-0001"})
    assert answer.headers["x-request-id"] == "shop-0000-0001"


@pytest.mark.parametrize("given", ["short", "with space in it", "x" * 65, "quote\"quote'quote", ".starts-with-a-dot"])
def test_any_other_request_id_is_replaced(tiny_client, given) -> None:
    made = tiny_client.get("/v1/hello", headers={"X-Request-ID": given}).headers["x-request-id"]
    assert made != given
    assert len(made) == 16
    assert set(made) <= set("0123456789abcdef")


def test_a_problem_names_the_request_by_its_id(tiny_client) -> None:
    answer = tiny_client.get("/v1/problem", headers={"X-Request-ID": "shop-0000-0002"})
    assert answer.json()["instance"] == "urn:fiel:request:shop-0000-0002"


@pytest.mark.parametrize("path", ["/v1/hello", "/v1/problem", "/v1/customers/c1", "/nothing-here", "/health", "/page"])
def test_every_answer_carries_the_security_headers(tiny_client, path) -> None:
    headers = tiny_client.get(path).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_strict_transport_security_is_asked_for_over_https_only(tiny_client) -> None:
    assert "strict-transport-security" not in tiny_client.get("/v1/hello").headers
    secure = tiny_client.get("https://127.0.0.1/v1/hello").headers
    assert secure["strict-transport-security"].startswith("max-age=31536000")


def test_the_policy_lets_nothing_in_from_elsewhere_and_nothing_inline() -> None:
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'")
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY
    assert "frame-ancestors 'none'" in CONTENT_SECURITY_POLICY


def test_a_request_that_takes_too_long_is_answered_although_its_thread_goes_on(served_store, make_client) -> None:
    client = make_client(served_store.serve(request_timeout_seconds=0.05), tiny)
    answer = client.get("/v1/waits")
    client.app.state.release.set()
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:fiel:problem:too-slow"
    assert answer.headers["retry-after"] == "5"


def test_a_request_in_time_is_not_cut(served_store, make_client) -> None:
    client = make_client(served_store.serve(request_timeout_seconds=30), tiny)
    client.app.state.release.set()
    assert client.get("/v1/waits").json() == {"released": True}


def test_an_answer_that_breaks_off_half_way_is_never_taken_for_a_whole_one(tiny_client, caplog) -> None:
    with pytest.raises(BrokenOffError):
        tiny_client.get("/v1/broken-off")
    (record,) = [record for record in caplog.records if record.name == "app.frame"]
    assert record.fields["error"] == "ValueError"


def test_a_request_with_two_hosts_is_refused(tiny_client) -> None:
    assert tiny_client.get("/v1/hello", headers=[("Host", "evil.example"), ("Host", "127.0.0.1")]).status_code == 400


def test_a_log_that_nobody_takes_any_more_stops_no_request(tiny_client, monkeypatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stderr", closed)
    assert tiny_client.get("/v1/hello").status_code == 200


def ask_raw(client, receive: Callable[[], Awaitable[dict[str, Any]]], **scope: Any) -> list[dict[str, Any]]:
    """What the application sends to a request whose body comes as `receive` says."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    given = {
        "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/v1/raw",
        "raw_path": b"/v1/raw", "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80), "headers": [(b"host", b"127.0.0.1"), (b"content-length", b"10")],
    }  # fmt: skip
    client.portal.call(client.app, given | scope, receive, send)  # its own loop: a browser test may hold ours
    return sent


def test_a_form_whose_body_never_comes_is_cut_and_its_connection_closed(served_store, make_client) -> None:
    client = make_client(served_store.serve(request_timeout_seconds=0.05), tiny)
    form = [(b"content-type", b"application/x-www-form-urlencoded"), (b"content-length", b"10")]

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    start, _ = ask_raw(client, never, path="/page", raw_path=b"/page", headers=[(b"host", b"127.0.0.1"), *form])
    assert start["status"] == 503
    assert (b"connection", b"close") in start["headers"]


def test_a_caller_who_goes_away_in_the_middle_of_a_body_is_no_defect(tiny_client, caplog, capsys) -> None:
    messages = iter([{"type": "http.request", "body": b"half", "more_body": True}, *[{"type": "http.disconnect"}] * 9])

    async def receive() -> dict[str, Any]:
        return next(messages)

    assert ask_raw(tiny_client, receive) == []
    assert [record for record in caplog.records if record.name == "app.frame"] == []
    assert '"status":499' in capsys.readouterr().err
