"""Quarterly cohorts and closings: who is at risk, what counts, and what is not known yet."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fiel.errors import TimeError
from fiel.models.cohorts import cohort_starts, rolling_folds, split_cohorts
from fiel.models.labels import is_matured, matures_on, outcome
from fiel.program import Program, Target
from tests.models import quarters

AS_OF = date(2020, 7, 1)
"""The first day after 2020Q2."""

QUARTER = quarters.program()
YEAR = QUARTER.with_target("closing_year")


def labels(rules: Program, accounts: dict[str, tuple[list[str], str | None]], as_of: date = AS_OF) -> dict[str, int]:
    found = outcome(quarters.core(accounts), [as_of], rules)
    assert found["as_of"].unique().to_list() in ([as_of], [])
    return dict(found.select("customer_id", "label").iter_rows())


@pytest.mark.parametrize(
    ("closed", "in_quarter", "in_year"),
    [
        ("2020Q3", 1, 1),
        ("2020Q4", 0, 1),
        ("2021Q2", 0, 1),
        ("2021Q3", 0, 0),
        (None, 0, 0),
    ],
)
def test_a_closing_counts_in_the_quarters_after_the_one_at_whose_end_the_account_was_open(
    closed: str | None, in_quarter: int, in_year: int
) -> None:
    account = {"a": (["2020Q1", "2020Q2"], closed)}
    assert labels(QUARTER, account) == {"a": in_quarter}
    assert labels(YEAR, account) == {"a": in_year}


@pytest.mark.parametrize("closed", ["2020Q2", "2019Q4"])
def test_an_account_that_is_closed_by_the_quarters_end_is_not_at_risk(closed: str) -> None:
    accounts = {"gone": (["2019Q3", closed], closed), "here": (["2019Q3"], None)}
    assert labels(QUARTER, accounts) == {"here": 0}


def test_an_account_that_was_not_there_yet_is_not_at_risk() -> None:
    assert labels(QUARTER, {"later": (["2020Q3"], None), "here": (["2020Q2"], None)}) == {"here": 0}


def test_a_gap_in_an_accounts_rows_is_no_closing() -> None:
    assert labels(QUARTER, {"quiet": (["2010Q1"], None)}) == {"quiet": 0}


@pytest.mark.parametrize(
    ("as_of", "quarter_known", "year_known"),
    [
        (date(2021, 10, 1), True, True),
        (date(2022, 1, 1), True, False),
        (date(2022, 7, 1), True, False),
        (date(2022, 10, 1), False, False),
        (date(2023, 1, 1), False, False),
    ],
)
def test_the_last_quarters_are_unknown_however_late_the_data_end(
    as_of: date, quarter_known: bool, year_known: bool
) -> None:
    core = quarters.core({"a": (["2019Q1"], None), "b": (["2019Q1"], "2022Q4")})
    for rules, known in ((QUARTER, quarter_known), (YEAR, year_known)):
        assert is_matured(as_of, rules, core.known_through) == known
        if known:
            assert outcome(core, [as_of], rules).height == 2
        else:
            with pytest.raises(TimeError, match=r"complete through 2022-09-30 only \(pension.observed_until\)"):
                outcome(core, [as_of], rules)


def test_a_training_of_the_past_sees_no_closing_that_was_not_published_then() -> None:
    late = quarters.program(lag=40)
    assert matures_on(AS_OF, QUARTER) == date(2020, 10, 1)
    assert matures_on(AS_OF, late) == date(2020, 11, 10)
    assert not is_matured(AS_OF, late, date(2020, 11, 8))
    assert is_matured(AS_OF, late, date(2020, 11, 9))


def test_cohorts_begin_with_quarters_up_to_the_last_observed_one() -> None:
    found = cohort_starts(date(2021, 3, 31), date(2023, 4, 1), QUARTER)
    assert found == [date(2021, 7, 1), date(2021, 10, 1), *(date(2022, month, 1) for month in (1, 4, 7))]
    assert cohort_starts(date(2020, 3, 31), date(2023, 4, 1), YEAR)[-1] == date(2021, 10, 1)


def test_the_years_target_sets_cohorts_aside_so_that_no_part_knows_the_next() -> None:
    dates = cohort_starts(date(2012, 12, 31), date(2023, 4, 1), YEAR)
    split = split_cohorts(dates, YEAR, date(2023, 4, 1))
    assert split.oot == (date(2021, 7, 1), date(2021, 10, 1))
    assert split.valid == (date(2020, 4, 1), date(2020, 7, 1))
    assert split.train[-1] == date(2019, 4, 1)
    assert len(split.embargo) == 6


@given(st.integers(2, 9))
def test_no_fold_is_fitted_on_an_outcome_that_was_unknown_when_its_judge_began(years: int) -> None:
    train = [date(2003 + quarter // 4, quarter % 4 * 3 + 1, 1) for quarter in range(4 * years)]
    for rules in (QUARTER, YEAR):
        for fold in rolling_folds(train, rules):
            assert max(matures_on(day, rules) for day in fold.fit) <= fold.judge[0]


def test_the_two_targets_are_two_registered_models() -> None:
    assert (QUARTER.model_name, YEAR.model_name) == ("fiel-fund", "fiel-fund-closing_year")
    assert (QUARTER.target.horizon_words, YEAR.target.horizon_words) == ("3 months", "12 months")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"kind": "closed"}, "kind closed and horizon_months go together"),
        ({"kind": "active", "horizon_months": 3}, "kind closed and horizon_months go together"),
        ({"kind": "closed", "horizon_months": 4}, "whole quarters"),
    ],
)
def test_a_horizon_that_does_not_fit_is_refused(fields: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Target.model_validate(fields)
