from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.errors import CohortError
from fiel.models.cohorts import break_days, cohort_starts, rolling_folds, split_cohorts
from fiel.program import Break, Program
from tests.models import frames

FIRST_DAY = date(2023, 1, 10)


def rules(
    horizon: int = 28, *, valid: int = 2, oot: int = 3, cohorts: int = 24, breaks: tuple[Break, ...] = ()
) -> Program:
    return frames.program(
        training={"valid_cohorts": valid, "oot_cohorts": oot, "cohorts": cohorts},
        target={"horizon_days": horizon},
        breaks=breaks,
    )


def months(first: tuple[int, int], last: tuple[int, int]) -> list[date]:
    count = (last[0] - first[0]) * 12 + last[1] - first[1] + 1
    return [date(first[0] + (first[1] - 1 + k) // 12, (first[1] - 1 + k) % 12 + 1, 1) for k in range(count)]


@pytest.mark.parametrize(
    ("as_of", "horizon", "last"),
    [
        (date(2024, 3, 1), 28, date(2024, 2, 1)),
        (date(2024, 2, 29), 28, date(2024, 2, 1)),
        (date(2024, 2, 28), 28, date(2024, 1, 1)),
        (date(2024, 3, 1), 30, date(2024, 1, 1)),
        (date(2024, 6, 30), 90, date(2024, 4, 1)),
        (date(2024, 6, 29), 90, date(2024, 3, 1)),
    ],
)
def test_a_training_sees_only_cohorts_whose_outcome_was_known_then(as_of: date, horizon: int, last: date) -> None:
    found = cohort_starts(FIRST_DAY, as_of, rules(horizon))
    assert found[-1] == last
    assert found == sorted(found)


def test_the_first_cohort_has_a_whole_frequency_window_before_it() -> None:
    assert cohort_starts(date(2023, 1, 4), date(2023, 6, 1), rules())[0] == date(2023, 2, 1)
    assert cohort_starts(date(2023, 1, 5), date(2023, 6, 1), rules())[0] == date(2023, 3, 1)


def test_the_newest_cohorts_are_kept() -> None:
    assert cohort_starts(FIRST_DAY, date(2024, 6, 1), rules(cohorts=4)) == months((2024, 2), (2024, 5))


def test_nothing_lies_between_the_parts_with_a_horizon_of_28_days() -> None:
    split = split_cohorts(months((2024, 1), (2024, 12)), rules(), date(2025, 1, 1))
    assert split.train == tuple(months((2024, 1), (2024, 7)))
    assert split.valid == tuple(months((2024, 8), (2024, 9)))
    assert split.oot == tuple(months((2024, 10), (2024, 12)))
    assert split.embargo == ()


def test_a_longer_horizon_sets_cohorts_aside() -> None:
    split = split_cohorts(months((2023, 1), (2024, 12)), rules(90), date(2025, 4, 1))
    assert split.oot == tuple(months((2024, 10), (2024, 12)))
    assert split.valid == tuple(months((2024, 6), (2024, 7)))
    assert split.train == tuple(months((2023, 1), (2024, 3)))
    assert split.embargo == (date(2024, 4, 1), date(2024, 5, 1), date(2024, 8, 1), date(2024, 9, 1))


def test_a_retraining_for_a_past_date_does_not_use_what_was_unknown_then() -> None:
    known_now = months((2024, 1), (2024, 12))
    split = split_cohorts(known_now, rules(), date(2024, 9, 10))
    assert split.oot[-1] == date(2024, 8, 1)


@settings(max_examples=150, deadline=None)
@given(horizon=st.integers(1, 200), valid=st.integers(1, 4), oot=st.integers(1, 4), count=st.integers(1, 40))
def test_every_outcome_is_known_before_the_next_part_begins(horizon: int, valid: int, oot: int, count: int) -> None:
    dates = [date(2020 + k // 12, k % 12 + 1, 1) for k in range(count)]
    program = rules(horizon, valid=valid, oot=oot)
    as_of = dates[-1] + timedelta(days=40)
    try:
        split = split_cohorts(dates, program, as_of)
    except CohortError:
        return
    h = timedelta(days=horizon)
    assert max(split.train) + h <= min(split.valid)
    assert max(split.valid) + h <= min(split.oot)
    assert max(split.oot) + h <= as_of
    assert (len(split.valid), len(split.oot)) == (valid, oot)
    assert sorted(split.dates + split.embargo) == [day for day in dates if day + h <= as_of]
    for fold in rolling_folds(split.train, program):
        assert max(fold.fit) + h <= min(fold.judge)
        assert {*fold.fit, *fold.judge} <= set(split.train)


@pytest.mark.parametrize(
    ("dates", "horizon", "says"),
    [
        ([], 28, "there are 0 monthly cohorts.*wait for more months"),
        (months((2024, 1), (2024, 5)), 28, "there are 5 monthly cohorts.*2024-01-01 to 2024-05-01"),
        (months((2024, 1), (2024, 5)), 28, "training.oot_cohorts 3 with training.valid_cohorts 1 would do"),
        (months((2024, 1), (2024, 8)), 90, "90 days between the parts: training.oot_cohorts 2 with .*valid_cohorts 1"),
    ],
)
def test_too_few_cohorts_are_refused_with_what_is_missing(dates: list[date], horizon: int, says: str) -> None:
    with pytest.raises(CohortError, match=says):
        split_cohorts(dates, rules(horizon), date(2025, 6, 1))


YEAR_END = (Break(name="year end", first=date(2024, 12, 9), last=date(2025, 1, 5)),)


@pytest.mark.parametrize(
    ("as_of", "days"),
    [
        (date(2024, 11, 1), 0),
        (date(2024, 11, 11), 0),
        (date(2024, 11, 12), 1),
        (date(2024, 12, 1), 20),
        (date(2024, 12, 9), 28),
        (date(2025, 1, 1), 5),
        (date(2025, 1, 6), 0),
    ],
)
def test_days_of_a_break_within_the_horizon(as_of: date, days: int) -> None:
    assert break_days(as_of, rules(breaks=YEAR_END)) == days


def test_cohorts_that_meet_a_break_are_flagged_and_do_not_judge_folds() -> None:
    program = rules(breaks=YEAR_END)
    split = split_cohorts(months((2024, 1), (2025, 8)), program, date(2025, 9, 1))
    assert split.breaks == (date(2024, 12, 1), date(2025, 1, 1))
    assert set(split.breaks) <= set(split.train)
    folds = rolling_folds(split.train, program)
    assert folds
    assert not {day for fold in folds for day in fold.judge} & set(split.breaks)
    assert {day for fold in folds for day in fold.fit} >= set(split.breaks)


def test_folds_roll_forward_over_the_newer_half() -> None:
    folds = rolling_folds(months((2024, 1), (2024, 12)), rules())
    assert [fold.judge for fold in folds] == [tuple(months((2024, k), (2024, k + 1))) for k in (7, 9, 11)]
    assert [fold.fit[-1] for fold in folds] == [date(2024, 6, 1), date(2024, 8, 1), date(2024, 10, 1)]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_short_train_has_the_folds_that_it_can_have(count: int) -> None:
    dates = months((2024, 1), (2024, 12))[:count]
    assert len(rolling_folds(dates, rules())) == max(0, count - 1)
    assert rolling_folds(dates, rules(90)) == []
