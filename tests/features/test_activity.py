"""Activity features: windows end the day before as_of, begin n days before it, and add up."""

from __future__ import annotations

import itertools
from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.core import Core
from fiel.features import activity
from fiel.program import Program
from fiel.tables import TABLES

from .frames import TEOMEWHY, core_of, event, histories, line, on, program, rows, table

AS_OF = date(2025, 6, 1)
ADDITIVE = ("active_days", "transactions", "value_earned", "value_spent", "hours")


def features(core: Core, as_of: date = AS_OF, rules: Program = TEOMEWHY) -> pl.DataFrame:
    return activity.build(core, [as_of], rules).collect()


def one(core: Core, as_of: date = AS_OF, rules: Program = TEOMEWHY) -> dict[str, object]:
    found = features(core, as_of, rules)
    assert found.height == 1
    return found.row(0, named=True)


def test_the_columns_are_those_of_the_table() -> None:
    found = features(core_of([event("ana", "2025-05-01 12:00")]))
    TABLES["feat_activity"].check(found.schema)
    assert len(found.columns) == 57


@pytest.mark.parametrize(
    ("local", "windows"),
    [
        ("2025-05-31 23:59:59", {7, 14, 28, 56}),
        ("2025-05-25 00:00", {7, 14, 28, 56}),
        ("2025-05-24 23:59:59", {14, 28, 56}),
        ("2025-05-18 00:00", {14, 28, 56}),
        ("2025-05-17 23:59:59", {28, 56}),
        ("2025-05-04 00:00", {28, 56}),
        ("2025-05-03 23:59:59", {56}),
        ("2025-04-06 00:00", {56}),
        ("2025-04-05 23:59:59", set()),
    ],
)
def test_a_window_holds_day_as_of_minus_n_and_not_the_one_before(local: str, windows: set[int]) -> None:
    found = one(core_of([event("ana", local, 5)]))
    for name, expected in (("active_days", 1), ("transactions", 1), ("value_net", 5), ("value_earned", 5)):
        assert {days for days in (7, 14, 28, 56) if found[f"{name}_d{days}"] == expected} == windows
        assert found[f"{name}_life"] == expected


def test_an_event_at_local_midnight_of_as_of_is_not_known() -> None:
    assert features(core_of([event("ana", "2025-06-01 00:00")])).is_empty()
    just_before = event("ana", "2025-05-31 23:59:59")
    assert just_before["occurred_at"] == datetime(2025, 6, 1, 2, 59, 59), "already the next day in UTC"
    assert one(core_of([just_before, event("ana", "2025-06-01 00:00")]))["transactions_life"] == 1


