"""The purchase models of one as_of and their hold-out validation as a run in MLflow, once for each result."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from fiel.models.hold_out import PARAMETER
from fiel.models.tracking import Tracking
from fiel.program import Program
from fiel.settings import Settings
from fiel.store.schema import canonical_json
from fiel.version import code_version

KIND = "purchase_models"
CALIBRATION = ("log_likelihood", "aic", "identified")
"""Measures of the fit before the hold-out, which the fit at as_of has too: their metrics end in `_calibration`."""


def log_hold_out(
    settings: Settings,
    program: Program,
    as_of: date,
    frame: pl.DataFrame,
    fits: pl.DataFrame,
    figures: Mapping[str, bytes] | None = None,
) -> str | None:
    """The id of the MLflow run of this validation, made unless there is a finished one of the same content.

    frame: rows of out_hold_out at `as_of`. fits: rows of feat_purchase_fits at `as_of`. The run "purchase models AS_OF"
    in the program's experiment holds the program's settings as parameters, `metrics` as metrics, `files` and the
    `figures` (file name to content) as artifacts. None where both frames say nothing. RegistryError when MLflow cannot
    be reached or written.
    """
    if frame.is_empty() and fits.drop_nulls("estimate").is_empty():
        return None
    tracking = Tracking(settings.mlflow_uri, program.experiment_name, settings.mlflow_artifact_root)
    params = _params(program, as_of, frame, fits)
    fingerprint = _fingerprint(program, params, frame, fits)
    with tracking.explained(f"{program.experiment_name}: the purchase models cannot be logged"):
        found = _logged(tracking, fingerprint)
        if found is not None:
            return found
        with tracking.run(f"purchase models {as_of}", _tags(program, as_of, fingerprint)) as run_id:
            tracking.log_values(run_id, params, metrics(frame, fits))
            tracking.log_files(run_id, files(frame, fits) | _under("figures", figures or {}))
        return run_id


def metrics(frame: pl.DataFrame, fits: pl.DataFrame) -> dict[str, float]:
    """Every number by its name in MLflow.

    `MODEL_MEASURE` of the hold-out, `MODEL_PARAMETER_calibration` fitted before it, and `MODEL_PARAMETER` (with `_se`,
    its standard error), `MODEL_log_likelihood` and `MODEL_aic` fitted at as_of.
    """
    totals = frame.filter(pl.col("kind") == "total")
    is_fit = pl.col("bucket").is_in(CALIBRATION) | pl.col("bucket").str.starts_with(PARAMETER)
    ending = pl.when(is_fit).then(pl.lit("_calibration")).otherwise(pl.lit(""))
    of_model = pl.col("model") + "_"
    name = of_model + pl.col("bucket").str.strip_prefix(PARAMETER) + ending
    measured = totals.select(name=name, value="expected")
    bought = totals.filter(pl.col("bucket") == "purchases").select(name=pl.lit("actual_purchases"), value="actual")
    parts = [
        measured,
        bought.head(1),
        fits.select(name=of_model + pl.col("parameter"), value="estimate"),
        fits.select(name=of_model + pl.col("parameter") + "_se", value="standard_error"),
        fits.select(name=of_model + "log_likelihood", value="log_likelihood"),
        fits.select(name=of_model + "aic", value="aic"),
    ]
    return dict(pl.concat(parts).drop_nulls().unique(maintain_order=True).iter_rows())


def files(frame: pl.DataFrame, fits: pl.DataFrame) -> dict[str, bytes]:
    """The files of the run: the rows of each kind as CSV (as far as there are any), the fits as CSV and JSON."""
    found = {}
    for kind in ("frequency", "period", "total"):
        rows = frame.filter(pl.col("kind") == kind)
        if not rows.is_empty():
            filled = [name for name in rows.columns if rows[name].null_count() < rows.height]
            found[f"hold_out/{kind}.csv"] = _csv(rows.select(filled).drop("kind"))
    found["fits/fits.csv"] = _csv(fits)
    text = json.dumps(fits.to_dicts(), indent=2, default=str)
    return found | {"fits/fits.json": f"{text}\n".encode()}


def _csv(rows: pl.DataFrame) -> bytes:
    content = io.BytesIO()
    rows.write_csv(content)
    return content.getvalue()


def _under(folder: str, named: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{name}": content for name, content in named.items()}


def _params(program: Program, as_of: date, frame: pl.DataFrame, fits: pl.DataFrame) -> dict[str, Any]:
    """The settings, the cut, which models' numbers are used, and why the others are not."""
    rules = program.purchases
    notes = fits.unique("model", maintain_order=True).select("model", "note").filter(pl.col("note") != "")
    return {
        "as_of": as_of,
        "calibrated_until": None if frame.is_empty() else frame["calibrated_until"][0],
        "validation_days": rules.validation_days,
        "model": rules.model,
        "time_unit": rules.time_unit,
        "min_repeaters": rules.min_repeaters,
        "used": ", ".join(fits.filter("is_used")["model"].unique(maintain_order=True)),
    } | {f"note_{model}": note for model, note in notes.iter_rows()}


def _tags(program: Program, as_of: date, fingerprint: str) -> dict[str, str]:
    return {
        "kind": KIND,
        "program": program.name,
        "as_of": as_of.isoformat(),
        "fingerprint": fingerprint,
        "code_version": code_version(),
        "simulated": str(program.simulated).lower(),
    }


def _fingerprint(program: Program, params: Mapping[str, Any], frame: pl.DataFrame, fits: pl.DataFrame) -> str:
    """Equal for equal rows and settings, whatever the code version and the figures."""
    told = canonical_json([program.name, {name: str(value) for name, value in params.items()}])
    content = (told, frame.write_ndjson(), fits.write_ndjson())
    return hashlib.sha256("\n".join(content).encode()).hexdigest()


def _logged(tracking: Tracking, fingerprint: str) -> str | None:
    """The finished run with this fingerprint; a run that died before its end is none."""
    condition = f"tags.kind = '{KIND}' and tags.fingerprint = '{fingerprint}' and attributes.status = 'FINISHED'"
    found = tracking.client.search_runs([tracking.experiment_id], condition, max_results=1)
    return str(found[0].info.run_id) if found else None
