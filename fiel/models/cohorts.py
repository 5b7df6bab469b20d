"""Which cohorts train, calibrate and judge a model, and the folds inside train (DESIGN.md section 4).

With h the horizon, every split keeps an embargo: the outcome of an earlier part is known before a later part begins
(`train.as_of + h <= valid.as_of`, `valid.as_of + h <= oot.as_of`, `oot.as_of + h <= as_of` of the training). With
firsts of the month and h = 28, or firsts of the quarter and h = a quarter, nothing lies in between; a longer horizon
sets cohorts aside as embargo.

An undated program has one cohort, and its parts are told apart by customer (fiel.models.parts): `CohortSplit.rows`
gives the rows of a part either way, so nothing that learns or judges asks which of the two it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from fiel.errors import CohortError
from fiel.models.labels import is_matured, matures_on
from fiel.models.parts import CustomerParts
from fiel.program import Program

_QUARTER_STARTS = (1, 4, 7, 10)


@dataclass(frozen=True)
class CohortSplit:
    """Cohorts by their part, each in order of time; `breaks` are those (of any part) whose outcome meets a break.

    With `parts` (an undated program) the three hold the same one as_of, and the customer says which part a row is of.
    """

    train: tuple[date, ...]
    valid: tuple[date, ...]
    oot: tuple[date, ...]
    embargo: tuple[date, ...] = ()
    breaks: tuple[date, ...] = ()
    parts: CustomerParts | None = None

    @property
    def dates(self) -> tuple[date, ...]:
        """All cohorts that are used, in order of time, each once."""
        return tuple(dict.fromkeys(self.train + self.valid + self.oot))

    def rows(self, frame: pl.DataFrame, *names: str) -> pl.DataFrame:
        """The rows of `frame` (customer_id, as_of …) that belong to the parts `names` (train, valid, oot), in order."""
        return part_rows(frame, [day for name in names for day in getattr(self, name)], self.parts, *names)


@dataclass(frozen=True)
class Fold:
    """One rolling origin: fit on `fit`, judge on `judge`; every outcome of `fit` is known before `judge` begins."""

    fit: tuple[date, ...]
    judge: tuple[date, ...]


def cohort_starts(first_day: date, as_of: date, program: Program) -> list[date]:
    """Firsts of the month (of the quarter, by `training.cadence`) whose outcome is known at `as_of`.

    Oldest first, at most `training.cohorts` (the newest).

    The first cohort has a whole frequency window of events before it: earlier ones know newcomers only. A retraining
    for a past `as_of` sees the cohorts that had matured then, never a later one.
    """
    earliest = first_day + timedelta(days=program.features.frequency_window)
    is_quarterly = program.training.cadence == "quarter"
    dates: list[date] = []
    month = as_of.replace(day=1)
    while month >= earliest and len(dates) < program.training.cohorts:
        begins = not is_quarterly or month.month in _QUARTER_STARTS
        if begins and is_matured(month, program, as_of - timedelta(days=1)):
            dates.append(month)
        month = (month - timedelta(days=1)).replace(day=1)
    return dates[::-1]


def break_days(as_of: date, program: Program) -> int:
    """Days of planned breaks in [as_of, as_of + horizon)."""
    last = program.target.ends(as_of) - timedelta(days=1)
    overlaps = ((min(last, pause.last) - max(as_of, pause.first)).days + 1 for pause in program.breaks)
    return sum(max(0, days) for days in overlaps)


def split_cohorts(dates: Iterable[date], program: Program, as_of: date) -> CohortSplit:
    """The split of `dates` as a training at `as_of` may make it: the newest matured cohorts judge, earlier ones train.

    CohortError says how many cohorts are there, how many are missing and which smaller setting would do.
    """
    matured = sorted(day for day in set(dates) if is_matured(day, program, as_of - timedelta(days=1)))
    wanted = program.training
    found = _parts(matured, program, wanted.valid_cohorts, wanted.oot_cohorts)
    if found is None:
        raise CohortError(_what_is_missing(matured, program, as_of))
    train, valid, oot = found
    used = {*train, *valid, *oot}
    return CohortSplit(
        train=train,
        valid=valid,
        oot=oot,
        embargo=tuple(day for day in matured if day not in used),
        breaks=tuple(sorted(day for day in used if break_days(day, program))),
    )


def split_customers(program: Program, as_of: date) -> CohortSplit:
    """The split of an undated program's one cohort by customer, as its program file asks for."""
    return CohortSplit((as_of,), (as_of,), (as_of,), parts=CustomerParts.of_program(program))


