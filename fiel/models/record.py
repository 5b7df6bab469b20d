"""A learned model as the registry keeps it: parameters, metrics, tables and the evaluation that the report reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import polars as pl

from fiel.models.artifact import Training
from fiel.models.baselines import PURCHASE_MODEL
from fiel.models.retraining import Learned, procedure_digest
from fiel.models.thresholds import expected_maximum_profit, maximum_profit
from fiel.program import Economics, Program

EVALUATION_FILE = "evaluation.json"

_MEASURES = ("rows", "target_rate", "auc", "log_loss", "brier", "average_precision", "profit")


def training_fingerprint(program: Program, inputs: str, dates: Sequence[date]) -> str:
    """Digest of everything that decides a training: `inputs` (data, features, code), procedure, threads, cohorts."""
    rules = [procedure_digest(program), program.training.threads, program.promotion.confidence]
    content = [inputs, *rules, [day.isoformat() for day in dates]]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def as_training(
    learned: Learned,
    *,
    fingerprint: str,
    as_of: date,
    known_through: date,
    table_versions: Mapping[str, int],
    example: pl.DataFrame,
    files: Mapping[str, bytes],
    economics: Economics | None = None,
) -> Training:
    """The training of the learned classifier; `files` (plots) are kept beside the evaluation and its tables."""
    return Training(
        model=learned.model,
        fingerprint=fingerprint,
        recipe_digest=learned.procedure,
        as_of=as_of,
        known_through=known_through,
        trained_as_of=learned.trained_as_of,
        oot_as_of=learned.split.oot,
        parts=learned.split.parts,
        table_versions=table_versions,
        example=example,
        recipe=learned.recipe_json(),
        params=_params(learned),
        metrics=_metrics(learned, "catboost", prefix="")
        | _metrics(learned, "stage_rule", prefix="stage_rule.")
        | _metrics(learned, PURCHASE_MODEL, prefix=f"{PURCHASE_MODEL}.")
        | _purchase_differences(learned)
        | _money(learned, economics),
        files={EVALUATION_FILE: evaluation_file(learned), **_tables(learned), **files},
        tags={"calibration_spread": json.dumps(asdict(learned.spread), sort_keys=True)},
    )


def evaluation_file(learned: Learned) -> bytes:
    """All tables of the evaluation as JSON, read back by `read_evaluation`."""
    found = learned.evaluation
    frames = {
        "metrics": found.metrics,
        "cohort_metrics": found.cohorts,
        "slices": found.slices,
        "gains": found.gains,
        "reliability": found.reliability,
        "importances": learned.importances,
        "thresholds": found.thresholds,
    }
    content = {name: frame.to_dicts() for name, frame in frames.items()}
    return json.dumps(content, default=str, sort_keys=True, ensure_ascii=False).encode()


def read_evaluation(content: bytes) -> dict[str, list[dict[str, Any]]]:
    """The tables of `evaluation_file` as rows, by name."""
    found: dict[str, list[dict[str, Any]]] = json.loads(content)
    return found


def _params(learned: Learned) -> dict[str, Any]:
    split = learned.split
    return {
        **{f"recipe.{name}": value for name, value in dict(learned.recipe.params).items()},
        "recipe.iterations": learned.recipe.iterations,
        "recipe.features": len(learned.recipe.features),
        "recipe.seed": learned.recipe.seed,
        "recipe.threads": learned.recipe.threads,
        "calibration.scale": learned.sigmoid.scale,
        "calibration.bias": learned.sigmoid.bias,
        **{f"cohorts.{part}": " ".join(map(str, getattr(split, part))) for part in ("train", "valid", "oot")},
        "cohorts.breaks": " ".join(map(str, split.breaks)) or "none",
        **({"customer_parts": str(split.parts), "dropped_columns": learned.dropped.height} if split.parts else {}),
        "dropped_groups": " ".join(learned.search.dropped_groups) or "none",
    }


def _metrics(learned: Learned, model: str, prefix: str) -> dict[str, float | None]:
    rows = learned.evaluation.metrics.filter(pl.col("model") == model).to_dicts()
    found = {f"{prefix}{row['split']}.{name}": row[name] for row in rows for name in _MEASURES}
    return found if prefix else found | {"oot.psi_scores": learned.psi_scores}


def _purchase_differences(learned: Learned) -> dict[str, float | None]:
    """Classifier minus purchase model out of time, with the interval's bounds; nothing without a purchase model."""
    found: dict[str, float | None] = {}
    for name in ("auc", "log_loss"):
        interval = getattr(learned.evaluation.purchase_comparison, name, None)
        if interval is not None:
            key = f"{PURCHASE_MODEL}.oot.{name}_difference"
            found |= {key: interval.estimate, f"{key}_low": interval.low, f"{key}_high": interval.high}
    return found


def _money(learned: Learned, economics: Economics | None) -> dict[str, float | None]:
    """Thresholds, their profits, and the maximum profit measures out of time; nothing without economics."""
    found: dict[str, float | None] = {}
    for row in learned.evaluation.thresholds.to_dicts():
        found |= {f"threshold.{row['by']}": row["threshold"], f"threshold.{row['by']}.oot_profit": row["oot_profit"]}
    oot = learned.predictions.filter(pl.col("split") == "oot")
    if economics is not None and oot.height:
        labels, probs = oot["label"].to_numpy().astype(float), oot["prob"].to_numpy()
        found["oot.maximum_profit"] = maximum_profit(labels, probs, economics)
        found["oot.expected_maximum_profit"] = expected_maximum_profit(labels, probs, economics)
    return found


def _tables(learned: Learned) -> dict[str, bytes]:
    """The tables that a person opens in the MLflow UI."""
    frames = {
        "metrics": learned.evaluation.metrics,
        "cohorts": learned.evaluation.cohorts,
        "slices": learned.evaluation.slices,
        "gains": learned.evaluation.gains,
        "reliability": learned.evaluation.reliability,
        "importances": learned.importances,
        "psi_inputs": learned.psi_inputs,
        "thresholds": learned.evaluation.thresholds,
        "search": learned.search.history,
        "folds": learned.search.folds,
    }
    if learned.split.parts is not None:
        frames["dropped_columns"] = learned.dropped
    return {f"tables/{name}.csv": frame.write_csv().encode() for name, frame in frames.items()}
