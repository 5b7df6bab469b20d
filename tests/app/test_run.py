from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from app.run import check_store, listening
from app.security.keys import new_key
from app.settings import ServeSettings, load_serve_settings
from fiel.errors import SettingsError, StoreError
from fiel.store import Store
from fiel.store.schema import SCORE_SETS
from tests.app import worlds
from tests.app.waiting import until

FIEL = str(Path(sys.executable).with_name("fiel"))


def environment(world: worlds.World, **extra: str) -> dict[str, str]:
    return {**os.environ, "FIEL_LAKE": world.settings.lake, "FIEL_SERVE_POLL_SECONDS": "0.2", **extra}


@contextmanager
def serving(world: worlds.World, *words: str, log: Path, **extra: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """`fiel serve` in a process of its own; its address once it is ready. It is stopped at the end."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            [FIEL, "serve", "--port", "0", *words], env=environment(world, **extra), stderr=errors
        )
    try:
        address: list[str] = []

        def is_ready() -> bool:
            assert process.poll() is None, log.read_text()
            address[:] = re.findall(r"at (http://\S+)", log.read_text())
            try:
                return bool(address) and httpx.get(address[0] + "/ready", timeout=5).status_code == 200
            except httpx.HTTPError:
                return False

        until(is_ready, seconds=90)
        yield address[0], process
    finally:
        process.terminate()
        process.wait(30)


def refused(world: worlds.World, *words: str, **extra: str) -> str:
    """The one line with which `fiel serve` refuses to start."""
    done = subprocess.run(
        [FIEL, "serve", *words],
        env=environment(world, **extra),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr.strip()


def test_it_serves_prints_its_address_and_finishes_a_running_request_before_it_ends(served_store, tmp_path) -> None:
    with serving(served_store, log=tmp_path / "log") as (address, process):
        assert httpx.get(address + "/v1/programs").status_code == 200
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            body = b'{"customers": ["%s"]}' % served_store.customers[0].encode()
            head = f"POST /v1/teomewhy/score HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 100 ")  # the route has begun and waits for the body
            process.send_signal(signal.SIGINT)
            until(lambda: "Shutting down" in (tmp_path / "log").read_text())
            connection.sendall(body)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        assert process.wait(30) == 130
    said = (tmp_path / "log").read_text()
    assert "serving retail, teomewhy at http://127.0.0.1:" in said
    assert "open to this machine: no key was made yet" in said
    assert "Traceback" not in said


def test_several_workers_share_the_port_the_sessions_and_the_counts(own_store, tmp_path) -> None:
    store = Store(own_store.address)
    key = new_key("shop", ("*",), "test")
    store.add_key(key.row)
    store.close()
    bearer = {"Authorization": f"Bearer {key.text}"}
    with serving(own_store, "--workers", "2", log=tmp_path / "log") as (address, process):
        with httpx.Client() as browser:
            token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(address + "/sign-in").text).group(1)
            browser.post(address + "/sign-in", data={"key": key.text, "csrf_token": token})
            cookie = {"Cookie": f"fiel_session={browser.cookies['fiel_session']}"}
        workers = _children(process.pid)
        assert len(workers) == 2
        asked = 60  # connections of their own: with the system sharing them out, both workers answer some
        for _ in range(asked):
            assert httpx.get(address + "/v1/programs", headers=cookie).status_code == 200
        counted = re.search(
            r'fiel_requests_total\{method="GET",route="/v1/programs",status="200"\} ([\d.]+)',
            httpx.get(address + "/metrics", headers=bearer).text,
        )
        assert float(counted.group(1)) == asked
        killed = workers[0]
        os.kill(killed, signal.SIGKILL)
        until(lambda: killed not in _children(process.pid) and len(_children(process.pid)) == 2, seconds=60)
        until(lambda: httpx.get(address + "/ready").status_code == 200)
    assert process.returncode == 0


def _children(pid: int) -> list[int]:
    """Worker processes of the supervisor; not the helper that watches over shared resources."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_a_taken_port_is_told_in_one_line(served_store) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refused(served_store, "--port", str(taken.getsockname()[1]))
    assert "cannot be used (Address already in use)" in said
    assert "--port" in said


def test_an_empty_store_is_told_with_what_to_run(tmp_path, served_store) -> None:
    world = worlds.unpublished(tmp_path)
    with pytest.raises(StoreError, match="fiel run loyalty"):
        check_store(world.serve())
    store = Store(world.address)
    worlds.promote(store, "retail", served_store.models["retail"])
    store.close()
    with pytest.raises(StoreError, match="fiel run loyalty --program retail"):
        check_store(world.serve())


def test_scores_that_an_earlier_fiel_kept_have_only_to_be_published(tmp_path, served_store) -> None:
    world = worlds.unpublished(tmp_path)
    store = Store(world.address)
    store.publish(worlds.publication("retail", served_store.models["retail"], world.snapshot, worlds.AS_OF))
    with store.database.engine.begin() as connection:
        connection.execute(sa.update(SCORE_SETS).values(published_at=None))
    store.close()
    with pytest.raises(StoreError, match="fiel run publish --program retail --as-of latest"):
        check_store(world.serve())


def test_a_store_that_is_not_there_is_told_and_not_made(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / "lake"))
    with pytest.raises(StoreError):
        check_store(load_serve_settings())
    assert not (tmp_path / "lake.state").exists()


def test_an_address_for_others_needs_a_key_that_is_valid(own_store) -> None:
    settings = own_store.serve(host="0.0.0.0")
    with pytest.raises(SettingsError, match="fiel key create"):
        check_store(settings)
    store = Store(own_store.address)
    store.add_key(new_key("shop", ("*",), "test").row)
    store.close()
    assert check_store(settings) == (["retail", "teomewhy"], True)


def test_the_start_says_whether_keys_are_asked_for(served_store) -> None:
    assert not check_store(served_store.serve()).has_keys


def test_a_host_that_is_no_address_is_told() -> None:
    with pytest.raises(SettingsError, match="no such address"), listening(ServeSettings(host="no.such.host.invalid")):
        pass
