"""Models of every build as the online store keeps them, for the tests of what is predicted live."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, datetime
from functools import cache

import polars as pl

from fiel.models import classifier
from fiel.models.calibration import Sigmoid
from fiel.models.champion_file import served_model
from fiel.models.classifier import base_recipe, model_bytes
from fiel.models.embedded import embedding_recipe
from fiel.models.ensemble import drawn_members
from fiel.models.loaded import LoadedModel
from fiel.models.recipe import Recipe
from fiel.models.stage_rule import StageRule
from fiel.program import EmbeddingRules, EnsembleRules
from fiel.store.models import ServedModel
from tests.models import frames

COURSE = "course_share_sql_2025"
NUMERIC = ("age_days", "active_days_d28", "value_earned_d28", "mean_gap_days_life", "planned_break_days")
BUILDS = (
    "categories",
    "many categories",
    "numbers only",
    "one number",
    "one category",
    "a course",
    "ensemble",
    "autoencoder",
    "principal components",
    "sampled and calibrated",
    "stage rule",
)


@cache
def rows() -> pl.DataFrame:
    """Labelled rows: whole numbers, empty ones, a boolean, categories of few and of many values, a course."""
    number = pl.col("customer_id").str.slice(1).cast(pl.Int64)
    return frames.labelled().with_columns(
        region=pl.concat_str(pl.lit("r"), (number % 40).cast(pl.String)),
        stage_d28=pl.when(number % 7 > 0).then("stage"),
        is_reachable=number % 3 == 0,
        course_share_sql_2025=pl.when(number % 4 > 0).then((number % 11) / 10),
    )


@cache
def loaded(build: str) -> LoadedModel:
    """A fitted model of the build, as the registry loads it."""
    labelled = rows()
    if build == "stage rule":
        rule = StageRule.fit(labelled["stage"], labelled["label"])
        return LoadedModel("1", "stage_rule", rule.digest, rule, ("stage",), ("stage",))
    recipe = _recipe(build, labelled)
    sigmoid = Sigmoid(0.8, 0.3, "test") if build == "sampled and calibrated" else None
    model = classifier.fit(recipe, labelled, sigmoid)
    names, categorical = classifier.features_of(model)
    digest = hashlib.sha256(model_bytes(model)).hexdigest()
    return LoadedModel("2", "catboost", digest, model, tuple(names), tuple(categorical), recipe=recipe.to_dict())


def content(model: LoadedModel) -> bytes:
    """The bytes of the model's file."""
    return model.model.to_json().encode() if isinstance(model.model, StageRule) else model_bytes(model.model)


def served(build: str) -> ServedModel:
    """The model's file as the store keeps it."""
    model = loaded(build)
    made = served_model(model, content(model), "teomewhy", {"oot.auc": 0.81})
    return dataclasses.replace(made, stored_at=datetime(2025, 10, 1, tzinfo=UTC))


def _recipe(build: str, labelled: pl.DataFrame) -> Recipe:
    every = ["stage", *NUMERIC, "stage_d28", "is_reachable"]
    features = {
        "many categories": [*every, "region"],
        "numbers only": list(NUMERIC),
        "one number": ["active_days_d28"],
        "one category": ["stage"],
        "a course": [*every, COURSE],
        "ensemble": [*every, "region"],
    }.get(build, every)
    base = base_recipe(features, labelled.schema, frames.program().training)
    base = dataclasses.replace(base, iterations=25)
    if build == "ensemble":
        members = drawn_members(base, EnsembleRules(members=3, share=0.5))
        weighted = [dataclasses.replace(one, weight=w) for one, w in zip(members, (0.5, 0.0, 0.75), strict=True)]
        return base.with_members(weighted, -0.2)
    if build in ("autoencoder", "principal components"):
        rules = EmbeddingRules(size=2, hidden=4, epochs=2, rows=300)
        made = embedding_recipe("autoencoder" if build == "autoencoder" else "pca", base, rules)
        assert made is not None
        return base.with_embedding(made)
    return dataclasses.replace(base, negatives_kept=0.5) if build == "sampled and calibrated" else base
