"""Purchase models at each as_of: fitted on what was known, chosen by rule, the same numbers as the estimators give."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from fiel.core import Core
from fiel.estimators import BGNBD, MBGNBD, GammaGamma, PooledBGNBD, lifetime_value
from fiel.features.groups import GROUPS
from fiel.features.purchase import build
from fiel.features.purchase_fits import MODELS, purchase_fits, used_models
from fiel.features.snapshot import build_snapshots
from fiel.program import Program
from fiel.tables import TABLES

from .frames import TEOMEWHY, history_core, on, rows
from .independent import KEY, independent_purchases
from .shops import RETAIL, random_shop, retail, shop
from .test_independent import differences

DATES = [on(150), on(300)]
HISTORY = ("purchase_frequency", "purchase_recency_days", "purchase_age_days", "purchase_mean_value")
ESTIMATORS = {"bg_nbd": BGNBD, "mbg_nbd": MBGNBD, "pooled": PooledBGNBD}
CLOSE = 1e-6
"""Relative: the search for the maximum stops there when its sums run in another order."""


def asked(**purchases: Any) -> Program:
    """The retail program with some fields of `purchases` replaced."""
    return retail(purchases=RETAIL.purchases.model_dump() | purchases)


@pytest.fixture(scope="module")
def core() -> Core:
    return random_shop(11, customers=400)


def tables_of(core: Core, rules: Program = RETAIL) -> dict[str, pl.DataFrame]:
    """RFM, purchase features, fits and snapshot of DATES, each as one frame."""
    found = [tables for _, tables in build_snapshots(core, DATES, rules)]
    return {name: pl.concat([tables[name] for tables in found]) for name in found[0]}


def shop_of(frequent: int, loyal: bool) -> Core:
    """`frequent` customers who buy every 20 days, for 300 days or (every second one, if not `loyal`) for 60."""
    purchases = {}
    for number in range(frequent):
        last = 300 if loyal or number % 2 else 60
        purchases[f"c{number:03d}"] = dict.fromkeys(range(number % 20, last, 20), 500 + 10 * number)
    return shop(purchases)


# ------------------------------------------------------------------------------------------ against other computations


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_purchase_days_give_the_same_features_as_plain_sql(seed: int) -> None:
    core = random_shop(seed, customers=200)
    snapshot = tables_of(core)["feat_snapshot"].sort(KEY)
    sql = independent_purchases({name: core[name].collect() for name in ("events", "returns")}, DATES)
    assert differences(snapshot, sql) == []
    assert snapshot["purchase_frequency"].null_count() > 0, "too easy: nobody took everything back"
    assert snapshot["rfm_segment"].n_unique() > 5


def chosen(x: np.ndarray, t_x: np.ndarray, age: np.ndarray) -> tuple[str, Any]:
    """The model that `auto` asks for, by the rule as it is written in the program's description."""
    fitted = {name: model("days").fit(x, t_x, age) for name, model in ESTIMATORS.items()}
    identified = {name: fitted[name] for name in ("bg_nbd", "mbg_nbd") if fitted[name].is_identified_}
    best = min(identified, key=lambda name: identified[name].aic_, default="pooled")
    return best, fitted[best]


@pytest.mark.parametrize("as_of", DATES)
def test_modelled_features_are_what_the_estimators_give(core: Core, as_of: date) -> None:
    features = tables_of(core)["feat_purchase"].filter(pl.col("as_of") == as_of)
    sql = independent_purchases({name: core[name].collect() for name in ("events", "returns")}, [as_of])
    ours, theirs = (frame.drop_nulls("purchase_frequency").sort("customer_id") for frame in (features, sql))
    x, t_x, age = (theirs[name].to_numpy().astype(float) for name in HISTORY[:3])
    value = theirs["purchase_mean_value"].fill_null(0).to_numpy() / 100
    name, model = chosen(x, t_x, age)
    spend = GammaGamma().fit(x, value)
    pence = spend.expected_value(x, value) * 100
    expected = {
        "purchase_alive_prob": model.alive_prob(x, t_x, age),
        "purchase_value_expected": pence,
        "lifetime_value_d365": 100
        * lifetime_value(model, spend, x, t_x, age, value, horizon=365, discount_rate_year=0.1),
    }
    for days in (30, 90):
        expected |= {
            f"purchases_expected_d{days}": model.expected_purchases(days, x, t_x, age),
            f"purchase_prob_d{days}": model.purchase_prob(days, x, t_x, age),
            f"value_expected_d{days}": model.expected_purchases(days, x, t_x, age) * pence,
            f"value_if_alive_d{days}": model.expected_purchases_if_alive(days, x, t_x, age) * pence,
        }
    assert set(expected) == set(features.columns) - {*KEY, *HISTORY}, name
    for column, numbers in expected.items():
        np.testing.assert_allclose(ours[column].to_numpy(), numbers, rtol=CLOSE, err_msg=column)


