"""Fixtures of the model tests: an MLflow database that is migrated once and copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fiel.models.registry import Registry
from fiel.settings import Settings
from fiel.store import Store
from tests.models import worlds


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without content (making one takes a second)."""
    settings = worlds.settings(tmp_path_factory.mktemp("mlflow"))
    Registry(settings, worlds.program()).versions()
    return Path(settings.mlflow_uri.removeprefix("sqlite:///"))


@pytest.fixture
def model_settings(empty_mlflow: Path, tmp_path: Path) -> Settings:
    """Settings under tmp_path, with an empty registry."""
    settings = worlds.settings(tmp_path)
    settings.beside_lake.mkdir()
    shutil.copy(empty_mlflow, settings.beside_lake / "mlflow.db")
    return settings


@pytest.fixture
def ledger(model_settings: Settings) -> Store:
    """An empty promotion ledger."""
    return Store(model_settings.store_url)


@pytest.fixture
def registry(model_settings: Settings) -> Registry:
    """An empty registry without a ledger."""
    return Registry(model_settings, worlds.program())
