"""Cohorts by the month of the first purchase, against a count by hand and against a slow one."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import polars as pl

from fiel.core import Core
from fiel.reports.cohorts import SCHEMA, cohort_months
from fiel.tables import TABLES
from tests.reports.conftest import AS_OF, make_purchase_days, make_returns

DAYS = [
    ("ana", date(2025, 1, 5), 1_000),
    ("ana", date(2025, 2, 5), 300),
    ("bob", date(2025, 1, 20), 500),
    ("cleo", date(2025, 2, 2), 700),
    ("cleo", date(2025, 3, 2), 900),
]


def returned(customer: str, day: date, value: int, purchase_day: date | None) -> pl.DataFrame:
    """One cancelled line."""
    row = dict.fromkeys(TABLES["core_returns"].declared) | {
        "event_id": "C1",
        "line_id": "1",
        "customer_id": customer,
        "day": day,
        "purchase_day": purchase_day,
        "quantity": 1,
        "value": value,
    }
    return pl.DataFrame([row], schema=TABLES["core_returns"].declared)


def core(*returns: pl.DataFrame) -> Core:
    days = pl.DataFrame(DAYS, schema=["customer_id", "day", "value_earned"], orient="row")
    return Core.of({"customer_days": days} | ({"returns": pl.concat(returns)} if returns else {}), date(2025, 3, 20))


def measured(found: pl.DataFrame) -> list[tuple[object, ...]]:
    return found.select("cohort_month", "month", "customers", "buyers", "revenue_net").rows()


def test_only_complete_months_are_shown() -> None:
    assert measured(cohort_months(core(), date(2025, 3, 10))) == [
        (date(2025, 1, 1), 0, 2, 2, 1_500),
        (date(2025, 1, 1), 1, 2, 1, 300),
        (date(2025, 2, 1), 0, 1, 1, 700),
    ]


def test_money_is_a_mean_over_the_whole_cohort_and_adds_up() -> None:
    found = cohort_months(core(), date(2025, 3, 10)).filter(pl.col("cohort_month") == date(2025, 1, 1))
    assert found["revenue_per_customer"].to_list() == [750.0, 150.0]
    assert found["revenue_so_far"].to_list() == [750.0, 900.0]
    assert found["share"].to_list() == [1.0, 0.5]


def test_a_purchase_counts_until_its_cancellation_is_known() -> None:
    taken = returned("bob", date(2025, 3, 8), 500, date(2025, 1, 20))
    assert measured(cohort_months(core(taken), date(2025, 3, 8))) == measured(cohort_months(core(), date(2025, 3, 8)))
    assert measured(cohort_months(core(taken), date(2025, 3, 9)))[0] == (date(2025, 1, 1), 0, 1, 1, 1_000)


def test_what_matches_no_purchase_is_deducted_on_its_own_day() -> None:
    taken = returned("ana", date(2025, 2, 8), 200, None)
    assert measured(cohort_months(core(taken), date(2025, 3, 10)))[1] == (date(2025, 1, 1), 1, 2, 1, 100)


def test_the_newest_cohorts_are_kept() -> None:
    assert cohort_months(core(), date(2025, 3, 10), at_most_months=1)["cohort_month"].to_list() == [date(2025, 2, 1)]


def test_a_first_month_that_is_not_over_has_no_cohort() -> None:
    found = cohort_months(core(), date(2025, 1, 25))
    assert found.is_empty()
    assert found.schema == SCHEMA


def test_many_customers_agree_with_a_slow_count() -> None:
    days = make_purchase_days(300, date(2025, 2, 28))
    returns = make_returns(days).filter(pl.col("purchase_day").is_not_null())
    found = cohort_months(Core.of({"customer_days": days, "returns": returns}, date(2025, 2, 28)), AS_OF)
    taken = {(row["customer_id"], row["purchase_day"]) for row in returns.to_dicts() if row["day"] < AS_OF}
    lives: dict[str, list[tuple[date, int]]] = defaultdict(list)
    for row in days.sort("day").to_dicts():
        if (row["customer_id"], row["day"]) not in taken:
            lives[row["customer_id"]].append((row["day"], row["value_earned"]))
    buyers: dict[tuple[date, int], set[str]] = defaultdict(set)
    money: dict[tuple[date, int], int] = defaultdict(int)
    for customer, life in lives.items():
        start = life[0][0].replace(day=1)
        for day, value in life:
            month = 12 * (day.year - start.year) + day.month - start.month
            buyers[start, month].add(customer)
            money[start, month] += value
    for row in found.to_dicts():
        key = (row["cohort_month"], row["month"])
        assert (row["buyers"], row["revenue_net"]) == (len(buyers[key]), money[key]), key
        assert row["customers"] == len(buyers[key[0], 0])
