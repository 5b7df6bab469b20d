from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from fiel.models.calibration import (
    ASSUMED_SPREAD,
    Sigmoid,
    check_calibration,
    cohort_spread,
    fit_sigmoid,
    log_odds,
    sigmoid,
)
from fiel.models.metrics import Array

RNG = np.random.default_rng(11)
RAW = RNG.normal(-1, 1.5, 4_000)
CUSTOMERS = np.arange(4_000)


def drawn(slope: float, intercept: float, raw: Array = RAW, seed: int = 2) -> Array:
    """Outcomes whose true log odds are slope x raw + intercept."""
    rng = np.random.default_rng(seed)
    return (rng.random(len(raw)) < sigmoid(slope * raw + intercept)).astype(np.float64)


@pytest.mark.parametrize(
    ("slope", "intercept", "holds", "words"),
    [
        (1.0, 0.0, True, "left as it is"),
        (1.0, 0.8, False, "shifted"),
        (0.5, -0.4, False, "rescaled"),
        (1.6, 0.6, False, "rescaled"),
    ],
)
def test_what_is_wrong_is_found_and_mended(slope: float, intercept: float, holds: bool, words: str) -> None:
    labels = drawn(slope, intercept)
    check = check_calibration(labels, RAW, CUSTOMERS, confidence=0.99)
    assert check.holds is holds
    assert check.slope is not None
    assert check.slope.holds(slope)
    mended = fit_sigmoid(check, labels, RAW)
    assert mended.reason.startswith(words)
    assert mended.is_identity is holds
    again = check_calibration(labels, mended.scale * RAW + mended.bias, CUSTOMERS, confidence=0.99)
    assert again.holds


def test_slope_and_intercept_are_those_of_a_logistic_regression() -> None:
    labels = drawn(0.7, 0.3)
    check = check_calibration(labels, RAW, CUSTOMERS, confidence=0.95)
    fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(RAW[:, None], labels)
    assert check.slope is not None
    assert check.slope.estimate == pytest.approx(fitted.coef_[0, 0], rel=1e-4)


def test_a_scale_alone_leaves_the_mean_where_it_is() -> None:
    labels = drawn(0.6, 0.0, raw := RAW - RAW.mean())
    check = check_calibration(labels, raw, CUSTOMERS, confidence=0.95)
    found = fit_sigmoid(check, labels, raw)
    assert found.reason.startswith("rescaled: ")
    assert found.apply(raw).mean() == pytest.approx(sigmoid(raw).mean())


def test_rows_of_one_customer_count_as_one() -> None:
    labels = drawn(1.0, 0.0)
    once = check_calibration(labels, RAW, CUSTOMERS, confidence=0.95)
    often = check_calibration(np.tile(labels, 5), np.tile(RAW, 5), np.tile(CUSTOMERS, 5), confidence=0.95)
    assert once.slope is not None
    assert often.slope is not None
    assert (often.slope.low, often.slope.high) == pytest.approx((once.slope.low, once.slope.high))


def test_a_good_month_is_not_taken_for_miscalibration() -> None:
    """Months move up and down by half a unit of log odds; the newest was a good one."""
    shocks = np.array([-0.5, 0.4, 0.0, 0.6, -0.6, 0.3, -0.4, 0.5])
    month = np.repeat(np.arange(8), 500)
    labels = drawn(1.0, 0.0, RAW + shocks[month])
    unseen = pl.DataFrame({"part": "folds", "as_of": month, "customer_id": CUSTOMERS, "label": labels, "raw": RAW})
    spread = cohort_spread(unseen)
    assert spread.intercept_sd == pytest.approx(shocks.std(ddof=1), abs=0.15)
    assert spread.slope_sd < 0.15
    newest = month == 7
    plain = check_calibration(labels[newest], RAW[newest], CUSTOMERS[newest], confidence=0.95)
    wide = check_calibration(labels[newest], RAW[newest], CUSTOMERS[newest], confidence=0.95, spread=spread)
    assert plain.holds is False
    assert wide.holds is True


def test_months_that_are_alike_have_no_spread() -> None:
    month = np.repeat(np.arange(8), 500)
    unseen = pl.DataFrame(
        {"part": "folds", "as_of": month, "customer_id": CUSTOMERS, "label": drawn(1.0, 0.0), "raw": RAW}
    )
    assert cohort_spread(unseen).intercept_sd < 0.1
    assert cohort_spread(unseen.filter(pl.col("as_of") < 2)) == ASSUMED_SPREAD


def test_one_month_alone_cannot_say_whether_it_is_off_or_the_model() -> None:
    labels = drawn(1.0, 0.4)
    unseen = pl.DataFrame({"part": "valid", "as_of": 1, "customer_id": CUSTOMERS, "label": labels, "raw": RAW})
    spread = cohort_spread(unseen)
    check = check_calibration(labels, RAW, CUSTOMERS, confidence=0.95, spread=spread)
    assert check.holds
    assert fit_sigmoid(check, labels, RAW).is_identity


def test_a_shift_that_lasts_is_not_taken_for_months_that_differ() -> None:
    month = np.repeat(np.arange(8), 500)
    part = np.where(month < 6, "folds", "valid")
    labels = drawn(1.0, 0.0, RAW + 0.9 * (month >= 6))
    unseen = pl.DataFrame({"part": part, "as_of": month, "customer_id": CUSTOMERS, "label": labels, "raw": RAW})
    assert cohort_spread(unseen).intercept_sd < 0.15
    assert cohort_spread(unseen.with_columns(part=pl.lit("all"))).intercept_sd > 0.3


@pytest.mark.parametrize(
    ("labels", "raw", "note"),
    [
        (np.zeros(50), RAW[:50], "one class only: 0 of 50"),
        (drawn(1, 0)[:50], np.full(50, -1.0), "all predictions are equal"),
        ((RAW[:50] > -1).astype(float), RAW[:50], "separate the classes"),
    ],
)
def test_what_cannot_be_checked_is_left_as_it_is(labels: Array, raw: Array, note: str) -> None:
    check = check_calibration(labels, raw, CUSTOMERS[:50], confidence=0.95)
    assert check.holds is None
    assert note in str(check.note)
    found = fit_sigmoid(check, labels, raw)
    assert found.is_identity
    assert note in found.reason


def test_a_ranking_that_is_upside_down_is_not_turned_round() -> None:
    labels = drawn(-1.0, 0.0)
    check = check_calibration(labels, RAW, CUSTOMERS, confidence=0.95)
    assert fit_sigmoid(check, labels, RAW).is_identity


def test_a_bend_that_no_sigmoid_mends_is_shown_where_there_are_positives_enough() -> None:
    labels = drawn(1.0, 0.0, RAW - 0.3 * (RAW + 1) ** 2)
    few = check_calibration(labels, RAW, CUSTOMERS, confidence=0.95, curvature_from=10_000)
    many = check_calibration(labels, RAW, CUSTOMERS, confidence=0.95, curvature_from=100)
    assert few.curvature is None
    assert many.curvature is not None
    assert many.curvature.high < 0


def test_log_odds_and_back() -> None:
    probs = np.array([0.001, 0.2, 0.5, 0.999])
    assert sigmoid(log_odds(probs)) == pytest.approx(probs)
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()
    assert Sigmoid(2.0, 1.0, "").apply(np.array([0.0]))[0] == pytest.approx(sigmoid(np.array(1.0)))