def test_a_model_in_weeks_says_the_same_in_days(core: Core) -> None:
    days, weeks = (
        build(core, DATES, asked(model="pooled", time_unit=unit)).collect().sort(KEY) for unit in ("days", "weeks")
    )
    for name in set(days.columns) - {*KEY}:
        np.testing.assert_allclose(weeks[name].to_numpy(), days[name].to_numpy(), rtol=1e-5, err_msg=name)
    alpha = [
        purchase_fits(core, DATES[:1], asked(time_unit=unit)).filter(parameter="alpha", model="pooled").collect()
        for unit in ("days", "weeks")
    ]
    assert alpha[0]["estimate"].item() == pytest.approx(7 * alpha[1]["estimate"].item(), rel=1e-5)
    assert [frame["time_unit"].item() for frame in alpha] == ["days", "weeks"]


# ------------------------------------------------------------------------------------------ the table of fits


def test_every_model_has_its_parameters_at_every_as_of(core: Core) -> None:
    fits = tables_of(core)["feat_purchase_fits"]
    assert fits.equals(fits.sort(TABLES["feat_purchase_fits"].key))
    assert TABLES["feat_purchase_fits"].schema.is_valid(fits)
    for as_of in DATES:
        found = fits.filter(pl.col("as_of") == as_of)
        assert sorted(found["model"].unique()) == ["bg_nbd", "gamma_gamma", "mbg_nbd", "pooled"]
        assert sorted(found.filter(model="pooled")["parameter"]) == ["alpha", "p", "r"]
        used = set(found.filter("is_used")["model"])
        assert "gamma_gamma" in used
        assert len(used) == 2
        assert (found["note"].str.len_chars() > 0).equals(~found["is_used"] | ~found["is_identified"])
        histories = found.filter(model="pooled").row(0, named=True)
        assert 0 < histories["repeaters"] < histories["customers"]


def test_the_features_can_be_computed_again_from_the_table(core: Core) -> None:
    tables = tables_of(core)
    for as_of in DATES:
        models = used_models(tables["feat_purchase_fits"].filter(pl.col("as_of") == as_of))
        features = tables["feat_purchase"].filter(pl.col("as_of") == as_of).drop_nulls("purchase_frequency")
        assert models.purchases is not None
        history = [features[name].to_numpy() for name in HISTORY[:3]]
        assert np.array_equal(models.purchases.alive_prob(*history), features["purchase_alive_prob"].to_numpy())
        assert np.array_equal(models.purchases.purchase_prob(90, *history), features["purchase_prob_d90"].to_numpy())


@pytest.mark.parametrize("wanted", MODELS)
def test_the_program_may_name_the_model(core: Core, wanted: str) -> None:
    fits = purchase_fits(core, DATES[:1], asked(model=wanted)).collect()
    assert set(fits.filter("is_used")["model"]) == {wanted, "gamma_gamma"}
    others = fits.filter(~pl.col("is_used"), pl.col("is_identified"))
    assert set(others["note"]) <= {f"not used: purchases.model asks for {wanted}"}


def test_auto_takes_the_pooled_model_where_drop_out_is_not_identified() -> None:
    fits = purchase_fits(shop_of(120, loyal=True), [on(300)], RETAIL).collect()
    assert set(fits.filter("is_used")["model"]) - {"gamma_gamma"} == {"pooled"}
    for name in ("bg_nbd", "mbg_nbd"):
        model = fits.filter(pl.col("model") == name)
        assert not model["is_identified"].any()
        assert model["note"].unique().item() != ""


def test_auto_takes_the_identified_model_with_the_lower_aic() -> None:
    rng = np.random.default_rng(5)
    purchases = {}
    for number in range(1_500):  # BG/NBD as it is written down
        rate, drop, day = rng.gamma(1, 0.05), rng.beta(0.8, 2), int(rng.integers(0, 100))
        bought = purchases.setdefault(f"c{number:04d}", {})
        while day < 400:
            bought[day] = 100 + int(rng.gamma(6, 1_000))
            if len(bought) > 1 and rng.random() < drop:
                break
            day += max(1, round(rng.exponential(1 / rate)))
    fits = purchase_fits(shop(purchases), [on(400)], RETAIL).collect()
    aic = {name: fits.filter(pl.col("model") == name)["aic"][0] for name in ("bg_nbd", "mbg_nbd")}
    best = min(aic, key=lambda name: aic[name])
    assert fits.filter(pl.col("model") == best)["is_identified"].all()
    assert set(fits.filter("is_used")["model"]) == {best, "gamma_gamma"}
    assert f"not used: {best} has the lower AIC" in set(fits["note"]) | {"" for _ in aic}
    assert f"not used: the drop-out part of {best} is identified" in set(fits.filter(model="pooled")["note"])


