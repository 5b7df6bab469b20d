"""The hold-out validation in MLflow: one run for each result, with everything that a person compares."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import polars as pl
import pytest

from fiel.errors import RegistryError
from fiel.models import hold_out_log
from fiel.models.hold_out import HoldOutResult, validate
from fiel.models.hold_out_log import files, log_hold_out, metrics
from fiel.models.tracking import Tracking
from fiel.settings import Settings
from tests.models.purchase_worlds import bg_nbd_purchases, core_of, day, program

PROGRAM = program(validation_days=100)
PURCHASES = bg_nbd_purchases(400, 300, r=0.8, alpha=30, a=0.8, b=3, joins_within=120, seed=2)


@pytest.fixture(scope="module")
def result() -> HoldOutResult:
    return validate(core_of(PURCHASES), day(300), PROGRAM)


def tracking(settings: Settings) -> Tracking:
    return Tracking(settings.mlflow_uri, PROGRAM.experiment_name, settings.mlflow_artifact_root)


def runs(settings: Settings) -> list[Any]:
    door = tracking(settings)
    return list(door.client.search_runs([door.experiment_id]))


def test_the_run_holds_settings_measures_parameters_rows_and_figures(
    model_settings: Settings, result: HoldOutResult
) -> None:
    run_id = log_hold_out(model_settings, PROGRAM, result, {"tracking.png": b"a picture"})
    assert run_id is not None
    (run,) = runs(model_settings)
    assert (run.info.run_id, run.info.run_name, run.info.status) == (run_id, "purchase models 2024-10-27", "FINISHED")
    assert run.data.params == {
        "as_of": "2024-10-27",
        "calibrated_until": "2024-07-19",
        "validation_days": "100",
        "time_unit": "days",
        "min_repeaters": "50",
    }
    fit = result.fits["mbg_nbd"]
    assert run.data.metrics["mbg_nbd_alpha"] == fit.alpha_
    assert run.data.metrics["mbg_nbd_log_likelihood"] == fit.log_likelihood_
    assert {f"{model}_{name}" for model in result.fits for name in ("rmse", "bias_share", "track_mape")} <= set(
        run.data.metrics
    )
    with tracking(model_settings).download(f"runs:/{run_id}/figures") as folder:
        assert (folder / "tracking.png").read_bytes() == b"a picture"
    with tracking(model_settings).download(f"runs:/{run_id}/hold_out") as folder:
        weeks = pl.read_csv(folder / "period.csv")
        told = json.loads((folder / "fits.json").read_text())
    assert weeks.height == result.frame.filter(pl.col("kind") == "period").height
    assert told["bg_nbd"]["parameters"] == result.fits["bg_nbd"].parameters_


def test_the_same_result_is_logged_once(model_settings: Settings, result: HoldOutResult) -> None:
    again = validate(core_of(PURCHASES[::-1]), day(300), PROGRAM)
    first, second = (log_hold_out(model_settings, PROGRAM, found) for found in (result, again))
    assert first == second
    assert len(runs(model_settings)) == 1


def test_another_result_is_a_run_of_its_own(model_settings: Settings, result: HoldOutResult) -> None:
    other = validate(core_of(PURCHASES[30:]), day(300), PROGRAM)
    assert log_hold_out(model_settings, PROGRAM, result) != log_hold_out(model_settings, PROGRAM, other)
    assert len(runs(model_settings)) == 2


def test_a_run_that_died_is_made_again(
    model_settings: Settings, result: HoldOutResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(hold_out_log, "files", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            log_hold_out(model_settings, PROGRAM, result)
    run_id = log_hold_out(model_settings, PROGRAM, result)
    assert {run.info.run_id: run.info.status for run in runs(model_settings)}[run_id] == "FINISHED"
    assert log_hold_out(model_settings, PROGRAM, result) == run_id


def test_nothing_is_logged_of_a_validation_without_rows(model_settings: Settings) -> None:
    nothing = validate(core_of(PURCHASES), day(150), PROGRAM)
    assert log_hold_out(model_settings, PROGRAM, nothing) is None
    assert runs(model_settings) == []


def test_an_mlflow_that_is_not_there_is_named(result: HoldOutResult, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = Settings(FIEL_LAKE=str(tmp_path / "lake"), FIEL_MLFLOW_URI=f"sqlite:///{tmp_path}/file/mlflow.db")
    with pytest.raises(RegistryError, match="FIEL_MLFLOW_URI"):
        log_hold_out(settings, PROGRAM, result)


def test_a_standard_error_that_does_not_exist_is_null_in_the_file(result: HoldOutResult) -> None:
    fit = result.fits["bg_nbd"]
    spread = dict.fromkeys(fit.standard_errors_, float("nan"))
    broken = type(fit).from_parameters(fit.parameters_)
    broken.__dict__.update(fit.__dict__ | {"standard_errors_": spread})
    told = json.loads(files(dataclasses.replace(result, fits={"bg_nbd": broken}))["hold_out/fits.json"])
    assert set(told["bg_nbd"]["standard_errors"].values()) == {None}


def test_the_csv_files_keep_every_number(result: HoldOutResult) -> None:
    for kind in ("frequency", "period", "total"):
        rows = result.frame.filter(pl.col("kind") == kind)
        told = pl.read_csv(io.BytesIO(files(result)[f"hold_out/{kind}.csv"]), infer_schema_length=None)
        assert told["expected"].equals(rows["expected"])


def test_a_measure_that_has_no_value_is_no_metric() -> None:
    nobody_came = validate(core_of([row for row in PURCHASES if row[1] < 200]), day(300), PROGRAM)
    assert "bg_nbd_correlation" not in metrics(nobody_came)
    assert metrics(nobody_came)["actual_purchases"] == 0
