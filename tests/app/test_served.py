"""The log of answers: kept or dropped but never in the way, and from its files into the lake, each row once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import orjson
import polars as pl
import pytest
from fastapi.testclient import TestClient
from prefect.logging import disable_run_logger

from app import served
from app.scored import Failure, Scored
from app.served import ServedLog
from app.settings import ServeSettings
from fiel.lake import Lake
from fiel.models.served import compare_served
from fiel.spool import FINISHED, SpoolFile, found
from tasks.served import collect_served
from tests.app.chain import Chain, served_chain
from tests.serving.conftest import AS_OF

MakeClient = Callable[[ServeSettings], TestClient]


def answer(customer: str = "c1", prob: float | None = 0.25, **fields: object) -> Scored:
    made = {
        "basis": "recomputed",
        "as_of": date(2025, 10, 1),
        "model_version": "3",
        "model_digest": "d3",
        "inputs": ("stage", "active_days_d28"),
        "values": ("fiel", 11),
    }
    return Scored(customer, prob, **{**made, **fields})  # type: ignore[arg-type]


def lines(folder: Path) -> list[object]:
    return [orjson.loads(line) for file in found(folder) for line in file.lines()]


def rows(folder: Path) -> list[list[object]]:
    return [line for line in lines(folder) if isinstance(line, list)]


# ------------------------------------------------------------------------------------------ writing


def test_an_answer_is_in_a_finished_file_after_the_service_stopped(tmp_path: Path) -> None:
    log = ServedLog(tmp_path)
    log.start()
    log.add("request-1", "club", "fiel", "score", [answer("c1"), answer("c2", None, why="outside", values=None)])
    log.stop()
    header, first, second = lines(tmp_path / "club")
    assert header == {"model_digest": "d3", "inputs": ["stage", "active_days_d28"]}
    assert first[1:] == [
        "request-1", 0, "c1", "2025-10-01", "fiel", "recomputed", "score", "3", "d3", 0.25, ["fiel", 11]
    ]  # fmt: skip
    assert second[2:4] == [1, "c2"]
    assert (log.written, log.dropped, log.waiting) == (2, 0, 0)


def test_failures_are_no_answers_and_keep_the_places_of_the_others(tmp_path: Path) -> None:
    log = ServedLog(tmp_path)
    failed = Scored("nobody", error=Failure("unknown-customer", "there is none"))
    log.add("request-1", "club", "fiel", "score", [failed, answer("c2")])
    log.stop()
    assert [row[2:4] for row in rows(tmp_path / "club")] == [[1, "c2"]]


def test_each_program_has_its_own_files(tmp_path: Path) -> None:
    log = ServedLog(tmp_path)
    log.add("request-1", "club", "fiel", "score", [answer()])
    log.add("request-2", "bank", "target", "score", [answer()])
    log.stop()
    assert [len(rows(tmp_path / name)) for name in ("club", "bank")] == [1, 1]


def test_a_file_is_finished_when_it_is_full_and_the_next_names_its_model_again(tmp_path: Path) -> None:
    log = ServedLog(tmp_path, file_rows=2)
    for number in range(5):
        log.add(f"request-{number}", "club", "fiel", "score", [answer()])
    log.stop()
    files = found(tmp_path / "club")
    assert [len(file.lines()) for file in files] == [3, 3, 2]


def test_a_file_is_finished_in_time_though_it_is_not_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "WAKES_EVERY_S", 0.01)
    is_there = threading.Event()
    finish = SpoolFile.finish

    def finishing(file: SpoolFile) -> Path:
        path = finish(file)
        is_there.set()
        return path

    monkeypatch.setattr(SpoolFile, "finish", finishing)
    log = ServedLog(tmp_path, file_seconds=0.01)
    log.start()
    log.add("request-1", "club", "fiel", "score", [answer()])
    assert is_there.wait(30)
    assert len(rows(tmp_path / "club")) == 1
    log.stop()


def test_a_full_buffer_drops_and_counts_and_never_waits(tmp_path: Path) -> None:
    log = ServedLog(tmp_path, buffer_rows=3)
    log.add("request-1", "club", "fiel", "score", [answer(), answer()])
    log.add("request-2", "club", "fiel", "score", [answer(), answer()])
    log.add("request-3", "club", "fiel", "score", [answer()])
    assert (log.waiting, log.dropped) == (3, 2)
    log.stop()
    assert [row[1] for row in rows(tmp_path / "club")] == ["request-1", "request-1", "request-3"]


def test_a_disk_that_cannot_be_written_drops_and_counts_and_recovers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "PAUSE_S", 0.0)
    (tmp_path / "club").write_text("a file where the folder should be")
    log = ServedLog(tmp_path)
    log.add("request-1", "club", "fiel", "score", [answer("secret-id")])
    log.stop()
    assert (log.written, log.dropped) == (0, 1)
    assert "cannot be written" in caplog.text
    assert "secret-id" not in caplog.text
    (tmp_path / "club").unlink()
    log.add("request-2", "club", "fiel", "score", [answer()])
    log.stop()
    assert [row[1] for row in rows(tmp_path / "club")] == ["request-2"]


def test_an_answer_that_cannot_be_written_is_dropped_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = ServedLog(tmp_path)
    log.add("request-1", "club", "fiel", "score", [answer(values=("fiel", 10**30))])
    log.add("request-2", "club", "fiel", "score", [answer()])
    log.stop()
    assert (log.written, log.dropped, log.waiting) == (1, 1, 0)
    header, row = lines(tmp_path / "club")
    assert header == {"model_digest": "d3", "inputs": ["stage", "active_days_d28"]}
    assert row[1] == "request-2"  # type: ignore[index]
    assert "an answer cannot be written" in caplog.text


def test_the_settings_of_the_log_are_kept(tmp_path: Path) -> None:
    log = ServedLog.of(ServeSettings(served_buffer=3, served_rows=2, served_seconds=7.5, served_share=0.5))
    assert (log._buffer_rows, log._file_rows, log._file_seconds, log._share) == (3, 2, 7.5, 0.5)


def test_a_disk_that_fills_up_leaves_no_file_open_and_is_not_tried_for_each_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[SpoolFile] = []

    def full(file: SpoolFile, _lines: bytes) -> None:
        tried.append(file)
        raise OSError(28, "No space left on device")

    log = ServedLog(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(SpoolFile, "write", full)
        for number in range(20):
            log.add(f"request-{number}", "club", "fiel", "score", [answer()])
        log.stop()
    assert (len(tried), log.dropped, log.waiting) == (1, 20, 0)
    assert [file.is_abandoned for file in found(tmp_path / "club")] == [True]  # its lock is gone: it was closed


def test_the_share_is_decided_by_the_request_and_always_the_same(tmp_path: Path) -> None:
    log = ServedLog(tmp_path, share=0.3)
    requests = [f"request-{number}" for number in range(2_000)]
    kept = [request for request in requests if log.keeps(request)]
    assert kept == [request for request in requests if ServedLog(tmp_path, share=0.3).keeps(request)]
    assert 500 < len(kept) < 700
    assert all(ServedLog(tmp_path, share=1.0).keeps(request) for request in requests)
    assert not any(ServedLog(tmp_path, share=0.0).keeps(request) for request in requests)


def test_a_request_id_that_comes_again_is_another_answer(tmp_path: Path) -> None:
    log = ServedLog(tmp_path)
    for _ in range(3):
        log.add("the-same-id", "club", "fiel", "score", [answer()])
    log.stop()
    assert len({row[0] for row in rows(tmp_path / "club")}) == 3


# ------------------------------------------------------------------------------------------ into the lake


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A published program of which nothing was served yet."""
    return served_chain(tmp_path_factory.mktemp("chain"), customers=80)


