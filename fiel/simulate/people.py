"""Who registers when, and on which days each person comes.

Each person has a type (drop-in, casual, regular, core) that sets how likely they come to a stream while engaged and
how soon they drift away. Two hidden states wander from week to week: how often they come (drift) and how much they
care (bond). Who cares stays longer, and takes part more while there, so what people do at a stream says more about
their future than how often they come. People leave, and some come back.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from fiel.simulate.calendar import REFERENCE_DAYS, Calendar, day_number
from fiel.simulate.draws import Draws, Floats, Ints

_Rows = tuple[Ints, Ints, Floats, Floats, npt.NDArray[np.bool_]]  # the columns of Attendance

LIVE, COURSE_ONLY, NEVER_ACTIVE = 0, 1, 2
COURSES_FROM = day_number(date(2025, 2, 4))  # the course platform's first day

# One column for each type: drop-in, casual, regular, core. Fitted by random search to the published month-ends and
# daily actives: stage mix, loyal share by stage, active days, spans of activity.
_TYPE_SHARE = np.array([0.573, 0.319, 0.097, 0.011])
_LOG_ODDS = np.array([-3.16, -0.65, 0.98, 2.79])
_LOG_ODDS_SPREAD = np.array([0.3718, 0.4317, 1.0965, 0.241])
_LEAVE_WEEKLY = np.array([0.0419, 0.4844, 0.0369, 0.0708])
_LEAVE_EARLY = np.array([0.233, 0.1405, 0.1328, 0.019])  # more in the first weeks
_EARLY_WEEKS = 3
_LEAVE_SPREAD = 0.711  # of the log, within a type
_RETURN_WEEKLY = np.array([0.0029, 0.0214, 0.0033, 0.0658])
_STAYS_AFTER_RETURN = np.array([0.0961, 0.0223, 0.0784, 0.5887])
_WAVE_SHIFT = 0.045  # who comes with a wave is more often a drop-in
_LAUNCH_SHIFT = 0.707  # who was there at the launch is less often one
_LAUNCH_DAYS = 20
_BOND_KEEP = 0.93
_BOND_ON_LEAVING = 0.9
_DRIFT_KEEP = 0.757
_DRIFT_STEP = 0.767


@dataclass(frozen=True)
class Registrations:
    """One entry for each customer in the order of registration; the position is the customer's number."""

    day: Ints
    kind: npt.NDArray[np.int8]  # LIVE, COURSE_ONLY or NEVER_ACTIVE
    scale: float  # size of this community relative to the real one

    def __len__(self) -> int:
        return len(self.day)

    def until(self, day: int) -> "Registrations":
        """Those who registered up to and with that day."""
        known = int(np.searchsorted(self.day, day, side="right"))
        return Registrations(self.day[:known], self.kind[:known], self.scale)


@dataclass(frozen=True)
class Attendance:
    """One entry for each person and day with a visit, by customer and day."""

    customer: Ints
    day: Ints
    level: Floats  # log odds of coming to a stream in that week
    bond: Floats  # how much they care in that week, standard normal
    is_owl: npt.NDArray[np.bool_]  # the one visitor in the small hours that every day has


def registrations(draws: Draws, calendar: Calendar, customers: int) -> Registrations:
    """Who registers on which day of the calendar, which has to hold at least 669 days.

    `customers` people register in the first 669 days, whatever the calendar's end, so that the same community has
    the same history.
    """
    total = calendar.live_joins + calendar.other_joins
    if len(total) < REFERENCE_DAYS:
        raise ValueError(f"the calendar has {len(total)} days: make it at least {REFERENCE_DAYS} days long")
    scale = customers / total[:REFERENCE_DAYS].sum()
    arrived = np.floor(np.cumsum(total) * scale + 1e-6).astype(np.int64)
    arrived = np.maximum(arrived, 1)
    per_day = np.diff(arrived, prepend=0)
    day = np.repeat(calendar.days, per_day)
    live_share = np.repeat(calendar.live_joins / total, per_day)
    number = np.arange(len(day))
    is_live = draws.uniform("person/live", number) < live_share
    is_live[:1] = True
    # course-only people appear when the course platform registers customers; before it, the others never come
    earns = draws.uniform("person/course points", number) < 0.2
    kind = np.where(is_live, LIVE, np.where(earns & (day >= COURSES_FROM), COURSE_ONLY, NEVER_ACTIVE))
    return Registrations(day, kind.astype(np.int8), float(scale))


