"""What every test shares: quiet libraries, the real files, the browser, and what must not be skipped."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PostgresServer

os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")

ROOT = Path(__file__).resolve().parent.parent


def absent(what: str, reason: str) -> None:
    """Skip for a reason, or fail where FIEL_REQUIRE says that `what` must be there."""
    if what in os.environ.get("FIEL_REQUIRE", "").split(","):
        pytest.fail(f"FIEL_REQUIRE asks for {what}: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real files."""
    folder = Path(os.environ.get("FIEL_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "README.md").is_file():
        absent("real_data", f"the real files are not at {folder} (set FIEL_REAL_DATA)")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the machine's Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        absent("chromium", "no Chromium on this machine (Debian: apt-get install chromium)")
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def _no_stray_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests start without the settings of whoever runs them."""
    for name in list(os.environ):
        if name.startswith("FIEL_") and name not in ("FIEL_REQUIRE", "FIEL_REAL_DATA"):
            monkeypatch.delenv(name)
        if name.startswith(("AWS_", "KAGGLE")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def _s3_server() -> Iterator[str]:
    """Address of an S3 server (moto) in a process of its own: delta-rs holds the interpreter while it waits for one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert server.poll() is None, "moto's server ended at once"
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One Prefect server for all tests that run flows; no heartbeats, which would cost a second each."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    with (
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


@pytest.fixture
def s3_bucket(_s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """`s3://` address of a fresh bucket on a local S3 server; the environment holds its endpoint and credentials."""
    import boto3
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": _s3_server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}"


@pytest.fixture(scope="session")
def _postgres_server() -> Iterator[PostgresServer]:
    """A private PostgreSQL server."""
    try:
        server = PostgresServer()
    except FileNotFoundError as error:
        absent("postgres", str(error))
    with server:
        yield server


@pytest.fixture
def postgres_url(_postgres_server: PostgresServer) -> str:
    """Address of a fresh, empty PostgreSQL database."""
    return _postgres_server.database()
