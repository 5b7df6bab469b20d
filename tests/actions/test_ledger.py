"""Paying: what may be paid, what is refused, and that applying twice changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from fiel.actions.identity import grant_id, plan_digest
from fiel.actions.ledger import apply
from fiel.actions.merges import merges_of
from fiel.actions.summary import PlanResult
from fiel.errors import CycleConflictError, PlanError, SchemaError, StoreError
from fiel.lake import Lake
from fiel.store import Store
from tests.actions.factories import AS_OF, WEEK, customers, make_plan, pay, program
from tests.actions.test_incentives import PEOPLE, POLICIES


def test_a_paid_plan_stands_in_the_ledger_row_by_row(store: Store) -> None:
    planned = make_plan({"ana": 0.9, "bia": 0.6, "cai": 0.3})
    applied = apply(planned, store, program(), by="ops")
    assert (applied.changed, applied.grants, applied.rewards_points) == (True, 2, 150)
    rows = store.entries("club", AS_OF)
    assert rows.select("entry", "kind", "customer_id", "product", "points", "sequence", "made_by").rows() == [
        (1, "grant", "ana", "high", 100, 0, "ops"),
        (2, "grant", "bia", "middle", 50, 0, "ops"),
    ]
    assert rows["grant_id"].to_list() == [grant_id("club", AS_OF, "ana", 0), grant_id("club", AS_OF, "bia", 0)]
    (cycle,) = store.cycles("club")
    assert (cycle.policy_version, cycle.model_version) == ("1", "3")
    assert cycle.plan_digest == plan_digest(planned.frame) == planned.summary.digest


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PEOPLE, POLICIES)
def test_applying_twice_changes_nothing(probs: dict[str, float | None], policy: dict[str, Any]) -> None:
    store = Store("sqlite://")
    rules = program(**policy)
    planned = pay(store, probs, rules)
    first = (store.cycles("club"), store.entries("club"), store.held_out("club"))
    made_again = make_plan(probs, rules, store.ledger_view("club", AS_OF))
    assert made_again.frame.equals(planned.frame)
    assert apply(made_again, store, rules, by="somebody else").changed is False
    second = (store.cycles("club"), store.entries("club"), store.held_out("club"))
    assert first[0] == second[0]
    assert first[1].equals(second[1])
    assert first[2].equals(second[2])
    store.close()


def test_an_applied_cycle_is_found_again_even_when_its_scores_are_old_by_now(store: Store) -> None:
    pay(store, {"ana": 0.9})
    late = make_plan({"ana": 0.9}, history=store.ledger_view("club", AS_OF), known_through=AS_OF + timedelta(days=90))
    assert late.summary.already_applied
    assert apply(late, store, program(), by="test").changed is False


def test_a_plan_of_an_applied_cycle_comes_out_the_same_whatever_came_after_it(store: Store) -> None:
    from fiel.actions.corrections import reverse

    probs: dict[str, float | None] = {f"c{i}": 0.9 for i in range(20)}
    rules = program(hold_out_share=0.3, cooldown_days=8)
    first = pay(store, probs, rules)
    second = pay(store, probs | {"new": 0.9}, rules, AS_OF + WEEK)
    pay(store, probs, rules, AS_OF + 2 * WEEK)
    reverse(store, first.grants["grant_id"][0], "wrong person", by="test")

    for planned, more, as_of in ((first, {}, AS_OF), (second, {"new": 0.9}, AS_OF + WEEK)):
        again = make_plan(probs | more, rules, store.ledger_view("club", as_of), as_of)
        assert again.frame.equals(planned.frame)


class TestAConflictShowsTheDifference:
    def test_other_customers_and_points(self, store: Store) -> None:
        pay(store, {"stays": 0.9, "leaves": 0.9, "changes": 0.9})
        with pytest.raises(CycleConflictError) as caught:
            pay(store, {"stays": 0.9, "comes": 0.6, "changes": 0.6, "leaves": 0.3})
        text = str(caught.value)
        assert "added 1: comes (middle 50)" in text
        assert "removed 1: leaves (high 100)" in text
        assert "changed 1: changes (high 100 to middle 50)" in text
        assert "+300 points to 3 customers applied, +200 to 3 planned" in text
        assert store.entries("club").height == 3

    def test_long_lists_are_cut(self, store: Store) -> None:
        pay(store, {"a": 0.9})
        with pytest.raises(CycleConflictError, match=r"added 40: .* and 37 more"):
            pay(store, {f"c{i}": 0.9 for i in range(40)} | {"a": 0.9})

    def test_another_policy_version_with_the_same_payments(self, store: Store) -> None:
        pay(store, {"a": 0.9})
        with pytest.raises(CycleConflictError, match="policy version 1, the plan is of version 2: the payments are"):
            pay(store, {"a": 0.9}, program(version="2"))

    def test_a_merge_since_then_is_no_difference(self, store: Store) -> None:
        pay(store, {"old": 0.9, "other": 0.9})
        people = customers(["new", "other"], merged={"old": "new"})
        planned = make_plan({"new": 0.9, "other": 0.9}, history=store.ledger_view("club", AS_OF), people=people)
        assert apply(planned, store, program(), by="test", merges=merges_of(people)).changed is False
        assert store.entries("club").height == 2


class TestWhatIsNeverPaid:
    @pytest.mark.parametrize(
        ("days", "says"), [(-1, "can be planned, never paid"), (-30, "never paid"), (1, "cadence is 7"), (6, "cadence")]
    )
    def test_a_cycle_before_or_too_soon_after_the_newest(self, store: Store, days: int, says: str) -> None:
        pay(store, {"a": 0.9})
        with pytest.raises(PlanError, match=says):
            pay(store, {"b": 0.9}, as_of=AS_OF + timedelta(days=days))
        assert len(store.cycles("club")) == 1

    def test_old_scores(self, store: Store) -> None:
        planned = make_plan({"a": 0.9}, known_through=AS_OF + timedelta(days=30))
        with pytest.raises(PlanError, match="31 days old"):
            apply(planned, store, program(), by="test")

    def test_a_plan_that_does_not_know_the_newest_entries(self, store: Store) -> None:
        stale = make_plan({"a": 0.9}, as_of=AS_OF + WEEK)
        pay(store, {"a": 0.9})
        with pytest.raises(PlanError, match=r"moved on .* plan again"):
            apply(stale, store, program(), by="test")

    def test_a_plan_under_another_policy_than_todays(self, store: Store) -> None:
        with pytest.raises(PlanError, match="the program file has 2"):
            apply(make_plan({"a": 0.9}), store, program(version="2"), by="test")

    def test_another_programs_plan(self, store: Store) -> None:
        other = program().model_copy(update={"name": "other"})
        with pytest.raises(PlanError, match="not of program other"):
            apply(make_plan({"a": 0.9}), store, other, by="test")

    def test_rows_that_are_not_those_that_were_summarised(self, store: Store) -> None:
        planned = make_plan({"a": 0.9})
        more = planned.frame.with_columns(points=pl.col("points") * 2)
        with pytest.raises(PlanError, match="not those that its summary describes"):
            apply(PlanResult(more, planned.summary), store, program(), by="test")

    def test_a_frame_that_is_no_plan(self, store: Store) -> None:
        planned = make_plan({"a": 0.9})
        with pytest.raises(SchemaError):
            apply(PlanResult(planned.frame.drop("rank"), planned.summary), store, program(), by="test")

    @pytest.mark.parametrize(
        ("rules", "says"),
        [
            ({"budget_points": 99}, "the limit is 99"),
            ({"cap_cycle_points": 98}, "the limit is 98"),
            ({"cap_customer_points": 97}, "cap_customer_points"),
        ],
    )
    def test_a_plan_that_breaks_a_limit_of_today(self, store: Store, rules: dict[str, Any], says: str) -> None:
        with pytest.raises(PlanError, match=says):
            apply(make_plan({"a": 0.9}), store, program(**rules), by="test")

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"points": pl.lit(0)}, "0 points"),
            ({"points": pl.lit(-5)}, "penalties are off"),
            ({"grant_id": pl.lit("made up")}, "id is not that"),
            ({"customer_id": pl.lit("same"), "grant_id": pl.lit(grant_id("club", AS_OF, "same", 0))}, "granted twice"),
            ({"product": pl.lit(None, dtype=pl.String)}, "without a product"),
        ],
    )
    def test_rows_that_were_tampered_with(self, store: Store, change: dict[str, pl.Expr], says: str) -> None:
        planned = make_plan({"a": 0.9, "b": 0.9})
        casts = {name: value.cast(planned.frame.schema[name]) for name, value in change.items()}
        frame = planned.frame.with_columns(**casts)
        summary = planned.summary.model_copy(update={"digest": plan_digest(frame)})
        with pytest.raises(PlanError, match=says):
            apply(PlanResult(frame, summary), store, program(), by="test")
        assert store.cycles("club") == []

    def test_a_customer_who_was_merged_since_the_plan_was_made(self, store: Store) -> None:
        merges = merges_of(customers("ab", merged={"a": "b"}))
        with pytest.raises(PlanError, match="merged into another since"):
            apply(make_plan({"a": 0.9, "b": 0.9}), store, program(), by="test", merges=merges)


def test_the_very_first_cycle_needs_no_cadence_and_the_next_comes_on_it(store: Store) -> None:
    pay(store, {"a": 0.9})
    pay(store, {"a": 0.9}, as_of=AS_OF + WEEK)
    assert [cycle.as_of for cycle in store.cycles("club")] == [AS_OF, AS_OF + WEEK]
    assert store.entries("club")["entry"].to_list() == [1, 2]


def test_programs_do_not_share_a_ledger(store: Store) -> None:
    pay(store, {"a": 0.9})
    other = program().model_copy(update={"name": "other"})
    planned = make_plan({"a": 0.9}, other, store.ledger_view("other", AS_OF))
    apply(planned, store, other, by="test")
    assert store.entries("other")["entry"].to_list() == [1]
    assert store.entries("other")["grant_id"][0] != store.entries("club")["grant_id"][0]


def test_a_failure_inside_the_transaction_leaves_nothing(store: Store) -> None:
    def fail(step: str) -> None:
        if step == "hold-outs written":
            raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError):
        apply(make_plan({"a": 0.9}), store, program(), by="test", steps=fail)
    assert store.cycles("club") == []
    assert store.entries("club").is_empty()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE grants SET points = 1", "DELETE FROM grants", "DELETE FROM cycles", "UPDATE hold_outs SET points = 1"],
)
def test_the_database_refuses_to_change_what_was_paid(store: Store, statement: str) -> None:
    pay(store, {f"c{i}": 0.9 for i in range(9)}, program(hold_out_share=0.5))
    with pytest.raises(StoreError, match="append-only"), store.database.write("club") as connection:
        connection.execute(sa.text(statement))


@pytest.mark.postgres
@pytest.mark.parametrize(
    "statement", ["UPDATE grants SET points = 1", "DELETE FROM promotions", "TRUNCATE cycles CASCADE"]
)
def test_postgresql_refuses_too(postgres_url: str, statement: str) -> None:
    store = Store(postgres_url)
    pay(store, {"a": 0.9})
    with pytest.raises(StoreError, match="is append-only"), store.database.write("club") as connection:
        connection.execute(sa.text(statement))


def test_only_the_held_out_who_would_have_been_granted_are_remembered(store: Store) -> None:
    probs: dict[str, float | None] = {f"c{i:03}": 0.99 - i / 1_000 for i in range(100)}
    planned = pay(store, probs, program(hold_out_share=0.5, budget_points=1_000))
    refused_from = planned.frame.filter(pl.col("reason_code") == "budget")["rank"].min()
    expected = planned.frame.filter(pl.col("decision") == "held_out", pl.col("rank") < refused_from)
    assert set(store.held_out("club", AS_OF)["customer_id"]) == set(expected["customer_id"])
    assert 0 < expected.height < planned.summary.held_out


def test_a_plan_read_back_from_the_lake_is_the_same_plan(store: Store, lake: Lake) -> None:
    planned = make_plan({"a": 0.9, "b": 0.95, "c": 0.8, "d": 0.3})
    lake.replace("out_plan", planned.frame, AS_OF)
    apply(PlanResult(lake.read("out_plan", AS_OF), planned.summary), store, program(), by="test")
    assert store.entries("club")["customer_id"].to_list() == ["b", "a", "c"]