@pytest.fixture
def in_lake(chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """A lake with the batch's scores of the chain; flows find it and the spool by the environment."""
    lake = Lake(str(tmp_path / "lake"), "teomewhy")
    lake.replace("out_scores", chain.scores, AS_OF)
    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("FIEL_SERVE_SPOOL", str(tmp_path / "spool"))
    with disable_run_logger():
        yield lake


def serve_all(chain: Chain, spool: Path, make_client: MakeClient) -> int:
    """Every customer by id, one by features, one what-if: how many answers."""
    settings = chain.settings.model_copy(update={"serve_spool": str(spool)})
    client = make_client(ServeSettings(fiel=settings))
    everyone = sorted(chain.probs, key=lambda customer: chain.probs[customer] is None)  # one with a score first
    assert client.post("/v1/teomewhy/score", json={"customers": everyone}).status_code == 200
    assert client.get(f"/v1/teomewhy/customers/{everyone[0]}").status_code == 200
    asked = {"customers": [{"customer_id": "new", "features": {"stage": "fiel"}}, "nobody"]}
    assert client.post("/v1/teomewhy/score", json=asked).status_code == 200
    changed = {"customer_id": everyone[0], "changes": {"recency_days": 3}}
    assert client.post("/v1/teomewhy/what-if", json=changed).status_code == 200
    client.app.state.service.served.stop()  # type: ignore[attr-defined]
    return len(everyone) + 3


def test_what_was_served_is_in_the_lake_and_equal_to_the_batch_to_the_last_bit(
    chain: Chain, in_lake: Lake, tmp_path: Path, make_client: MakeClient
) -> None:
    answers = serve_all(chain, tmp_path / "spool", make_client)
    told = collect_served.fn("teomewhy")
    assert told == {"answers": answers, "unreadable": 0, "compared": len(chain.probs) + 1, "largest_difference": 0.0}
    kept = in_lake.read("out_served")
    doors = kept.group_by("door", "basis").len()
    assert {f"{door} {basis}": count for door, basis, count in doors.rows()} == {
        "score recomputed": sum(prob is not None for prob in chain.probs.values()),
        "score published": sum(prob is None for prob in chain.probs.values()),
        "customer published": 1,
        "score given": 1,
        "what_if given": 1,
    }  # fmt: skip
    compared = compare_served(kept, chain.scores)
    assert compared["equal"].to_list() == compared["compared"].to_list()
    assert list((tmp_path / "spool" / "teomewhy").glob(f"*{FINISHED}")) == []


def test_the_features_in_the_lake_are_those_of_the_snapshot(
    chain: Chain, in_lake: Lake, tmp_path: Path, make_client: MakeClient
) -> None:
    serve_all(chain, tmp_path / "spool", make_client)
    collect_served.fn("teomewhy")
    scored = in_lake.read("out_served").filter(pl.col("basis") == "recomputed", pl.col("door") == "score")
    features = {customer: json.loads(text) for customer, text in scored.select("customer_id", "features").rows()}
    expected = chain.snapshot.filter(pl.col("customer_id").is_in(list(features)))
    for row in expected.select("customer_id", *chain.model.inputs).iter_rows(named=True):
        assert features[row.pop("customer_id")] == row


def test_collecting_again_changes_nothing(chain: Chain, in_lake: Lake, tmp_path: Path, make_client: MakeClient) -> None:
    serve_all(chain, tmp_path / "spool", make_client)
    collect_served.fn("teomewhy")
    version = in_lake.version("out_served")
    assert collect_served.fn("teomewhy")["answers"] == 0
    assert in_lake.version("out_served") == version


def test_killed_between_the_lake_and_the_files_it_adds_no_row_twice(
    in_lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        write(tmp_path, answer(f"c{number}"))
    with monkeypatch.context() as patch:
        patch.setattr("fiel.spool.Found.remove", lambda _file: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            collect_served.fn("teomewhy")
    assert in_lake.read("out_served").height == 3
    assert collect_served.fn("teomewhy")["answers"] == 0
    assert in_lake.read("out_served").height == 3
    assert found(tmp_path / "spool" / "teomewhy") == []


def write(tmp_path: Path, *answers: Scored) -> None:
    log = ServedLog(tmp_path / "spool")
    log.add(f"request-of-{answers[0].customer_id}", "teomewhy", "fiel", "score", answers)
    log.stop()


def test_an_answer_that_is_not_the_batchs_is_told_with_its_difference(
    chain: Chain, in_lake: Lake, tmp_path: Path
) -> None:
    customer, prob = next((customer, prob) for customer, prob in chain.probs.items() if prob is not None)
    of_batch = {"as_of": AS_OF, "model_version": chain.model.version, "model_digest": chain.model.digest}
    write(tmp_path, answer(customer, prob / 2, **of_batch))
    told = collect_served.fn("teomewhy")
    assert (told["compared"], told["largest_difference"]) == (1, prob / 2)


def test_what_a_killed_worker_left_is_collected_without_its_half_line(in_lake: Lake, tmp_path: Path) -> None:
    write(tmp_path, answer("c1"))
    (file,) = (tmp_path / "spool" / "teomewhy").glob(f"*{FINISHED}")
    file.write_bytes(file.read_bytes() + b'[1761955200000000,"half')
    file.rename(file.with_suffix(".part"))
    assert collect_served.fn("teomewhy")["answers"] == 1
    assert in_lake.read("out_served")["customer_id"].to_list() == ["c1"]


def test_a_file_with_lines_that_are_no_rows_is_kept_and_its_rows_are_taken(in_lake: Lake, tmp_path: Path) -> None:
    write(tmp_path, answer("c1"))
    (file,) = (tmp_path / "spool" / "teomewhy").glob(f"*{FINISHED}")
    file.write_bytes(b"no json\n[1,2]\n" + file.read_bytes())
    told = collect_served.fn("teomewhy")
    assert (told["answers"], told["unreadable"]) == (1, 2)
    assert [path.suffix for path in (tmp_path / "spool" / "teomewhy").iterdir() if path.suffix] == [".unreadable"]
    assert collect_served.fn("teomewhy")["unreadable"] == 0


def test_where_nothing_was_served_there_is_nothing_to_collect(in_lake: Lake) -> None:
    assert collect_served.fn("teomewhy") == {"answers": 0}
    assert not in_lake.exists("out_served")
