from dataclasses import fields

import polars as pl

from fiel.reports.cards import ModelCard
from fiel.reports.model_card import card_json, read_card
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