def course_start(draws: Draws, people: Registrations, number: Ints) -> Ints:
    """Day on which each person opens a course account, -1 for those who never do."""
    registered, kind = people.day[number], people.kind[number]
    u = draws.uniform("person/course account", number)
    wait = (-60 * np.log(draws.uniform("person/course wait", number))).astype(np.int64)
    through_courses = kind != LIVE
    opens = np.where(through_courses, u < np.where(registered >= COURSES_FROM, 0.93, 0.05), u < 0.14)
    opens |= kind == COURSE_ONLY
    start = np.where(through_courses, np.maximum(registered, COURSES_FROM), np.maximum(registered, COURSES_FROM) + wait)
    return np.where(opens, start, -1)


def person_types(draws: Draws, calendar: Calendar, number: Ints, joined: Ints) -> Ints:
    """Type of each person: 0 drop-in, 1 casual, 2 regular, 3 core."""
    u = draws.uniform("person/type", number)
    at_launch = joined < calendar.first + _LAUNCH_DAYS
    wave = np.minimum(calendar.hype[joined - calendar.first], 1.0)
    u = np.where(at_launch, 1 - (1 - u) * (1 - _LAUNCH_SHIFT), u * (1 - _WAVE_SHIFT * wave))
    return np.searchsorted(np.cumsum(_TYPE_SHARE)[:-1], u)


