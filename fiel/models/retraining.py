"""The learning part of a retraining: rows in, a calibrated model with everything known about it out. No registry.

Order of the steps (DESIGN.md sections 4 and 5):

1. search the recipe on rolling-origin folds inside train;
2. fit it on train, check its calibration on validation, fit a sigmoid where needed;
3. fit the same recipe with the same sigmoid on train + validation: this is the artifact;
4. read the out-of-time cohorts once, with that artifact.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from catboost import CatBoostClassifier

from fiel.errors import CohortError, SchemaError
from fiel.features.accounts import account_age_days
from fiel.features.snapshot import model_features
from fiel.models import classifier
from fiel.models.alternatives import Alternatives, Fitted, alternatives
from fiel.models.baselines import in_population, with_purchase_prob
from fiel.models.calibration import (
    CalibrationCheck,
    CohortSpread,
    Sigmoid,
    check_calibration,
    cohort_spread,
    fit_sigmoid,
)
from fiel.models.classifier import base_recipe
from fiel.models.cohorts import CohortSplit
from fiel.models.columns import dropped_columns
from fiel.models.drift import psi, psi_inputs
from fiel.models.evaluation import Evaluation, evaluate
from fiel.models.parts import OOT, TRAIN, VALID
from fiel.models.procedure import procedure_digest
from fiel.models.recipe import Recipe
from fiel.models.search import Search, search_recipe
from fiel.models.stage_rule import StageRule
from fiel.program import Program

EXPLAINED_ROWS = 4_000
"""Newest rows on which feature importances are computed."""

_NO_ATTRIBUTES = ("stage", "value_cluster")
"""Columns of every snapshot that an undated table knows nothing of."""

PREDICTION_COLUMNS = (
    "customer_id", "as_of", "split", "stage", "age_days", "label", "is_seen", "is_break", "prob", "rule_prob"
)  # fmt: skip


@dataclass(frozen=True)
class Learned:
    """A trained model and all that is known about it.

    `model` is the artifact (fitted on `trained_as_of` = train + validation, calibration folded in), `model_bytes` its
    canonical bytes and `digest` their SHA-256. `predictions` has one row for each customer and cohort (columns of
    fiel.models.evaluation): train and validation rows are scored by the model fitted on train only, out-of-time rows
    by the artifact. `calibration` was checked on validation before the sigmoid; `spread` is how far
    one month lies from another (`month_to_month`), which widens its intervals. `importances`: feature, mean absolute
    SHAP value in log odds. `psi_scores`: the artifact's scores, its own training rows to out-of-time. `dropped`: the
    columns of an undated program that are constant or repeat another one in train, and why (fiel.models.columns).
    `alternatives`: what stands beside the model where the program file asks for it (fiel.models.alternatives).
    """

    recipe: Recipe
    procedure: str
    sigmoid: Sigmoid
    calibration: CalibrationCheck
    spread: CohortSpread
    model: CatBoostClassifier
    model_bytes: bytes
    digest: str
    stage_rule: StageRule
    split: CohortSplit
    search: Search
    predictions: pl.DataFrame
    evaluation: Evaluation
    importances: pl.DataFrame
    psi_inputs: pl.DataFrame
    psi_scores: float
    dropped: pl.DataFrame
    alternatives: Alternatives

    @property
    def trained_as_of(self) -> tuple[date, ...]:
        """The cohorts that the artifact was fitted on."""
        return tuple(dict.fromkeys(self.split.train + self.split.valid))

    def recipe_json(self) -> dict[str, Any]:
        """What rebuilds the artifact from the same rows: `refit` takes it."""
        return {**self.recipe.to_dict(), "sigmoid": {"scale": self.sigmoid.scale, "bias": self.sigmoid.bias}}


def train(
    snapshots: pl.DataFrame,
    labels: pl.DataFrame,
    program: Program,
    *,
    split: CohortSplit,
    features: list[str] | None = None,
) -> Learned:
    """Learn from `snapshots` (rows of feat_snapshot, several as_of) and `labels` (customer_id, as_of, label).

    `features` defaults to every column that a model may use. CohortError when a cohort has no rows, or train holds
    one class only. Equal input gives an equal artifact, byte for byte.
    """
    rows = training_rows(snapshots, labels, split, program)
    fitted_on, valid, oot = (_part(rows, split, name, program) for name in (TRAIN, VALID, OOT))
    asked = features or _model_features(rows, program)
    of_the_table = [name for name in asked if name not in _NO_ATTRIBUTES] if program.is_table else []
    dropped = dropped_columns(fitted_on, of_the_table)
    kept = [name for name in asked if name not in set(dropped["column"])]
    base = base_recipe(_usable(kept, fitted_on), rows.schema, program.training)

    search = search_recipe(base, fitted_on, program)
    recipe, both = search.recipe, pl.concat([fitted_on, valid])
    made = _made(recipe, fitted_on, valid, search, split, program)
    selected, artifact = made.early, made.late
    rule = StageRule.fit(both["stage"], both["label"])
    early_rule = StageRule.fit(fitted_on["stage"], fitted_on["label"])
    predictions = pl.concat(
        [
            _predicted(fitted_on, "train", selected, early_rule, fitted_on, split, program),
            _predicted(valid, "valid", selected, early_rule, fitted_on, split, program),
            _predicted(oot, "oot", artifact, rule, both, split, program),
        ]
    )
    content = classifier.model_bytes(artifact)
    other = _made(search.alternative, fitted_on, valid, search, split, program) if search.alternative else None
    theirs = other.fitted(valid, oot) if other else None
    beside = alternatives(made.fitted(valid, oot), theirs, rows, split, program)
    return Learned(
        recipe=recipe,
        procedure=procedure_digest(program),
        sigmoid=made.sigmoid,
        calibration=made.check,
        spread=made.spread,
        model=artifact,
        model_bytes=content,
        digest=hashlib.sha256(content).hexdigest(),
        stage_rule=rule,
        split=split,
        search=search,
        predictions=predictions,
        evaluation=evaluate(predictions, program, made.spread),
        importances=importances(artifact, both),
        psi_inputs=psi_inputs(both, oot, recipe.inputs, program.promotion.warn_psi),
        psi_scores=psi(classifier.predict(artifact, both), classifier.predict(artifact, oot)),
        dropped=dropped,
        alternatives=beside,
    )


@dataclass(frozen=True)
class _Made:
    """A recipe's two models: `early` of train, calibrated; `late`, the artifact, of train and validation."""

    recipe: Recipe
    early: CatBoostClassifier
    late: CatBoostClassifier
    check: CalibrationCheck
    sigmoid: Sigmoid
    spread: CohortSpread

    def fitted(self, valid: pl.DataFrame, oot: pl.DataFrame) -> Fitted:
        return Fitted(self.recipe, classifier.predict(self.early, valid), classifier.predict(self.late, oot))


