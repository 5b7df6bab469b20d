from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from fiel.models.drift import psi, psi_inputs, psi_text

RNG = np.random.default_rng(4)
NORMAL = RNG.normal(size=5_000)


@pytest.mark.parametrize(
    ("now", "low", "high"),
    [
        (NORMAL, 0, 0),
        (RNG.normal(size=5_000), 0, 0.02),
        (NORMAL + 0.3, 0.05, 0.15),
        (NORMAL + 1, 0.6, 1.5),
        (np.where(RNG.random(5_000) < 0.5, np.nan, NORMAL), 0.5, 10),
    ],
)
def test_psi_grows_with_the_move(now: np.ndarray, low: float, high: float) -> None:
    assert low <= psi(NORMAL, now) <= high


def test_two_bins_by_hand() -> None:
    """Shares .5 and .5 became .8 and .2: (.3) ln(1.6) + (-.3) ln(.4)."""
    train, now = np.array([0.0, 1.0] * 50), np.array([0.0] * 80 + [1.0] * 20)
    expected = 0.3 * np.log(0.8 / 0.5) - 0.3 * np.log(0.2 / 0.5)
    assert psi(train, now) == pytest.approx(expected)
    as_text = [pl.Series("x", values.astype(int)).cast(pl.String) for values in (train, now)]
    assert psi_text(*as_text) == pytest.approx(expected)


def test_a_new_category_and_an_empty_one_move_it() -> None:
    train = pl.Series("stage", ["fiel", "fiel", None, None])
    assert psi_text(train, train) == 0
    assert psi_text(train, pl.Series("stage", ["fiel", "novo", None, None])) > 0.1


@pytest.mark.parametrize("values", [np.array([]), np.full(10, np.nan)])
def test_nothing_known_is_no_error(values: np.ndarray) -> None:
    assert psi(values, values) == 0


def test_inputs_are_ranked_and_life_to_date_columns_never_warn() -> None:
    train = pl.DataFrame(
        {"age_days": range(500), "active_days_d28": range(500), "stage": ["fiel"] * 500, "hours_d7": [1.0] * 500}
    )
    now = train.with_columns(pl.col("age_days") + 300, pl.col("active_days_d28") + 300)
    found = psi_inputs(train, now, train.columns, warn_above=0.25)
    assert found["feature"].to_list()[:2] == ["active_days_d28", "age_days"]
    assert dict(zip(found["feature"], found["warns"], strict=True)) == {
        "active_days_d28": True, "age_days": False, "stage": False, "hours_d7": False,
    }  # fmt: skip


def test_columns_of_a_customers_whole_purchase_history_never_warn() -> None:
    names = ["purchase_age_days", "purchase_recency_days", "purchase_frequency", "purchase_mean_value"]
    train = pl.DataFrame({name: np.arange(200.0) for name in [*names, "purchase_prob_d90"]})
    found = psi_inputs(train, train.with_columns(pl.all() + 500), train.columns, 0.25)
    assert found.filter("warns")["feature"].to_list() == ["purchase_prob_d90"]
