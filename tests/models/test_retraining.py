from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from fiel.errors import CohortError, SchemaError
from fiel.models import classifier
from fiel.models.retraining import PREDICTION_COLUMNS, Learned, procedure_digest, refit, train, training_rows
from fiel.program import Break, Program
from tests.models import frames

SNAPSHOTS, LABELS = frames.snapshots()
RULES = frames.program()
SPLIT = frames.split(RULES)

Labels = Callable[[pl.Expr], pl.Expr]


def learned(labels: pl.DataFrame = LABELS, rules: Program = RULES, snapshots: pl.DataFrame = SNAPSHOTS) -> Learned:
    return train(snapshots, labels, rules, split=frames.split(rules), features=frames.FEATURES)


@pytest.fixture(scope="module")
def once() -> Learned:
    return learned()


def turned(dates: tuple[object, ...]) -> pl.DataFrame:
    """The labels with those of `dates` turned round."""
    within = pl.col("as_of").is_in(dates)
    return LABELS.with_columns(label=pl.when(within).then(1 - pl.col("label")).otherwise(pl.col("label")).cast(pl.Int8))


def test_training_twice_gives_equal_trees_and_equal_predictions(once: Learned) -> None:
    again = learned(snapshots=SNAPSHOTS.sample(fraction=1, shuffle=True, seed=1))
    assert again.digest == once.digest
    assert again.model_bytes == once.model_bytes
    assert again.predictions.equals(once.predictions)
    assert again.evaluation.metrics.equals(once.evaluation.metrics)


def test_out_of_time_labels_are_read_only_to_judge(once: Learned) -> None:
    other = learned(turned(SPLIT.oot))
    assert other.digest == once.digest
    assert other.recipe == once.recipe
    assert other.evaluation.value("oot", "auc") != once.evaluation.value("oot", "auc")


def test_validation_labels_move_the_artifact_but_not_the_recipe(once: Learned) -> None:
    other = learned(turned(SPLIT.valid))
    assert other.recipe == once.recipe
    assert other.digest != once.digest


def test_customers_outside_the_population_are_not_learned_from(once: Learned) -> None:
    inside = SNAPSHOTS.filter(pl.col("in_population"))
    assert learned(snapshots=inside).digest == once.digest
    assert once.predictions.height == inside.height


def test_the_artifact_can_be_rebuilt_from_its_stored_recipe(once: Learned) -> None:
    stored = json.loads(json.dumps(once.recipe_json()))
    rows = training_rows(SNAPSHOTS, LABELS, SPLIT, RULES).filter(pl.col("as_of").is_in(once.trained_as_of))
    assert classifier.model_digest(refit(stored, rows)) == once.digest


def test_predictions_are_those_of_the_artifact_out_of_time(once: Learned) -> None:
    assert once.predictions.columns == list(PREDICTION_COLUMNS)
    oot = once.predictions.filter(pl.col("split") == "oot")
    rows = training_rows(SNAPSHOTS, LABELS, SPLIT, RULES).filter(pl.col("as_of").is_in(SPLIT.oot))
    assert np.array_equal(oot["prob"].to_numpy(), classifier.predict(once.model, rows))
    cohorts = once.predictions.group_by("split").agg(pl.col("as_of").n_unique())
    assert dict(cohorts.iter_rows()) == {"train": len(SPLIT.train), "valid": 2, "oot": 3}


def test_customers_never_seen_in_training_are_known(once: Learned) -> None:
    trained = set(once.predictions.filter(pl.col("split") != "oot")["customer_id"])
    oot = once.predictions.filter(pl.col("split") == "oot")
    assert oot["is_seen"].to_list() == [customer in trained for customer in oot["customer_id"]]
    assert 0 < oot["is_seen"].sum() < oot.height


