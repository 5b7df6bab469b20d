"""What stands beside the model of a training: the single model beside an ensemble, and a random split beside time.

Both are reported, neither decides anything. A random split puts the same customer, and the same months, on both sides:
it says what a model looks like that has been asked questions that it half knows the answers to, and is labelled
optimistic wherever it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from fiel.models import classifier
from fiel.models.bootstrap import Comparison, auc_interval, compare
from fiel.models.cohorts import CohortSplit
from fiel.models.metrics import Array, best_f1_threshold, f1, measure
from fiel.models.parts import OOT, VALID
from fiel.models.recipe import Recipe
from fiel.program import Program

OUT_OF_TIME, RANDOM = "out of time", "random split"

ALTERNATIVE_SCHEMA = {
    "model": pl.String(),
    "judged_on": pl.String(),
    "is_optimistic": pl.Boolean(),
    "is_registered": pl.Boolean(),
    "rows": pl.Int64(),
    "positives": pl.Int64(),
    "target_rate": pl.Float64(),
    "auc": pl.Float64(),
    "auc_low": pl.Float64(),
    "auc_high": pl.Float64(),
    "average_precision": pl.Float64(),
    "f1": pl.Float64(),
    "f1_threshold": pl.Float64(),
    "log_loss": pl.Float64(),
}
"""One row for each model and way of judging. `average_precision` is the PR-AUC. `f1_threshold` was the best one on rows
that do not judge (validation). `is_registered`: the model that is registered.
"""
ALTERNATIVE_DIFFERENCE_SCHEMA = {
    "against": pl.String(),
    "metric": pl.String(),
    "value": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
}
"""The registered model minus another one on the same out-of-time rows, paired, bootstrapped by customer."""


@dataclass(frozen=True)
class Fitted:
    """A recipe's probabilities: `valid` by the model that has not seen validation, `judged` by the one that has."""

    recipe: Recipe
    valid: Array
    judged: Array


@dataclass(frozen=True)
class Alternatives:
    """Both tables (ALTERNATIVE_SCHEMA, ALTERNATIVE_DIFFERENCE_SCHEMA); empty where the program file asks for none."""

    table: pl.DataFrame
    differences: pl.DataFrame


def alternatives(
    registered: Fitted, other: Fitted | None, rows: pl.DataFrame, split: CohortSplit, program: Program
) -> Alternatives:
    """The model of a training beside `other` on the out-of-time rows, and on a random split of all rows.

    `rows` hold customer_id, as_of, label and the features of every part, in order of date and customer. Empty where
    neither `training.ensemble` nor `training.random_split` is set.
    """
    if program.training.ensemble is None and not program.training.random_split:
        return Alternatives(pl.DataFrame(schema=ALTERNATIVE_SCHEMA), pl.DataFrame(schema=ALTERNATIVE_DIFFERENCE_SCHEMA))
    valid, oot = split.rows(rows, VALID), split.rows(rows, OOT)
    measured = []
    for found in (registered, other):
        if found is not None:
            threshold = best_f1_threshold(_labels(valid), found.valid)
            row = _row(found.recipe, OUT_OF_TIME, oot, found.judged, threshold, program)
            measured.append(row | {"is_registered": found is registered})
    differences = [] if other is None else _differences(registered, other, oot, program)
    table = pl.DataFrame(measured, schema=ALTERNATIVE_SCHEMA)
    return Alternatives(
        pl.concat([table, on_random_split(registered.recipe, rows, program)]),
        pl.DataFrame(differences, schema=ALTERNATIVE_DIFFERENCE_SCHEMA),
    )


def on_random_split(recipe: Recipe, rows: pl.DataFrame, program: Program) -> pl.DataFrame:
    """The recipe on a seeded random split of `rows` by row (ALTERNATIVE_SCHEMA, one row), optimistic by construction.

    `rows` are in order of date and customer. `training.shares` say how many of them train, choose the threshold of F1,
    and judge. No row where the program does not ask for it, has no dates, or where a part holds one class only.
    """
    shares, labels = program.training.shares, rows["label"].to_numpy()
    drawn = np.random.default_rng(program.training.seed).permutation(rows.height)
    first, second = (round(share * rows.height) for share in (shares.train, shares.train + shares.valid))
    parts = [np.sort(part) for part in (drawn[:first], drawn[first:second], drawn[second:])]
    is_asked = program.training.random_split and not program.is_table
    if not is_asked or any(len(np.unique(labels[part])) < 2 for part in parts):
        return pl.DataFrame(schema=ALTERNATIVE_SCHEMA)
    needed = rows.select("customer_id", "as_of", "label", *recipe.inputs)
    model = classifier.fit(recipe, needed[parts[0]])
    valid, test = needed[parts[1]], needed[parts[2]]
    threshold = best_f1_threshold(_labels(valid), classifier.predict(model, valid))
    row = _row(recipe, RANDOM, test, classifier.predict(model, test), threshold, program)
    return pl.DataFrame([row | {"is_optimistic": True}], schema=ALTERNATIVE_SCHEMA)


def _row(
    recipe: Recipe, judged_on: str, rows: pl.DataFrame, probs: Array, threshold: float | None, program: Program
) -> dict[str, object]:
    labels = _labels(rows)
    measured = measure(labels, probs)
    rules = program.promotion
    interval = auc_interval(
        labels,
        probs,
        rows["customer_id"].to_numpy(),
        draws=rules.bootstrap,
        confidence=rules.confidence,
        seed=program.training.seed,
    )
    return {
        "model": recipe.words,
        "judged_on": judged_on,
        "is_optimistic": False,
        "is_registered": False,
        "rows": measured.rows,
        "positives": measured.positives,
        "target_rate": measured.target_rate,
        "auc": measured.auc,
        "auc_low": interval and interval.low,
        "auc_high": interval and interval.high,
        "average_precision": measured.average_precision,
        "f1": None if threshold is None else f1(labels, probs, threshold),
        "f1_threshold": threshold,
        "log_loss": measured.log_loss,
    }


def _differences(registered: Fitted, other: Fitted, oot: pl.DataFrame, program: Program) -> list[dict[str, object]]:
    rules = program.promotion
    found: Comparison = compare(
        _labels(oot),
        registered.judged,
        other.judged,
        oot["customer_id"].to_numpy(),
        economics=program.economics,
        draws=rules.bootstrap,
        confidence=rules.confidence,
        seed=program.training.seed,
    )
    intervals = {"profit": found.profit, "auc": found.auc, "log_loss": found.log_loss}
    return [
        {"against": other.recipe.words, "metric": name, "value": one.estimate, "low": one.low, "high": one.high}
        for name, one in intervals.items()
        if one is not None
    ]


def _labels(rows: pl.DataFrame) -> Array:
    return rows["label"].to_numpy().astype(np.float64)
