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
from fiel.models.procedure import procedure_digest
from fiel.models.retraining import Learned
from fiel.models.thresholds import expected_maximum_profit, maximum_profit
from fiel.program import Economics, Program

EVALUATION_FILE = "evaluation.json"

_MEASURES = ("rows", "target_rate", "auc", "log_loss", "brier", "average_precision", "profit")


def training_fingerprint(program: Program, inputs: str, dates: Sequence[date]) -> str:
    """Digest of everything that decides a training: `inputs` (data, features, code), procedure, threads, cohorts."""
    rules = [procedure_digest(program), program.training.threads, program.promotion.confidence]
    if program.training.random_split:  # changes no model, only what is reported of it
        rules.append("random split")
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
        | _money(learned, economics)
        | _ablation(learned)
        | _alternatives(learned),
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
        "dropped_columns": learned.dropped,
    }
    frames |= _comparisons(learned)
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
        **_kind(learned),
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


def _kind(learned: Learned) -> dict[str, Any]:
    """Parameters of what a recipe has only where the program file asks for it."""
    recipe = learned.recipe
    found: dict[str, Any] = {}
    if recipe.members:
        found["recipe.members"] = len(recipe.members)
        found["recipe.iterations"] = " ".join(str(member.iterations) for member in recipe.members)
        found["recipe.weights"] = " ".join(f"{member.weight:g}" for member in recipe.members)
        found["recipe.bias"] = recipe.bias
    if recipe.embedding:
        found["recipe.embedding"] = recipe.embedding.kind
        found["recipe.embedding_size"] = recipe.embedding.size
    if recipe.negatives_kept < 1:
        found["recipe.negatives_kept"] = recipe.negatives_kept
    return found


def _ablation(learned: Learned) -> dict[str, float | None]:
    """For each comparison on the folds the log loss that it saves on a row, and the standard error of that."""
    found: dict[str, float | None] = {}
    for row in learned.search.ablation.to_dicts():
        name = "autoencoder_against_pca" if row["without"] == "pca" else str(row["with"])
        key = f"ablation.{row['what']}" + (f".{name}" if row["what"] == "embedding" else "")
        found |= {f"{key}.gain": row["gain"], f"{key}.gain_error": row["gain_error"]}
    return found


def _alternatives(learned: Learned) -> dict[str, float | None]:
    """F1 out of time, the alternative's measures, those on a random split (optimistic); nothing where not asked for."""
    found: dict[str, float | None] = {}
    for row in learned.alternatives.table.to_dicts():
        if row["is_registered"]:
            found |= {"oot.f1": row["f1"], "oot.f1_threshold": row["f1_threshold"]}
            continue
        key = "random_split_optimistic" if row["is_optimistic"] else "alternative.oot"
        found |= {f"{key}.{name}": row[name] for name in ("auc", "average_precision", "f1", "log_loss")}
    for row in learned.alternatives.differences.to_dicts():
        key = f"alternative.oot.{row['metric']}_difference"
        found |= {key: row["value"], f"{key}_low": row["low"], f"{key}_high": row["high"]}
    return found


def _comparisons(learned: Learned) -> dict[str, pl.DataFrame]:
    """The tables of what was compared where the program file asks for it; those that have rows."""
    frames = {
        "ablation": learned.search.ablation,
        "alternatives": learned.alternatives.table,
        "alternative_differences": learned.alternatives.differences,
    }
    return {name: frame for name, frame in frames.items() if frame.height}


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
    frames |= _comparisons(learned)
    if learned.split.parts is not None:
        frames["dropped_columns"] = learned.dropped
    return {f"tables/{name}.csv": frame.write_csv().encode() for name, frame in frames.items()}
