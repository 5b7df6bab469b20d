from __future__ import annotations

import json
import logging
import threading

import pytest

from app import logs
from app.logs import JsonLines
from app.security.keys import new_key
from fiel.store import Store
from tests.app.tiny import tiny


def lines(captured: str) -> list[dict]:
    return [json.loads(line) for line in captured.splitlines() if line.startswith("{")]


def test_a_request_is_one_line_with_its_route_status_and_id(tiny_client, capsys) -> None:
    tiny_client.get("/v1/retail/name?secret=4711", headers={"X-Request-ID": "shop-0000-0004"})
    (line,) = lines(capsys.readouterr().err)
    assert line["route"] == "/v1/{program}/name"
    assert (line["method"], line["status"], line["request_id"]) == ("GET", 200, "shop-0000-0004")
    assert line["ms"] > 0
    assert line["key"] == "open"


@pytest.mark.parametrize(
    "send",
    [
        lambda client: client.get("/v1/customers/c4711", headers={"X-Request-ID": "shop-0000-0005"}),
        lambda client: client.get("/nowhere/c4711?id=c4711"),
        lambda client: client.post("/v1/number", json={"number": "c4711"}),
        lambda client: client.post("/v1/number", content=b'{"c4711', headers={"Content-Type": "application/json"}),
        lambda client: client.get("/v1/hello", headers={"X-API-Key": "fiel_a_c4711"}),
        lambda client: client.get("/v1/hello", headers={"Cookie": "fiel_session=c4711"}),
        lambda client: client.get("/v1/store"),
    ],
)
def test_no_log_holds_an_id_a_query_a_body_a_key_or_a_trace(tiny_client, capsys, caplog, send) -> None:
    send(tiny_client)
    said = capsys.readouterr().err + "".join(JsonLines().format(record) for record in caplog.records)
    assert said
    for secret in ("c4711", "secret", "Traceback", "db.internal", 'File "'):
        assert secret not in said


def test_a_defect_is_logged_with_its_kind_its_place_and_the_request(tiny_client, caplog) -> None:
    tiny_client.get("/v1/customers/c1", headers={"X-Request-ID": "shop-0000-0006"})
    (record,) = [record for record in caplog.records if record.name == "app.frame"]
    assert record.fields["error"] == "KeyError"
    assert record.fields["request_id"] == "shop-0000-0006"
    assert record.fields["route"] == "/v1/customers/{customer}"
    assert record.fields["place"].rpartition(":")[2].isdecimal()


def test_the_line_names_the_key_and_how_it_came(own_store, make_client, capsys) -> None:
    store = Store(own_store.address)
    made = new_key("shop", ("*",), "test")
    store.add_key(made.row)
    store.close()
    client = make_client(own_store.serve(), tiny)
    client.get("/v1/hello", headers={"X-API-Key": made.text})
    client.get("/v1/hello")
    with_key, without = lines(capsys.readouterr().err)
    assert (with_key["key"], with_key["by"], with_key["status"]) == ("shop", "key", 200)
    assert "key" not in without
    assert without["status"] == 401


def test_health_and_metrics_fill_no_log(tiny_client, capsys) -> None:
    tiny_client.get("/health")
    tiny_client.get("/metrics")
    assert lines(capsys.readouterr().err) == []


def test_an_exception_in_any_log_is_one_line_without_its_text_and_trace() -> None:
    try:
        raise ValueError("customer c4711")
    except ValueError as error:
        record = logging.LogRecord(
            "fiel", logging.ERROR, __file__, 1, "it failed", (), (ValueError, error, error.__traceback__)
        )
    text = JsonLines().format(record)
    assert "\n" not in text
    assert json.loads(text)["error"] == "ValueError"
    assert "4711" not in text


def test_a_line_break_in_a_message_makes_no_second_line() -> None:
    record = logging.LogRecord("fiel", logging.INFO, __file__, 1, 'one\n{"level": "forged"}', (), None)
    assert "\n" not in JsonLines().format(record)


def test_what_ends_a_thread_is_one_line_without_its_text_and_trace(capsys, monkeypatch) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # given back at the end
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    logs.configure()

    def fail() -> None:
        raise ValueError("customer c4711")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    said = capsys.readouterr().err
    (line,) = lines(said)
    assert (line["level"], line["error"]) == ("error", "ValueError")
    assert "4711" not in said
    assert "Traceback" not in said