def attendance(
    draws: Draws, calendar: Calendar, people: Registrations, number: Ints, studies_from: Ints, *, owls: bool
) -> Attendance:
    """On which days the people with these numbers (ascending) come.

    `studies_from` is their first day on the course platform (-1: none): people who study drift away less. With
    `owls`, every day has one visitor after midnight, so that an export in the morning always holds a few events of
    its own day.
    """
    live = people.kind[number] == LIVE
    number, studies_from = number[live], studies_from[live]
    joined = people.day[number]
    kind = person_types(draws, calendar, number, joined)
    usual = _LOG_ODDS[kind] + _LOG_ODDS_SPREAD[kind] * draws.normal("person/log odds", number)
    leave = _LEAVE_WEEKLY[kind] * np.exp(_LEAVE_SPREAD * draws.normal("person/leave", number))
    back = _RETURN_WEEKLY[kind] * np.exp(0.6 * draws.normal("person/back", number))
    engaged = np.zeros(len(number), dtype=bool)
    short = np.zeros(len(number), dtype=bool)  # back for a look only
    drift = np.zeros(len(number))
    bond = draws.normal("person/bond", number)
    away = np.zeros(len(number))
    rows: list[_Rows] = []
    first_week, last_week = (calendar.first + 3) // 7, (int(calendar.days[-1]) + 3) // 7
    last_day = int(calendar.days[-1])
    known = 0
    for week in range(first_week, last_week + 1):
        monday = week * 7 - 3
        days = np.arange(max(monday, calendar.first), min(monday + 7, last_day + 1))
        live_days = calendar.is_live[days - calendar.first]
        hype = float(calendar.hype[days - calendar.first].max())
        # people who were there before this week: leave, come back, drift
        old = np.arange(known)
        n = number[:known]
        u = draws.uniform("week/state", n, week)
        studying = (studies_from[:known] >= 0) & (monday >= studies_from[:known]) & (monday < studies_from[:known] + 70)
        cold = np.exp(-0.55 * np.clip(drift[:known], -2, 2) - _BOND_ON_LEAVING * bond[:known] - 0.4 * _BOND_ON_LEAVING)
        early = np.where((joined[:known] + 3) // 7 >= week - _EARLY_WEEKS, _LEAVE_EARLY[kind[:known]], 0.0)
        leaving = np.where(short[:known], 0.75, leave[:known] * cold * np.where(studying, 0.6, 1.0) + early)
        returning = back[:known] * (1 + 2.5 * hype) / (1 + away[:known] / 30) * live_days.any()
        stays = draws.uniform("week/stays", n, week) < _STAYS_AFTER_RETURN[kind[:known]]
        is_engaged = engaged[:known]
        leaves, returns = is_engaged & (u < leaving), ~is_engaged & (u < returning)
        engaged[:known] = (is_engaged & ~leaves) | returns
        short[:known] = np.where(returns, ~stays, short[:known] & ~leaves)
        away[:known] = np.where(engaged[:known], 0, away[:known] + 1)
        drift[:known] = _DRIFT_KEEP * drift[:known] + _DRIFT_STEP * draws.normal("week/drift", n, week)
        step = np.sqrt(1 - _BOND_KEEP**2) * draws.normal("week/bond", n, week)
        bond[:known] = _BOND_KEEP * bond[:known] + step
        # people who join in this week
        arrived = int(np.searchsorted(joined, days[-1], side="right"))
        engaged[known:arrived] = True
        known = arrived
        who = np.flatnonzero(engaged[:known])
        level = usual[who] + drift[who] + np.where(short[who], -0.4, 0.0)
        odds = level[:, None] + calendar.pull[days - calendar.first][None, :]
        chance = np.where(live_days[None, :], 1 / (1 + np.exp(-odds)), 0.002 + 0.012 / (1 + np.exp(-odds)))
        comes = draws.uniform("day/comes", number[who][:, None], days[None, :]) < chance
        comes &= days[None, :] > joined[who][:, None]
        comes |= days[None, :] == joined[who][:, None]
        came_back = np.zeros(known, dtype=bool)
        came_back[old] = returns
        look = came_back[who]
        if look.any() and live_days.any():  # who comes back is seen on one live day of that week
            choices = np.flatnonzero(live_days)
            pick = choices[(draws.uniform("week/look", number[who[look]], week) * len(choices)).astype(np.int64)]
            comes[np.flatnonzero(look), pick] = True
        at, column = np.nonzero(comes)
        rows.append((number[who[at]], days[column], level[at], bond[who[at]], np.zeros(len(at), dtype=bool)))
        if owls:
            rows.append(_owls(draws, number, joined, usual, who, days, known))
    return _by_customer(rows)


def _owls(draws: Draws, number: Ints, joined: Ints, usual: Floats, who: Ints, days: Ints, known: int) -> _Rows:
    """One visitor in the small hours of each day, mostly somebody who comes often."""
    chosen, at = [], []
    for day in days.tolist():
        awake = who[joined[who] < day]
        if not len(awake):
            awake = np.arange(int(np.searchsorted(joined[:known], day)))
        if len(awake):
            weight = np.exp(np.clip(usual[awake], -3, 3))
            race = -np.log(draws.uniform("day/owl", number[awake], day)) / weight
            chosen.append(int(awake[np.argmin(race)]))
            at.append(day)
    index = np.array(chosen, dtype=np.int64)
    level, bond = usual[index], np.zeros(len(index))
    return number[index], np.array(at, dtype=np.int64), level, bond, np.ones(len(index), dtype=bool)


def _by_customer(rows: list[_Rows]) -> Attendance:
    """The weeks' rows in one, by customer and day; who comes both in the small hours and by day has two rows."""
    customer, day = np.concatenate([r[0] for r in rows]), np.concatenate([r[1] for r in rows])
    level, bond = np.concatenate([r[2] for r in rows]), np.concatenate([r[3] for r in rows])
    owl = np.concatenate([r[4] for r in rows])
    order = np.lexsort((owl, day, customer))
    return Attendance(customer[order], day[order], level[order], bond[order], owl[order])
