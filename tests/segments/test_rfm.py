"""Moves between the named segments and the table of the segments."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiel.errors import SegmentError
from fiel.features.rfm_segments import SEGMENTS, segment_expr
from fiel.segments.rfm import NOT_YET, rfm_moves, segment_profile
from fiel.tables import TABLES

THEN, NOW = date(2011, 9, 1), date(2011, 10, 1)


def rfm(people: dict[str, tuple[int, int, int]], as_of: date = NOW) -> pl.DataFrame:
    """feat_rfm rows of customers with these R and F scores and this revenue; R 1 F 1 worth nothing never bought."""
    rows = [
        (name, as_of, None if (r, f, money) == (1, 1, 0) else 10 * (6 - r), r, f, 3, f, money)
        for name, (r, f, money) in people.items()
    ]
    columns = ["customer_id", "as_of", "days_since_last", "r_score", "f_score", "m_score"]
    frame = pl.DataFrame(
        rows,
        schema=dict.fromkeys([*columns, "purchase_days_d365", "revenue_net_d365"], pl.Int64)
        | {"customer_id": pl.String, "as_of": pl.Date},
        orient="row",
    )
    return frame.with_columns(rfm_segment=segment_expr(pl.col("r_score"), pl.col("f_score")))


def test_moves_name_where_customers_came_from() -> None:
    before = rfm({"ana": (5, 5, 900), "bia": (5, 1, 100), "caio": (5, 1, 50)}, THEN)
    now = rfm({"ana": (2, 5, 800), "bia": (4, 1, 100), "caio": (4, 1, -20), "duda": (5, 1, 70)})
    moves = rfm_moves(before, now, THEN, NOW)
    TABLES["out_segment_moves"].check(moves.schema)
    assert moves.rows() == [
        (NOW, THEN, "champions", "cannot_lose", 1, 800),
        (NOW, THEN, "new", "promising", 2, 80),
        (NOW, THEN, NOT_YET, "new", 1, 70),
    ]


SCORES = st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(-500, 10_000))


@given(now=st.dictionaries(st.text("abcdef", min_size=1), SCORES, max_size=30), then=st.randoms())
def test_moves_count_everybody_and_all_money_once(now: dict, then: object) -> None:
    earlier = {name: (then.randint(1, 5), then.randint(1, 5), 1) for name in now if then.random() < 0.6}  # type: ignore[attr-defined]
    before, after = rfm(earlier, THEN), rfm(now)
    moves = rfm_moves(before, after, THEN, NOW)
    TABLES["out_segment_moves"].schema.validate(moves)
    assert moves["customers"].sum() == len(now)
    assert moves["revenue_net"].sum() == sum(money for _, _, money in now.values())
    assert moves.filter(from_segment=NOT_YET)["customers"].sum() == len(now) - len(earlier)
    for segment in SEGMENTS:
        assert moves.filter(to_segment=segment)["customers"].sum() == after.filter(rfm_segment=segment).height
        assert moves.filter(from_segment=segment)["customers"].sum() == before.filter(rfm_segment=segment).height


def test_moves_refuse_customers_who_are_gone() -> None:
    with pytest.raises(SegmentError, match=r"1 customers of 2011-09-01 are missing at 2011-10-01 \(first bia\)"):
        rfm_moves(rfm({"ana": (1, 1, 1), "bia": (1, 1, 1)}, THEN), rfm({"ana": (1, 1, 1)}), THEN, NOW)


def test_moves_refuse_to_look_back_from_the_past() -> None:
    with pytest.raises(SegmentError, match="is not before"):
        rfm_moves(rfm({}, NOW), rfm({}, NOW), NOW, NOW)


def test_the_profile_has_every_segment_and_adds_up() -> None:
    people = rfm({"ana": (5, 5, 900), "bia": (5, 4, 300), "caio": (1, 1, 0), "duda": (3, 1, -100)})
    profile = segment_profile(people)
    assert profile["rfm_segment"].to_list() == list(SEGMENTS)
    assert (profile["customers"].sum(), profile["revenue_net"].sum()) == (4, 1_100)
    assert profile["share"].sum() == pytest.approx(1)
    assert profile["revenue_share"].drop_nulls().sum() == pytest.approx(1)
    champions = profile.row(by_predicate=pl.col("rfm_segment") == "champions", named=True)
    assert champions["median_revenue_net"] == 600
    assert champions["median_purchase_days"] == 4.5
    assert champions["mean_prob"] is None
    lost = profile.row(by_predicate=pl.col("rfm_segment") == "lost", named=True)
    assert (lost["customers"], lost["median_days_since_last"]) == (1, None)


def test_the_profile_adds_up_the_value_at_stake_of_those_who_have_one() -> None:
    people = rfm({"ana": (5, 5, 900), "bia": (5, 4, 300), "caio": (1, 1, 0)})
    scores = pl.DataFrame(
        {"customer_id": ["bia", "ana", "caio"], "prob": [0.25, 0.75, None], "value_at_stake": [30.0, 12.0, None]}
    )
    profile = segment_profile(people, scores).filter(pl.col("customers") > 0)
    assert profile.select("rfm_segment", "mean_prob", "value_at_stake").rows() == [
        ("champions", 0.5, 42.0),
        ("lost", None, None),
    ]


def test_the_profile_of_nobody_is_empty_segments() -> None:
    profile = segment_profile(rfm({}))
    assert profile["customers"].to_list() == [0] * len(SEGMENTS)
    assert profile["revenue_share"].is_null().all()


def test_a_frame_without_a_window_is_refused() -> None:
    with pytest.raises(SegmentError, match="one column revenue_net_"):
        segment_profile(rfm({"ana": (1, 1, 1)}).drop("revenue_net_d365"))