def test_it_learns_and_says_from_what(once: Learned) -> None:
    assert once.evaluation.comparison.log_loss is not None
    assert once.evaluation.comparison.log_loss.high < 0
    assert set(once.importances["feature"][:2]) == {"stage", "active_days_d28"}
    assert once.psi_scores < 0.25
    assert set(once.psi_inputs["feature"]) == set(once.recipe.features)


def test_every_validation_cohort_in_a_break_leaves_calibration_alone() -> None:
    pause = Break(name="pause", first=SPLIT.valid[0], last=SPLIT.valid[-1])
    found = learned(turned(SPLIT.valid), frames.program(breaks=(pause,)))
    assert found.sigmoid.is_identity
    assert "every validation cohort meets a planned break" in found.sigmoid.reason


def test_a_model_that_is_too_bold_is_mended_on_validation() -> None:
    """In validation half of the labels are drawn anew, so the odds have to shrink, in the artifact too."""
    snapshots, labels = frames.snapshots(count=600)
    rng = np.random.default_rng(2)
    anew = pl.Series(rng.random(labels.height) < 0.5)
    drawn = pl.Series(rng.integers(0, 2, labels.height), dtype=pl.Int8)
    late = pl.col("as_of").is_in(SPLIT.valid) & anew
    found = learned(
        labels.with_columns(label=pl.when(late).then(drawn).otherwise(pl.col("label"))), snapshots=snapshots
    )
    assert 0.2 < found.sigmoid.scale < 0.8
    assert found.calibration.holds is False
    uncalibrated = found.recipe_json() | {"sigmoid": {"scale": 1.0, "bias": 0.0}}
    rows = training_rows(snapshots, labels, SPLIT, RULES).filter(pl.col("as_of").is_in(SPLIT.oot))
    fitted_on = training_rows(snapshots, labels, SPLIT, RULES).filter(pl.col("as_of").is_in(found.trained_as_of))
    plain = classifier.predict(refit(uncalibrated, fitted_on), rows)
    assert np.std(classifier.predict(found.model, rows)) < np.std(plain)


def test_one_class_out_of_time_is_reported() -> None:
    late = pl.col("as_of").is_in(SPLIT.oot)
    found = learned(LABELS.with_columns(label=pl.when(late).then(0).otherwise(pl.col("label")).cast(pl.Int8)))
    assert found.evaluation.value("oot", "auc") is None
    assert "one class only" in str(found.evaluation.comparison.note)


@pytest.mark.parametrize(
    ("snapshots", "labels", "says"),
    [
        (SNAPSHOTS.filter(pl.col("as_of") != SPLIT.oot[0]), LABELS, f"no rows .* the cohorts {SPLIT.oot[0]}"),
        (SNAPSHOTS, LABELS.with_columns(label=pl.lit(0, pl.Int8)), "one class only"),
        (
            SNAPSHOTS.with_columns(pl.col(frames.FEATURES).first()),
            LABELS,
            "every feature is constant",
        ),
    ],
)
def test_what_cannot_be_learned_is_refused(snapshots: pl.DataFrame, labels: pl.DataFrame, says: str) -> None:
    with pytest.raises(CohortError, match=says):
        learned(labels, snapshots=snapshots)


def test_snapshots_without_a_stage_are_refused() -> None:
    with pytest.raises(SchemaError, match=r"lack stage: features.groups"):
        learned(snapshots=SNAPSHOTS.drop("stage"))


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({}, True),
        ({"breaks": (Break(name="pause", first=SPLIT.oot[0], last=SPLIT.oot[1]),)}, True),
        ({"training": {"threads": 2}}, True),
        ({"title": "another title"}, True),
        ({"training": {"seed": 1}}, False),
        ({"training": {"search_trials": 5}}, False),
        ({"target": {"horizon_days": 30}}, False),
        ({"features": {"never": ("age_days",)}}, False),
    ],
)
def test_the_procedure_is_what_makes_the_same_recipe_on_newer_data(fields: dict[str, object], same: bool) -> None:
    assert (procedure_digest(frames.program(**fields)) == procedure_digest(RULES)) is same  # type: ignore[arg-type]
