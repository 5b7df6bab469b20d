from __future__ import annotations

import os
import subprocess
import sys
from typing import get_args

import pytest

from fiel.errors import SettingsError
from fiel.settings import HOME, Settings, load_settings


def test_by_default_everything_lies_beside_a_lake_at_home() -> None:
    settings = load_settings()
    assert settings.lake == str(HOME / "lake")
    assert settings.store_url == f"sqlite:///{HOME}/lake.state/store.db"
    assert settings.mlflow_uri == f"sqlite:///{HOME}/lake.state/mlflow.db"
    assert settings.mlflow_artifact_root == f"{HOME}/lake.state/mlflow-artifacts"
    assert settings.exports == f"{HOME}/lake/exports"


def test_relative_paths_are_relative_to_home_and_not_to_the_working_directory(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("FIEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FIEL_LAKE", "data/lake/")
    monkeypatch.setenv("FIEL_PROGRAMS", "programs")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    settings = load_settings()
    assert settings.lake == str(tmp_path / "home" / "data" / "lake")
    assert settings.programs == tmp_path / "home" / "programs"


def test_absolute_paths_stay(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / "lake"))
    assert load_settings().lake == str(tmp_path / "lake")


def test_answers_of_the_service_wait_by_the_lake_or_at_home_where_the_lake_is_remote(monkeypatch, tmp_path) -> None:
    assert load_settings().served_spool == HOME / "lake.state" / "served"
    monkeypatch.setenv("FIEL_LAKE", "s3://bucket/lake")
    assert load_settings().served_spool == HOME / "served"
    monkeypatch.setenv("FIEL_SERVE_SPOOL", str(tmp_path / "spool"))
    assert load_settings().served_spool == tmp_path / "spool"


def test_two_lakes_never_share_store_or_models(monkeypatch, tmp_path) -> None:
    found = []
    for name in ("one", "two"):
        monkeypatch.setenv("FIEL_LAKE", str(tmp_path / name))
        settings = load_settings()
        found += [settings.store_url, settings.mlflow_uri, settings.mlflow_artifact_root, settings.exports]
    assert len(set(found)) == len(found)


def test_an_empty_variable_counts_as_unset(monkeypatch) -> None:
    monkeypatch.setenv("FIEL_LAKE", "")
    monkeypatch.setenv("FIEL_DATABASE_URL", "")
    assert load_settings().lake == str(HOME / "lake")
    assert load_settings().store_url.startswith("sqlite:///")


def test_a_lake_on_s3_needs_a_store_and_a_registry(monkeypatch) -> None:
    monkeypatch.setenv("FIEL_LAKE", "s3://bucket/prefix/")
    settings = load_settings()
    assert settings.lake == "s3://bucket/prefix"
    assert settings.is_remote
    for needed in ("store_url", "mlflow_uri"):
        with pytest.raises(SettingsError, match="FIEL_DATABASE_URL and FIEL_MLFLOW_URI must be set"):
            getattr(settings, needed)
    monkeypatch.setenv("FIEL_DATABASE_URL", "postgresql+psycopg://fiel@db/fiel")
    monkeypatch.setenv("FIEL_MLFLOW_URI", "http://mlflow:5000")
    settings = load_settings()
    assert settings.store_url == "postgresql+psycopg://fiel@db/fiel"
    assert settings.mlflow_uri == "http://mlflow:5000"
    assert settings.mlflow_artifact_root is None


def test_artifacts_of_a_remote_registry_may_be_named(monkeypatch) -> None:
    monkeypatch.setenv("FIEL_MLFLOW_ARTIFACTS", "s3://bucket/artifacts/")
    assert load_settings().mlflow_artifact_root == "s3://bucket/artifacts"


def test_secrets_are_never_shown(monkeypatch) -> None:
    monkeypatch.setenv("FIEL_DATABASE_URL", "postgresql+psycopg://fiel:hush-hush@db/fiel")
    settings = load_settings()
    assert "hush-hush" not in repr(settings)
    assert "hush-hush" not in str(settings.model_dump())
    assert "hush-hush" not in settings.model_dump_json()


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


GIVEN = {"published_sets": "7", "public_url": "https://fiel.example/club"}
"""Values of settings that are not any text."""


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name != "home"])
def test_every_setting_comes_from_the_variable_that_its_description_names(monkeypatch, name) -> None:
    described = Settings.model_fields[name].description or ""
    variable = described.split(":")[0]
    assert variable.startswith("FIEL_")
    allowed = [word for word in get_args(Settings.model_fields[name].annotation) if isinstance(word, str)]
    wanted = allowed[-1] if allowed else GIVEN.get(name, "some-value")
    monkeypatch.setenv(variable, wanted)
    value = getattr(load_settings(), name)
    assert (value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)) == wanted


@pytest.mark.parametrize("wrong", ["fiel.example", "ftp://fiel.example", "https://user:word@fiel.example", "https://"])
def test_an_address_of_the_service_that_others_cannot_use_is_refused(monkeypatch, wrong) -> None:
    monkeypatch.setenv("FIEL_PUBLIC_URL", wrong)
    with pytest.raises(SettingsError, match="FIEL_PUBLIC_URL"):
        load_settings()


def test_the_address_of_the_service_has_no_slash_at_the_end(monkeypatch) -> None:
    monkeypatch.setenv("FIEL_PUBLIC_URL", "https://fiel.example/club/")
    assert load_settings().public_address == "https://fiel.example/club"


def test_importing_the_settings_reads_no_environment_and_makes_no_folder(tmp_path) -> None:
    environment = os.environ | {"FIEL_LAKE": str(tmp_path / "lake"), "PYTHONPATH": str(HOME)}
    code = "import fiel.settings as s; s.load_settings().store_url; print(s.load_settings().lake)"
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert found.stdout.strip() == str(tmp_path / "lake")
    assert list(tmp_path.iterdir()) == []
