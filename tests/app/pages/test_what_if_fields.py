"""The fields of "what if": who moves most comes first, only what can change, in the model's own range, exact."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from catboost import CatBoostClassifier

from app.pages.customer_model import ranges_of
from app.pages.what_if_fields import Field, fields
from fiel.models.loaded import LoadedModel
from fiel.models.row_model import RowModel
from fiel.program import Program, read_program
from fiel.settings import HOME

PROGRAMS = HOME / "deployments" / "programs"


@pytest.fixture(scope="module")
def club() -> Program:
    return read_program(PROGRAMS / "teomewhy.yaml")


@pytest.fixture(scope="module")
def shop() -> Program:
    return read_program(PROGRAMS / "retail.yaml")


def one(program: Program, name: str, value: Any, low: float = 1.5, high: float = 9.5) -> Field:
    (found,) = fields({name: value}, {name: 0.5}, {name: (low, high)}, (), program)
    return found


def test_the_strongest_come_first_and_one_speaks_for_those_that_say_the_same(club: Program) -> None:
    values = {"active_days_d7": 2, "active_days_d28": 5, "recency_days": 3, "age_days": 400, "hours_d7": 1.5}
    strengths = {"active_days_d7": 0.1, "active_days_d28": -0.8, "recency_days": 0.3, "age_days": 2.0, "hours_d7": 0.2}
    found = fields(values, strengths, dict.fromkeys(values, (1.5, 30.5)), (), club)
    assert [field.name for field in found] == ["active_days_d28", "recency_days", "hours_d7"]


def test_no_more_fields_than_asked_for(club: Program) -> None:
    names = [f"x_var{number}" for number in range(20)]
    found = fields(dict.fromkeys(names, 1.0), dict.fromkeys(names, 1.0), dict.fromkeys(names, (0.0, 2.0)), (), club)
    assert len(found) == 6


@pytest.mark.parametrize(
    ("name", "value", "bounds", "low", "high", "step"),
    [
        ("active_days_d28", 5, (2.5, 11.5), 0, 28, 1),
        ("transactions_d7", 300, (1.5, 90.5), 0, 300, 1),
        ("active_days_share_d28", 0.5, (0.12, 0.61), 0, 100, 1),
        ("r_score", 3, (2.5, 4.5), 1, 5, 1),
        ("x_pc4", -1.253, (-0.431, 2.118), -1.26, 2.12, 0.01),
        ("x_ind_var30", 0.0, (0.5, 0.5), 0, 1, 1),
    ],
)
def test_a_range_is_what_the_model_tells_apart(
    club: Program, name: str, value: float, bounds: tuple[float, float], low: float, high: float, step: float
) -> None:
    found = one(club, name, value, *bounds)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.step == step


def test_what_the_model_never_asks_about_is_no_field(club: Program) -> None:
    assert fields({"recency_days": 3}, {"recency_days": 0.0}, {}, (), club) == []


@pytest.mark.parametrize("value", [1 / 3, 0.1 + 0.2, 11, None, 1e-9])
def test_a_field_left_as_it_was_keeps_the_exact_value(club: Program, value: float | None) -> None:
    field = one(club, "mean_gap_days_life", value)
    kept = field.read(field.shown)
    assert kept == value
    assert type(kept) is type(value)


def test_shares_are_asked_in_per_cent_and_amounts_in_whole_units(club: Program, shop: Program) -> None:
    share = one(club, "active_days_share_d28", 0.25, 0.1, 0.9)
    assert (share.shown, share.read("50")) == ("25", 0.5)
    amount = one(shop, "revenue_net_d365", 12_345, 100.0, 90_000.0)
    assert (amount.shown, amount.read("99.99")) == ("123.45", 9_999)


@pytest.mark.parametrize(
    ("text", "why"),
    [("many", "write a number"), ("nan", "within the range"), ("1e400", "within the range"), ("29", "within the range"),
     ("-1", "within the range")],
)  # fmt: skip
def test_a_number_that_cannot_be_is_refused(club: Program, text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        one(club, "active_days_d28", 5).read(text)


def test_categories_are_chosen_from_their_levels_and_others_are_not_asked_for(club: Program) -> None:
    values = {"stage": "fiel", "c_factor1": "V1", "value_cluster": None}
    found = fields(values, dict.fromkeys(values, 1.0), {}, tuple(values), club)
    assert [(field.name, field.kind, field.shown) for field in found] == [
        ("stage", "choice", "fiel"),
        ("value_cluster", "choice", "none"),
    ]
    assert found[0].read("zumbi") == "zumbi"
    with pytest.raises(ValueError, match="choose one of the list"):
        found[0].read("nowhere")


def test_a_mark_is_yes_or_no(club: Program) -> None:
    (found,) = fields({"has_email": True}, {"has_email": 1.0}, {}, (), club)
    assert (found.kind, found.read("true"), found.read("false")) == ("mark", True, False)


def test_the_split_that_tells_missing_values_apart_is_no_limit_of_a_range() -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, None, None] * 30, "y": [0, 0, 1, 1, 1, 0] * 30})
    model = CatBoostClassifier(iterations=20, depth=2, allow_writing_files=False, verbose=False, thread_count=1)
    model.fit(frame.select("x").to_numpy(), frame["y"].to_numpy())
    model.set_feature_names(["x"])
    assert any(abs(split) > 1e37 for split in model.get_borders()[0])
    low, high = ranges_of(RowModel(LoadedModel("1", "catboost", "some digest", model, ("x",))))["x"]
    assert 1 < low < high < 4
