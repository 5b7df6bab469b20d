"""The registry on a remote MLflow server that asks for a password: MLflow's own server app, on loopback."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fiel.errors import RegistryError
from fiel.models.registry import CHAMPION, Registry
from fiel.settings import HOME, Settings
from tests.models import worlds
from tests.models.mlflow_server import PASSWORD, USER


@pytest.fixture(scope="module")
def server(empty_mlflow: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that keeps artifacts itself and wants USER and PASSWORD."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_mlflow, folder / "mlflow.db")
    command = [sys.executable, "-m", "tests.models.mlflow_server", str(folder)]
    with subprocess.Popen(command, cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


@pytest.fixture
def registry(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settings = Settings(FIEL_LAKE=str(tmp_path / "lake"), FIEL_MLFLOW_URI=server)
    return Registry(settings, worlds.program())


def test_with_the_password_a_model_is_logged_and_loaded(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    assert registry.alias(CHAMPION) is None
    logged = registry.log_training(worlds.training())
    rule = registry.log_training(worlds.training(worlds.stage_rule(), fingerprint="rule"))
    registry.set_alias(CHAMPION, logged.version)
    assert registry.champion().digest == logged.digest
    assert registry.load(rule.version).model == worlds.stage_rule()
    assert registry.log_training(worlds.training()) == logged
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("password", [None, "wrong"])
def test_without_it_the_server_refuses_and_we_say_what_to_set(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, password: str | None
) -> None:
    if password is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    with pytest.raises(RegistryError, match=r"refuses us: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"):
        registry.champion()
    with pytest.raises(RegistryError) as refused:
        registry.log_training(worlds.training())
    assert "wrong" not in str(refused.value)