def test_values_of_one_customer_by_hand() -> None:
    core = core_of(
        [
            event("ana", "2025-03-01 08:00", 10),
            event("ana", "2025-03-01 12:30", 1),
            event("ana", "2025-05-10 20:00", -30),
            event("ana", "2025-05-30 09:00", 4),
            event("ana", "2025-05-30 09:45", 0),
            event("ana", "2025-05-30 22:00", 6),
        ]
    )
    found = one(core)
    expected = {
        "age_days": 92,
        "active_days_life": 3,
        "transactions_life": 6,
        "value_net_life": -9,
        "value_earned_life": 21,
        "value_spent_life": 30,
        "transactions_per_day_life": 2.0,
        "hours_life": 4.5 + 13.0,
        "active_days_d28": 2,
        "value_net_d28": -20,
        "value_spent_d28": 30,
        "value_spent_d14": 0,
        "transactions_per_day_d28": 2.0,
        "transactions_per_day_d7": 3.0,
        "hours_d28": 13.0,
        "transactions_morning_life": 3,
        "transactions_afternoon_life": 1,
        "transactions_night_life": 2,
        "transactions_morning_share": 0.5,
        "transactions_night_share": 2 / 6,
        "active_days_share_d28": 2 / 28,
        "mean_gap_days_life": 45.0,
        "mean_gap_days_d28": 45.0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_a_customer_who_is_long_gone_has_zeros_not_blanks() -> None:
    found = one(core_of([event("ana", "2024-05-01 12:00", 7)]))
    windowed = {name: value for name, value in found.items() if name.endswith(("_d7", "_d14", "_d28", "_d56"))}
    assert windowed.pop("mean_gap_days_d28") is None
    assert set(windowed.values()) == {0}
    assert found["mean_gap_days_life"] is None
    assert found["value_net_life"] == 7


@pytest.mark.parametrize(
    ("offsets", "life", "window"),
    [
        ((10,), None, None),
        ((60,), None, None),
        ((10, 5), 5.0, 5.0),
        ((60, 50), 10.0, None),
        ((60, 10), 50.0, 50.0),
        ((28, 10), 18.0, 18.0),
        ((29, 10), 19.0, 19.0),
        ((60, 58, 20, 10), 50 / 3, 24.0),
        ((28, 27, 26), 1.0, 1.0),
    ],
)
def test_a_gap_is_in_the_window_when_its_later_day_is(
    offsets: tuple[int, ...], life: float | None, window: float | None
) -> None:
    """Offsets are days before as_of."""
    days = [event("ana", f"{date.fromordinal(AS_OF.toordinal() - offset)} 12:00") for offset in offsets]
    found = one(core_of(days))
    assert (found["mean_gap_days_life"], found["mean_gap_days_d28"]) == (
        pytest.approx(life) if life else None,
        pytest.approx(window) if window else None,
    )


def test_shares_of_lines_count_an_event_without_lines_as_one_line() -> None:
    events = [event("ana", "2025-05-01 12:00", event_id=name) for name in ("chat", "both", "bare")]
    day = date(2025, 5, 1)
    lines = table(
        "event_lines",
        [
            line("chat", "ana", day, "ChatMessage"),
            line("both", "ana", day, "ChatMessage"),
            line("both", "ana", day, "Daily Loot", "rpg"),
        ],
    )
    found = one(core_of(events, event_lines=lines))
    assert found["product_share_chat_message"] == 2 / 4
    assert found["category_share_rpg"] == 1 / 4
    assert found["product_share_r_lover"] == 0


def test_a_customer_without_any_line_has_shares_of_zero() -> None:
    core = core_of([event("ana", "2025-05-01 12:00")], event_lines=table("event_lines", []))
    assert one(core)["product_share_chat_message"] == 0.0


def test_lines_of_as_of_and_later_are_not_known() -> None:
    events = [event("ana", "2025-05-31 12:00", event_id="old"), event("ana", "2025-06-01 12:00", event_id="new")]
    lines = table("event_lines", [line("new", "ana", AS_OF, "R Lover"), line("old", "ana", on(150), "ChatMessage")])
    found = one(core_of(events, event_lines=lines))
    assert (found["product_share_r_lover"], found["product_share_chat_message"]) == (0.0, 1.0)


def test_operator_events_move_no_feature() -> None:
    visits = [event("ana", "2025-05-20 12:00", 5, event_id="visit")]
    visit_line = line("visit", "ana", date(2025, 5, 20), "ChatMessage")
    grant = event("ana", "2025-05-30 12:00", 500, event_id="grant", is_operator=True, is_live=False)
    grant_line = line("grant", "ana", date(2025, 5, 30), "fiel-score-1", "churn_model", is_operator=True)
    without = core_of(visits, event_lines=table("event_lines", [visit_line]))
    with_grant = core_of([*visits, grant], event_lines=table("event_lines", [visit_line, grant_line]))
    assert features(without).equals(features(with_grant))


def test_windows_and_tracked_products_are_the_program_s() -> None:
    own = program(
        features={
            "groups": ["activity"],
            "windows": [10, 90],
            "frequency_window": 90,
            "tracked_products": {"tea": "Tea"},
            "tracked_categories": {},
        }
    )
    day = date(2025, 3, 3)
    core = core_of(
        [event("ana", "2025-03-03 12:00", event_id="1")],
        event_lines=table("event_lines", [line("1", "ana", day, "Tea")]),
    )
    found = one(core, AS_OF, own)
    TABLES["feat_activity"].check(features(core, AS_OF, own).schema)
    assert (found["active_days_d10"], found["active_days_d90"]) == (0, 1)
    assert found["active_days_share_d90"] == 1 / 90
    assert found["product_share_tea"] == 1.0
    assert not any(name.startswith("category_share") for name in found)


values = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 23), st.integers(-50, 50)), min_size=1, max_size=15)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), values, min_size=1), st.integers(1, 100))
def test_windows_grow_into_each_other_and_agree_with_sums_by_hand(
    history: dict[str, list[tuple[int, int, int]]], as_of: int
) -> None:
    core = core_of(
        [
            event(customer, f"{on(day)} {hour:02}:00", value)
            for customer, visits in history.items()
            for day, hour, value in visits
        ]
    )
    found = {row["customer_id"]: row for row in features(core, on(as_of)).iter_rows(named=True)}
    assert set(found) == {customer for customer, visits in history.items() if any(v[0] < as_of for v in visits)}
    for customer, row in found.items():
        for length, window in ((7, "d7"), (14, "d14"), (28, "d28"), (56, "d56"), (1_000, "life")):
            kept = [visit for visit in history[customer] if as_of - length <= visit[0] < as_of]
            assert row[f"active_days_{window}"] == len({day for day, _, _ in kept})
            assert row[f"transactions_{window}"] == len(kept)
            assert row[f"value_net_{window}"] == sum(value for *_, value in kept)
            assert row[f"value_spent_{window}"] == -sum(min(value, 0) for *_, value in kept)
            days = {day: [hour for on_day, hour, _ in kept if on_day == day] for day, *_ in kept}
            assert row[f"hours_{window}"] == sum(max(hours) - min(hours) for hours in days.values())
            assert row[f"transactions_per_day_{window}"] == (len(kept) / len(days) if days else 0)
        assert row["active_days_share_d28"] == row["active_days_d28"] / 28
        for name in ADDITIVE:
            grown = [row[f"{name}_{window}"] for window in ("d7", "d14", "d28", "d56", "life")]
            assert grown == sorted(grown)
        shares = [row[f"transactions_{part}_share"] for part in ("morning", "afternoon", "night")]
        assert sum(shares) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(histories, st.integers(1, 100))
def test_mean_gaps_are_those_of_the_sorted_days(history: dict[str, set[int]], as_of: int) -> None:
    core = core_of([event(c, f"{on(day)} 12:00") for c, days in history.items() for day in days])
    for customer, means in rows(features(core, on(as_of)), "mean_gap_days_life", "mean_gap_days_d28").items():
        days = sorted(day for day in history[customer] if day < as_of)
        gaps = [(later - earlier, later) for earlier, later in itertools.pairwise(days)]
        life = [gap for gap, _ in gaps]
        recent = [gap for gap, later in gaps if later >= as_of - 28]
        for found, expected in zip(means, (life, recent), strict=True):
            assert found == (sum(expected) / len(expected) if expected else None)
