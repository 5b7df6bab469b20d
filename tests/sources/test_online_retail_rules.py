"""Each rule for odd rows of a purchase log, on and off, and what cancellations take back."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.errors import RejectShareError
from fiel.sources.cancellations import match, unmatched
from fiel.sources.values import DECIMAL
from tests.sources.conftest import Place
from tests.sources.retail_files import BAG, FRANCE, LAMP, MUG, ROWS, UK, Row, at, program, write_csv, write_parquet


def landed(place: Place, rows: list[Row], **rules: Any) -> dict[str, int]:
    """Value of each event."""
    place.land(write_parquet(place.folder / "source", rows), program(rules))
    return dict(place.read("core_events").select("event_id", "value").iter_rows())


def set_aside(place: Place) -> dict[str, tuple[int, int]]:
    """Rows and money that each rule took out."""
    steps = place.read("core_intake").filter(pl.col("step") == "set_aside", pl.col("rows") > 0)
    return {rule: (rows, value) for rule, rows, value in steps.select("rule", "rows", "value").iter_rows()}


ODD: dict[str, tuple[list[Row], tuple[int, int], dict[str, int]]] = {
    "exact_duplicates": ([ROWS[1]], (1, 170), {"536365": 1870}),
    "non_product_codes": (
        [
            ("1", "POST", "POSTAGE", 1, at(13), 18.0, 13047.0, FRANCE),
            ("1", "dcgs0003", "ASHTRAY", 1, at(13), 2.0, 13047.0, FRANCE),
            ("C2", "D", "Discount", -1, at(13), 5.0, 13047.0, FRANCE),
        ],
        (3, 1500),
        {"1": 2000, "C2": -500},
    ),
    "zero_price": ([("1", *MUG, 1, at(13), 0.0, 13047.0, UK)], (1, 0), {"1": 0}),
    "negative_price": ([("536380", *MUG, 1, at(15), -20.0, 17850.0, UK)], (1, -2000), {"536380": 10750}),
    "zero_quantity": ([("1", *MUG, 0, at(13), 1.0, 13047.0, UK)], (1, 0), {"1": 0}),
    "negative_without_cancellation": ([("1", *MUG, -3, at(13), 1.0, 13047.0, UK)], (1, -300), {"1": -300}),
}
"""Rows beside the usual ones, what the rule says of them, and the events that change when it is off."""
USUAL = {"536365": 1700, "536366": 255, "536380": 12750, "536381": 1275, "C536379": -510}


@pytest.mark.parametrize("rule", ODD)
def test_a_rule_that_is_on_sets_its_rows_aside_and_counts_them(rule: str, place: Place) -> None:
    rows, counted, _ = ODD[rule]
    assert landed(place, [*ROWS, *rows]) == USUAL
    assert set_aside(place) == {rule: counted}
    assert place.landing.counts[f"set_aside_{rule}"] == counted[0]


@pytest.mark.parametrize("rule", ODD)
def test_a_rule_that_is_off_keeps_its_rows_as_lines(rule: str, place: Place) -> None:
    rows, _, off = ODD[rule]
    assert landed(place, [*ROWS, *rows], **{rule: False}) == USUAL | off
    assert set_aside(place) == {}
    shown = place.read("core_intake").filter(pl.col("rule") == rule)
    assert shown.select("is_on", "rows").row(0) == (False, 0)


def test_rows_without_a_customer_are_set_aside(place: Place) -> None:
    assert landed(place, [*ROWS, ("1", *MUG, 2, at(13), 2.5, None, UK)]) == USUAL
    assert set_aside(place) == {"missing_customer": (1, 500)}


def test_rows_without_a_customer_are_rejects_where_the_rule_is_off(place: Place) -> None:
    assert landed(place, [*ROWS, ("1", *MUG, 2, at(13), 2.5, None, UK)], missing_customer=False) == USUAL
    assert place.landing.rejected_by_rule == {"retail.parquet: customer_missing": 1}


def test_many_rows_without_a_customer_stop_the_ingest_where_the_rule_is_off(place: Place) -> None:
    source = write_parquet(place.folder / "source", [*ROWS, *[("1", *MUG, 2, at(13), 2.5, None, UK)] * 9])
    with pytest.raises(RejectShareError, match="customer_missing"):
        place.land(source, program({"missing_customer": False}))


def test_a_row_counts_under_the_first_rule_that_takes_it_out(place: Place) -> None:
    nobody: Row = ("1", "POST", "POSTAGE", 0, at(13), 0.0, None, UK)
    landed(place, [*ROWS, nobody, nobody])
    assert set_aside(place) == {"exact_duplicates": (1, 0), "missing_customer": (1, 0)}


def test_an_invoice_below_zero_without_a_cancellation_is_no_activity(place: Place) -> None:
    rows: list[Row] = [*ROWS, ("1", *MUG, -3, at(13), 1.0, 13047.0, UK)]
    landed(place, rows, negative_without_cancellation=False)
    assert place.read("core_events").filter("is_operator").get_column("event_id").to_list() == ["1", "C536379"]


def test_codes_are_those_of_the_program_file(place: Place) -> None:
    assert "536380" not in landed(place, ROWS, codes=["224*"])
    assert set_aside(place) == {"non_product_codes": (2, 14025)}


def test_a_code_is_no_pattern(place: Place) -> None:
    assert landed(place, ROWS, codes=[".", "7105.", "2242"]) == USUAL


def test_an_invoice_in_two_files_counts_once_as_the_first_has_it(place: Place) -> None:
    source = write_parquet(place.folder / "source", ROWS[:4], "a.parquet")
    changed: Row = ("536366", *MUG, 5, at(2), 2.55, 13047.0, FRANCE)
    write_csv(source, [*ROWS[:2], changed, *ROWS[3:]], "b.csv")
    place.land(source, program())
    assert dict(place.read("core_events").select("event_id", "value").iter_rows()) == USUAL
    assert set_aside(place) == {"repeated_invoices": (4, 1700 + 1275 - 510)}
    assert [told for told in place.landing.warnings if "different rows" in told] == [
        "1 invoices stand in several files or sheets with different rows (those of the first in the order of names "
        "count): 536366"
    ]


def test_a_repeated_invoice_that_is_equal_is_no_warning(place: Place) -> None:
    source = write_parquet(place.folder / "source", ROWS[:4], "a.parquet")
    write_csv(source, [*reversed(ROWS)], "b.csv")
    place.land(source, program())
    assert not [told for told in place.landing.warnings if "different rows" in told]


def test_without_the_rule_a_repeated_invoice_adds_up(place: Place) -> None:
    source = write_parquet(place.folder / "source", ROWS, "a.parquet")
    write_parquet(source, ROWS[2:3], "b.parquet")
    place.land(source, program({"repeated_invoices": False}))
    assert dict(place.read("core_events").select("event_id", "value").iter_rows())["536366"] == 510


def test_a_cancellation_is_counted_and_not_matched_where_the_program_says_so(place: Place) -> None:
    assert landed(place, ROWS, cancellations="count") == USUAL
    row = place.read("core_returns").row(0, named=True)
    assert (row["purchase_event_id"], row["purchase_day"], row["value"], row["quantity"]) == (None, None, 510, 2)


@pytest.mark.parametrize("how", ["match", "count"])
def test_a_cancellation_at_a_price_below_zero_takes_nothing_back(how: str, place: Place) -> None:
    """With `negative_price` off its amount is above zero: there is nothing to deduct, and nothing to reject."""
    odd: Row = ("C9", *MUG, -2, at(16), -2.55, 17850.0, UK)
    assert landed(place, [*ROWS, odd], negative_price=False, cancellations=how) == USUAL | {"C9": 510}
    assert place.read("core_returns").get_column("event_id").to_list() == ["C536379"]
    assert place.landing.rejected_by_rule == {}


def test_what_was_bought_at_a_price_below_zero_cannot_be_taken_back(place: Place) -> None:
    odd: list[Row] = [("1", *BAG, 1, at(13), -20.0, 13047.0, UK), ("C9", *BAG, -1, at(16), 20.0, 13047.0, UK)]
    assert landed(place, [*ROWS, *odd], negative_price=False) == USUAL | {"1": -2000, "C9": -2000}
    found = place.read("core_returns").select("event_id", "purchase_event_id", "value").rows()
    assert found == [("C536379", "536365", 510), ("C9", None, 2000)]
    assert place.landing.rejected_by_rule == {}


def test_cancellations_are_dropped_where_the_program_says_so(place: Place) -> None:
    without = {event: value for event, value in USUAL.items() if event != "C536379"}
    assert landed(place, ROWS, cancellations="drop") == without
    assert set_aside(place) == {"cancellations": (1, -510)}
    assert place.read("core_returns").is_empty()


def test_what_a_cancellation_takes_back_is_dated_by_the_cancellation(place: Place) -> None:
    landed(place, ROWS)
    row = place.read("core_returns").row(0, named=True)
    assert (row["day"], row["purchase_day"]) == (date(2010, 12, 14), date(2010, 12, 1))


# ---------------------------------------------------------------------------------------------------------- matching

Line = tuple[str, int, int, float]
"""Event (a cancellation begins with C), hour, quantity, price."""


def lines(found: list[Line], customers: str = "", products: str = "") -> pl.DataFrame:
    """Kept lines, one for each event, of one customer and product unless said (a letter each)."""
    rows = [
        (
            event,
            "1",
            customers[place] if customers else "k",
            products[place] if products else "p",
            datetime(2011, 1, 1 + hour // 24, hour % 24),
            price,
            number,
            round(number * price * 100),
            event.startswith("C"),
        )
        for place, (event, hour, number, price) in enumerate(found)
    ]
    schema = dict.fromkeys(["event_id", "line_id", "customer_id", "product_id"], pl.String()) | {
        "occurred_at": pl.Datetime("us"),
        "price": pl.Float64(),
        "quantity": pl.Int64(),
        "amount": pl.Int64(),
        "is_cancellation": pl.Boolean(),
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(pl.col("price").round(2).cast(DECIMAL)).with_row_index("_order")


def taken(found: list[Line], **more: str) -> list[tuple[Any, ...]]:
    columns = ["event_id", "line_id", "purchase_event_id", "quantity", "value"]
    return match(lines(found, **more)).select(columns).rows()


A, B, C = ("a", 1, 5, 1.0), ("b", 2, 3, 1.0), ("c", 3, 9, 1.0)
MATCHES: dict[str, tuple[list[Line], list[tuple[Any, ...]]]] = {
    "the one that was bought": ([A, ("C1", 9, -5, 1.0)], [("C1", "1", "a", 5, 500)]),
    "a part of it": ([A, ("C1", 9, -2, 1.0)], [("C1", "1", "a", 2, 200)]),
    "at the same instant": ([A, ("C1", 1, -5, 1.0)], [("C1", "1", "a", 5, 500)]),
    "nothing that comes later": ([("C1", 0, -5, 1.0), A], [("C1", "1", None, 5, 500)]),
    "nothing at all": ([("C1", 0, -5, 1.0)], [("C1", "1", None, 5, 500)]),
    "the exact quantity before a later one": ([A, B, C, ("C1", 9, -5, 1.0)], [("C1", "1", "a", 5, 500)]),
    "the latest of equal quantities": ([A, ("b", 2, 5, 1.0), ("C1", 9, -5, 1.0)], [("C1", "1", "b", 5, 500)]),
    "else the latest with enough": ([A, C, B, ("C1", 9, -4, 1.0)], [("C1", "1", "c", 4, 400)]),
    "several, the latest first": (
        [A, B, ("C1", 9, -7, 1.0)],
        [("C1", "1", "b", 3, 300), ("C1", "1/2", "a", 4, 400)],
    ),
    "several, and a rest": (
        [A, B, ("C1", 9, -10, 1.0)],
        [("C1", "1", "b", 3, 300), ("C1", "1/2", "a", 5, 500), ("C1", "1/3", None, 2, 200)],
    ),
    "the same price before the same quantity": (
        [A, ("b", 2, 4, 2.0), ("C1", 9, -4, 1.0)],
        [("C1", "1", "a", 4, 400)],
    ),
    "another price where there is no other": ([("a", 1, 5, 2.0), ("C1", 9, -5, 1.0)], [("C1", "1", "a", 5, 500)]),
    "the same price, and the rest at another": (
        [("a", 1, 9, 2.0), B, ("C1", 9, -4, 1.0)],
        [("C1", "1", "b", 3, 300), ("C1", "1/2", "a", 1, 100)],
    ),
    "no more money than was paid": (
        [A, ("C1", 9, -5, 3.0)],
        [("C1", "1", "a", 5, 500), ("C1", "1/2", None, 0, 1000)],
    ),
    "only what earlier cancellations left": (
        [A, B, ("C1", 8, -5, 1.0), ("C2", 9, -5, 1.0)],
        [("C1", "1", "a", 5, 500), ("C2", "1", "b", 3, 300), ("C2", "1/2", None, 2, 200)],
    ),
    "the earlier cancellation first, wherever it stands": (
        [("C2", 9, -5, 1.0), ("C1", 8, -5, 1.0), A],
        [("C1", "1", "a", 5, 500), ("C2", "1", None, 5, 500)],
    ),
}


@pytest.mark.parametrize(("found", "expected"), MATCHES.values(), ids=list(MATCHES))
def test_a_cancellation_takes_back(found: list[Line], expected: list[tuple[Any, ...]]) -> None:
    assert taken(found) == expected


def test_another_customer_or_product_is_another_matter() -> None:
    found = [A, ("C1", 9, -5, 1.0), ("C2", 9, -5, 1.0)]
    assert taken(found, customers="kmk", products="ppq") == [("C1", "1", None, 5, 500), ("C2", "1", None, 5, 500)]


def test_without_matching_each_line_stands_alone() -> None:
    found = lines([A, ("C1", 9, -5, 1.0)])
    assert unmatched(found).rows() == [("C1", "1", None, "p", 5, 500)]


shop_lines = st.lists(
    st.tuples(
        st.booleans(), st.integers(0, 9), st.integers(1, 6), st.sampled_from([0.5, 1.0, 1.25]), st.sampled_from("kmn")
    ),
    max_size=25,
)


def drawn(found: list[tuple[bool, int, int, float, str]]) -> pl.DataFrame:
    named = [
        (f"{'C' if back else 'P'}{place}", hour, -number if back else number, price)
        for place, (back, hour, number, price, _) in enumerate(found)
    ]
    return lines(named, customers="".join(customer for *_, customer in found))


@given(shop_lines)
def test_what_is_taken_back_adds_up_to_the_cancelled_line(found: list[Any]) -> None:
    cancelled = drawn(found).filter("is_cancellation")
    pieces = match(drawn(found)).group_by("event_id").agg(pl.col("quantity", "value").sum()).sort("event_id")
    assert pieces.rows() == cancelled.select("event_id", -pl.col("quantity"), -pl.col("amount")).sort("event_id").rows()


@given(shop_lines)
def test_no_more_is_taken_back_than_was_bought_before(found: list[Any]) -> None:
    every = {row["event_id"]: row for row in drawn(found).iter_rows(named=True)}
    units: Counter[str] = Counter()
    money: Counter[str] = Counter()
    for piece in match(drawn(found)).drop_nulls("purchase_event_id").iter_rows(named=True):
        purchase, cancellation = every[piece["purchase_event_id"]], every[piece["event_id"]]
        assert purchase["customer_id"] == cancellation["customer_id"]
        assert purchase["occurred_at"] <= cancellation["occurred_at"]
        units[purchase["event_id"]] += piece["quantity"]
        money[purchase["event_id"]] += piece["value"]
    assert all(number <= every[event]["quantity"] for event, number in units.items())
    assert all(value <= every[event]["amount"] for event, value in money.items())


@given(shop_lines)
def test_as_much_is_matched_as_there_is(found: list[Any]) -> None:
    """What is in stock with a customer, whichever line it came from, bounds what can be given back."""
    stock: Counter[str] = Counter()
    expected = {}
    rows = drawn(found).sort("occurred_at", "is_cancellation", "event_id").iter_rows(named=True)
    for row in rows:
        if row["is_cancellation"]:
            expected[row["event_id"]] = min(stock[row["customer_id"]], -row["quantity"])
        stock[row["customer_id"]] += row["quantity"] if not row["is_cancellation"] else -expected[row["event_id"]]
    matched = match(drawn(found)).filter(pl.col("purchase_event_id").is_not_null())
    by_event = dict(matched.group_by("event_id").agg(pl.col("quantity").sum()).iter_rows())
    assert {event: by_event.get(event, 0) for event in expected} == expected


@given(shop_lines, st.integers(0, 9))
def test_what_comes_later_changes_no_match(found: list[Any], hour: int) -> None:
    now = pl.col("occurred_at") < datetime(2011, 1, 1, hour)
    every = drawn(found)
    known = every.filter(now, "is_cancellation").get_column("event_id").to_list()
    assert match(every).filter(pl.col("event_id").is_in(known)).rows() == match(every.filter(now)).rows()


@settings(max_examples=25)
@given(shop_lines, st.randoms())
def test_the_order_of_rows_within_an_instant_of_other_events_does_not_matter(found: list[Any], chance: Any) -> None:
    every = drawn(found)
    shuffled = every.sample(fraction=1, shuffle=True, seed=chance.randrange(1000))
    assert match(shuffled).rows() == match(every).rows()


def test_lamps_of_one_customer_are_not_the_bags_of_another(place: Place) -> None:
    rows: list[Row] = [*ROWS, ("C7", *LAMP, -1, at(20), 12.75, 13047.0, FRANCE), ("C8", *BAG, -1, at(20), 1.0, 1.0, UK)]
    landed(place, rows)
    found = place.read("core_returns").select("event_id", "purchase_event_id").rows()
    assert found == [("C536379", "536365"), ("C7", "536381"), ("C8", None)]
