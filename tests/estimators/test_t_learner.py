from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from fiel.errors import EstimatorError
from fiel.estimators.t_learner import TLearner, cross_fitted_treatment, stratified_folds
from fiel.models.metrics import auc


@pytest.fixture(scope="module")
def customers() -> pl.DataFrame:
    """The treatment keeps only those with a high x_a: their probability falls from .5 to .1."""
    rng = np.random.default_rng(5)
    count = 4_000
    a, treated = rng.normal(size=count), rng.random(count) < 0.6
    prob = np.where(treated & (a > 0), 0.1, 0.5)
    return pl.DataFrame(
        {
            "customer_id": [f"c{number:05}" for number in range(count)],
            "x_a": a,
            "x_b": rng.normal(size=count),
            "c_c": rng.choice(["V1", "V2", None], size=count).tolist(),
            "label": (rng.random(count) < prob).astype(np.int64),
            "is_treated": treated,
        },
        schema_overrides={"c_c": pl.String},
    )


FEATURES = ("x_a", "x_b", "c_c")


def test_uplift_is_found_where_it_is(customers) -> None:
    known, asked = customers.head(3_000), customers.tail(1_000)
    both = TLearner.fit(known, FEATURES, seed=1).predict(asked)
    uplift = both[:, 0] - both[:, 1]
    high = (asked["x_a"] > 0).to_numpy()
    assert uplift[high].mean() == pytest.approx(0.4, abs=0.08)
    assert uplift[~high].mean() == pytest.approx(0.0, abs=0.08)


def test_the_order_of_the_rows_does_not_matter(customers) -> None:
    known, asked = customers.head(800), customers.tail(50)
    shuffled = known.sample(fraction=1.0, shuffle=True, seed=2)
    one, other = (TLearner.fit(rows, FEATURES, seed=1).predict(asked) for rows in (known, shuffled))
    assert (one == other).all()


@pytest.mark.parametrize("name", ["is_treated", "label", "t", "Y"])
def test_outcome_and_treatment_are_refused_as_features(customers, name) -> None:
    rows = customers if name in customers.columns else customers.with_columns(pl.lit(1.0).alias(name))
    with pytest.raises(EstimatorError, match="are no features"):
        TLearner.fit(rows, [*FEATURES, name], seed=1)


def test_an_arm_with_one_outcome_cannot_be_fitted(customers) -> None:
    rows = customers.with_columns(label=pl.when("is_treated").then("label").otherwise(0))
    with pytest.raises(EstimatorError, match="control customers have one outcome"):
        TLearner.fit(rows, FEATURES, seed=1)


class TestWhoWasTreated:
    def guess(self, rows: pl.DataFrame) -> pl.DataFrame:
        labels = rows.select("customer_id", "label", "is_treated")
        return cross_fitted_treatment(rows.select("customer_id", *FEATURES), labels, seed=1, folds=3)

    def test_a_coin_cannot_be_guessed(self, customers) -> None:
        found = self.guess(customers)
        assert auc(found["is_treated"].to_numpy().astype(float), found["prob"].to_numpy()) == pytest.approx(
            0.5, abs=0.03
        )

    def test_an_operators_choice_can(self, customers) -> None:
        chosen = customers.with_columns(is_treated=pl.col("x_b") > 0)
        found = self.guess(chosen)
        assert auc(found["is_treated"].to_numpy().astype(float), found["prob"].to_numpy()) > 0.95

    def test_the_order_of_the_rows_does_not_matter(self, customers) -> None:
        rows = customers.head(300)
        assert self.guess(rows).equals(self.guess(rows.reverse()))

    def test_too_few_treated_are_refused(self, customers) -> None:
        with pytest.raises(EstimatorError, match="0 of 300 customers are treated"):
            self.guess(customers.head(300).with_columns(is_treated=pl.lit(value=False)))

    def test_a_customer_twice_is_refused(self, customers) -> None:
        rows = customers.head(300)
        with pytest.raises(EstimatorError, match="stands twice"):
            self.guess(pl.concat([rows, rows.head(1)]))


def test_folds_deal_every_stratum_out_evenly() -> None:
    strata = np.array([0] * 50 + [1] * 7)
    fold = stratified_folds(strata, 5, seed=1)
    assert sorted(np.bincount(fold[strata == 0]).tolist()) == [10] * 5
    assert sorted(np.bincount(fold[strata == 1], minlength=5).tolist()) == [1, 1, 1, 2, 2]
