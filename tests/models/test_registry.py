"""The registry keeps models without pickle, once for each training, and never serves a changed one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import s3fs

from fiel.errors import NoChampionError, RegistryError
from fiel.models.registry import CHALLENGER, CHAMPION, Registry
from fiel.settings import Settings
from fiel.store import PromotionRow, Store
from tests.models import worlds


def artifact(folder: Path, name: str) -> Path:
    (found,) = folder.rglob(name)
    return found


def ledger_row(version: str, digest: str) -> PromotionRow:
    return PromotionRow(
        program="teomewhy",
        at=datetime(2025, 10, 1, 6, tzinfo=UTC),
        by="test",
        action="first",
        from_version=None,
        to_version=version,
        digest=digest,
        fingerprint="f",
        reason="first champion",
    )


def test_a_catboost_model_comes_back_with_equal_predictions(registry: Registry) -> None:
    logged = worlds.training()
    info = registry.log_training(logged)
    registry.set_alias(CHAMPION, info.version)
    loaded = registry.champion()
    rows = worlds.rows()
    assert np.array_equal(loaded.predict(rows), logged.model.predict_proba(_input(rows))[:, 1])
    assert (loaded.features, loaded.categorical) == (worlds.RECIPE.features, ("stage",))
    assert loaded.recipe["iterations"] == 30
    assert loaded.trained_as_of == worlds.TRAINED
    assert loaded.spread is not None
    assert loaded.spread.intercept_sd == 0.1


def _input(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("stage", pl.col("active_days_d28", "mean_gap_days_life").cast(pl.Float64))


def test_the_stage_rule_comes_back_from_json(registry: Registry, tmp_path: Path) -> None:
    rule = worlds.stage_rule()
    info = registry.log_training(worlds.training(rule))
    loaded = registry.load(info.version)
    assert loaded.model == rule
    assert loaded.digest == rule.digest
    assert info.tags["kind"] == "stage_rule"
    assert not list(tmp_path.rglob("*.pkl"))


def test_mlflow_itself_can_serve_the_stage_rule(registry: Registry) -> None:
    import mlflow
    import pandas as pd

    rule = worlds.stage_rule()
    info = registry.log_training(worlds.training(rule))
    mlflow.set_tracking_uri(registry.uri)
    served = mlflow.pyfunc.load_model(f"models:/{registry.name}/{info.version}")
    assert served.predict(pd.DataFrame({"stage": ["fiel"]}))[0] == rule.predict(["fiel"])[0]


def test_a_training_is_logged_once(registry: Registry) -> None:
    first = registry.log_training(worlds.training())
    again = registry.log_training(worlds.training())
    other = registry.log_training(worlds.training(fingerprint="b" * 16))
    assert (first.version, again.version, other.version) == ("1", "1", "2")
    assert first.digest == other.digest, "equal trees have equal bytes"
    assert registry.find("b" * 16) == other
    assert registry.find("c" * 16) is None


def test_metrics_files_and_versions_are_logged(registry: Registry, tmp_path: Path) -> None:
    import mlflow

    info = registry.log_training(worlds.training())
    run = mlflow.MlflowClient(registry.uri).get_run(info.run_id)
    assert run.data.metrics == {"oot.auc": 0.81, "oot.log_loss": 0.4}
    assert run.data.params == {"depth": "3"}
    assert info.table_versions == {"feat_snapshot": 3, "core_events": 2}
    assert artifact(tmp_path, "gains.json").read_bytes() == b"{}"
    assert artifact(tmp_path, "input_example.json").is_file()
    assert "active_days_d28" in artifact(tmp_path, "MLmodel").read_text()


def test_no_champion_says_what_to_run(registry: Registry) -> None:
    with pytest.raises(NoChampionError, match="fiel run retrain --program teomewhy"):
        registry.champion()


def test_a_version_that_is_not_there_is_named(registry: Registry) -> None:
    registry.log_training(worlds.training())
    with pytest.raises(RegistryError, match="no version 7"):
        registry.load("7")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("model.cb", lambda content: content[:-1] + bytes([content[-1] ^ 1])),
        ("stage_rule.json", lambda content: content.replace(b'"fiel": 0.', b'"fiel": 0.9')),
    ],
)
def test_a_changed_artifact_is_refused(registry: Registry, tmp_path: Path, name: str, change: object) -> None:
    model = worlds.stage_rule() if name == "stage_rule.json" else None
    info = registry.log_training(worlds.training(model))
    path = artifact(tmp_path, name)
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(RegistryError, match=r"digest|cannot be read"):
        registry.load(info.version)


def test_a_missing_artifact_is_refused(registry: Registry, tmp_path: Path) -> None:
    info = registry.log_training(worlds.training())
    artifact(tmp_path, "model.cb").unlink()
    with pytest.raises(RegistryError, match=r"model\.cb"):
        registry.load(info.version)


class TestWithLedger:
    @pytest.fixture
    def registry(self, model_settings: Settings, ledger: Store) -> Registry:
        return Registry(model_settings, worlds.program(), ledger)

    def test_a_digest_that_is_not_the_ledgers_is_refused(self, registry: Registry) -> None:
        info = registry.log_training(worlds.training())
        registry.ledger.append_promotion(ledger_row(info.version, "0" * 64))
        with pytest.raises(RegistryError, match="promotion ledger"):
            registry.champion()

    def test_the_alias_follows_the_ledger(self, registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
        first = registry.log_training(worlds.training())
        second = registry.log_training(worlds.training(fingerprint="b" * 16, iterations=10))
        registry.ledger.append_promotion(ledger_row(first.version, first.digest))
        registry.set_alias(CHAMPION, second.version)
        assert registry.champion().version == first.version
        assert registry.alias(CHAMPION) == first.version
        assert "pointed it there" in caplog.text

    def test_an_alias_without_a_ledger_row_is_refused(self, registry: Registry) -> None:
        info = registry.log_training(worlds.training())
        registry.set_alias(CHAMPION, info.version)
        with pytest.raises(RegistryError, match="promotion ledger has no row"):
            registry.champion()

    def test_the_status_says_who_is_champion_and_why(self, registry: Registry) -> None:
        assert registry.status().champion is None
        info = registry.log_training(worlds.training())
        registry.ledger.append_promotion(ledger_row(info.version, info.digest))
        registry.champion()
        registry.set_alias(CHALLENGER, info.version)
        status = registry.status()
        assert status.champion == status.challenger == info
        assert status.promoted is not None
        assert status.promoted.reason == "first champion"


def test_a_server_that_is_down_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settings = Settings(FIEL_LAKE=str(tmp_path / "lake"), FIEL_MLFLOW_URI="http://127.0.0.1:9")
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:9 cannot be reached: start it, or mend FIEL_MLFLOW_URI"):
        Registry(settings, worlds.program()).champion()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(FIEL_LAKE=str(tmp_path / "lake"), FIEL_MLFLOW_URI=f"sqlite:///{tmp_path}/file/mlflow.db")
    with pytest.raises(RegistryError, match="set FIEL_MLFLOW_URI"):
        Registry(settings, worlds.program()).versions()


def test_nothing_is_written_to_the_terminal(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.models import worlds; "
        "from fiel.models.registry import Registry; "
        "r = Registry(worlds.settings(Path(sys.argv[1])), worlds.program()); "
        "r.set_alias('champion', r.log_training(worlds.training()).version); "
        "r.log_training(worlds.training(worlds.stage_rule(), fingerprint='b')); r.champion()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_another_process_finds_the_champion(tmp_path: Path) -> None:
    """A process that only loads has set no tracking address of its own."""
    log = (
        "import sys; from pathlib import Path; from tests.models import worlds; "
        "from fiel.models.registry import Registry; "
        "r = Registry(worlds.settings(Path(sys.argv[1])), worlds.program()); "
    )
    for code in ("r.set_alias('champion', r.log_training(worlds.training()).version)", "print(r.champion().kind)"):
        done = subprocess.run([sys.executable, "-c", log + code, str(tmp_path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "catboost"


def test_artifacts_can_live_on_s3(s3_bucket: str, empty_mlflow: Path, tmp_path: Path) -> None:
    shutil.copy(empty_mlflow, tmp_path / "mlflow.db")
    settings = Settings(
        FIEL_LAKE=f"{s3_bucket}/lake",
        FIEL_MLFLOW_URI=f"sqlite:///{tmp_path}/mlflow.db",
        mlflow_artifacts=f"{s3_bucket}/models",
    )
    registry = Registry(settings, worlds.program())
    info = registry.log_training(worlds.training())
    assert s3fs.S3FileSystem().find(f"{s3_bucket.removeprefix('s3://')}/models"), "the artifacts are there"
    assert registry.load(info.version).digest == info.digest
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
