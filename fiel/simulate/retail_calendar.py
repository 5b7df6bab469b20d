"""When a British gift wholesaler is open and busy: days, hours, season, with the real file's shares."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np

from fiel.simulate.calendar import day_number
from fiel.simulate.draws import Draws, Floats, Ints

_MONTHS = (0.85, 0.90, 1.00, 0.98, 1.05, 1.02, 0.96, 0.95, 1.28, 1.42, 1.75, 1.60)  # invoices a day, January first
_WEEKDAYS = (1.0, 1.08, 1.10, 1.27, 0.95, 0.0, 0.60)  # never on Saturdays
_HOURS = (0.02, 0.06, 0.90, 3.1, 5.2, 5.6, 7.0, 5.9, 5.5, 5.3, 3.3, 1.9, 0.45, 0.30, 0.05)  # from six in the morning on
_FIRST_HOUR = 6
_SUNDAY = 6


@dataclass(frozen=True)
class Trade:
    """One entry for each day from `first` on: how busy it is against an average day; 0 is a closed day."""

    first: int  # day number
    pull: Floats

    def cumulated(self) -> Floats:
        """Operational time at the beginning of each day: what a purchase rate is measured in."""
        return np.concatenate([[0.0], np.cumsum(self.pull)])

    def next_open(self, day: Ints) -> Ints:
        """The first open day from each day number on; the day after the calendar where there is none."""
        open_days = self.first + np.flatnonzero(self.pull > 0)
        place = np.searchsorted(open_days, day)
        return np.append(open_days, self.first + len(self.pull))[place]


def easter(year: int) -> date:
    """Easter Sunday (the anonymous Gregorian algorithm, Meeus 1991)."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    shift = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * shift) // 451
    month, day = divmod(h + shift - 7 * m + 114, 31)
    return date(year, month, day + 1)


def closed_days(year: int) -> set[date]:
    """Days without trade apart from Saturdays: the year's end, Easter and the bank holidays of England."""
    sunday = easter(year)
    may = date(year, 5, 1)
    first_monday = may + timedelta(days=-may.weekday() % 7)
    spring = date(year, 5, 31)
    summer = date(year, 8, 31)
    return {
        *(date(year, 12, day) for day in range(24, 32)),
        *(date(year, 1, day) for day in range(1, 4)),
        *(sunday + timedelta(days=shift) for shift in (-2, 0, 1)),
        first_monday,
        spring - timedelta(days=spring.weekday()),
        summer - timedelta(days=summer.weekday()),
    }


def trade(start: date, last: date, season: float = 1.0) -> Trade:
    """The days from `start` to `last`; `season` 0 makes all open days alike, 1 is the real file's season."""
    days = [start + timedelta(days=number) for number in range((last - start).days + 1)]
    closed = {day for year in range(start.year, last.year + 1) for day in closed_days(year)}
    month = np.array([_MONTHS[day.month - 1] for day in days]) / np.mean(_MONTHS)
    weekday = np.array([_WEEKDAYS[day.weekday()] for day in days])
    is_open = np.array([day.weekday() != 5 and day not in closed for day in days])
    pull = np.where(is_open, month**season * np.where(weekday > 0, weekday, 1.0) ** season, 0.0)
    return Trade(day_number(start), pull * (366 / 295 if season == 0 else 365 / 300))


def minutes(draws: Draws, purpose: str, day: Ints, *keys: Ints | int) -> Ints:
    """Minute of the day at which something is invoiced; Sundays are short."""
    weekday = (day + 3) % 7
    share = np.cumsum(_HOURS) / np.sum(_HOURS)
    place = np.interp(
        draws.uniform(purpose, day, *keys), np.concatenate([[0.0], share]), np.arange(len(share) + 1, dtype=np.float64)
    )
    minute = ((_FIRST_HOUR + place) * 60).astype(np.int64)
    return np.where(weekday == _SUNDAY, 600 + (minute - 360) * 360 // (len(_HOURS) * 60), minute)


def at_minute(day: date, minute: int) -> datetime:
    """A minute of a day as local time."""
    return datetime.combine(day, time(minute // 60, minute % 60))
