from dataclasses import fields

import polars as pl

from fiel.program import Economics
from fiel.reports.cards import ModelCard
from fiel.reports.model_card import _profit, card_json, read_card
from tests.reports.conftest import make_card, make_program


def same(one: ModelCard, other: ModelCard) -> bool:
    pairs = [(getattr(one, entry.name), getattr(other, entry.name)) for entry in fields(ModelCard)]
    return all(a.equals(b) if isinstance(a, pl.DataFrame) else a == b for a, b in pairs)


def test_a_kept_card_is_read_back_as_it_was() -> None:
    card = make_card(make_program())
    assert same(read_card(card_json(card)), card)
    assert card_json(read_card(card_json(card))) == card_json(card)


def test_a_card_without_figures_is_read_back_too() -> None:
    card = ModelCard("1", "stage_rule", "first", "the first champion")
    assert same(read_card(card_json(card)), card)


def test_the_profit_curve_is_made_where_the_program_has_economics() -> None:
    rows = pl.DataFrame(
        {"customer_id": ["a", "b", "c", "d"], "label": [1, 0, 1, 0], "prob": [0.9, 0.8, 0.4, 0.1]},
        schema_overrides={"label": pl.Int8},
    )
    program = make_program()
    with_money = program.model_copy(update={"economics": Economics(benefit=90, cost=10)})
    without = program.model_copy(update={"economics": None})
    curve = _profit(rows, with_money)
    assert curve.sort("threshold").row(0, named=True) | {"low": 0, "high": 0} == {
        "threshold": 0.1, "treated": 4, "profit": 160.0, "low": 0, "high": 0,
    }  # fmt: skip
    assert _profit(rows, without).is_empty()
