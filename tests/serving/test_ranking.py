"""The frame of rankings: the group that a customer is spoken of by, a value, and whose probability is whose."""

from __future__ import annotations

import polars as pl
import pytest

from fiel.models.parts import OOT, CustomerParts
from fiel.program import Economics
from fiel.serving.ranking import is_made_of, ranking, value_of
from tests.reports.conftest import make_program, make_shop
from tests.serving.conftest import Club


def test_a_club_speaks_of_value_clusters_and_of_points_earned(club: Club) -> None:
    rows, snapshot = ranking(club.known), club.known.snapshot.collect().sort("customer_id")
    assert rows["customer_id"].to_list() == snapshot["customer_id"].to_list()
    assert rows["segment"].to_list() == snapshot["value_cluster"].to_list()
    assert rows["value"].to_list() == snapshot["value_earned_d28"].cast(pl.Float64).to_list()
    assert not rows["is_cross_fitted"].any()


def test_a_shop_speaks_of_named_segments_and_p_alive(club: Club) -> None:
    snapshot = club.known.snapshot.with_columns(
        rfm_segment=pl.lit("loyal"), purchase_alive_prob=pl.lit(0.5), value_expected_d90=pl.lit(1_250.0)
    )
    rows = ranking(club.with_known(snapshot=snapshot, program=make_shop()))
    assert rows.select("segment", "alive_prob", "value").unique().rows() == [("loyal", 0.5, 1_250.0)]


def test_engagement_gives_segment_risk_and_value(club: Club) -> None:
    engagement = club.known.scores.select(
        "customer_id", segment=pl.lit("premium"), risk_group=pl.lit("low"), value=pl.lit(7.0)
    )
    rows = ranking(club.with_known(engagement=engagement))
    assert rows.select("segment", "risk", "value").unique().rows() == [("premium", "low", 7.0)]


def test_a_bank_speaks_of_grades(club: Club) -> None:
    program = make_program(economics=Economics(currency="BRL", benefit=90, cost=10))
    rows = ranking(club.with_known(program=program, scores=club.known.scores.with_columns(grade=pl.lit(2, pl.Int64))))
    assert set(rows["segment"]) == {"grade 2"}


def test_probabilities_of_customers_that_the_model_learned_from_are_marked(club: Club) -> None:
    parts = CustomerParts(7, 0.5, 0.25)
    rows = ranking(club.known, parts)
    learned = parts.of(rows["customer_id"]) != OOT
    assert rows["is_cross_fitted"].to_list() == (learned & rows["prob"].is_not_null()).to_list()
    assert 0 < rows["is_cross_fitted"].sum() < rows.height


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (("value_expected_d28", "value_earned_d28"), 1.0),
        (("value_earned_d28",), 2.0),
        (("balance",), None),
        ((), None),
    ],
)
def test_the_value_is_the_first_that_the_program_has(columns: tuple[str, ...], expected: float | None) -> None:
    frame = pl.DataFrame({"value_expected_d28": [1], "value_earned_d28": [2], "balance": [3]})
    assert frame.select(value_of(make_program(), columns)).item() == expected


@pytest.mark.parametrize(
    ("prob", "expected"), [([0.1, 0.2], True), ([0.1, 0.2000001], False), ([0.1, None], False), ([0.1], False)]
)
def test_segments_of_other_scores_are_told_apart(prob: list[float | None], expected: bool) -> None:
    engagement = pl.DataFrame({"customer_id": ["b", "a"], "prob": [0.2, 0.1]})
    scores = pl.DataFrame({"customer_id": ["a", "b"][: len(prob)], "prob": prob})
    assert is_made_of(engagement, scores) is expected
