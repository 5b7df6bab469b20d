"""Customer-days are the active days: cut at local midnight, without operator events, in integer sums."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.sources.customer_days import _only_utc_offset, collected_customer_days, customer_days, local_hour
from fiel.sources.ranges import day_ranges
from fiel.tables import TABLES
from tests.features.frames import TEOMEWHY, core_of, event, program, table


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


CLOCKS = [
    ("America/Sao_Paulo", date(2025, 1, 1), date(2025, 12, 31), timedelta(hours=-3)),
    ("America/Sao_Paulo", date(2018, 11, 2), date(2018, 11, 2), timedelta(hours=-3)),
    ("America/Sao_Paulo", date(2018, 11, 3), date(2018, 11, 4), None),
    ("America/Sao_Paulo", date(2018, 11, 5), date(2019, 2, 15), timedelta(hours=-2)),
    ("America/Sao_Paulo", date(2019, 2, 16), date(2019, 2, 16), None),
    ("Europe/Lisbon", date(2025, 3, 28), date(2025, 3, 28), timedelta(0)),
    ("Europe/Lisbon", date(2025, 3, 30), date(2025, 3, 30), None),
    ("Asia/Kolkata", date(2025, 3, 29), date(2025, 3, 30), timedelta(hours=5, minutes=30)),
    ("UTC", date(2025, 3, 29), date(2025, 3, 30), timedelta(0)),
]


@pytest.mark.parametrize(("zone", "first", "last", "offset"), CLOCKS)
def test_one_offset_is_used_only_where_the_clocks_do_not_change(
    zone: str, first: date, last: date, offset: timedelta | None
) -> None:
    assert _only_utc_offset(ZoneInfo(zone), first, last) == offset


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["America/Sao_Paulo", "Europe/Lisbon", "Asia/Kolkata", "Pacific/Apia", "UTC"]),
    st.lists(st.datetimes(datetime(2011, 1, 1), datetime(2025, 12, 31)), min_size=1, max_size=8),
)
def test_a_range_of_days_at_a_time_gives_the_same_customer_days(zone: str, instants: list[datetime]) -> None:
    local = [at.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone)) for at in instants]
    events = table(
        "events",
        [
            event("ana", "2025-01-01 00:00", event_id=str(n), occurred_at=at, day=there.date())
            for n, (at, there) in enumerate(zip(instants, local, strict=True))
        ],
    ).lazy()
    chosen = program(day_time_zone=zone)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(day_ranges, "__defaults__", ((), 2))
        found = collected_customer_days(events, chosen)
    assert found.equals(customer_days(events, chosen).collect().sort("customer_id", "day"))
    assert found["transactions_morning"].sum() == sum(7 <= there.hour <= 11 for there in local)


def test_no_events_no_customer_days() -> None:
    TABLES["core_customer_days"].check(collected_customer_days(table("events", []).lazy(), TEOMEWHY).schema)
