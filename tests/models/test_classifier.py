from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from fiel.errors import CohortError, ProgramError, SchemaError
from fiel.models import classifier
from fiel.models.calibration import Sigmoid
from fiel.models.recipe import Recipe
from tests.models import frames

ROWS = frames.labelled()
RECIPE = classifier.base_recipe(frames.FEATURES, ROWS.schema, frames.program().training)


def test_text_columns_are_categories() -> None:
    assert RECIPE.categorical == ("stage",)


def test_fitting_twice_gives_equal_bytes_and_equal_bits() -> None:
    first, second = classifier.fit(RECIPE, ROWS), classifier.fit(RECIPE, ROWS)
    assert classifier.model_bytes(first) == classifier.model_bytes(second)
    assert classifier.model_digest(first) == classifier.model_digest(second)
    assert np.array_equal(classifier.predict(first, ROWS), classifier.predict(second, ROWS))


def test_fitting_in_another_process_gives_equal_bytes() -> None:
    code = (
        "from tests.models import frames; from fiel.models import classifier as c;"
        "r = frames.labelled(); b = c.base_recipe(frames.FEATURES, r.schema, frames.program().training);"
        "print(c.model_digest(c.fit(b, r)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == classifier.model_digest(classifier.fit(RECIPE, ROWS))


def test_the_order_of_the_rows_does_not_matter() -> None:
    shuffled = ROWS.sample(fraction=1, shuffle=True, seed=9)
    assert classifier.model_digest(classifier.fit(RECIPE, shuffled)) == classifier.model_digest(
        classifier.fit(RECIPE, ROWS)
    )


def test_another_seed_gives_another_model() -> None:
    other = Recipe.from_dict(RECIPE.to_dict() | {"seed": 1})
    assert other.digest() != RECIPE.digest()
    assert classifier.model_digest(classifier.fit(other, ROWS)) != classifier.model_digest(classifier.fit(RECIPE, ROWS))


def test_a_recipe_survives_json() -> None:
    assert Recipe.from_dict(json.loads(json.dumps(RECIPE.to_dict()))) == RECIPE


def test_empty_values_become_a_category_and_nan() -> None:
    frame = pl.DataFrame({"stage": [None, "fiel"], "gap": [None, 2], "other": [1, 2]})
    found = classifier.model_input(frame, ["gap", "stage"], ["stage"])
    assert found.columns == ["gap", "stage"]
    assert found["stage"].to_list() == ["none", "fiel"]
    assert np.isnan(found["gap"][0])


def test_missing_columns_are_named() -> None:
    with pytest.raises(SchemaError, match=r"does not have: stage, age_days;"):
        classifier.model_input(ROWS.drop("age_days", "stage"), frames.FEATURES, ["stage"])


def test_a_category_never_seen_in_training_is_scored() -> None:
    model = classifier.fit(RECIPE, ROWS)
    odd = ROWS.head(3).with_columns(stage=pl.lit("new stage"))
    assert np.isfinite(classifier.predict(model, odd)).all()


def test_no_rows_have_no_scores() -> None:
    model = classifier.fit(RECIPE, ROWS)
    assert classifier.predict(model, ROWS.head(0)).shape == (0,)
    assert classifier.shap_values(model, ROWS.head(0)).shape == (0, len(frames.FEATURES))


@pytest.mark.parametrize("sigmoid", [Sigmoid(1.0, 0.4, ""), Sigmoid(0.7, 0.0, ""), Sigmoid(1.3, -0.6, "")])
def test_calibration_is_part_of_the_artifact(sigmoid: Sigmoid, tmp_path: object) -> None:
    plain, calibrated = classifier.fit(RECIPE, ROWS), classifier.fit(RECIPE, ROWS, sigmoid)
    expected = sigmoid.apply(classifier.raw_scores(plain, ROWS))
    assert classifier.predict(calibrated, ROWS) == pytest.approx(expected, abs=1e-12)
    path = f"{tmp_path}/model.cbm"
    calibrated.save_model(path)
    loaded = type(calibrated)().load_model(path)
    assert np.array_equal(classifier.predict(loaded, ROWS), classifier.predict(calibrated, ROWS))


def test_reasons_of_a_calibrated_model_add_up() -> None:
    """CatBoost refuses SHAP values for a model whose own scale is not 1; ours keeps it at 1."""
    model = classifier.fit(RECIPE, ROWS, Sigmoid(0.7, 0.3, ""))
    values, raw = classifier.shap_values(model, ROWS), classifier.raw_scores(model, ROWS)
    base = raw - values.sum(axis=1)
    assert values.shape == (ROWS.height, len(frames.FEATURES))
    assert base == pytest.approx(np.full(len(base), base[0]), abs=1e-6)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_cannot_be_learned(label: int) -> None:
    rows = ROWS.with_columns(label=pl.lit(label, pl.Int8))
    with pytest.raises(CohortError, match=r"cohorts 2024-01-01 to 2025-02-01 hold one class only"):
        classifier.fit(RECIPE, rows)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "get_gpu_device_count", lambda: 0)
    classifier.check_device("cpu")
    with pytest.raises(ProgramError, match=r"training.device"):
        classifier.check_device("gpu")
