"""What each part of a model is worth, in the report: chart, table, words, MLflow's plot and the kept card."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from fiel.models.alternatives import ALTERNATIVE_DIFFERENCE_SCHEMA, ALTERNATIVE_SCHEMA
from fiel.models.trials import ABLATION_SCHEMA
from fiel.reports import theme
from fiel.reports.cards import ModelCard
from fiel.reports.charts import About
from fiel.reports.charts.ablation import ablation as ablation_chart
from fiel.reports.charts.ablation import with_shares
from fiel.reports.model_card import card_json, read_card
from fiel.reports.plots import model_plots
from fiel.reports.sections.ablation import ablation, beside
from fiel.reports.sections.base import Figure, Shown, Words
from fiel.reports.sections.model import model
from tests.reports.conftest import AS_OF, make_card, make_program, make_report

ABOUT = About(AS_OF, 500, simulated=True)


def card() -> ModelCard:
    """The made-up card as a program with context, embedding and ensemble has it."""
    found = [
        ("context", "with context", "without context", 0.098, 0.100, 0.0005, True),
        ("embedding", "pca", "no embedding", 0.0982, 0.098, 0.0004, False),
        ("embedding", "autoencoder", "no embedding", 0.0981, 0.098, 0.0004, False),
        ("embedding", "autoencoder", "pca", 0.0981, 0.0982, 0.0003, False),
        ("ensemble", "ensemble of 5", "single model", 0.0975, 0.098, 0.0001, True),
    ]
    rows = [
        (what, one, other, 9_000, loss, without, without - loss, error, 0.71, 0.7, 0.06, 0.05, kept)
        for what, one, other, loss, without, error, kept in found
    ]
    alternatives = [
        ("ensemble of 5", "out of time", False, True, 4_000, 80, 0.02, 0.72, 0.70, 0.74, 0.06, 0.11, 0.08, 0.097),
        ("single model", "out of time", False, False, 4_000, 80, 0.02, 0.71, 0.69, 0.73, 0.05, 0.10, 0.07, 0.098),
        ("ensemble of 5", "random split", True, False, 5_000, 100, 0.02, 0.81, 0.79, 0.83, 0.15, 0.25, 0.1, 0.09),
    ]
    differences = [("single model", "auc", 0.01, -0.002, 0.02), ("single model", "log_loss", -0.001, -0.002, -0.0001)]
    return replace(
        make_card(make_program()),
        ablation=pl.DataFrame(rows, schema=ABLATION_SCHEMA, orient="row"),
        alternatives=pl.DataFrame(alternatives, schema=ALTERNATIVE_SCHEMA, orient="row"),
        alternative_differences=pl.DataFrame(differences, schema=ALTERNATIVE_DIFFERENCE_SCHEMA, orient="row"),
    )


def test_each_part_is_told_with_what_it_saves_and_its_interval() -> None:
    (found,) = ablation(card(), ABOUT)
    assert isinstance(found, Figure)
    assert found.table is not None
    rows = {row[0:2]: row for row in found.table.rows}
    assert "+2.00 % (+1.02 % to +2.98 %)" in rows["with context", "without context"]
    assert rows["with context", "without context"][-1] == "kept"
    assert rows["PCA", "no embedding"][-1] == "left out"
    assert rows["PCA", "no embedding"][6:8] == ("0.710", "0.700"), "measures of one column line up"
    for words in ("context +2.00 %, kept", "PCA −0.20 %, left out", "ensemble of 5 +0.51 %, kept"):
        assert words in found.description


def test_the_chart_draws_what_the_table_says_in_both_looks() -> None:
    chart = ablation_chart(card().ablation, ABOUT)
    for mode in theme.MODES:
        assert theme.themed_spec(chart, mode, 720)["title"]["text"] == "What each part is worth on the folds"
    shares = with_shares(card().ablation)
    assert shares["part"].to_list() == [
        "context", "PCA", "autoencoder", "autoencoder vs PCA", "ensemble of 5",
    ]  # fmt: skip
    assert (shares["low"] < shares["saved"]).all()


def test_the_random_split_is_labelled_optimistic_wherever_it_stands() -> None:
    shown, *words = beside(card(), ABOUT)
    assert isinstance(shown, Shown)
    judged_on = [row[1] for row in shown.table.rows]
    assert judged_on == ["out of time", "out of time", "a random split: optimistic"]
    assert shown.table.rows[0][4:] == ("0.720 (0.700 to 0.740)", "0.060", "0.110", "8 %", "0.097")
    said = " ".join(block.text for block in words if isinstance(block, Words))
    assert "The random split is optimistic by construction" in said
    assert "The ensemble of 5 minus the single model out of time" in said
    assert "AUC +0.010 (−0.002 to +0.020)" in said


def test_a_random_split_that_comes_out_lower_is_not_called_the_stricter_test() -> None:
    is_random = pl.col("is_optimistic")
    rows = card().alternatives.with_columns(auc=pl.when(is_random).then(0.7).otherwise("auc"))
    said = " ".join(
        block.text for block in beside(replace(card(), alternatives=rows), ABOUT) if isinstance(block, Words)
    )
    assert "That it comes out lower here says that the earlier dates are harder to tell apart, or is chance." in said
    usual = " ".join(block.text for block in beside(card(), ABOUT) if isinstance(block, Words))
    assert "comes out lower" not in usual


def test_nothing_is_shown_of_what_was_not_tried() -> None:
    plain = make_card(make_program())
    assert ablation(plain, ABOUT) == []
    assert beside(plain, ABOUT) == []


def test_a_model_without_an_alternative_says_nothing_of_one() -> None:
    only = replace(card(), alternative_differences=card().alternative_differences.clear())
    only = replace(only, alternatives=only.alternatives.filter("is_registered"))
    (shown,) = beside(only, ABOUT)
    assert isinstance(shown, Shown)
    assert shown.table.rows[0][0] == "ensemble of 5 (registered)"


def test_it_is_in_the_model_section_and_in_mlflows_plots() -> None:
    names = [getattr(block, "name", getattr(block, "title", "")) for block in model(make_report(model=card())).blocks]
    assert "ablation" in names
    assert "The model beside its alternatives" in names
    plots = model_plots(card(), make_program(), AS_OF)
    assert plots["plots/ablation.png"].startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["ablation", "alternatives", "alternative_differences"])
def test_a_kept_card_gives_it_back(name: str) -> None:
    assert getattr(read_card(card_json(card())), name).equals(getattr(card(), name))
