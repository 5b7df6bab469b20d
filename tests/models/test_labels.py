from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.core import Core
from fiel.errors import TimeError
from fiel.models.labels import is_matured, outcome
from tests.models import frames

AS_OF = date(2024, 6, 1)
THEN = AS_OF + timedelta(days=28)


def core_of(visits: dict[str, list[date]], known_through: date = date(2024, 12, 31)) -> Core:
    """A core with the given active days."""
    days = [(customer, day) for customer, visited in visits.items() for day in sorted(set(visited))]
    frame = pl.DataFrame(days, schema={"customer_id": pl.String, "day": pl.Date}, orient="row")
    return Core.of({"customer_days": frame}, known_through)


def days_before(moment: date, *days: int) -> list[date]:
    return [moment - timedelta(days=before) for before in days]


@pytest.mark.parametrize(
    ("visited", "label", "why"),
    [
        (days_before(THEN, 60, 10, 1), 1, "recency 1, gap 9"),
        (days_before(THEN, 60, 21, 7), 1, "recency 7 and gap 14 are the last that count"),
        (days_before(THEN, 60, 22, 7), 0, "gap 15: won back"),
        (days_before(THEN, 60, 12, 8), 0, "recency 8: a tourist"),
        (days_before(THEN, 60), 0, "gone"),
        ([*days_before(THEN, 60), THEN], 0, "a visit on the day of the outcome is not known on it"),
        (days_before(THEN, 29, 9, 1), 1, "joined the day before as_of"),
    ],
)
def test_stage_outcome(visited: list[date], label: int, why: str) -> None:
    found = outcome(core_of({"ana": visited}), [AS_OF], frames.program())
    assert found.rows() == [("ana", AS_OF, label)], why


@pytest.mark.parametrize(
    ("day", "label"),
    [(AS_OF - timedelta(days=1), 0), (AS_OF, 1), (THEN - timedelta(days=1), 1), (THEN, 0)],
)
def test_active_outcome_counts_from_as_of_to_before_the_horizon(day: date, label: int) -> None:
    rules = frames.program(target={"kind": "active", "horizon_days": 28})
    found = outcome(core_of({"ana": [date(2024, 1, 5), day]}), [AS_OF], rules)
    assert found["label"].to_list() == [label]


def test_customers_without_an_active_day_before_as_of_have_no_row() -> None:
    core = core_of({"ana": [date(2024, 1, 5)], "bia": [AS_OF]})
    assert outcome(core, [AS_OF], frames.program())["customer_id"].to_list() == ["ana"]


def test_several_dates_come_sorted_and_once() -> None:
    later = AS_OF + timedelta(days=30)
    core = core_of({"bia": [date(2024, 1, 9)], "ana": [date(2024, 1, 5)]})
    found = outcome(core, [later, AS_OF, later], frames.program())
    assert found.select("as_of", "customer_id").rows() == [(d, c) for d in (AS_OF, later) for c in ("ana", "bia")]


def test_no_dates_no_rows() -> None:
    assert outcome(core_of({"ana": [date(2024, 1, 5)]}), [], frames.program()).shape == (0, 3)


@pytest.mark.parametrize(
    ("known_through", "known"), [(THEN - timedelta(days=1), True), (THEN - timedelta(days=2), False)]
)
def test_an_outcome_is_known_once_its_last_day_is_complete(known_through: date, known: bool) -> None:
    rules = frames.program()
    assert is_matured(AS_OF, rules, known_through) is known
    core = core_of({"ana": [date(2024, 1, 5)]}, known_through)
    if known:
        assert outcome(core, [AS_OF], rules).height == 1
    else:
        with pytest.raises(TimeError, match=r"known on 2024-06-29.*up to 2024-05-31"):
            outcome(core, [AS_OF], rules)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 120), min_size=1, max_size=12, unique=True))
def test_nothing_at_or_after_the_horizon_moves_a_label(offsets: list[int]) -> None:
    """Active days from THEN on may be anything."""
    past = [AS_OF - timedelta(days=1 + offset) for offset in offsets if offset < 60]
    future = [THEN + timedelta(days=offset) for offset in offsets]
    without = outcome(core_of({"ana": [date(2024, 1, 5), *past]}), [AS_OF], frames.program())
    with_future = outcome(core_of({"ana": [date(2024, 1, 5), *past, *future]}), [AS_OF], frames.program())
    assert without.equals(with_future)


BOUGHT = {"customer_id": "ana", "day": AS_OF + timedelta(days=3), "value_earned": 500}


def bought_core(*returns: tuple[date, date | None, int]) -> Core:
    """Ana bought long ago and on the third day after AS_OF; `returns`: known on, of the purchase of, value."""
    days = pl.DataFrame([BOUGHT | {"day": date(2024, 1, 5)}, BOUGHT])
    taken = pl.DataFrame(
        [("ana", *found) for found in returns],
        schema={"customer_id": pl.String, "day": pl.Date, "purchase_day": pl.Date, "value": pl.Int64},
        orient="row",
    )
    return Core.of({"customer_days": days, "returns": taken}, date(2024, 12, 31))


@pytest.mark.parametrize(
    ("returns", "label", "why"),
    [
        ([], 1, "nothing was taken back"),
        ([(THEN - timedelta(days=1), BOUGHT["day"], 500)], 0, "taken back on the last day of the horizon"),
        ([(THEN, BOUGHT["day"], 500)], 1, "taken back on the day of the outcome, which does not know it"),
        ([(THEN - timedelta(days=1), BOUGHT["day"], 499)], 1, "a part was taken back"),
        ([(THEN - timedelta(days=1), date(2024, 1, 5), 500)], 1, "the earlier purchase was taken back"),
        ([(THEN - timedelta(days=1), None, 500)], 1, "a return that matches no purchase"),
    ],
)
def test_purchase_outcome(returns: list[tuple[date, date | None, int]], label: int, why: str) -> None:
    rules = frames.program(target={"kind": "purchase", "horizon_days": 28})
    assert outcome(bought_core(*returns), [AS_OF], rules).rows() == [("ana", AS_OF, label)], why


@pytest.mark.parametrize(
    ("day", "label"),
    [(AS_OF - timedelta(days=1), 0), (AS_OF, 1), (THEN - timedelta(days=1), 1), (THEN, 0)],
)
def test_purchase_outcome_counts_from_as_of_to_before_the_horizon(day: date, label: int) -> None:
    core = Core.of({"customer_days": pl.DataFrame([BOUGHT | {"day": date(2024, 1, 5)}, BOUGHT | {"day": day}])}, THEN)
    rules = frames.program(target={"kind": "purchase", "horizon_days": 28})
    assert outcome(core, [AS_OF], rules)["label"].to_list() == [label]
