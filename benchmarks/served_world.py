"""A published program of any size for the benchmarks of the service: real columns, a CatBoost champion, documents."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from catboost import CatBoostClassifier

from fiel.features.snapshot import categorical_features, model_features
from fiel.models.champion_file import served_model
from fiel.models.classifier import Recipe, fit, model_bytes
from fiel.models.loaded import LoadedModel
from fiel.models.scoring import score
from fiel.program import Program, read_program
from fiel.serving.json_text import json_array_of, json_column
from fiel.settings import HOME
from fiel.store import PromotionRow, Publication, Store
from tests.models.snapshots import made_up_labels, made_up_snapshot

AS_OF = date(2025, 9, 1)
PROGRAM = "teomewhy"
LEARNED = 20_000
OTHERS = r"^(x|c|sum|nonzero|difference|ratio)_.*$"
"""Columns of the groups that other programs have."""


def publish(store: Store, customers: int, trees: int) -> CatBoostClassifier:
    """Publish `customers` made-up customers of the program with a champion of `trees` trees; that model."""
    program = read_program(HOME / "deployments" / "programs" / f"{PROGRAM}.yaml")
    snapshot = made_up_snapshot(customers, AS_OF, program).select(pl.exclude(OTHERS))
    model = champion(snapshot.head(LEARNED), program, trees)
    store.put_model(served_model(model, model_bytes(model.model), PROGRAM, {"oot.auc": 0.83}))
    store.append_promotion(promotion(model))
    store.publish(publication(snapshot, model, program))
    return model.model


def champion(rows: pl.DataFrame, program: Program, trees: int) -> LoadedModel:
    """A model of the production size, trained on made-up labels."""
    features = tuple(model_features(program, rows.columns))
    categorical = tuple(categorical_features(program, features))
    params = (("depth", 6), ("l2_leaf_reg", 6.0), ("learning_rate", 0.03), ("rsm", 0.5))
    labelled = rows.join(made_up_labels(rows), on=["customer_id", "as_of"])
    trained = fit(Recipe(features, categorical, params, trees, 7, 2), labelled)
    digest = hashlib.sha256(model_bytes(trained)).hexdigest()
    return LoadedModel("1", "catboost", digest, trained, features, categorical)


def promotion(model: LoadedModel) -> PromotionRow:
    """The ledger's first row."""
    return PromotionRow(
        program=PROGRAM,
        at=datetime.now(UTC),
        by="the benchmark",
        action="first",
        from_version=None,
        to_version=model.version,
        digest=model.digest,
        fingerprint="made up",
        reason="the first",
        metrics={"oot.auc": 0.83},
    )


def publication(snapshot: pl.DataFrame, model: LoadedModel, program: Program) -> Publication:
    """Scores and documents; a document holds a history as long as a busy member's."""
    scores = score(snapshot, model, program, table_versions={}, reasons_for="none").with_columns(
        segment="value_cluster", value=pl.lit(1_000.0)
    )
    names = [name for name in snapshot.columns if name not in ("customer_id", "as_of")]
    features = json_array_of([json_column(name, snapshot.schema[name]) for name in names])
    return Publication(
        program=PROGRAM,
        as_of=AS_OF,
        model_version=model.version,
        known_through=AS_OF - timedelta(days=1),
        scores=scores,
        documents=snapshot.select("customer_id", features=features, document=pl.lit(json.dumps(document()))),
        feature_names=tuple(names),
        parts={},
    )


def document() -> dict[str, Any]:
    """Sixty active days, eight spans of stages, three reasons."""
    days = [AS_OF - timedelta(days=3 * back + 1) for back in range(60)][::-1]
    stages = ("curioso", "fiel", "turista", "fiel", "turista", "desencantado", "reconquistado", "fiel")
    starts = [AS_OF - timedelta(days=200 - 25 * place) for place in range(len(stages) + 1)]
    return {
        "first_date": days[0].isoformat(),
        "last_date": days[-1].isoformat(),
        "spans": [
            [stage, starts[place].isoformat(), (starts[place + 1] - timedelta(days=1)).isoformat()]
            for place, stage in enumerate(stages)
        ],
        "days": [[day.isoformat(), 12, 25] for day in days],
        "reasons": {"en": ["11 active days in the last 28 days raise it"] * 3, "pt": ["11 dias ativos aumentam"] * 3},
        "next": {"stage": "turista", "date": (AS_OF + timedelta(days=3)).isoformat(), "after_visit": "fiel"},
        "segments": {"value_cluster": "indeciso"},
    }


def model_file(model: CatBoostClassifier, folder: Path) -> Path:
    """The model as a file, for the bare peer."""
    path = folder / "model.cbm"
    path.write_bytes(model_bytes(model))
    return path