def _made(
    recipe: Recipe, fitted_on: pl.DataFrame, valid: pl.DataFrame, search: Search, split: CohortSplit, program: Program
) -> _Made:
    """Steps 2 and 3 of the module with one recipe."""
    early = classifier.fit(recipe, fitted_on)
    spread = month_to_month(search, early, valid, split)
    check, sigmoid = calibrate(early, valid, split, program, spread)
    classifier.fold_in(early, sigmoid)
    late = classifier.fit(recipe, pl.concat([fitted_on, valid]), sigmoid)
    return _Made(recipe, early, late, check, sigmoid, spread)


def refit(recipe_json: dict[str, Any], rows: pl.DataFrame) -> CatBoostClassifier:
    """The model of `Learned.recipe_json` on other rows (features, customer_id, as_of, label), same calibration."""
    content = dict(recipe_json)
    stored = content.pop("sigmoid")
    sigmoid = Sigmoid(stored["scale"], stored["bias"], "as stored with the recipe")
    return classifier.fit(Recipe.from_dict(content), rows, sigmoid)


def training_rows(snapshots: pl.DataFrame, labels: pl.DataFrame, split: CohortSplit, program: Program) -> pl.DataFrame:
    """Rows of the target's population in the cohorts of `split`, with their label, sorted by as_of and customer.

    CohortError names cohorts without a row, SchemaError columns that every model is judged by.
    """
    needed = ("stage", "age_days", "in_population") if program.has_stages else ("stage", "in_population")
    lacking = [name for name in needed if name not in snapshots.columns]
    if lacking:
        raise SchemaError(
            f"the snapshots lack {', '.join(lacking)}: features.groups in the program file has to hold activity and "
            "life_cycle, because models are compared with the stage rule and judged by stage and age"
        )
    if program.is_quarterly:
        snapshots = snapshots.with_columns(age_days=account_age_days())
    elif "age_days" not in snapshots.columns:  # an undated program knows no age
        snapshots = snapshots.with_columns(age_days=pl.lit(None, pl.Int64))
    rows = (
        snapshots.filter(in_population(program), pl.col("as_of").is_in(split.dates))
        .join(labels, on=["customer_id", "as_of"], how="inner")
        .sort("as_of", "customer_id")
    )
    missing = sorted(set(split.dates) - set(rows["as_of"].unique()))
    if missing:
        raise CohortError(
            f"no rows of the population for the cohorts {', '.join(map(str, missing))}: build their features, or look "
            "at target.live_origins and target.exclude_stages in the program file"
        )
    return rows