# ------------------------------------------------------------------------------------------ without a model


def test_too_few_repeaters_give_histories_and_no_model() -> None:
    tables = tables_of(shop_of(49, loyal=False))
    features, fits = tables["feat_purchase"], tables["feat_purchase_fits"]
    assert features["purchase_frequency"].null_count() == 0
    modelled = features.drop(*KEY, *HISTORY)
    assert modelled.width == 11
    assert modelled.null_count().sum_horizontal().item() == modelled.width * modelled.height
    assert not fits["is_used"].any()
    assert fits["estimate"].null_count() == fits.height
    assert "not fitted: 49 customers with a repeat purchase, purchases.min_repeaters is 50" in set(fits["note"])
    TABLES["feat_snapshot"].check(tables["feat_snapshot"].schema)


def test_at_the_least_number_of_repeaters_there_is_a_model() -> None:
    assert tables_of(shop_of(50, loyal=False))["feat_purchase_fits"]["is_used"].any()


def test_purchases_without_money_have_no_value() -> None:
    free = shop({f"c{number:03d}": dict.fromkeys(range(number % 20, 300, 20 + number), 0) for number in range(60)})
    features = tables_of(free)["feat_purchase"]
    assert features["purchase_alive_prob"].null_count() == 0
    for name in ("purchase_value_expected", "value_expected_d90", "value_if_alive_d30", "lifetime_value_d365"):
        assert features[name].null_count() == features.height, name


def test_customers_without_a_purchase_that_stands_have_a_row_of_nothing(core: Core) -> None:
    empty = tables_of(core)["feat_purchase"].filter(pl.col("purchase_frequency").is_null())
    assert empty.height > 0
    assert empty.drop(KEY).null_count().sum_horizontal().item() == empty.height * (empty.width - 2)


def test_a_program_without_returns_has_purchase_models_of_its_active_days() -> None:
    core = history_core({f"c{number:03d}": set(range(number % 7, 90, 1 + number % 9)) for number in range(80)})
    found = build(core, [on(60)], TEOMEWHY).collect()
    assert rows(found, "purchase_frequency")["c000"] == 59
    assert found["purchase_alive_prob"].null_count() == 0


# ------------------------------------------------------------------------------------------ the same, always


def test_nothing_but_the_past_moves_parameters_or_features(core: Core) -> None:
    group = GROUPS["purchase"]
    past = {name: core[name].filter(pl.col("day") < DATES[0]).collect() for name in ("customer_days", "returns")}
    cut = Core.of(past, DATES[0])
    together = tables_of(core)
    for name, frame in (
        ("feat_purchase_fits", purchase_fits(cut, DATES[:1], RETAIL).collect()),
        ("feat_purchase", group.build(cut, DATES[:1], RETAIL).collect().sort("customer_id")),
    ):
        assert together[name].filter(pl.col("as_of") == DATES[0]).equals(frame), name


def test_the_order_of_the_rows_does_not_move_a_bit(core: Core) -> None:
    turned = Core.of({name: core[name].reverse().collect() for name in core.tables}, core.known_through)
    assert purchase_fits(turned, DATES, RETAIL).collect().equals(purchase_fits(core, DATES, RETAIL).collect())
    one, other = (build(each, DATES, RETAIL).collect().sort(KEY) for each in (core, turned))
    assert one.equals(other)


def test_probabilities_and_values_keep_their_range(core: Core) -> None:
    features = tables_of(core)["feat_purchase"].drop_nulls("purchase_frequency")
    for name in ("purchase_alive_prob", "purchase_prob_d30", "purchase_prob_d90"):
        assert features[name].is_between(0, 1).all(), name
    assert (features["purchase_prob_d30"] <= features["purchase_prob_d90"]).all()
    assert (features["value_expected_d90"] <= features["value_if_alive_d90"]).all()
    assert (features["lifetime_value_d365"] > features["value_expected_d90"]).all()
    numbers = features.select(pl.col(pl.Float64)).drop("purchase_mean_value")
    assert numbers.select(pl.all().is_finite().all()).row(0) == (True,) * numbers.width
