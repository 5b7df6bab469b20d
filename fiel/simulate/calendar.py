"""The community's calendar: live days, the year-end break, and the waves in which people come.

The shape follows DOMAIN.md section 1: streams on weekdays, a break around Christmas, waves of new people at launches.
Days are counted from 1970-01-01 in the community's local time.
"""

from dataclasses import dataclass, fields
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from fiel.simulate.draws import Draws, Floats, Ints

EPOCH = date(1970, 1, 1)
REFERENCE_DAYS = 669  # 2024-02-01 to 2025-11-30: `customers` register in a community's first so many days
COURSE_REGISTRATION_FROM = date(2025, 6, 1)  # since then a course account creates a customer

# First day, people who join through it at the size of the real community, days in which it fades.
_WAVES = [
    (date(2024, 2, 26), 130, 5.0),
    (date(2024, 3, 11), 60, 6.0),
    (date(2024, 4, 15), 100, 5.0),
    (date(2024, 6, 3), 50, 8.0),
    (date(2025, 1, 27), 120, 6.0),
    (date(2025, 2, 10), 70, 6.0),
    (date(2025, 8, 25), 340, 3.0),
    (date(2025, 9, 29), 90, 5.0),
]
_YEARLY_WAVES = [(1, 26, 130, 7.0), (8, 24, 260, 5.0)]  # before 2024 and from 2026 on
_HOLIDAYS = {(1, 1), (4, 21), (5, 1), (9, 7), (10, 12), (11, 2), (11, 15), (12, 25)}


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


@dataclass(frozen=True)
class Calendar:
    """One entry for each local day from `first` on; arrays are indexed by day number minus `first`."""

    first: int
    is_live: npt.NDArray[np.bool_]
    live_start_minute: Ints  # minutes after local midnight
    pull: Floats  # shift of the log odds that an engaged person comes
    hype: Floats  # how strongly a wave is felt, 0 in ordinary times
    live_joins: Floats  # people who join at the stream, at the size of the real community
    other_joins: Floats  # people who register without coming to a stream

    def until(self, last: date) -> "Calendar":
        """The same calendar up to and with `last`."""
        length = day_number(last) - self.first + 1
        cut = {field.name: getattr(self, field.name)[:length] for field in fields(self) if field.name != "first"}
        return Calendar(self.first, **cut)

    @property
    def days(self) -> Ints:
        """All day numbers."""
        return np.arange(self.first, self.first + len(self.is_live))


def in_break(day: date) -> bool:
    """Whether the day is in the year-end break: the Monday of Christmas week to January 1 (2 if a Friday)."""
    if day.month == 12:
        christmas = date(day.year, 12, 25)
        return day >= christmas - timedelta(days=christmas.weekday())
    return day.month == 1 and (day.day == 1 or (day.day == 2 and day.weekday() == 4))


def _waves(first_year: int, last_year: int) -> list[tuple[date, int, float]]:
    yearly = [
        (date(year, month, day), size, fade)
        for year in range(first_year, last_year + 1)
        if year not in (2024, 2025)
        for month, day, size, fade in _YEARLY_WAVES
    ]
    return _WAVES + yearly


def make_calendar(draws: Draws, start: date, last: date) -> Calendar:
    """The calendar from `start` to `last`; a later `last` only adds days."""
    first = day_number(start)
    number = np.arange(first, day_number(last) + 1)
    dates = [start + timedelta(days=int(i)) for i in range(len(number))]
    weekday = (number + 3) % 7
    week = (number + 3) // 7
    closed = np.array([in_break(day) or (day.month, day.day) in _HOLIDAYS for day in dates])
    is_off = draws.uniform("calendar/day off", number) < 0.02
    travel_week = draws.uniform("calendar/travel week", week) < 0.05
    travel_from = (draws.uniform("calendar/travel from", week) * 3).astype(np.int64)
    is_off |= travel_week & (weekday >= travel_from) & (weekday < travel_from + 3)
    weekend_live = (weekday == 5) & (draws.uniform("calendar/weekend", number) < 0.03)
    is_live = ((weekday < 5) & ~is_off | weekend_live) & ~closed
    age = (number - first).astype(np.float64)
    hype = np.zeros(len(number))
    wave_joins = np.zeros(len(number))
    for day, size, fade in _waves(start.year - 1, last.year):
        since = (number - day_number(day)).astype(np.float64)
        shape = np.where((since >= 0) & (since < 12 * fade), np.exp(-np.maximum(since, 0) / fade), 0.0)
        hype += shape * size / 200
        wave_joins += shape * size / fade
    launch = np.exp(-age / 12)
    hype += launch
    noise = np.exp(0.3 * draws.normal("calendar/joins", number) - 0.045)
    usual = (3.2 + 6.0 * np.exp(-age / 110) + 30 * launch) * noise
    live_joins = np.where(is_live, 0.85 * wave_joins * 1.25 + usual, 0.15)
    since_courses = number >= day_number(COURSE_REGISTRATION_FROM)
    other_joins = np.where(since_courses, 5.2 * noise * (1 + 0.5 * hype), 0.08 * live_joins)
    evening = draws.uniform("calendar/evening", number) < 0.08
    minute = np.where(evening, 19 * 60, 9 * 60) + (40 * draws.uniform("calendar/minute", number)).astype(np.int64)
    pull = 0.22 * draws.normal("calendar/pull", number) + 0.6 * np.minimum(hype, 1.5)
    pull += np.select([weekday == 0, weekday == 5], [0.15, -1.0], 0.0)
    return Calendar(first, is_live, minute, pull, hype, live_joins, other_joins)
