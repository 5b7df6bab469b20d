"""Customer-days are the active days: cut at local midnight, without operator events, in integer sums."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from fiel.features.customer_days import customer_days, local_hour
from fiel.tables import TABLES

from .frames import TEOMEWHY, core_of, event, program, table


def days_of(events: list[dict[str, object]], **changes: object) -> pl.DataFrame:
    numbered = [{"event_id": str(number)} | row for number, row in enumerate(events)]
    return customer_days(table("events", numbered).lazy(), program(**changes)).collect().sort("customer_id", "day")


def test_one_row_for_each_customer_and_day_in_the_declared_schema() -> None:
    days = days_of(
        [event("ana", "2025-03-01 09:00"), event("ana", "2025-03-01 21:00"), event("ana", "2025-03-02 09:00")]
    )
    TABLES["core_customer_days"].check(days.schema)
    assert days["day"].to_list() == [date(2025, 3, 1), date(2025, 3, 2)]
    assert days["transactions"].to_list() == [2, 1]


def test_values_are_split_into_net_earned_and_spent() -> None:
    day = days_of([event("ana", "2025-03-01 09:00", value) for value in (50, 0, -30, 5)]).row(0, named=True)
    assert (day["value_net"], day["value_earned"], day["value_spent"]) == (25, 55, 30)


def test_seconds_are_those_between_first_and_last_event_whatever_their_order() -> None:
    at = ("12:00:10", "09:00:00", "10:00")
    assert days_of([event("ana", f"2025-03-01 {time}") for time in at])["active_seconds"].to_list() == [10_810]
    assert days_of([event("ana", "2025-03-01 09:00")])["active_seconds"].to_list() == [0]


def test_operator_events_make_no_active_day_and_count_in_nothing() -> None:
    paid = event("ana", "2025-03-02 23:00", 500, is_operator=True)
    assert days_of([paid]).is_empty()
    with_grant = days_of([event("ana", "2025-03-02 09:00"), paid])
    assert with_grant.equals(days_of([event("ana", "2025-03-02 09:00")]))


def test_live_events_are_counted_apart() -> None:
    day = days_of([event("ana", "2025-03-01 09:00"), event("ana", "2025-03-01 09:00", is_live=False)])
    assert day.select("transactions", "live_transactions").row(0) == (2, 1)


@pytest.mark.parametrize(
    ("local", "part"),
    [
        ("06:59:59", "night"),
        ("07:00", "morning"),
        ("11:59:59", "morning"),
        ("12:00", "afternoon"),
        ("18:59:59", "afternoon"),
        ("19:00", "night"),
        ("00:00", "night"),
        ("23:59:59", "night"),
    ],
)
def test_part_of_day_is_by_local_hour(local: str, part: str) -> None:
    day = days_of([event("ana", f"2025-03-01 {local}")]).row(0, named=True)
    parts = {name: day[f"transactions_{name}"] for name in ("morning", "afternoon", "night")}
    assert parts == {name: int(name == part) for name in parts}


def test_parts_of_day_come_from_the_program() -> None:
    early = {"morning": (4, 5), "afternoon": (6, 7)}
    assert days_of([event("ana", "2025-03-01 05:30")], parts_of_day=early)["transactions_morning"].to_list() == [1]


def test_hours_follow_the_zone_through_a_change_of_clocks() -> None:
    instants = pl.DataFrame({"at": ["2025-03-30 00:30", "2025-03-30 01:30"]}).select(
        pl.col("at").str.to_datetime("%Y-%m-%d %H:%M", time_unit="us")
    )
    assert instants.select(local_hour(pl.col("at"), "Europe/Lisbon")).to_series().to_list() == [0, 2]
    assert instants.select(local_hour(pl.col("at"), "UTC")).to_series().to_list() == [0, 1]


def test_the_core_of_the_tests_is_built_by_the_same_function() -> None:
    core = core_of([event("ana", "2025-03-01 09:00")])
    assert core["customer_days"].collect().equals(customer_days(core["events"], TEOMEWHY).collect())
