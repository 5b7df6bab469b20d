from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.features.spans import life_cycle_spans
from fiel.program import STAGES
from fiel.reports import metrics
from tests.reports.conftest import make_program

START = date(2025, 1, 1)


def days_of(visits: dict[str, list[int]]) -> pl.DataFrame:
    """Active days from numbers of days after START."""
    rows = [(who, START + timedelta(days=number)) for who, numbers in visits.items() for number in sorted(set(numbers))]
    return pl.DataFrame(rows, schema={"customer_id": pl.String, "day": pl.Date}, orient="row")


def on(number: int) -> date:
    return START + timedelta(days=number)


visits = st.dictionaries(
    st.sampled_from("abcdefg"), st.lists(st.integers(0, 70), min_size=1, max_size=12), min_size=1, max_size=7
)


class TestDailyActive:
    def test_counts_new_returning_and_the_window(self) -> None:
        found = metrics.daily_active(days_of({"a": [0, 1, 3], "b": [1]}), on(5), window_days=2)
        assert found.select("daily_active", "new", "returning", "monthly_active").rows() == [
            (1, 1, 0, 1),
            (2, 1, 1, 2),
            (0, 0, 0, 2),
            (1, 0, 1, 1),
            (0, 0, 0, 1),
        ]
        assert found["mean_daily_active"].to_list() == [None, 1.5, 1.0, 0.5, 0.5]
        assert found["stickiness"].to_list() == [None, 0.75, 0.5, 0.5, 0.5]

    def test_a_window_without_anybody_has_no_stickiness(self) -> None:
        found = metrics.daily_active(days_of({"a": [0]}), on(4), window_days=2)
        assert found["monthly_active"].to_list() == [1, 1, 0, 0]
        assert found["stickiness"].to_list() == [None, 0.5, None, None]

    def test_nothing_before_as_of_gives_an_empty_frame_of_the_same_columns(self) -> None:
        assert metrics.daily_active(days_of({"a": [5]}), on(5)).columns == list(
            metrics.daily_active(days_of({"a": [4]}), on(5)).columns
        )

    @settings(max_examples=30, deadline=None)
    @given(visits, st.integers(1, 30))
    def test_agrees_with_counting_one_day_after_the_other(self, seen: dict[str, list[int]], window: int) -> None:
        found = metrics.daily_active(days_of(seen), on(71), window)
        for row in found.iter_rows(named=True):
            number = (row["day"] - START).days
            assert row["daily_active"] == sum(number in numbers for numbers in seen.values())
            assert row["monthly_active"] == sum(
                any(number - window < seen_on <= number for seen_on in numbers) for numbers in seen.values()
            )
        assert found["new"].sum() == len(seen)

    @settings(max_examples=20, deadline=None)
    @given(visits, visits)
    def test_what_happens_at_or_after_as_of_changes_nothing(
        self, seen: dict[str, list[int]], later: dict[str, list[int]]
    ) -> None:
        as_of = on(40)
        past = {who: [number for number in numbers if number < 40] for who, numbers in seen.items()}
        future = {who: past.get(who, []) + [40 + number for number in numbers] for who, numbers in later.items()}
        before, after = days_of(past), days_of(past | future)
        assert metrics.daily_active(before, as_of).equals(metrics.daily_active(after, as_of))
        assert metrics.retention(before, as_of).equals(metrics.retention(after, as_of))
        assert metrics.return_curve(before, as_of).curve.equals(metrics.return_curve(after, as_of).curve)


def test_weeks_end_with_the_day_before_as_of_and_are_complete() -> None:
    daily = metrics.daily_active(days_of({"a": [0], "b": [1], "c": [9], "d": [14]}), on(15))
    assert metrics.weekly_joins(daily).rows() == [(on(1), 1, 0.0), (on(8), 2, 0.0)]


class TestStages:
    spans = pl.DataFrame(
        [
            ("a", on(1), on(7), "curioso"),
            ("a", on(8), on(20), "fiel"),
            ("a", on(21), None, "turista"),
            ("b", on(5), None, "curioso"),
        ],
        schema={"customer_id": pl.String, "first_as_of": pl.Date, "last_as_of": pl.Date, "stage": pl.String},
        orient="row",
    )

    def test_the_mix_counts_every_stage_on_every_date(self) -> None:
        mix = metrics.stage_mix(self.spans, [on(7), on(20), on(30)])
        assert mix.height == 3 * len(STAGES)
        assert mix.filter(pl.col("customers") > 0).select("as_of", "stage", "customers", "share").rows() == [
            (on(7), "curioso", 2, 1.0),
            (on(20), "curioso", 1, 0.5),
            (on(20), "fiel", 1, 0.5),
            (on(30), "curioso", 1, 0.5),
            (on(30), "turista", 1, 0.5),
        ]

    def test_transitions_lead_from_then_to_now(self) -> None:
        moves = metrics.transitions(self.spans, on(7), on(25)).filter(pl.col("customers") > 0)
        assert moves.select("from_stage", "to_stage", "customers", "from_customers", "share").rows() == [
            ("curioso", "curioso", 1, 2, 0.5),
            ("curioso", "turista", 1, 2, 0.5),
        ]

    def test_customers_who_came_later_are_in_no_transition(self) -> None:
        assert metrics.transitions(self.spans, on(3), on(25))["customers"].sum() == 1

    @settings(max_examples=20, deadline=None)
    @given(visits, st.integers(1, 70))
    def test_every_customer_has_one_stage_and_a_later_visit_moves_none(
        self, seen: dict[str, list[int]], at: int
    ) -> None:
        program = make_program()
        known = {who: [number for number in numbers if number < at] for who, numbers in seen.items()}
        mixes = [
            metrics.stage_mix(life_cycle_spans(days_of(some).lazy(), program), [on(at)])
            for some in (known, seen)
            if any(some.values())
        ]
        if any(known.values()):
            assert mixes[0].equals(mixes[1])
        assert mixes[-1]["customers"].sum() == sum(bool(numbers) for numbers in known.values())


