from datetime import date, timedelta

import polars as pl
import pytest

from fiel.errors import TimeError
from fiel.reports import cards
from fiel.reports.cards import MoneyCard
from fiel.reports.data import Expectation, ReportData
from tests.reports.conftest import AS_OF, make_report


def test_figures_of_two_dates_stand_side_by_side(report: ReportData) -> None:
    assert report.previous_as_of == AS_OF - timedelta(days=7)
    figures = {row["figure"]: row for row in report.key_figures.to_dicts()}
    assert figures["active in 28 days"]["now"] == report.daily["monthly_active"].to_list()[-1]
    assert figures["active in 28 days"]["before"] == report.daily["monthly_active"].to_list()[-8]
    assert (
        figures["fiel"]["now"] == report.mix.filter(pl.col("as_of") == AS_OF, pl.col("stage") == "fiel")["customers"][0]
    )
    assert report.stage_change["now"].sum() == report.customers


def test_the_last_applied_cycle_is_what_the_report_compares_with() -> None:
    cycles = pl.DataFrame([(date(2025, 2, 10), 3, 250, 1), (AS_OF, 2, 120, 1)], schema=cards.CYCLE_SCHEMA, orient="row")
    assert make_report(60, money=MoneyCard(cycles=cycles)).previous_as_of == date(2025, 2, 10)


def test_a_given_date_goes_before_the_last_cycle() -> None:
    assert make_report(60, previous_as_of=date(2025, 1, 1)).previous_as_of == date(2025, 1, 1)


def test_a_date_before_the_first_event_is_nothing_to_compare_with() -> None:
    found = make_report(60, previous_as_of=date(2020, 1, 1))
    assert found.previous_as_of is None
    assert found.stage_change.is_empty()


def test_an_as_of_past_what_the_data_know_is_refused() -> None:
    with pytest.raises(TimeError, match="past what the data know"):
        make_report(60, as_of=AS_OF + timedelta(days=2))


def test_only_quality_that_had_matured_by_as_of_is_shown(report: ReportData) -> None:
    assert report.quality is not None
    rows = report.quality.with_columns(as_of=pl.Series([AS_OF - timedelta(days=28), AS_OF - timedelta(days=27)]))
    assert make_report(60, quality=rows).quality["as_of"].to_list() == [AS_OF - timedelta(days=28)]  # type: ignore[index]


def test_rows_of_another_date_are_left_out(report: ReportData) -> None:
    found = make_report(60)
    other = make_report(60, scores=pl.concat([found.ranking.drop("rank")] * 2).with_columns(as_of=pl.date(2025, 2, 1)))
    assert other.ranking.is_empty()


def test_the_scatter_is_a_stated_sample_of_everyone(report: ReportData) -> None:
    assert report.plane.height == report.plane_customers == report.clusters["customers"].sum()
    assert report.plane["kmeans_cluster"].null_count() == 0


def test_an_expectation_is_the_sum_of_the_scores() -> None:
    found = Expectation.of(pl.Series([0.5] * 100 + [None]))
    assert found == Expectation(100, 50.0, pytest.approx(40.2), pytest.approx(59.8))
    assert Expectation.of(pl.Series([None], dtype=pl.Float64)) is None
    certain = Expectation.of(pl.Series([1.0, 1.0]))
    assert certain == Expectation(2, 2.0, 2.0, 2.0)
