"""An ensemble and an embedding as one model: what it says, why, and that it is the same again."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import polars as pl
import pytest

from fiel.errors import SchemaError
from fiel.models import classifier
from fiel.models.calibration import Sigmoid
from fiel.models.classifier import base_recipe, fitted, ignored, pool
from fiel.models.cross_fitted import model_of
from fiel.models.embedded import embedding_recipe, fit_embedding
from fiel.models.ensemble import drawn_members
from fiel.models.recipe import Member, Recipe
from fiel.models.sampling import prior_correction, sampled
from fiel.program import EmbeddingRules, EnsembleRules
from tests.models import frames

SMALL = EmbeddingRules(size=2, hidden=4, epochs=2, rows=300)
WEIGHTS, BIAS = (0.5, 0.0, 0.75), -0.2


def many_categories() -> pl.DataFrame:
    """Labelled rows with a category of so many values that CatBoost keeps tables of them, not one-hot columns."""
    rows = frames.labelled()
    region = (pl.col("customer_id").str.slice(1).cast(pl.Int64) % 40).cast(pl.String)
    return rows.with_columns(region=pl.concat_str(pl.lit("r"), region))


ROWS = many_categories()
BASE = dataclasses.replace(
    base_recipe([*frames.FEATURES, "region"], ROWS.schema, frames.program().training), iterations=25
)


def ensemble(base: Recipe = BASE) -> Recipe:
    members = drawn_members(base, EnsembleRules(members=3, share=0.5))
    weighted = [dataclasses.replace(one, weight=weight) for one, weight in zip(members, WEIGHTS, strict=True)]
    return base.with_members(weighted, BIAS)


def embedded(kind: str = "autoencoder", base: Recipe = BASE) -> Recipe:
    made = embedding_recipe(kind, base, SMALL)  # type: ignore[arg-type]
    assert made is not None
    return base.with_embedding(made)


def by_hand(recipe: Recipe) -> list[object]:
    """Each member fitted by itself."""
    inputs = pool(recipe, ROWS)
    return [fitted(recipe.of_member(one), inputs, ignored(recipe, one.features)) for one in recipe.members]


def test_an_ensembles_log_odds_are_the_weighted_sum_of_its_members() -> None:
    recipe = ensemble()
    expected = BIAS + sum(w * classifier.raw_scores(m, ROWS) for w, m in zip(WEIGHTS, by_hand(recipe), strict=True))
    assert classifier.raw_scores(classifier.fit(recipe, ROWS), ROWS) == pytest.approx(expected, abs=1e-12)


def test_its_reasons_are_the_weighted_sum_of_theirs() -> None:
    recipe = ensemble()
    expected = sum(w * classifier.shap_values(m, ROWS) for w, m in zip(WEIGHTS, by_hand(recipe), strict=True))
    model = classifier.fit(recipe, ROWS)
    assert classifier.features_of(model) == (list(BASE.features), ["stage", "region"])
    assert classifier.shap_values(model, ROWS) == pytest.approx(expected, abs=1e-12)


def test_calibration_is_folded_into_an_ensemble_too() -> None:
    plain = classifier.raw_scores(classifier.fit(ensemble(), ROWS), ROWS)
    calibrated = classifier.fit(ensemble(), ROWS, Sigmoid(0.8, 0.3, "test"))
    assert classifier.raw_scores(calibrated, ROWS) == pytest.approx(0.8 * plain + 0.3, abs=1e-12)
    assert classifier.shap_values(calibrated, ROWS).shape == (ROWS.height, len(BASE.features))


def test_an_ensembles_file_is_loaded_without_a_complaint_and_written_again_as_it_was(
    capfd: pytest.CaptureFixture[str],
) -> None:
    content = classifier.model_bytes(classifier.fit(ensemble(), ROWS))
    assert classifier.model_bytes(model_of(content)) == content
    assert "invalid" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("recipe", [ensemble(), embedded(), embedded("pca"), ensemble(embedded())])
def test_equal_rows_in_any_order_give_equal_bytes(recipe: Recipe) -> None:
    first = classifier.model_bytes(classifier.fit(recipe, ROWS))
    assert classifier.model_bytes(classifier.fit(recipe, ROWS.sample(fraction=1, shuffle=True, seed=1))) == first


@pytest.mark.parametrize("recipe", [BASE, ensemble(), embedded(), ensemble(embedded("pca"))])
def test_a_recipe_survives_json(recipe: Recipe) -> None:
    again = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert (again, again.digest()) == (recipe, recipe.digest())


def test_a_recipe_without_any_of_it_says_what_it_always_said() -> None:
    assert set(BASE.to_dict()) == {"features", "categorical", "params", "iterations", "seed", "threads", "device"}


def test_members_are_drawn_from_the_features_and_the_first_has_all() -> None:
    members = drawn_members(BASE, EnsembleRules(members=4, share=0.5))
    assert members[0].features == BASE.features
    assert {len(member.features) for member in members[1:]} == {4}
    assert len({member.features for member in members}) > 2
    assert all(member.features == tuple(n for n in BASE.features if n in member.features) for member in members)
    assert len({member.seed for member in members}) == 4
    assert members == drawn_members(BASE, EnsembleRules(members=4, share=0.5))


def test_an_ensemble_of_one_that_has_all_the_weight_is_that_one() -> None:
    recipe = BASE.with_members([Member(BASE.features, BASE.seed, BASE.iterations, 1.0)], 0.0)
    alone = classifier.fit(BASE, ROWS)
    assert np.array_equal(classifier.raw_scores(classifier.fit(recipe, ROWS), ROWS), classifier.raw_scores(alone, ROWS))


@pytest.mark.parametrize("kind", ["autoencoder", "pca"])
def test_an_embedding_is_made_again_from_the_models_own_file(kind: str, tmp_path: object) -> None:
    recipe = embedded(kind)
    model = classifier.fit(recipe, ROWS)
    assert recipe.embedding is not None
    fitted_on = fit_embedding(recipe.embedding, ROWS)
    assert classifier.inputs_of(model) == list(BASE.features)
    assert classifier.features_of(model)[0] == [*BASE.features, "embedding_1", "embedding_2"]
    made = classifier.with_embedding(model, ROWS)
    assert made.select(fitted_on.names).equals(fitted_on.add(ROWS).select(fitted_on.names))
    assert np.array_equal(classifier.raw_scores(model, ROWS), classifier.raw_scores(model, made))


def test_an_embedding_does_not_see_the_outcome() -> None:
    recipe = embedded()
    other = ROWS.with_columns(label=1 - pl.col("label"))
    embeddings = [classifier.embedding_of(classifier.fit(recipe, rows)) for rows in (ROWS, other)]
    assert embeddings[0] is not None
    assert embeddings[0] == embeddings[1] or embeddings[0].to_json() == embeddings[1].to_json()  # type: ignore[union-attr]


def test_what_an_embedding_reads_is_asked_for_by_name() -> None:
    model = classifier.fit(embedded(), ROWS)
    with pytest.raises(SchemaError, match="age_days"):
        classifier.predict(model, ROWS.drop("age_days"))


def test_too_few_numbers_make_no_embedding() -> None:
    assert embedding_recipe("pca", BASE, EmbeddingRules(size=9)) is None


def test_drawing_keeps_every_positive_and_the_share_of_the_others_and_drawing_twice_changes_nothing() -> None:
    many = pl.concat([ROWS.with_columns(customer_id=pl.col("customer_id") + f"-{copy}") for copy in range(8)])
    found = sampled(many, 0.25, seed=3)
    assert found.filter(pl.col("label") == 1).height == many.filter(pl.col("label") == 1).height
    kept = found.filter(pl.col("label") == 0).height / many.filter(pl.col("label") == 0).height
    assert kept == pytest.approx(0.25, abs=0.02)
    assert sampled(found, 0.25, seed=3).equals(found)
    by_date = found.filter(pl.col("label") == 0).group_by("as_of").len().sort("as_of")["len"]
    assert by_date.min() > 0.6 * by_date.mean()  # type: ignore[operator]


def test_the_correction_takes_the_shift_of_the_log_odds_back() -> None:
    many = pl.concat([ROWS.with_columns(customer_id=pl.col("customer_id") + f"-{copy}") for copy in range(6)])
    recipe = dataclasses.replace(BASE, iterations=60, negatives_kept=0.3)
    probs = classifier.predict(classifier.fit(recipe, many), many)
    assert probs.mean() == pytest.approx(many["label"].mean(), rel=0.08)
    assert prior_correction(1.0).is_identity