class TestRetention:
    def test_shares_of_a_join_month_by_complete_calendar_month(self) -> None:
        days = days_of({"a": [0, 33, 62], "b": [10], "c": [31, 60], "d": [95]})
        found = metrics.retention(days, date(2025, 4, 20))
        assert found.rows() == [
            (date(2025, 1, 1), 0, 2, 2, 1.0),
            (date(2025, 1, 1), 1, 2, 1, 0.5),
            (date(2025, 1, 1), 2, 2, 1, 0.5),
            (date(2025, 2, 1), 0, 1, 1, 1.0),
            (date(2025, 2, 1), 1, 1, 1, 1.0),
        ]

    def test_a_month_that_ends_on_the_day_before_as_of_is_complete(self) -> None:
        found = metrics.retention(days_of({"a": [0, 31]}), date(2025, 3, 1))
        assert found["month"].to_list() == [0, 1]

    def test_keeps_the_newest_join_months(self) -> None:
        days = days_of({"a": [0], "b": [40], "c": [70]})
        assert metrics.retention(days, date(2025, 4, 1), at_most_months=2)["join_month"].unique().sort().to_list() == [
            date(2025, 2, 1),
            date(2025, 3, 1),
        ]


class TestReturnCurve:
    def test_is_the_distribution_of_mean_gaps(self) -> None:
        days = days_of({"a": [0, 2], "b": [0, 3, 6], "c": [0, 10], "d": [0, 20], "e": [0, 40], "once": [1]})
        found = metrics.return_curve(days, on(60))
        share = dict(found.curve.select("gap_days", "share_within").rows())
        assert found.customers == 5
        assert [share[gap] for gap in (1, 2, 3, 10, 39, 40)] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
        assert (found.half_days, found.most_days) == (10, 20)

    def test_without_a_second_day_there_is_no_curve(self) -> None:
        found = metrics.return_curve(days_of({"a": [0]}), on(5))
        assert (found.customers, found.half_days, found.curve.height) == (0, None, 0)


@pytest.fixture(scope="module")
def real_months(real_data: Path) -> pl.DataFrame:
    """Real month-ends: as_of, customer_id, first, last and last-but-one active day, stage."""
    query = (
        "select date(dtRef, '+1 day') as as_of, IdCliente, qtdeDiasPrimTransacao, qtdeDiasUltTransacao, "
        "qtdeDiasPenultimaTransacao, descLifeCycle from life_cycle"
    )
    with sqlite3.connect(real_data / "teomewhy" / "analytics" / "life_cycle.db") as database:
        rows = database.execute(query).fetchall()
    names = ["as_of", "customer_id", "first", "last", "previous", "label"]
    frame = pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
    return frame.with_columns(pl.col("as_of").str.to_date(), pl.col("first", "last", "previous").cast(pl.Int64))


@pytest.fixture(scope="module")
def real_days(real_months: pl.DataFrame) -> pl.DataFrame:
    """The active days that the real month-ends tell."""
    back = real_months.unpivot(
        ["first", "last", "previous"], index=["as_of", "customer_id"], value_name="back"
    ).drop_nulls("back")
    return back.select("customer_id", day=pl.col("as_of") - pl.duration(days=pl.col("back"))).unique()


def published(path: Path, day: str) -> pl.DataFrame:
    frame = pl.read_csv(path, schema_overrides={day: pl.String})
    return frame.rename({day: "day"}).with_columns(pl.col("day").str.strip_chars().str.to_date())


@pytest.mark.real_data
class TestRealMonthEnds:
    @pytest.mark.parametrize(
        ("file", "day", "ours"), [("MAU", "dtRef", "monthly_active"), ("DAU", "dtDia", "daily_active")]
    )
    def test_active_customers_are_the_published_ones(
        self, file: str, day: str, ours: str, real_data: Path, real_days: pl.DataFrame, real_months: pl.DataFrame
    ) -> None:
        known = published(real_data / "teomewhy" / "analytics" / f"{file}.csv", day)
        month_ends = real_months.select(day=(pl.col("as_of") - pl.duration(days=1))).unique()
        found = metrics.daily_active(real_days, real_months["as_of"].max())  # type: ignore[arg-type]
        both = found.join(month_ends, on="day").join(known, on="day")
        assert both.height >= 18
        assert both[ours].to_list() == both[file].to_list()

    def test_the_stage_mix_is_that_of_the_published_snapshots(
        self, real_days: pl.DataFrame, real_months: pl.DataFrame
    ) -> None:
        words = {"desencantada": "desencantado"}
        known = (
            real_months.with_columns(
                stage=pl.col("label").str.slice(3).str.to_lowercase().replace(words).fill_null("reborn")
            )
            .group_by("as_of", "stage")
            .agg(published=pl.len().cast(pl.Int64))
        )
        spans = life_cycle_spans(real_days.lazy(), make_program())
        mix = metrics.stage_mix(spans, real_months["as_of"].unique().to_list())
        both = mix.join(known, on=["as_of", "stage"], how="left").with_columns(pl.col("published").fill_null(0))
        assert both.filter(pl.col("customers") != pl.col("published")).is_empty()
        assert both["customers"].sum() == real_months.height
