"""A purchase day is whole until the return is known, and gone from then on if everything was taken back."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.features.derived import prepared
from fiel.features.purchase_days import purchase_days, purchase_summary, unmatched_returns

from .frames import histories, history_core, on, rows
from .shops import RETAIL, Return, random_shop, returned, shop

BOUGHT = {"ana": {10: 1_000}}


def days_of(core, as_of: date) -> list[tuple[str, int, int]]:
    frame = purchase_days(core, as_of).sort("customer_id", "day").collect()
    return [(customer, (day - on(0)).days, value) for customer, day, value in frame.iter_rows()]


@pytest.mark.parametrize(
    ("returns", "as_of", "left", "why"),
    [
        ([], 11, 1_000, "nothing was returned"),
        ([], 10, None, "a purchase on as_of is not known"),
        ([("ana", 20, 10, 1_000)], 20, 1_000, "a return on as_of is not known"),
        ([("ana", 20, 10, 1_000)], 21, None, "a return of everything takes the day back on the next as_of"),
        ([("ana", 20, 10, 999)], 21, 1, "a penny is left"),
        ([("ana", 20, 10, 600), ("ana", 30, 10, 400)], 30, 400, "the second return is not known yet"),
        ([("ana", 20, 10, 600), ("ana", 30, 10, 400)], 31, None, "two returns take the whole"),
        ([("ana", 10, 10, 1_000)], 11, None, "bought and returned on one day"),
        ([("ana", 20, 10, 2_000)], 21, None, "more was returned than bought"),
        ([("ana", 20, None, 1_000)], 21, 1_000, "a return that matches nothing takes no day back"),
        ([("ana", 20, 9, 1_000)], 21, 1_000, "the return of another day"),
        ([("bia", 20, 10, 1_000)], 21, 1_000, "the return of another customer"),
    ],
)
def test_what_stands_of_a_purchase(returns: list[Return], as_of: int, left: int | None, why: str) -> None:
    expected = [] if left is None else [("ana", 10, left)]
    assert days_of(shop(BOUGHT, returns), on(as_of)) == expected, why


def test_a_day_without_returns_stands_whatever_it_is_worth() -> None:
    assert days_of(shop({"ana": {1: 0, 2: -50, 3: 7}}), on(9)) == [("ana", 1, 0), ("ana", 2, 0), ("ana", 3, 7)]


@settings(max_examples=30, deadline=None)
@given(histories, st.integers(1, 100))
def test_without_returns_every_active_day_is_a_purchase_day(history: dict[str, set[int]], as_of: int) -> None:
    core = history_core(history)
    expected = [(name, day, 1) for name in sorted(history) for day in sorted(history[name]) if day < as_of]
    assert days_of(core, on(as_of)) == expected


def test_unmatched_returns_are_those_known_before_as_of() -> None:
    core = shop(BOUGHT, [("ana", 20, None, 5), ("ana", 21, None, 6), ("ana", 12, 10, 7)])
    assert unmatched_returns(core, on(21)).collect().rows() == [("ana", on(20), 5)]


def test_the_summary_in_the_words_of_the_purchase_models() -> None:
    core = shop({"ana": {10: 1_000, 14: 300, 20: 500}, "bia": {3: 80}, "caio": {5: 10}}, [("caio", 6, 5, 10)])
    found = purchase_summary(core, on(30))
    columns = ("frequency", "recency_days", "age_days", "mean_value", "total_value", "days_since_last")
    assert rows(found, *columns) == {"ana": (2, 10, 20, 400.0, 1_800, 10), "bia": (0, 0, 27, None, 80, 27)}


def test_a_first_purchase_that_was_taken_back_begins_nothing() -> None:
    core = shop({"ana": {10: 1_000, 14: 300, 20: 500}}, [("ana", 25, 10, 1_000), ("ana", 25, 20, 200)])
    columns = ("frequency", "recency_days", "age_days", "mean_value")
    assert rows(purchase_summary(core, on(25)), *columns) == {"ana": (2, 10, 15, 400.0)}
    assert rows(purchase_summary(core, on(26)), *columns) == {"ana": (1, 6, 12, 300.0)}


@pytest.mark.parametrize("as_of", [60, 150, 300])
def test_a_prepared_core_gives_the_same_days_under_positions(as_of: int) -> None:
    core = random_shop(1, customers=80)
    ready, ids = prepared(core, [on(as_of), on(300)], RETAIL, ("returns",))
    for made in (purchase_days, purchase_summary, unmatched_returns):
        named = made(ready, on(as_of)).with_columns(customer_id=pl.lit(ids).gather(pl.col("customer_id"))).collect()
        given_ids = made(core, on(as_of)).filter(pl.col("customer_id").is_in(ids.implode())).collect()
        assert named.sort(named.columns).equals(given_ids.sort(given_ids.columns)), made.__name__


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 900)), max_size=8), st.integers(1, 50))
def test_returns_known_later_move_nothing(later: list[tuple[int, int, int]], as_of: int) -> None:
    bought = {"ana": dict.fromkeys(range(0, 60, 7), 400)}
    known: list[Return] = [("ana", 8, 7, 400), ("ana", 9, None, 50)]
    future: list[Return] = [("ana", as_of + ahead, purchase, value) for ahead, purchase, value in later]
    before, after = shop(bought, known), shop(bought, known + future)
    for made in (purchase_days, purchase_summary, unmatched_returns):
        one, other = (made(core, on(as_of)).collect() for core in (before, after))
        assert one.sort(one.columns).equals(other.sort(other.columns))


def test_the_order_of_the_rows_is_no_matter() -> None:
    core = random_shop(2, customers=60)
    turned = type(core)(
        core.tables | {name: core[name].reverse() for name in ("customer_days", "returns")},
        *(core.known_through, core.first_day, core.source_version, core.fingerprint, core.versions),
    )
    one, other = (purchase_summary(each, on(200)).sort("customer_id").collect() for each in (core, turned))
    assert one.equals(other)


def test_a_shop_without_purchases_has_no_summary() -> None:
    core = shop({"ana": {50: 10}})
    assert purchase_summary(core, on(20)).collect().is_empty()
    assert returned([]).is_empty()