def part_rows(frame: pl.DataFrame, dates: Iterable[date], parts: CustomerParts | None, *names: str) -> pl.DataFrame:
    """The rows of the cohorts `dates`; with `parts` only those of the customers in the parts `names`."""
    found = frame.filter(pl.col("as_of").is_in(list(dates)))
    return found if parts is None else parts.rows(found, *names)


def rolling_folds(train: Sequence[date], program: Program) -> list[Fold]:
    """Rolling-origin folds inside train, oldest first: the newer half of train, in at most `training.folds` blocks.

    Each block is judged by a model that is fitted on the cohorts whose outcome was known before the block. Blocks
    without such cohorts are left out, so the list is empty where train is too short for its horizon. Cohorts whose
    outcome meets a planned break are learned from but do not judge: with next to nobody loyal at the end of a break,
    they would favour the shyest model.
    """
    ordered = sorted(train)
    newer = ordered[len(ordered) // 2 :] if len(ordered) > 2 else ordered[1:]
    ordinary = [day for day in newer if not break_days(day, program)]
    blocks = _blocks(ordinary or newer, program.training.folds)
    folds = [Fold(_matured_before(block[0], ordered, program), block) for block in blocks]
    return [fold for fold in folds if fold.fit]


def _matured_before(day: date, dates: Sequence[date], program: Program) -> tuple[date, ...]:
    return tuple(known for known in dates if matures_on(known, program) <= day)


def _blocks(dates: Sequence[date], count: int) -> list[tuple[date, ...]]:
    """`dates` in at most `count` contiguous blocks of nearly equal length; the later blocks are the longer ones."""
    count = min(count, len(dates))
    edges = [len(dates) * block // count for block in range(count + 1)] if count else []
    return [tuple(dates[left:right]) for left, right in itertools.pairwise(edges)]


Parts = tuple[tuple[date, ...], tuple[date, ...], tuple[date, ...]]


def _parts(matured: Sequence[date], program: Program, valid_count: int, oot_count: int) -> Parts | None:
    """Train, validation and out-of-time cohorts, or None where one of them cannot be filled."""
    oot = tuple(matured[-oot_count:])
    if len(oot) < oot_count:
        return None
    valid = _matured_before(oot[0], matured, program)[-valid_count:]
    if len(valid) < valid_count:
        return None
    train = _matured_before(valid[0], matured, program)
    return (train, valid, oot) if train else None


def _what_is_missing(matured: Sequence[date], program: Program, as_of: date) -> str:
    wanted = program.training
    span = f"{matured[0]} to {matured[-1]}" if matured else "none"
    smaller = [
        (valid, oot)
        for oot in range(wanted.oot_cohorts, 0, -1)
        for valid in range(wanted.valid_cohorts, 0, -1)
        if _parts(matured, program, valid, oot) is not None
    ]
    advice = (
        f"training.oot_cohorts {smaller[0][1]} with training.valid_cohorts {smaller[0][0]} would do"
        if smaller
        else f"wait for more {wanted.cadence}s of data, or choose a shorter horizon"
    )
    return (
        f"program {program.name}: at as_of {as_of} there are {len(matured)} {wanted.cadence}ly cohorts with a known "
        f"outcome ({span}), too few for at least 1 to train, {wanted.valid_cohorts} to calibrate and "
        f"{wanted.oot_cohorts} out of time with {program.target.horizon_words} between the parts: {advice}"
    )
