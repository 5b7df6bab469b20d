"""Fits: parameters recovered, weights, units, and what the data cannot identify."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fiel.errors import EstimatorError
from fiel.estimators import BGNBD, MBGNBD, PooledBGNBD
from fiel.estimators.btyd import PurchaseModel
from fiel.models.metrics import auc
from tests.estimators.simulated import Customers, customers

TRUE = {"r": 0.8, "alpha": 6.0, "a": 1.2, "b": 3.0}


def lives(
    n: int, seed: int, first_counts: bool = False, drop_out: tuple[float, float] | float = (1.2, 3.0)
) -> Customers:
    rng = np.random.default_rng(seed)
    return customers(rng, n, r=0.8, alpha=6.0, drop_out=drop_out, first_counts=first_counts, observed=(20, 80))


@pytest.mark.parametrize(("model", "first_counts"), [(BGNBD, False), (MBGNBD, True)])
def test_parameters_are_recovered_within_their_standard_errors(model: type[PurchaseModel], first_counts: bool) -> None:
    people = lives(60_000, 5, first_counts)
    fitted = model("weeks").fit(people.frequency, people.recency, people.T)
    assert fitted.is_identified_, fitted.identification_note_
    for name, value in TRUE.items():
        error = fitted.standard_errors_[name]
        assert 0 < error < 0.2 * value
        assert abs(fitted.parameters_[name] - value) < 3.5 * error, name


def test_one_drop_out_probability_is_recovered() -> None:
    people = lives(40_000, 6, drop_out=0.25)
    fitted = PooledBGNBD().fit(people.frequency, people.recency, people.T)
    for name, value in {"r": 0.8, "alpha": 6.0, "p": 0.25}.items():
        assert abs(fitted.parameters_[name] - value) < 3.5 * fitted.standard_errors_[name], name


@pytest.mark.parametrize("model", [BGNBD, PooledBGNBD])
def test_standard_errors_are_the_spread_of_repeated_fits(model: type[PurchaseModel]) -> None:
    drop_out = 0.25 if model is PooledBGNBD else (1.2, 3.0)
    fits = [
        model().fit(people.frequency, people.recency, people.T)
        for people in (lives(3_000, 100 + seed, drop_out=drop_out) for seed in range(60))
    ]
    for name in fits[0].parameters_:
        logs = np.log([fit.parameters_[name] for fit in fits])
        told = np.mean([fit.standard_errors_[name] / fit.parameters_[name] for fit in fits])
        assert told == pytest.approx(np.std(logs), rel=0.35), name


@pytest.mark.parametrize("model", [BGNBD, MBGNBD, PooledBGNBD])
def test_a_weighted_fit_is_the_fit_of_the_repeated_rows(model: type[PurchaseModel]) -> None:
    people = lives(800, 7)
    weights = np.random.default_rng(1).integers(0, 4, 800)
    weighted = model().fit(people.frequency, people.recency, people.T, weights=weights)
    repeated = model().fit(*(np.repeat(a, weights) for a in (people.frequency, people.recency, people.T)))
    assert weighted.customers_ == repeated.customers_ == weights.sum()
    assert weighted.repeaters_ == repeated.repeaters_
    assert weighted.log_likelihood_ == pytest.approx(repeated.log_likelihood_, rel=1e-12)
    for name, value in weighted.parameters_.items():
        assert value == pytest.approx(repeated.parameters_[name], rel=1e-6)
        assert weighted.standard_errors_[name] == pytest.approx(repeated.standard_errors_[name], rel=1e-5)


@pytest.mark.parametrize("model", [BGNBD, MBGNBD, PooledBGNBD])
def test_the_time_unit_changes_alpha_and_nothing_else(model: type[PurchaseModel]) -> None:
    people = lives(2_000, 8)
    weeks = model("weeks").fit(people.frequency, people.recency, people.T)
    days = model("days").fit(people.frequency, 7 * people.recency, 7 * people.T)
    assert days.alpha_ == pytest.approx(7 * weeks.alpha_, rel=1e-6)
    for name in set(weeks.parameters_) - {"alpha"}:
        assert days.parameters_[name] == pytest.approx(weeks.parameters_[name], rel=1e-6)
    # The likelihood is a density of the repeat purchases' times: in days each is a seventh.
    assert days.log_likelihood_ == pytest.approx(weeks.log_likelihood_ - people.frequency.sum() * np.log(7), rel=1e-10)
    np.testing.assert_allclose(
        days.expected_purchases(90, people.frequency, 7 * people.recency, 7 * people.T),
        weeks.expected_purchases(90 / 7, people.frequency, people.recency, people.T),
        rtol=1e-6,
    )


def test_the_order_of_the_rows_does_not_matter() -> None:
    people = lives(1_000, 9)
    shuffled = np.random.default_rng(0).permutation(1_000)
    one = BGNBD().fit(people.frequency, people.recency, people.T)
    other = BGNBD().fit(people.frequency[shuffled], people.recency[shuffled], people.T[shuffled])
    assert one.parameters_ == other.parameters_


@pytest.mark.parametrize("model", [BGNBD, MBGNBD])
@pytest.mark.parametrize("drop_out", [0.0, 0.3])
def test_without_differences_in_drop_out_the_pooled_model_is_suggested(
    model: type[PurchaseModel], drop_out: float
) -> None:
    people = lives(5_000, 10, drop_out=drop_out, first_counts=model is MBGNBD)
    fitted = model().fit(people.frequency, people.recency, people.T)
    assert not fitted.is_identified_
    assert "drop-out" in fitted.identification_note_
    assert fitted.suggestion_ == "pooled"
    assert np.isfinite(fitted.expected_purchases(90, people.frequency, people.recency, people.T)).all()


def test_with_differences_in_drop_out_the_model_is_identified_and_suggests_nothing() -> None:
    people = lives(5_000, 12)
    fitted = BGNBD().fit(people.frequency, people.recency, people.T)
    assert (fitted.is_identified_, fitted.identification_note_, fitted.suggestion_) == (True, "", "")
    pooled = PooledBGNBD().fit(people.frequency, people.recency, people.T)
    assert fitted.aic_ == pytest.approx(2 * 4 - 2 * fitted.log_likelihood_)
    assert pooled.aic_ == pytest.approx(2 * 3 - 2 * pooled.log_likelihood_)
    assert fitted.log_likelihood_ > pooled.log_likelihood_ + 2


def test_one_drop_out_for_all_is_not_identified_where_nobody_was_looked_at_after_the_last_purchase() -> None:
    came_back = np.array([0.0] * 1_000 + [1.0])
    fitted = PooledBGNBD().fit(came_back, came_back, np.ones(1_001))
    assert not fitted.is_identified_
    assert "no curved maximum" in fitted.identification_note_
    assert "p = " in fitted.identification_note_


def test_nobody_dropping_out_is_a_drop_out_that_is_known() -> None:
    people = lives(5_000, 10, drop_out=0.0)
    fitted = PooledBGNBD().fit(people.frequency, people.recency, people.T)
    assert (fitted.p_, fitted.is_identified_) == (0.0, True)


def test_a_handful_of_customers_fits_and_says_that_it_knows_nothing() -> None:
    fitted = BGNBD().fit([0, 1, 2], [0, 3, 9], [10, 10, 12])
    assert not fitted.is_identified_
    assert all(np.isfinite(value) for value in fitted.parameters_.values())
    assert 0 <= fitted.alive_prob(1, 3, 10) <= 1


def test_identical_customers_fit() -> None:
    fitted = MBGNBD().fit(np.full(500, 3.0), np.full(500, 20.0), np.full(500, 30.0))
    assert not fitted.is_identified_
    assert np.isfinite(fitted.expected_purchases(30, 3, 20, 30))


def test_one_customer_with_100_000_purchases_does_not_break_the_fit() -> None:
    people = lives(3_000, 13)
    fitted = BGNBD().fit(np.append(people.frequency, 1e5), np.append(people.recency, 79.0), np.append(people.T, 80.0))
    assert fitted.converged_
    assert np.isfinite(fitted.log_likelihood_)


@pytest.mark.parametrize("model", [BGNBD, MBGNBD, PooledBGNBD])
def test_without_any_repeat_purchase_there_is_nothing_to_fit(model: type[PurchaseModel]) -> None:
    with pytest.raises(EstimatorError, match="frequency is 0 for every customer"):
        model().fit([0, 0], [0, 0], [5, 9])


def test_what_is_not_fitted_does_not_predict() -> None:
    with pytest.raises(EstimatorError, match="BGNBD is not fitted"):
        BGNBD().alive_prob(1, 2, 3)
    with pytest.raises(EstimatorError, match="BGNBD is not fitted"):
        BGNBD().expected_purchases_new(3)


@pytest.mark.real_data
def test_on_the_real_shop_drop_out_is_not_identified_and_the_pooled_model_ranks_well(real_data: Path) -> None:
    as_of, until = pl.date(2011, 9, 10), pl.date(2011, 12, 9)
    days = (
        pl.scan_parquet(real_data / "online_retail" / "online_retail.parquet")
        .filter(
            pl.col("CustomerID").is_not_null(),
            ~pl.col("InvoiceNo").str.starts_with("C"),
            pl.col("UnitPrice") > 0,
        )
        .select("CustomerID", day=pl.col("InvoiceDate").dt.date())
        .unique()
    )
    later = days.filter(pl.col("day").is_between(as_of, until, closed="left")).select("CustomerID").unique()
    histories = (
        days.filter(pl.col("day") < as_of)
        .group_by("CustomerID")
        .agg(
            frequency=pl.len() - 1,
            recency=(pl.col("day").max() - pl.col("day").min()).dt.total_days(),
            T=(as_of - pl.col("day").min()).dt.total_days(),
        )
        .join(later.with_columns(came=pl.lit(1)), on="CustomerID", how="left")
        .collect()
    )
    history = [histories[name].to_numpy() for name in ("frequency", "recency", "T")]
    came = histories["came"].fill_null(0).to_numpy()
    bg_nbd = BGNBD().fit(*history)
    assert not bg_nbd.is_identified_
    assert bg_nbd.a_ < 1e-3
    assert bg_nbd.suggestion_ == "pooled"
    assert auc(came, bg_nbd.alive_prob(*history)) < 0.5
    pooled = PooledBGNBD().fit(*history)
    assert pooled.is_identified_
    assert pooled.p_ < 1e-3
    assert auc(came, pooled.purchase_prob(90, *history)) == pytest.approx(0.733, abs=0.001)
