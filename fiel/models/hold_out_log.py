"""The hold-out validation of the purchase models as a run in MLflow, once for each result."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from fiel.models.hold_out import HoldOutResult
from fiel.models.tracking import Tracking
from fiel.program import Program
from fiel.settings import Settings
from fiel.store.schema import canonical_json
from fiel.version import code_version

KIND = "purchase_models"


def log_hold_out(
    settings: Settings, program: Program, result: HoldOutResult, figures: Mapping[str, bytes] | None = None
) -> str | None:
    """The MLflow run of this validation, made unless there is a finished one of the same result; its id.

    The run "purchase models AS_OF" in the program's experiment holds the settings as parameters; the measures, the
    fitted parameters and their standard errors as metrics (`MODEL_NAME`); the rows as CSV and the fits as JSON; and
    `figures`, given as file name to content. None for a validation without rows. RegistryError when MLflow cannot be
    reached or written.
    """
    if result.frame.is_empty():
        return None
    tracking = Tracking(settings.mlflow_uri, program.experiment_name, settings.mlflow_artifact_root)
    fingerprint = _fingerprint(program, result)
    with tracking.explained(f"{program.experiment_name}: the hold-out validation cannot be logged"):
        found = _logged(tracking, fingerprint)
        if found is not None:
            return found
        with tracking.run(f"purchase models {result.as_of}", _tags(program, result, fingerprint)) as run_id:
            tracking.log_values(run_id, _params(program, result), metrics(result))
            tracking.log_files(
                run_id, files(result) | {f"figures/{name}": file for name, file in (figures or {}).items()}
            )
        return run_id


def metrics(result: HoldOutResult) -> dict[str, float]:
    """Every number of the validation by its name in MLflow: measures, parameters, standard errors."""
    totals = result.frame.filter(pl.col("kind") == "total", pl.col("expected").is_not_null())
    found = {
        f"{model}_{measure}": value
        for model, measure, value in totals.select("model", "bucket", "expected").iter_rows()
    }
    actual = totals.filter(pl.col("bucket") == "purchases").get_column("actual")[0]
    for name, model in result.fits.items():
        found |= {f"{name}_{parameter}": value for parameter, value in model.parameters_.items()}
        found |= {f"{name}_{parameter}_se": value for parameter, value in model.standard_errors_.items()}
    return found | {"actual_purchases": actual}


def files(result: HoldOutResult) -> dict[str, bytes]:
    """The files of the run: the rows of each kind as CSV, and the fits as JSON."""
    found = {}
    for kind in ("frequency", "period", "total"):
        rows = result.frame.filter(pl.col("kind") == kind)
        empty = [name for name in rows.columns if rows[name].null_count() == rows.height]
        content = io.BytesIO()
        rows.drop("kind", *empty).write_csv(content)
        found[f"hold_out/{kind}.csv"] = content.getvalue()
    found["hold_out/fits.json"] = (json.dumps(_fits(result), indent=2, sort_keys=True) + "\n").encode()
    return found


def _fits(result: HoldOutResult) -> dict[str, Any]:
    """What is known of each fit; a standard error that there is none of is null."""
    return {
        name: {
            "parameters": model.parameters_,
            "standard_errors": {
                parameter: value if math.isfinite(value) else None
                for parameter, value in model.standard_errors_.items()
            },
            "time_unit": model.time_unit,
            "log_likelihood": model.log_likelihood_,
            "aic": model.aic_,
            "customers": model.customers_,
            "repeaters": model.repeaters_,
            "converged": bool(model.converged_),
            "identified": bool(model.is_identified_),
            "note": model.identification_note_,
            "suggestion": model.suggestion_,
        }
        for name, model in result.fits.items()
    }


def _params(program: Program, result: HoldOutResult) -> dict[str, Any]:
    rules = program.purchases
    return {
        "as_of": result.as_of,
        "calibrated_until": result.calibrated_until,
        "validation_days": rules.validation_days,
        "time_unit": rules.time_unit,
        "min_repeaters": rules.min_repeaters,
    }


def _tags(program: Program, result: HoldOutResult, fingerprint: str) -> dict[str, str]:
    return {
        "kind": KIND,
        "program": program.name,
        "as_of": result.as_of.isoformat(),
        "fingerprint": fingerprint,
        "code_version": code_version(),
        "simulated": str(program.simulated).lower(),
    }


def _fingerprint(program: Program, result: HoldOutResult) -> str:
    """Equal for equal results of equal settings, whatever the code version and the figures."""
    told = [program.name, {name: str(value) for name, value in _params(program, result).items()}]
    return hashlib.sha256(canonical_json(told).encode() + result.frame.write_ndjson().encode()).hexdigest()


def _logged(tracking: Tracking, fingerprint: str) -> str | None:
    """The finished run with this fingerprint; a run that died before its end is none."""
    condition = f"tags.kind = '{KIND}' and tags.fingerprint = '{fingerprint}' and attributes.status = 'FINISHED'"
    found = tracking.client.search_runs([tracking.experiment_id], condition, max_results=1)
    return str(found[0].info.run_id) if found else None
