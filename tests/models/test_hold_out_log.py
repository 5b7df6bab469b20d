"""The purchase models in MLflow: one run for each result, with everything that a person compares."""

from __future__ import annotations

import io
import json
from typing import Any

import polars as pl
import pytest

from fiel.errors import RegistryError
from fiel.features.purchase_fits import purchase_fits
from fiel.models import hold_out_log
from fiel.models.hold_out import hold_out
from fiel.models.hold_out_log import files, log_hold_out, metrics
from fiel.models.tracking import Tracking
from fiel.settings import Settings
from tests.models.purchase_worlds import bg_nbd_purchases, core_of, day, program

PROGRAM = program(validation_days=100)
PURCHASES = bg_nbd_purchases(400, 300, r=0.8, alpha=30, a=0.8, b=3, joins_within=120, seed=2)
AS_OF = day(300)
Tables = tuple[pl.DataFrame, pl.DataFrame]


def tables(purchases: list[tuple[str, int, int]], number: int = 300) -> Tables:
    """The hold-out and the fits of these purchases."""
    core = core_of(purchases)
    return hold_out(core, day(number), PROGRAM), purchase_fits(core, [day(number)], PROGRAM).collect()


@pytest.fixture(scope="module")
def made() -> Tables:
    return tables(PURCHASES)


def tracking(settings: Settings) -> Tracking:
    return Tracking(settings.mlflow_uri, PROGRAM.experiment_name, settings.mlflow_artifact_root)


def runs(settings: Settings) -> list[Any]:
    door = tracking(settings)
    return list(door.client.search_runs([door.experiment_id]))


def estimate(fits: pl.DataFrame, model: str, parameter: str, column: str = "estimate") -> float:
    return float(fits.filter(pl.col("model") == model, pl.col("parameter") == parameter)[column].item())


def measure(frame: pl.DataFrame, model: str, bucket: str) -> float:
    rows = frame.filter(pl.col("kind") == "total", pl.col("model") == model, pl.col("bucket") == bucket)
    return float(rows["expected"].item())


def test_the_run_holds_settings_numbers_rows_and_figures(model_settings: Settings, made: Tables) -> None:
    run_id = log_hold_out(model_settings, PROGRAM, AS_OF, *made, {"tracking.png": b"a picture"})
    assert run_id is not None
    (run,) = runs(model_settings)
    assert (run.info.run_id, run.info.run_name, run.info.status) == (run_id, "purchase models 2024-10-27", "FINISHED")
    settings = {
        "as_of": "2024-10-27",
        "calibrated_until": "2024-07-19",
        "validation_days": "100",
        "model": "auto",
        "time_unit": "days",
        "min_repeaters": "50",
    }
    assert settings.items() <= run.data.params.items()
    assert run.data.metrics == metrics(*made)
    with tracking(model_settings).download(f"runs:/{run_id}/figures") as folder:
        assert (folder / "tracking.png").read_bytes() == b"a picture"
    with tracking(model_settings).download(f"runs:/{run_id}/hold_out") as folder:
        assert sorted(path.name for path in folder.iterdir()) == ["frequency.csv", "period.csv", "total.csv"]


def test_the_metrics_tell_the_fit_before_the_hold_out_from_the_one_at_as_of(made: Tables) -> None:
    frame, fits = made
    found = metrics(frame, fits)
    assert found["mbg_nbd_alpha_calibration"] == measure(frame, "mbg_nbd", "parameter_alpha")
    assert found["mbg_nbd_alpha"] == estimate(fits, "mbg_nbd", "alpha")
    assert found["mbg_nbd_alpha_calibration"] != found["mbg_nbd_alpha"]
    assert found["mbg_nbd_alpha_se"] == estimate(fits, "mbg_nbd", "alpha", "standard_error")
    assert found["pooled_log_likelihood"] == estimate(fits, "pooled", "p", "log_likelihood")
    assert found["pooled_log_likelihood_calibration"] == measure(frame, "pooled", "log_likelihood")
    assert found["bg_nbd_rmse"] == measure(frame, "bg_nbd", "rmse")
    assert found["actual_purchases"] == frame.filter(pl.col("bucket") == "purchases")["actual"][0]


def test_the_same_result_is_logged_once(model_settings: Settings, made: Tables) -> None:
    again = tables(PURCHASES[::-1])
    first, second = (log_hold_out(model_settings, PROGRAM, AS_OF, *found) for found in (made, again))
    assert first == second
    assert len(runs(model_settings)) == 1


def test_another_result_is_a_run_of_its_own(model_settings: Settings, made: Tables) -> None:
    other = tables(PURCHASES[30:])
    first, second = (log_hold_out(model_settings, PROGRAM, AS_OF, *found) for found in (made, other))
    assert first != second
    assert len(runs(model_settings)) == 2


def test_a_run_that_died_is_made_again(model_settings: Settings, made: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(hold_out_log, "files", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            log_hold_out(model_settings, PROGRAM, AS_OF, *made)
    run_id = log_hold_out(model_settings, PROGRAM, AS_OF, *made)
    assert {run.info.run_id: run.info.status for run in runs(model_settings)}[run_id] == "FINISHED"
    assert log_hold_out(model_settings, PROGRAM, AS_OF, *made) == run_id


def test_without_a_hold_out_the_fits_alone_are_logged(model_settings: Settings) -> None:
    frame, fits = tables(PURCHASES, 150)
    assert frame.is_empty()
    assert log_hold_out(model_settings, PROGRAM, day(150), frame, fits) is not None
    (run,) = runs(model_settings)
    assert run.data.params["calibrated_until"] == "None"
    assert run.data.metrics["bg_nbd_alpha"] == estimate(fits, "bg_nbd", "alpha")
    assert "bg_nbd_rmse" not in run.data.metrics


def test_nothing_is_logged_where_nothing_could_be_fitted(model_settings: Settings) -> None:
    frame, fits = tables(PURCHASES[:40], 150)
    assert log_hold_out(model_settings, PROGRAM, day(150), frame, fits) is None
    assert runs(model_settings) == []


def test_an_mlflow_that_is_not_there_is_named(made: Tables, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = Settings(FIEL_LAKE=str(tmp_path / "lake"), FIEL_MLFLOW_URI=f"sqlite:///{tmp_path}/file/mlflow.db")
    with pytest.raises(RegistryError, match="FIEL_MLFLOW_URI"):
        log_hold_out(settings, PROGRAM, AS_OF, *made)


def test_the_files_keep_every_number(made: Tables) -> None:
    frame, fits = made
    told = files(frame, fits)
    for kind in ("frequency", "period", "total"):
        rows = pl.read_csv(io.BytesIO(told[f"hold_out/{kind}.csv"]), infer_schema_length=None)
        assert rows["expected"].equals(frame.filter(pl.col("kind") == kind)["expected"])
    assert [row["estimate"] for row in json.loads(told["fits/fits.json"])] == fits["estimate"].to_list()


def test_a_measure_that_has_no_value_is_no_metric() -> None:
    nobody_came = metrics(*tables([row for row in PURCHASES if row[1] < 200]))
    assert "bg_nbd_correlation" not in nobody_came
    assert nobody_came["actual_purchases"] == 0
