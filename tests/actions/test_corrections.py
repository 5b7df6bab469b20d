"""A correction is a reversal and, if need be, a new grant: rows are added, never changed."""

from __future__ import annotations

import pytest

from fiel.actions.corrections import grant_again, reverse
from fiel.actions.identity import grant_id
from fiel.errors import PlanError
from fiel.store import Store
from tests.actions.factories import AS_OF, pay, program

ANA = grant_id("club", AS_OF, "ana", 0)


@pytest.fixture(autouse=True)
def _paid(store: Store) -> None:
    pay(store, {"ana": 0.9, "bia": 0.6})


def test_a_reversal_is_a_new_row_with_negated_points(store: Store) -> None:
    before = store.entries("club")
    done = reverse(store, ANA, "wrong person", by="ops")
    after = store.entries("club")
    assert after.head(before.height).equals(before)
    row = after.row(-1, named=True)
    assert (row["kind"], row["points"], row["reverses"], row["reason"]) == ("reversal", -100, ANA, "wrong person")
    assert (done.changed, done.points, done.grant_id) == (True, -100, row["grant_id"])


def test_reversing_twice_takes_back_once(store: Store) -> None:
    reverse(store, ANA, "wrong person", by="ops")
    assert reverse(store, ANA, "wrong person", by="somebody else").changed is False
    assert store.entries("club").height == 3


def test_a_reversed_grant_can_be_granted_anew_with_the_next_sequence(store: Store) -> None:
    reverse(store, ANA, "wrong amount", by="ops")
    done = grant_again(store, program(), ANA, 70, "right amount", by="ops")
    assert done.grant_id == grant_id("club", AS_OF, "ana", 1)
    assert grant_again(store, program(), ANA, 70, "right amount", by="ops").changed is False
    rows = store.entries("club")
    assert rows.select("customer_id", "sequence", "points").rows()[2:] == [("ana", 0, -100), ("ana", 1, 70)]
    assert rows["points"].sum() == 120
    reverse(store, done.grant_id, "not at all", by="ops")
    assert grant_again(store, program(), done.grant_id, 60, "yes after all", by="ops").grant_id == grant_id(
        "club", AS_OF, "ana", 2
    )


def test_after_corrections_the_same_plan_is_still_the_applied_one(store: Store) -> None:
    reverse(store, ANA, "wrong amount", by="ops")
    grant_again(store, program(), ANA, 70, "right amount", by="ops")
    pay(store, {"ana": 0.9, "bia": 0.6})
    assert store.entries("club").height == 4


@pytest.mark.parametrize(
    ("grant", "reason", "says"),
    [("nowhere", "why", "no grant 'nowhere'"), (ANA, "  ", "needs a reason")],
)
def test_what_cannot_be_reversed(store: Store, grant: str, reason: str, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        reverse(store, grant, reason, by="ops")


def test_a_reversal_cannot_be_reversed(store: Store) -> None:
    done = reverse(store, ANA, "wrong person", by="ops")
    with pytest.raises(PlanError, match="is a reversal"):
        reverse(store, done.grant_id, "oh no", by="ops")


def test_what_stands_cannot_be_granted_anew(store: Store) -> None:
    with pytest.raises(PlanError, match="is not reversed"):
        grant_again(store, program(), ANA, 70, "more", by="ops")


def test_another_amount_needs_another_reversal(store: Store) -> None:
    reverse(store, ANA, "wrong amount", by="ops")
    grant_again(store, program(), ANA, 70, "right amount", by="ops")
    with pytest.raises(PlanError, match="already granted anew"):
        grant_again(store, program(), ANA, 80, "righter amount", by="ops")


@pytest.mark.parametrize(
    ("points", "policy", "says"),
    [
        (0, {}, "cap_customer_points"),
        (101, {"cap_customer_points": 100}, "cap_customer_points"),
        (-10, {}, "penalties are off"),
        (100, {"budget_points": 149}, "its limit is 149"),
    ],
)
def test_the_limits_hold_for_a_new_grant_too(store: Store, points: int, policy: dict, says: str) -> None:
    reverse(store, ANA, "wrong amount", by="ops")
    with pytest.raises(PlanError, match=says):
        grant_again(store, program(**policy), ANA, points, "try", by="ops")
    assert store.entries("club").height == 3
