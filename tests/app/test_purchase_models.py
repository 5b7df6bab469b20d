"""The published purchase models say of any history what the features say, to the last bit; others are refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.purchase_models import HistoryError, PurchaseCalculator, histories
from fiel.errors import StoreError
from fiel.estimators import BGNBD, GammaGamma
from fiel.features.snapshot import build_snapshots
from fiel.serving.purchase_model import purchase_model
from tests.app.worlds import CDNOW, CDNOW_VALUE
from tests.features.frames import on
from tests.features.shops import RETAIL, random_shop, retail

AS_OF = on(300)
PART: dict[str, Any] = {
    "name": "bg_nbd",
    "time_unit": "weeks",
    "parameters": CDNOW,
    "value_model": CDNOW_VALUE,
    "value_scale": 100,
    "horizons_days": [28, 90],
    "lifetime_days": 365,
    "discount_rate_year": 0.1,
}


@pytest.fixture(scope="module", params=["days", "weeks"])
def published(request: pytest.FixtureRequest) -> tuple[PurchaseCalculator, pl.DataFrame]:
    """The calculator of a published part, in each unit of time, and the features of the same as_of."""
    rules = retail(purchases=RETAIL.purchases.model_dump() | {"time_unit": request.param, "min_repeaters": 20})
    ((_, tables),) = build_snapshots(random_shop(11, customers=300), [AS_OF], rules)
    part = purchase_model(tables["feat_purchase_fits"], rules, AS_OF)
    stored = json.loads(json.dumps(part))
    bought = tables["feat_purchase"].filter((pl.col("purchase_frequency") == 0) | (pl.col("purchase_mean_value") > 0))
    return PurchaseCalculator.of(stored), bought


def history(features: pl.DataFrame) -> list[list[Any]]:
    return [features[f"purchase_{name}"].to_list() for name in ("frequency", "recency_days", "age_days")]


def test_the_published_features_come_out_to_the_last_bit(published: tuple[PurchaseCalculator, pl.DataFrame]) -> None:
    calculator, features = published
    told, money = history(features), features["purchase_mean_value"].to_list()
    assert features.height > 100
    assert calculator.alive(*told).tolist() == features["purchase_alive_prob"].to_list()
    assert calculator.value(money, told[0]).tolist() == features["purchase_value_expected"].to_list()
    for days in calculator.horizons_days:
        assert calculator.expected(days, *told).tolist() == features[f"purchases_expected_d{days}"].to_list()
        assert calculator.purchase_prob(days, *told).tolist() == features[f"purchase_prob_d{days}"].to_list()
        assert calculator.value_expected(days, *told, money).tolist() == features[f"value_expected_d{days}"].to_list()
    lifetime = features[f"lifetime_value_d{calculator.part['lifetime_days']}"].to_list()
    assert calculator.lifetime_value(*told, money).tolist() == lifetime


def test_one_history_alone_has_the_bits_of_many(published: tuple[PurchaseCalculator, pl.DataFrame]) -> None:
    calculator, features = published
    told = history(features.head(40))
    for days in (1, 30, 3_650):
        many = calculator.expected(days, *told).tolist()
        assert [float(calculator.expected(days, *one)) for one in zip(*told, strict=True)] == many
        assert calculator.expected([days] * 40, *told).tolist() == many


def test_days_are_the_models_weeks() -> None:
    calculator, model = PurchaseCalculator.of(PART), BGNBD.from_parameters(CDNOW, "weeks")
    assert calculator.alive(2, 213.01, 272.02) == model.alive_prob(2, 213.01 / 7, 272.02 / 7)
    assert calculator.expected(273, 2, 213.01, 272.02) == model.expected_purchases(39, 2, 213.01 / 7, 272.02 / 7)
    assert float(calculator.expected(273, 2, 213.01, 272.02)) == pytest.approx(1.226, abs=5e-3)


def test_values_are_in_the_smallest_unit() -> None:
    found = PurchaseCalculator.of(PART).value([2_235, None], [2, 0])
    expected = GammaGamma.from_parameters(CDNOW_VALUE).expected_value([2, 0], [22.35, 0]) * 100
    assert found.tolist() == expected.tolist()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 400), st.floats(0, 1), st.integers(1, 4_000), st.integers(1, 3_650))
def test_probabilities_and_expectations_make_sense(frequency: int, share: float, age: int, horizon: int) -> None:
    calculator = PurchaseCalculator.of(PART)
    recency = max(share * age, 1e-3) if frequency else 0.0
    alive = float(calculator.alive(frequency, recency, age))
    at_least_one = float(calculator.purchase_prob(horizon, frequency, recency, age))
    expected = float(calculator.expected(horizon, frequency, recency, age))
    assert 0 <= at_least_one <= alive <= 1
    assert at_least_one <= expected + 1e-12, "a chance of one purchase is at most their expected number"
    longer = float(calculator.expected(min(3_650, horizon + 30), frequency, recency, age))
    assert longer >= expected - 1e-9


@pytest.mark.parametrize(
    ("given_", "field", "why"),
    [
        ((-1, 0, 10), "frequency", "0 or more"),
        ((1.5, 5, 10), "frequency", "whole number"),
        ((10**6, 5, 10), "frequency", "at most 100,000"),
        (("2", 5, 10), "frequency", "has to be a number"),
        ((True, 5, 10), "frequency", "has to be a number"),
        ((None, 5, 10), "frequency", "has to be a number"),
        ((2, -1, 10), "recency_days", "0 or more"),
        ((2, 11, 10), "recency_days", "later than now"),
        ((0, 3, 10), "recency_days", "0 where frequency is 0"),
        ((3, 0, 10), "recency_days", "above 0 where frequency"),
        ((3, float("nan"), 10), "recency_days", "finite"),
        ((0, 0, -1), "age_days", "0 or more"),
        ((0, 0, float("inf")), "age_days", "finite"),
        ((0, 0, 10**400), "age_days", "too large"),
        ((0, 0, 200_000), "age_days", "at most 100,000"),
    ],
)
def test_a_history_that_cannot_be_names_its_field(given_: tuple[Any, ...], field: str, why: str) -> None:
    with pytest.raises(HistoryError, match=why) as refused:
        histories(*given_)
    assert (refused.value.field, refused.value.position) == (field, 0)


def test_the_wrong_one_of_many_is_told() -> None:
    with pytest.raises(HistoryError, match="later than now") as refused:
        PurchaseCalculator.of(PART).alive([0, 2, 2], [0, 5, 12], [10, 10, 10])
    assert (refused.value.field, refused.value.position) == ("recency_days", 2)


def test_histories_of_different_lengths_are_refused() -> None:
    with pytest.raises(HistoryError, match="one number for each"):
        histories([0, 2], [0, 5, 12], 10)


@pytest.mark.parametrize(("horizon", "why"), [(0, "1 day or more"), (3_651, "at most 3,650"), ("90", "a number")])
def test_a_horizon_that_cannot_be_is_named(horizon: Any, why: str) -> None:
    with pytest.raises(HistoryError, match=why) as refused:
        PurchaseCalculator.of(PART).expected(horizon, 2, 5, 10)
    assert refused.value.field == "horizon_days"


@pytest.mark.parametrize(
    ("monetary", "why"),
    [(0, "above 0"), (-5, "above 0"), (None, "has to be given"), ("x", "a number"), (1e16, "at most")],
)
def test_money_that_cannot_be_is_named(monetary: Any, why: str) -> None:
    with pytest.raises(HistoryError, match=why) as refused:
        PurchaseCalculator.of(PART).value([10, monetary], [1, 2])
    assert (refused.value.field, refused.value.position) == ("monetary", 1)


def test_without_a_value_model_there_is_no_value_and_it_is_said() -> None:
    calculator = PurchaseCalculator.of({**PART, "value_model": None})
    assert not calculator.has_value
    assert 0 < float(calculator.alive(2, 5, 10)) < 1
    with pytest.raises(StoreError, match="no value model"):
        calculator.value(10, 2)


@pytest.mark.parametrize(
    "change", [{"name": "pareto"}, {"time_unit": "fortnights"}, {"parameters": {"r": 1.0}}, {"value_model": {"p": -1}}]
)
def test_a_part_that_cannot_be_read_says_so(change: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="publish again"):
        PurchaseCalculator.of({**PART, **change})


def test_nobody_is_an_empty_answer() -> None:
    assert PurchaseCalculator.of(PART).expected(30, [], [], []).tolist() == []
    assert np.asarray(histories([], [], []).frequency).size == 0
