"""What the report says of an undated program: whom it pays to treat, what was learned from, what said nothing."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import cast

import polars as pl
import pytest

from fiel.core import Core
from fiel.models.columns import DROPPED_SCHEMA
from fiel.models.parts import CustomerParts
from fiel.models.thresholds import THRESHOLD_SCHEMA
from fiel.program import read_program
from fiel.reports.cards import ModelCard
from fiel.reports.charts import About
from fiel.reports.data import ReportData
from fiel.reports.labels import feature_label
from fiel.reports.model_card import card_json, read_card
from fiel.reports.sections.base import Shown, Tiles, Words
from fiel.reports.sections.grades import columns_that_say_nothing, grades, thresholds
from fiel.reports.undated import grades_table, undated_coverage
from fiel.settings import HOME

AS_OF = date(2016, 3, 2)
PROGRAM = read_program(HOME / "deployments" / "programs" / "santander.yaml")
IDS = [str(number) for number in range(60)]
DROPPED = pl.DataFrame([("x_a", "constant", None), ("x_b", "duplicate", "x_c")], schema=DROPPED_SCHEMA, orient="row")


@pytest.fixture(scope="module")
def core() -> Core:
    """Sixty customers; of the last ten the outcome is not known."""
    labels = [int(number % 9 == 0) if number < 50 else None for number in range(60)]
    attributes = pl.DataFrame({"customer_id": IDS, "x_a": [1.0] * 60})
    known = pl.DataFrame({"customer_id": IDS, "label": labels, "is_treated": pl.Series([None] * 60, dtype=pl.Boolean)})
    return Core.of({"attributes": attributes, "labels": known}, AS_OF - timedelta(days=1))


@pytest.fixture(scope="module")
def scores() -> pl.DataFrame:
    probs = [(number + 1) / 100 for number in range(60)]
    profits = [100 * prob - 10 for prob in probs]
    return pl.DataFrame({"customer_id": IDS, "prob": probs, "expected_profit": profits, "grade": [2] * 20 + [1] * 40})


def test_grades_say_how_many_of_their_customers_taught_the_model(core: Core, scores: pl.DataFrame) -> None:
    found = {row["grade"]: row for row in grades_table(scores, core, PROGRAM).to_dicts()}
    parts = CustomerParts.of_program(PROGRAM)
    assert parts is not None
    part = dict(zip(IDS, parts.of(pl.Series(IDS)), strict=True))
    for grade, customers in {2: IDS[:20], 1: IDS[20:]}.items():
        taught = [who for who in customers if int(who) < 50 and part[who] != "oot"]
        assert (found[grade]["customers"], found[grade]["learned"]) == (len(customers), len(taught))
    assert found[1]["expected_profit"] == pytest.approx(sum(number + 1 - 10 for number in range(20, 60)))
    assert (found[1]["least"], found[1]["most"]) == pytest.approx((11, 50))


def test_the_coverage_counts_each_labelled_customer_in_one_part(core: Core, scores: pl.DataFrame) -> None:
    found = {row["group"]: row["customers"] for row in undated_coverage(core, scores, PROGRAM).to_dicts()}
    assert (found["customers"], found["outcome known"], found["outcome not known"], found["scored"]) == (60, 50, 10, 60)
    assert sum(found[f"in the {part} part"] for part in ("training", "validation", "test")) == 50


def test_the_first_screen_says_whom_it_pays_to_treat_and_what_that_earns(core: Core, scores: pl.DataFrame) -> None:
    by_theory = pl.DataFrame([("theory", 0.1, 50.0, 12, -1_234.0)], schema=THRESHOLD_SCHEMA, orient="row")
    judged = pl.DataFrame({"split": ["oot"], "model": ["catboost"], "rows": [20]})
    card = ModelCard("1", "catboost", "promote", "", thresholds=by_theory, metrics=judged)
    found = grades_table(scores, core, PROGRAM)
    data = SimpleNamespace(
        program=PROGRAM, model=card, plan=None, grades=found, customers=60, ranking=scores.with_columns(rank=1),
        as_of=AS_OF, horizon_date=AS_OF,
    )  # fmt: skip
    tiles = grades(cast("ReportData", data)).blocks[0]
    assert isinstance(tiles, Tiles)
    told = {tile.label: (tile.value, tile.note) for tile in tiles.tiles}
    assert told["pays to treat"] == ("40 customers", "66.7 % of all: above a probability of 10 %")
    assert told["expected profit"][0] == "R$ 1,220"
    assert told["profit out of time"] == ("−R$ 1,234", "12 treated of 20 whom the model had never seen")
    assert "granted" not in told


def test_columns_that_say_nothing_are_counted_and_named_as_the_source_names_them() -> None:
    card = ModelCard(version="1", kind="catboost", action="promote", reason="", dropped_columns=DROPPED)
    words, shown = columns_that_say_nothing(card, About(AS_OF, 10, False))
    assert isinstance(words, Words)
    assert isinstance(shown, Shown)
    assert "they say nothing in the training part: 2 columns" in words.text
    assert "1 without any variation there, 1 equal to another column" in words.text
    assert shown.is_folded


def test_a_program_without_dropped_columns_says_nothing_of_them() -> None:
    card = ModelCard(version="1", kind="catboost", action="promote", reason="")
    assert columns_that_say_nothing(card, About(AS_OF, 10, False)) == []
    assert thresholds(card, About(AS_OF, 10, False), "BRL") == []


def test_the_card_keeps_them() -> None:
    card = ModelCard(version="1", kind="catboost", action="promote", reason="", dropped_columns=DROPPED)
    assert read_card(card_json(card)).dropped_columns.equals(DROPPED)


@pytest.mark.parametrize(
    ("column", "label"),
    [
        ("x_saldo_var30", "saldo_var30"),
        ("c_factor1", "factor1"),
        ("zero_count", "figures that are 0"),
        ("sum_saldo_medio", "sum of saldo_medio"),
        ("nonzero_ind", "non-zeros of ind"),
        ("ratio_saldo_var30_over_var38", "saldo_var30_over_var38"),
    ],
)
def test_a_column_of_the_source_keeps_its_name(column: str, label: str) -> None:
    assert feature_label(column) == label
