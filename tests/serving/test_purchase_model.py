"""The published purchase model: enough to say of anyone what the features say."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest

from fiel.core import Core
from fiel.features.purchase_fits import MODELS
from fiel.features.snapshot import build_snapshots
from fiel.serving.purchase_model import purchase_model
from tests.reports.conftest import AS_OF, make_customers, make_purchase_days, make_shop


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    days = make_purchase_days(500, AS_OF - timedelta(days=1))
    known = make_customers(days["customer_id"].unique().sort().to_list())
    core = Core.of({"customer_days": days, "customers": known}, AS_OF - timedelta(days=1))
    ((_, found),) = build_snapshots(core, [AS_OF], make_shop())
    return dict(found)


def test_its_parameters_give_the_features_to_the_last_bit(tables: dict[str, pl.DataFrame]) -> None:
    part = json.loads(json.dumps(purchase_model(tables["feat_purchase_fits"], make_shop(), AS_OF)))
    model = MODELS[part["name"]].from_parameters(part["parameters"], part["time_unit"])
    rows = tables["feat_purchase"].filter(pl.col("purchase_frequency").is_not_null())
    x, t_x, age = (
        rows[name].to_numpy().astype(float) / days
        for name, days in (
            ("purchase_frequency", 1),
            ("purchase_recency_days", part["days_a_unit"]),
            ("purchase_age_days", part["days_a_unit"]),
        )
    )
    assert model.alive_prob(x, t_x, age).tolist() == rows["purchase_alive_prob"].to_list()
    expected = model.expected_purchases(90 / part["days_a_unit"], x, t_x, age)
    assert expected.tolist() == rows["purchases_expected_d90"].to_list()


def test_it_says_what_money_and_time_mean(tables: dict[str, pl.DataFrame]) -> None:
    part = purchase_model(tables["feat_purchase_fits"], make_shop(), AS_OF)
    assert part is not None
    assert (part["value_unit"], part["value_scale"], part["fitted_as_of"]) == ("GBP", 100, AS_OF.isoformat())
    assert set(part["value_model"]) == {"p", "q", "v"}
    assert part["customers"] > part["repeaters"] > 0


def test_there_is_no_part_where_no_model_is_used(tables: dict[str, pl.DataFrame]) -> None:
    none = tables["feat_purchase_fits"].with_columns(is_used=pl.lit(value=False))
    assert purchase_model(none, make_shop(), AS_OF) is None
