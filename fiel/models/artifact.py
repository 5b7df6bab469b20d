"""A training as it is logged, and the model's files: how they are written to MLflow and read back without pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import yaml

from fiel.errors import RegistryError
from fiel.models.classifier import features_of, model_bytes, with_embedding
from fiel.models.loaded import Kind, model_of
from fiel.models.parts import CustomerParts
from fiel.models.stage_rule import StageRule


@dataclass(frozen=True)
class Training:
    """One training as it is logged.

    `fingerprint` identifies inputs, recipe and code; `recipe_digest` what counts as the same recipe on other data;
    `trained_as_of` the cohorts that the artifact was fitted or calibrated on, `oot_as_of` those that judge it;
    `parts` tells the customers of an undated program apart; `metrics` are named `split.measure`; `files` are plots and
    tables by relative path; `example` is a few rows.
    """

    model: Any
    fingerprint: str
    recipe_digest: str
    as_of: date
    known_through: date
    trained_as_of: tuple[date, ...]
    oot_as_of: tuple[date, ...]
    table_versions: Mapping[str, int]
    example: pl.DataFrame
    recipe: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    parts: CustomerParts | None = None

    @property
    def kind(self) -> Kind:
        """stage_rule or catboost."""
        return "stage_rule" if isinstance(self.model, StageRule) else "catboost"


def model_content(folder: Path, kind: Kind) -> bytes:
    """The bytes of the model's file in an artifact folder; RegistryError where there is none."""
    if kind not in ("stage_rule", "catboost"):
        raise RegistryError(f"a model of kind {kind!r} is not known to this version of Fiel: update Fiel")
    path = folder / "data" / "stage_rule.json" if kind == "stage_rule" else folder / "model.cb"
    if not path.is_file():
        raise RegistryError(
            f"the registered model lacks its file {path.name}: restore the artifacts, or roll back to an earlier "
            "version"
        )
    return path.read_bytes()


def read_model(folder: Path, kind: Kind) -> tuple[Any, str, tuple[str, ...], tuple[str, ...]]:
    """Model, digest of its file, features and categorical features from an artifact folder. No pickle is read."""
    content = model_content(folder, kind)
    model, features, categorical = model_of(content, kind)
    return model, hashlib.sha256(content).hexdigest(), features, categorical


def log_model(training: Training) -> Any:
    """Log the model into the active run with signature, input example and pinned requirements; MLflow's ModelInfo."""
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    example = training.example.head(5)
    if training.kind == "catboost":  # what CatBoost itself reads: with the columns of the model's own embedding
        example = with_embedding(training.model, example).select(features_of(training.model)[0])
    else:
        example = example.select("stage")
    text = [name for name, dtype in example.schema.items() if dtype == pl.String]
    columns: list[Any] = [
        ColSpec("string" if name in text else "double", name, required=False) for name in example.columns
    ]
    numbers = example.with_columns(pl.exclude(pl.String).cast(pl.Float64)).to_pandas()
    common = {
        "name": "model",
        "input_example": numbers,
        "metadata": {"recipe": json.loads(as_json(training.recipe))},
        "signature": ModelSignature(
            inputs=Schema(columns),
            outputs=Schema([ColSpec("double" if training.kind == "stage_rule" else "long", "prediction")]),
        ),
    }
    if training.kind == "catboost":
        model_bytes(training.model)  # blanks the guid and the time stamp, so that MLflow saves the canonical bytes
        requirements = [f"catboost=={version('catboost')}"]
        return mlflow.catboost.log_model(training.model, pip_requirements=requirements, **common)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "stage_rule.json"
        path.write_text(training.model.to_json(), encoding="utf-8")
        return mlflow.pyfunc.log_model(
            loader_module="fiel.models.stage_rule",
            data_path=str(path),
            pip_requirements=[f"fiel=={version('fiel')}"],
            **common,
        )


def as_json(content: Mapping[str, Any]) -> bytes:
    """A mapping as JSON with sorted keys; what JSON does not know is written as text."""
    return json.dumps(dict(content), indent=1, sort_keys=True, default=str, ensure_ascii=False).encode()


def read_recipe(folder: Path) -> dict[str, Any]:
    """The recipe that `log_model` wrote beside the model."""
    described = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
    found: dict[str, Any] = (described.get("metadata") or {}).get("recipe", {})
    return found
