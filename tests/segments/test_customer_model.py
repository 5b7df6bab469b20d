from __future__ import annotations

import json
from datetime import date

import numpy as np
import polars as pl
import pytest

from fiel.errors import ProgramError
from fiel.models.cross_fitted import Folds
from fiel.models.parts import OOT, TRAIN, VALID
from fiel.program import EngagementRules, Program, RiskLimits, Shares, Source, Target, Training
from fiel.segments.customer_model import PARAMETERS, CustomerModel
from fiel.tables import TABLES

AS_OF = date(2025, 12, 1)
NUMBERS = 6


@pytest.fixture(scope="module")
def program() -> Program:
    return Program(
        name="operator",
        title="Operator",
        kind="table",
        source=Source(format="telecom", version_date=AS_OF),
        target=Target(name="churn", kind="label", exclude_stages=()),
        training=Training(shares=Shares(train=0.6, valid=0.15, test=0.25), threads=1),
        engagement=EngagementRules(
            numbers=NUMBERS,
            factors=1,
            components=5,
            folds=3,
            bootstrap=60,
            risk=RiskLimits(low=0.2, medium=0.3, high=0.5),
        ),
    )


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(1_200, NUMBERS)) * np.arange(NUMBERS, 0, -1)
    names = [f"x_pc{number}" for number in range(1, NUMBERS + 1)]
    return pl.DataFrame(points, schema=names).with_columns(
        customer_id=pl.Series([str(number) for number in range(1, 1_201)]),
        as_of=pl.lit(AS_OF),
        c_factor1=pl.Series(rng.choice(["V1", "V2"], 1_200).tolist()),
        label=pl.Series((points[:, 0] + 3 * rng.normal(size=1_200) > 5).astype(np.int8)),
    )


@pytest.fixture(scope="module")
def treatment(rows) -> pl.DataFrame:
    rng = np.random.default_rng(2)
    return rows.select("customer_id").with_columns(is_treated=pl.Series(rng.random(1_200) < 0.7))


@pytest.fixture(scope="module")
def prob(rows) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    return rows.select("customer_id").with_columns(prob=pl.Series(rng.beta(1, 8, 1_200)))


@pytest.fixture(scope="module")
def folds(program) -> Folds:
    found = Folds.of_program(program)
    assert found is not None
    return found


def fit(rows, prob, treatment, program, folds) -> CustomerModel:
    known = folds.parts.rows(rows, TRAIN, VALID)
    told = known.join(prob, on="customer_id", maintain_order="left")["prob"].to_numpy()
    return CustomerModel.fit(known, told, treatment, program, folds)


@pytest.fixture(scope="module")
def model(rows, prob, treatment, program, folds) -> CustomerModel:
    return fit(rows, prob, treatment, program, folds)


def test_the_table_has_everyone_once_in_its_schema(model, rows, prob, program) -> None:
    found = model.describe(rows.drop("label"), prob, program, is_base=False)
    TABLES["out_engagement"].check(found.schema)
    assert found["customer_id"].to_list() == sorted(rows["customer_id"])
    assert found.select("uplift", "segment", "risk_group").null_count().row(0) == (0, 0, 0)


def test_a_customers_row_hangs_on_nobody_else(model, rows, prob, program) -> None:
    whole = model.describe(rows, prob, program, is_base=False).drop("uplift_decile")  # a rank among all
    alone = model.describe(rows.filter(pl.col("customer_id") == "77"), prob, program, is_base=False)
    assert alone.drop("uplift_decile").equals(whole.filter(pl.col("customer_id") == "77"))


def test_risk_groups_are_by_the_programs_cuts(model, rows, prob, program) -> None:
    found = model.describe(rows, prob, program, is_base=False)
    assert found.filter(pl.col("risk_group") == "low")["prob"].max() <= 0.2
    assert found.filter(pl.col("risk_group") == "medium")["prob"].is_between(0.2, 0.3).all()
    assert found.filter(pl.col("risk_group") == "critical")["prob"].min() > 0.5


def test_engagement_is_higher_for_those_who_stay(model, rows, prob, program) -> None:
    found = model.describe(rows, prob, program, is_base=False).join(
        rows.select("customer_id", "label"), on="customer_id"
    )
    means = dict(found.group_by("label").agg(pl.col("engagement").mean()).iter_rows())
    assert means[0] > means[1] + 5


def test_it_comes_back_from_its_files_to_the_last_bit(model, rows, prob, program) -> None:
    again = CustomerModel.of_files(model.files().__getitem__)
    assert again.files()[PARAMETERS] == model.files()[PARAMETERS]
    one, other = (found.describe(rows, prob, program, is_base=False) for found in (model, again))
    assert one.equals(other)


def test_rows_of_the_test_part_may_not_be_handed_to_the_fit(rows, prob, treatment, program, folds) -> None:
    with pytest.raises(ProgramError, match="test part"):
        CustomerModel.fit(rows, prob["prob"].to_numpy(), treatment, program, folds)


def test_the_treatment_of_the_test_part_moves_nothing(rows, prob, treatment, program, folds, model) -> None:
    is_test = folds.parts.of(treatment["customer_id"]) == OOT
    other = treatment.with_columns(is_treated=pl.col("is_treated") ^ pl.Series(is_test))
    assert fit(rows, prob, other, program, folds).files() == model.files()


def test_each_customers_uplift_is_of_models_without_their_fold(rows, prob, treatment, program, folds, model) -> None:
    fold = folds.of(rows["customer_id"])
    changed = rows.with_columns(label=pl.when(pl.Series(fold == 1)).then(1 - pl.col("label")).otherwise("label"))
    one = model.describe(rows, prob, program, is_base=False)
    other = fit(changed, prob, treatment, program, folds).describe(changed, prob, program, is_base=False)
    in_fold = pl.col("fold") == 1
    assert one.filter(in_fold)["uplift"].equals(other.filter(in_fold)["uplift"])
    assert not one.filter(~in_fold)["uplift"].equals(other.filter(~in_fold)["uplift"])


@pytest.mark.parametrize(
    ("value", "told"), [(None, "no customer has features, a label and a treatment|one outcome"), (True, "one outcome")]
)
def test_without_two_arms_there_is_no_uplift_and_the_reason_is_kept(
    rows, prob, treatment, program, folds, value, told
) -> None:
    import re

    same = treatment.with_columns(is_treated=pl.lit(value, pl.Boolean))
    found = fit(rows, prob, same, program, folds)
    assert found.uplift is None
    assert re.search(told, found.uplift_note)
    again = CustomerModel.of_files(found.files().__getitem__)
    described = again.describe(rows, prob, program, is_base=False)
    assert described.select("uplift", "uplift_decile", "prob_control").null_count().row(0) == (1_200,) * 3
    assert json.loads(found.files()[PARAMETERS])["uplift_features"] is None


def test_customers_without_a_probability_are_left_out(model, rows, prob, program) -> None:
    some = prob.with_columns(prob=pl.when(pl.col("customer_id") != "5").then("prob"))
    found = model.describe(rows, some, program, is_base=False)
    assert found.height == 1_199
    assert "5" not in found["customer_id"]
