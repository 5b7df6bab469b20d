"""The course platform: its users, the episodes that they finish, their skills and rewards.

A user may be linked to a customer or not. Proportions follow the real tables: about 65 users for 100 customers, under
half of them linked, a quarter of the linked without any activity.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from fiel.simulate import catalogue
from fiel.simulate.calendar import Calendar, day_number
from fiel.simulate.draws import Draws, Floats, Ints
from fiel.simulate.people import COURSES_FROM, NEVER_ACTIVE, Registrations
from fiel.simulate.visits import DAY_MS, MINUTE_MS, UTC_MINUS_LOCAL_MS, local_ms

UNLINKED = 1 << 40  # numbers of users without a customer start here
LINK_POINTS, REWARD_POINTS = 50, 1000  # made up
_UNLINKED_DAILY = 6.0  # at the size of the real community
_SKILL_CUTS = [-0.44, 0.43, 1.09, 1.80, 2.50]

# The courses in the order in which they open.
_ORDER = sorted(range(len(catalogue.COURSES)), key=lambda i: catalogue.COURSES[i][4])
_OPENS = np.array([day_number(catalogue.COURSES[i][4]) for i in _ORDER])
_WEIGHT = np.cumsum([catalogue.COURSES[i][5] for i in _ORDER]).astype(np.float64)
_LENGTH = np.array([course[3] for course in catalogue.COURSES])


@dataclass(frozen=True)
class Study:
    """What course users did. `user` is a customer's number, or UNLINKED and more."""

    episodes: pl.DataFrame  # user, course, episode, at_ms
    skills: pl.DataFrame  # user, skill, level (-1: none given), at_ms
    rewards: pl.DataFrame  # user, course, at_ms
    points: pl.DataFrame  # customer, at_ms, points, nth: what the platform pays to customers


def unlinked_users(calendar: Calendar, scale: float) -> Ints:
    """Day on which each user without a customer opens an account, in order."""
    rate = np.where(calendar.days >= COURSES_FROM, _UNLINKED_DAILY * scale * (1 + 0.5 * calendar.hype), 0.0)
    arrived = np.floor(np.cumsum(rate) + 1e-6).astype(np.int64)
    return np.repeat(calendar.days, np.diff(arrived, prepend=0))


def _waking(at_ms: Ints) -> Ints:
    """Moves the small hours of the local night to the morning."""
    hour = (at_ms - UTC_MINUS_LOCAL_MS) // (60 * MINUTE_MS) % 24
    return np.where((hour >= 1) & (hour < 7), at_ms + 7 * 60 * MINUTE_MS, at_ms)