def calibrate(
    model: CatBoostClassifier, valid: pl.DataFrame, split: CohortSplit, program: Program, spread: CohortSpread
) -> tuple[CalibrationCheck, Sigmoid]:
    """The check of `model` on the validation cohorts and the sigmoid that it asks for.

    Cohorts whose outcome meets a planned break say nothing about other months, so they are left out; with none left,
    nothing is fitted. `spread` is how far one month lies from another (month_to_month).
    """
    usable = valid.filter(~pl.col("as_of").is_in(split.breaks))
    if usable.is_empty():
        check = CalibrationCheck(0, 0, None, None, note="every validation cohort meets a planned break")
        return check, fit_sigmoid(check, np.zeros(0), np.zeros(0))
    labels, raw = usable["label"].to_numpy().astype(np.float64), classifier.raw_scores(model, usable)
    check = check_calibration(
        labels,
        raw,
        usable["customer_id"].to_numpy(),
        confidence=program.promotion.confidence,
        cohorts=usable["as_of"].n_unique(),
        spread=spread,
        curvature_from=program.training.calibrate_sigmoid_below,
    )
    return check, fit_sigmoid(check, labels, raw)


def month_to_month(search: Search, model: CatBoostClassifier, valid: pl.DataFrame, split: CohortSplit) -> CohortSpread:
    """How far one month's calibration lies from another's, on rows that no fit has seen.

    From the folds that are cut by time and the validation cohorts; cohorts that meet a planned break are left out.
    The parts of an undated program are drawn from the same customers, so nothing lies between them but chance.
    """
    if split.parts is not None:
        return CohortSpread(0.0, 0.0, 0)
    columns = ["part", "customer_id", "as_of", "label", "raw"]
    folds = search.judged.filter(pl.col("kind") == "time").with_columns(part=pl.lit("folds")).select(columns)
    scored = valid.with_columns(
        pl.col("label").cast(pl.Int8),
        part=pl.lit("valid"),
        raw=pl.Series(classifier.raw_scores(model, valid), dtype=pl.Float64),
    ).select(columns)
    unseen = pl.concat([folds, scored])
    return cohort_spread(unseen.filter(~pl.col("as_of").is_in(split.breaks)))


def importances(model: CatBoostClassifier, rows: pl.DataFrame) -> pl.DataFrame:
    """Mean absolute SHAP value (log odds) of each feature on the newest rows, largest first."""
    newest = rows.sort("as_of", "customer_id").tail(EXPLAINED_ROWS)
    names, _ = classifier.features_of(model)
    values = np.abs(classifier.shap_values(model, newest)).mean(axis=0)
    return pl.DataFrame({"feature": names, "mean_abs_shap": values}).sort(
        "mean_abs_shap", "feature", descending=[True, False]
    )


def _part(rows: pl.DataFrame, split: CohortSplit, name: str, program: Program) -> pl.DataFrame:
    found = split.rows(rows, name)
    if found.is_empty():
        raise CohortError(
            f"program {program.name}: no labelled customer is in the part {name}: look at training.shares, or bring "
            "more rows with a label"
        )
    return found


def _model_features(rows: pl.DataFrame, program: Program) -> list[str]:
    own = {"label"} if program.has_stages else {"label", "age_days"}  # made by training_rows, no snapshot has them
    return [name for name in model_features(program, rows.columns) if name not in own]


def _usable(features: list[str], rows: pl.DataFrame) -> list[str]:
    """Features that are not constant in train; CohortError when none is left."""
    varied = rows.select(pl.col(features).n_unique() > 1).row(0)
    kept = [name for name, varies in zip(features, varied, strict=True) if varies]
    if not kept:
        raise CohortError("every feature is constant in the training cohorts: there is nothing to learn from")
    return kept


def _predicted(
    rows: pl.DataFrame,
    split_name: str,
    model: CatBoostClassifier,
    rule: StageRule,
    fitted_on: pl.DataFrame,
    split: CohortSplit,
    program: Program,
) -> pl.DataFrame:
    predicted = rows.with_columns(
        split=pl.lit(split_name),
        is_seen=pl.col("customer_id").is_in(fitted_on["customer_id"].unique().implode()),
        is_break=pl.col("as_of").is_in(split.breaks),
        prob=pl.Series(classifier.predict(model, rows), dtype=pl.Float64),
        rule_prob=pl.Series(rule.predict(rows["stage"]), dtype=pl.Float64),
    ).select(PREDICTION_COLUMNS)
    return with_purchase_prob(predicted, rows, program, rule.base_prob)
