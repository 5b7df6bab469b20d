"""Calendar features let a model tell a break from people leaving."""

from __future__ import annotations

from datetime import date

import pytest

from fiel.core import Core
from fiel.features import calendar
from fiel.tables import TABLES

from .frames import TEOMEWHY, core_of, event, on, program


def crowd(days: dict[int, int], **more: object) -> Core:
    """Offset of a day to the customers who were active on it."""
    return core_of(
        [event(f"c{number}", f"{on(day)} 12:00", **more) for day, size in days.items() for number in range(size)]
    )


def one(core: Core, as_of: date, **changes: object) -> tuple[object, ...]:
    found = calendar.build(core, [as_of], program(**changes)).collect()
    TABLES["feat_calendar"].check(found.schema)
    return found.row(0)


def live_days(days: dict[int, int], as_of: int, **more: object) -> object:
    return one(crowd(days, **more), on(as_of))[2]


@pytest.mark.parametrize(("as_of", "weekday"), [(date(2025, 6, 2), 1), (date(2025, 6, 8), 7)])
def test_weekday_counts_from_monday(as_of: date, weekday: int) -> None:
    assert one(crowd({0: 1}), as_of)[1] == weekday


def test_a_day_with_a_tenth_of_the_median_is_live_and_with_less_is_not() -> None:
    usual = dict.fromkeys(range(10), 20)
    assert live_days(usual | {11: 2}, 20) == 11
    assert live_days(usual | {11: 1}, 20) == 10


def test_only_the_last_28_days_before_as_of_count() -> None:
    assert live_days({0: 1, 1: 1, 28: 1, 29: 1}, 29) == 2
    assert live_days({0: 1, 1: 1, 28: 1, 29: 1}, 28) == 2
    assert live_days({0: 1}, 60) == 0


def test_days_without_a_live_event_are_not_live() -> None:
    assert live_days({0: 3, 1: 3}, 20, is_live=False) == 0


def test_days_at_as_of_and_later_move_nothing() -> None:
    known = dict.fromkeys(range(10), 4)
    assert live_days(known | {11: 30, 12: 30}, 10) == live_days(known, 10)


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        ("2025-06-01", "2025-06-28", 28),
        ("2025-06-28", "2025-07-30", 1),
        ("2025-06-29", "2025-07-30", 0),
        ("2025-05-01", "2025-06-01", 1),
        ("2025-05-01", "2025-05-31", 0),
    ],
)
def test_planned_breaks_count_from_as_of_to_the_day_before_the_outcome(first: str, last: str, days: int) -> None:
    breaks = [{"name": "break", "first": first, "last": last}]
    assert one(crowd({0: 1}), date(2025, 6, 1), breaks=breaks)[3] == days
    twice = [*breaks, {"name": "again", "first": first, "last": last}]
    assert one(crowd({0: 1}), date(2025, 6, 1), breaks=twice)[3] == days


def test_a_date_before_any_event_has_no_live_day() -> None:
    found = calendar.build(crowd({5: 1}), [on(3), on(6)], TEOMEWHY).collect().sort("as_of")
    assert found["live_days_d28"].to_list() == [0, 1]