def _enrolments(draws: Draws, user: Ints, start_ms: Ints) -> pl.DataFrame:
    """One row for each user and course that the user begins: user, course, begins_ms."""
    goes_on = np.ones(len(user), dtype=bool)
    begins = start_ms.astype(np.float64)
    parts = []
    for nth, chance in enumerate([0.58, 0.50, 0.55, 0.60, 0.60]):
        goes_on = goes_on & (draws.uniform("study/begins", user, nth) < chance)
        if nth:
            begins = begins - 20 * DAY_MS * np.log(draws.uniform("study/wait", user, nth))
        day = ((begins - UTC_MINUS_LOCAL_MS) // DAY_MS).astype(np.int64)
        open_courses = np.searchsorted(_OPENS, day, side="right")
        drawn = draws.uniform("study/course", user, nth) * _WEIGHT[np.maximum(open_courses, 1) - 1]
        course = np.array(_ORDER)[np.minimum(np.searchsorted(_WEIGHT, drawn, side="right"), len(_ORDER) - 1)]
        ok = goes_on & (open_courses > 0)
        parts.append(pl.DataFrame({"user": user[ok], "course": course[ok], "begins_ms": begins[ok].astype(np.int64)}))
    return pl.concat(parts).unique(["user", "course"], keep="first", maintain_order=True)


def _episodes(draws: Draws, enrolments: pl.DataFrame) -> pl.DataFrame:
    """One row for each episode finished (a few of them twice): user, course, episode, at_ms."""
    user, course = enrolments["user"].to_numpy(), enrolments["course"].to_numpy()
    length = _LENGTH[course]
    finishes = draws.uniform("study/finishes", user, course) < 0.24
    part = np.ceil(length * 0.9 * draws.uniform("study/part", user, course) ** 2.0).astype(np.int64)
    done = np.where(finishes, length, np.minimum(np.maximum(part, 1), length))
    row = np.repeat(np.arange(len(user)), done)
    episode = np.arange(len(row)) - np.repeat(np.cumsum(done) - done, done) + 1
    hours: Floats = np.exp(-0.2 + 1.4 * draws.normal("study/gap", user[row], course[row], episode))
    total = np.cumsum(hours)
    before = np.repeat((total - hours)[np.cumsum(done) - done] if len(row) else total, done)
    at = enrolments["begins_ms"].to_numpy()[row] + ((total - before) * 60 * MINUTE_MS).astype(np.int64)
    frame = pl.DataFrame({"user": user[row], "course": course[row], "episode": episode, "at_ms": _waking(at)})
    twice = draws.uniform("study/twice", user[row], course[row], episode) < 0.008
    again = frame.filter(pl.Series(twice)).with_columns(pl.col("at_ms") + 3 * MINUTE_MS)
    return pl.concat([frame, again])


def _skills(draws: Draws, user: Ints, start_ms: Ints) -> pl.DataFrame:
    """The skills form, filled in once by two thirds of the users: user, skill, level, at_ms."""
    fills = draws.uniform("skills/fills", user) < 0.70
    user, at = user[fills], start_ms[fills] + 4 * MINUTE_MS
    skill = np.arange(len(catalogue.SKILLS))[None, :]
    grid = user[:, None]
    known = draws.uniform("skills/answers", grid, skill) < 0.74
    value = 0.75 * draws.normal("skills/person", user)[:, None] + 0.66 * draws.normal("skills/level", grid, skill)
    level = np.where(draws.uniform("skills/empty", grid, skill) < 0.03, -1, np.searchsorted(_SKILL_CUTS, value))
    who, which = np.nonzero(known)
    return pl.DataFrame({"user": user[who], "skill": which, "level": level[who, which], "at_ms": at[who]})


def study(draws: Draws, people: Registrations, user: Ints, start: Ints) -> Study:
    """What these users do from their first day (`start`) on; without end, the caller cuts at the export."""
    linked = user < UNLINKED
    earns: npt.NDArray[np.bool_] = linked.copy()
    earns[linked] = people.kind[user[linked]] != NEVER_ACTIVE
    start_ms = _waking(local_ms(start, 1440 * draws.uniform("study/start", user)))
    active = ~linked | (draws.uniform("study/active", user) < 0.76)
    enrolments = _enrolments(draws, user[active], start_ms[active])
    episodes = _episodes(draws, enrolments)
    finished = (
        episodes.group_by("user", "course", maintain_order=True)
        .agg(pl.col("episode").max(), last_ms=pl.col("at_ms").max())
        .filter(pl.col("episode") == pl.col("course").replace_strict(dict(enumerate(_LENGTH.tolist()))))
    )
    who, what = finished["user"].to_numpy(), finished["course"].to_numpy()
    claims = draws.uniform("study/claims", who, what) < np.where(who < UNLINKED, 0.60, 0.25)
    wait = (-2 * DAY_MS * np.log(draws.uniform("study/claim wait", who, what))).astype(np.int64)
    rewards = pl.DataFrame({"user": who, "course": what, "at_ms": finished["last_ms"].to_numpy() + wait})
    rewards = rewards.with_columns(at_ms=pl.Series(_waking(rewards["at_ms"].to_numpy()))).filter(pl.Series(claims))
    paid = rewards.filter(pl.col("user").is_in(pl.Series(user[earns]).implode()))
    bonus = earns.copy()
    bonus[earns] = (people.kind[user[earns]] != 0) | (draws.uniform("study/link points", user[earns]) < 0.4)
    for_link = pl.DataFrame({"customer": user[bonus], "at_ms": start_ms[bonus] + MINUTE_MS}).with_columns(
        points=pl.lit(LINK_POINTS, pl.Int64), nth=pl.lit(0, pl.Int64)
    )
    for_reward = paid.select(
        customer="user", at_ms=pl.col("at_ms") + 2_000, points=pl.lit(REWARD_POINTS, pl.Int64), nth=1 + pl.col("course")
    )
    points = pl.concat([for_link, for_reward])
    return Study(episodes, _skills(draws, user[active], start_ms[active]), rewards, points)
