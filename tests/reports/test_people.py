from datetime import date, timedelta

import polars as pl
import pytest

from fiel.reports import people

AS_OF = date(2025, 3, 1)


def scores(rows: list[tuple[str, str, str | None, int | None, float | None, float | None]]) -> pl.DataFrame:
    """Rows of (customer, stage, next stage, days until it, prob, loss_prob)."""
    frame = pl.DataFrame(
        rows, schema=["customer_id", "stage", "next_stage", "days", "prob", "loss_prob"], orient="row", strict=False
    )
    return frame.with_columns(
        pl.col("prob", "loss_prob").cast(pl.Float64),
        next_stage_date=pl.lit(AS_OF) + pl.duration(days=pl.col("days").cast(pl.Int64)),
        stage_after_visit=pl.lit("fiel"),
    ).drop("days")


def test_the_named_segment_stands_beside_a_listed_customer_where_there_is_one() -> None:
    listed = pl.DataFrame({"customer_id": ["b", "a"], "prob": [0.9, 0.1]})
    snapshot = pl.DataFrame({"customer_id": ["a", "b", "c"], "rfm_segment": ["lost", "champions", "new"]})
    assert people.with_segment(listed, snapshot)["segment"].to_list() == ["champions", "lost"]
    assert people.with_segment(listed, snapshot.drop("rfm_segment")).equals(listed)


class TestRanking:
    frame = scores(
        [
            ("b", "fiel", "turista", 3, 0.9, 0.1),
            ("a", "fiel", "turista", 3, 0.9, 0.1),
            ("gone", "zumbi", None, None, None, None),
            ("c", "turista", "desencantado", 3, 0.95, None),
        ]
    )

    def test_the_most_likely_come_first_and_equals_in_the_order_of_their_id(self) -> None:
        assert people.ranking(self.frame).select("rank", "customer_id").rows() == [(1, "c"), (2, "a"), (3, "b")]

    def test_customers_without_a_score_have_no_place(self) -> None:
        assert "gone" not in people.ranking(self.frame)["customer_id"]

    def test_keeps_the_first_ones(self) -> None:
        assert people.ranking(self.frame, 1)["customer_id"].to_list() == ["c"]


class TestDroppingSoon:
    frame = scores(
        [
            ("today", "fiel", "turista", 0, 0.5, 0.5),
            ("late", "fiel", "turista", 7, 0.9, 0.1),
            ("too-late", "fiel", "turista", 8, 0.9, 0.1),
            ("rises", "curioso", "fiel", 2, 0.9, None),
            ("safe", "fiel", "turista", 2, 0.8, 0.2),
            ("shaky", "fiel", "turista", 2, 0.3, 0.7),
            ("tourist", "turista", "desencantado", 2, 0.4, None),
            ("gone", "zumbi", None, None, None, None),
        ]
    )

    def test_lists_who_falls_in_the_coming_days_the_soonest_first(self) -> None:
        found = people.dropping_soon(self.frame, AS_OF)
        assert found.select("customer_id", "days_left").rows() == [
            ("shaky", 2),
            ("safe", 2),
            ("tourist", 2),
            ("late", 7),
        ]

    def test_works_without_scores(self) -> None:
        found = people.dropping_soon(self.frame.drop("prob", "loss_prob"), AS_OF)
        assert found["customer_id"].to_list() == ["safe", "shaky", "tourist", "late"]
        assert found["prob"].null_count() == 4

    def test_every_day_and_stage_of_absence_is_counted(self) -> None:
        by_day = people.dropping_by_day(people.dropping_soon(self.frame, AS_OF), AS_OF)
        assert by_day.height == 7 * 3
        assert by_day.filter(pl.col("customers") > 0).rows() == [
            (AS_OF + timedelta(days=2), "turista", 2),
            (AS_OF + timedelta(days=2), "desencantado", 1),
            (AS_OF + timedelta(days=7), "turista", 1),
        ]


class TestValuePlane:
    snapshot = pl.DataFrame(
        {
            "customer_id": ["b", "a", "idle"],
            "active_days_d28": [4, 12, 0],
            "value_earned_d28": [100, 900, 0],
            "value_cluster": ["lurker", "esforcado", "none"],
        }
    )

    def test_holds_the_active_in_the_order_of_their_id(self) -> None:
        assert people.value_plane(self.snapshot, 28)["customer_id"].to_list() == ["a", "b"]

    def test_sizes_come_in_the_order_of_the_clusters(self) -> None:
        sizes = people.cluster_sizes(people.value_plane(self.snapshot, 28), ("esforcado", "lurker", "none"))
        assert sizes.rows() == [("esforcado", 1, 0.5, 12.0, 900.0), ("lurker", 1, 0.5, 4.0, 100.0)]


def test_a_sample_is_evenly_spaced_and_the_same_every_time() -> None:
    frame = pl.DataFrame({"place": range(10)})
    assert people.sampled(frame, 4)["place"].to_list() == [0, 2, 5, 7]
    assert people.sampled(frame, 10).equals(frame)


def test_coverage_tells_who_is_counted_where() -> None:
    customers = pl.DataFrame({"customer_id": ["a", "b", "new", "old"], "status": ["present"] * 3 + ["merged"]})
    days = pl.DataFrame({"customer_id": ["a", "b", "new"], "day": [date(2025, 1, 1), date(2025, 1, 2), AS_OF]})
    snapshot = pl.DataFrame({"customer_id": ["a", "b"], "in_population": [True, False]})
    scored = pl.DataFrame({"customer_id": ["a", "b"], "prob": [0.5, None]})
    found = people.coverage(customers, days, snapshot, scored, AS_OF)
    assert found.select("group", "customers").rows() == [
        ("registered", 3),
        ("registered, never active", 1),
        ("active at least once", 2),
        ("outside the model's population", 1),
        ("in the model's population", 1),
        ("scored", 1),
    ]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("lurker", 1, 5), ("hyper", 2, 3)], 1.0),  # the same groups
        ([("lurker", 1, 4), ("lurker", 2, 4), ("hyper", 1, 4), ("hyper", 2, 4)], -1 / 14),  # crossed: below chance
        ([("lurker", 1, 9)], 1.0),  # one group each
    ],
)
def test_agreement_is_corrected_for_chance(pairs: list[tuple[str, int, int]], expected: float) -> None:
    agreement = pl.DataFrame(pairs, schema=["value_cluster", "kmeans_cluster", "customers"], orient="row")
    assert people.agreement_index(agreement) == pytest.approx(expected)
