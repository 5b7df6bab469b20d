from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from fiel.errors import CohortError, RegistryError
from fiel.models import classifier
from fiel.models.calibration import CohortSpread
from fiel.models.classifier import base_recipe
from fiel.models.cohorts import split_customers
from fiel.models.cross_fitted import CrossFitted, Folds, model_of
from fiel.models.parts import OOT, TRAIN, VALID
from fiel.program import EngagementRules, Program, Shares, Source, Target, Training

AS_OF = date(2025, 12, 1)
IDENTITY = {"scale": 1.0, "bias": 0.0}


@pytest.fixture(scope="module")
def program() -> Program:
    return Program(
        name="operator",
        title="Operator",
        kind="table",
        source=Source(format="telecom", version_date=AS_OF),
        target=Target(name="churn", kind="label", exclude_stages=()),
        training=Training(shares=Shares(train=0.6, valid=0.15, test=0.25), iterations=30, threads=1),
        engagement=EngagementRules(folds=4),
    )


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(900, 3))
    label = (points[:, 0] + rng.normal(size=900) > 1).astype(np.int8)
    return pl.DataFrame(points, schema=["x_pc1", "x_pc2", "x_pc3"]).with_columns(
        customer_id=pl.Series([str(number) for number in range(1, 901)]), as_of=pl.lit(AS_OF), label=pl.Series(label)
    )


@pytest.fixture(scope="module")
def folds(program) -> Folds:
    found = Folds.of_program(program)
    assert found is not None
    return found


def recipe_json(program: Program, rows: pl.DataFrame, sigmoid: dict[str, float] = IDENTITY) -> dict:
    recipe = base_recipe(["x_pc1", "x_pc2", "x_pc3"], rows.schema, program.training)
    return {**recipe.to_dict(), "sigmoid": sigmoid}


def fit(program, rows, folds, sigmoid=IDENTITY) -> CrossFitted:
    how = {"split": split_customers(program, AS_OF), "spread": CohortSpread(0.0, 0.0, 0)}
    return CrossFitted.fit(recipe_json(program, rows, sigmoid), rows, program, folds, **how)


def never(frame: pl.DataFrame) -> np.ndarray:
    return np.full(frame.height, -1.0)


def test_the_test_part_has_no_fold_and_the_others_have_one_of_nearly_equal_size(rows, folds) -> None:
    fold, part = folds.of(rows["customer_id"]), folds.parts.of(rows["customer_id"])
    assert fold.is_null().to_list() == (part == OOT).to_list()
    sizes = fold.drop_nulls().value_counts()["count"]
    assert sizes.len() == 4
    assert sizes.is_between(120, 220).all()


def test_a_customers_fold_hangs_on_nobody_else(rows, folds) -> None:
    some = rows.reverse().head(100)["customer_id"]
    whole = dict(zip(rows["customer_id"], folds.of(rows["customer_id"]), strict=True))
    assert folds.of(some).to_list() == [whole[one] for one in some]


def test_each_customer_is_asked_of_the_model_without_their_fold(program, rows, folds) -> None:
    fitted = fit(program, rows, folds)
    found = fitted.predict(rows, never)
    recipe, fold = (
        base_recipe(["x_pc1", "x_pc2", "x_pc3"], rows.schema, program.training),
        folds.of(rows["customer_id"]),
    )
    part = folds.parts.of(rows["customer_id"])
    for number in range(4):
        others = rows.filter((fold != number).fill_null(value=False) & part.is_in([TRAIN, VALID]))
        model = classifier.fit(recipe, others.sort("as_of", "customer_id"))
        asked = (fold == number).fill_null(value=False)
        expected = classifier.predict(model, rows.filter(asked))
        assert found[asked.to_numpy()].tolist() == pytest.approx(expected.tolist())
    assert set(found[fold.is_null().to_numpy()]) == {-1.0}


@pytest.mark.parametrize("sigmoid", [IDENTITY, {"scale": 0.8, "bias": -0.1}])
def test_a_customers_own_outcome_never_moves_their_probability(program, rows, folds, sigmoid) -> None:
    fold = folds.of(rows["customer_id"])
    changed = rows.with_columns(label=pl.when(pl.Series(fold == 2)).then(1 - pl.col("label")).otherwise("label"))
    one, other = (fit(program, some, folds, sigmoid).predict(some, never) for some in (rows, changed))
    of_fold = (fold == 2).fill_null(value=False).to_numpy()
    assert (one[of_fold] == other[of_fold]).all()
    of_others = (fold != 2).fill_null(value=False).to_numpy()
    assert (one[of_others] != other[of_others]).mean() > 0.9


def test_rows_of_the_test_part_are_not_learned_from(program, rows, folds) -> None:
    is_test = folds.parts.of(rows["customer_id"]) == OOT
    changed = rows.with_columns(
        label=pl.when(pl.Series(is_test)).then(1 - pl.col("label")).otherwise("label"),
        x_pc1=pl.when(pl.Series(is_test)).then(pl.lit(99.0)).otherwise("x_pc1"),
    )
    assert fit(program, rows, folds).files() == fit(program, changed, folds).files()


def test_a_calibrated_recipe_is_calibrated_in_each_fold(program, rows, folds) -> None:
    plain, calibrated = (fit(program, rows, folds, sigmoid) for sigmoid in (IDENTITY, {"scale": 0.5, "bias": 0.1}))
    one, other = (found.predict(rows, never) for found in (plain, calibrated))
    assert (one != other).any()


def test_it_comes_back_from_its_files(program, rows, folds) -> None:
    fitted = fit(program, rows, folds)
    again = CrossFitted.of_files(fitted.files().__getitem__, folds)
    assert (again.predict(rows, never) == fitted.predict(rows, never)).all()


def test_the_order_of_the_rows_does_not_matter(program, rows, folds) -> None:
    assert fit(program, rows.reverse(), folds).files() == fit(program, rows, folds).files()


def test_one_outcome_only_is_said(program, rows, folds) -> None:
    with pytest.raises(CohortError, match="without fold 0 of 4 there is one outcome only"):
        fit(program, rows.with_columns(label=pl.lit(0, pl.Int8)), folds)


def test_programs_of_dated_events_have_no_folds() -> None:
    assert Folds.of_program(Program(name="dated", title="Dated", source=Source(format="teomewhy"))) is None


def test_a_file_that_is_no_model_is_said() -> None:
    with pytest.raises(RegistryError, match="cannot be read"):
        model_of(b"no model")
