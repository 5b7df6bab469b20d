"""Rewards decided by the value at stake: who gets how much, in which order, and what always holds."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fiel.actions.corrections import grant_again, reverse
from fiel.actions.cycle import apply_cycle
from fiel.actions.incentives import plan
from fiel.actions.ledger import apply
from fiel.actions.reasons import REASONS
from fiel.actions.summary import PlanResult
from fiel.errors import PlanError, ProgramError
from fiel.lake import Lake
from fiel.program import Program, read_program
from fiel.store import LedgerView, Store
from tests.actions.factories import (
    AS_OF,
    BUCKETS,
    VALUE_BUCKETS,
    WEEK,
    customers,
    decisions,
    make_plan,
    program,
    scores,
    value_program,
)

KNOWN_THROUGH = AS_OF - timedelta(days=1)


def planned_for(values: dict[str, float | None], policy: Program | None = None, **columns: Any) -> PlanResult:
    """A plan for customers of probability one half with these values at stake, in pence."""
    return make_plan(dict.fromkeys(values, 0.5), policy or value_program(), value_at_stake=values, **columns)


@pytest.mark.parametrize(
    ("pence", "product", "points", "reason"),
    [
        (0.0, None, 0, "no_bucket"),
        (4_999.99, None, 0, "no_bucket"),
        (5_000.0, "small", 5, "granted"),
        (9_999.99, "small", 5, "granted"),
        (10_000.0, "large", 10, "granted"),
        (10_000_000.0, "large", 10, "granted"),
        (None, None, 0, "no_value"),
    ],
)
def test_the_bucket_of_the_value_at_stake_decides_the_points(
    pence: float | None, product: str | None, points: int, reason: str
) -> None:
    row = planned_for({"ana": pence}).frame.row(0, named=True)
    assert (row["product"], row["points"], row["reason_code"]) == (product, points, reason)
    assert row["value_at_stake"] == pence


@pytest.mark.parametrize(
    ("prob", "policy", "reason"),
    [
        (0.2, {"from_prob": 0.2, "to_prob": 0.6}, "granted"),
        (0.1999, {"from_prob": 0.2, "to_prob": 0.6}, "too_unlikely"),
        (0.5999, {"from_prob": 0.2, "to_prob": 0.6}, "granted"),
        (0.6, {"from_prob": 0.2, "to_prob": 0.6}, "comes_anyway"),
        (1.0, {"from_prob": 0.2}, "granted"),
        (0.0, {}, "granted"),
        (1.0, {}, "granted"),
    ],
)
def test_the_policy_acts_between_the_hopeless_and_the_sure(prob: float, policy: dict[str, Any], reason: str) -> None:
    planned = make_plan({"ana": prob}, value_program(**policy), value_at_stake=20_000.0)
    assert decisions(planned) == {"ana": reason}
    assert reason in REASONS


@pytest.mark.parametrize(
    ("pence", "share", "reason"),
    [
        (10_000.0, 0.1, "granted"),  # GBP 10 for GBP 100
        (10_000.0, 0.0999, "share_of_value"),
        (9_999.0, 0.06, "granted"),  # GBP 5 for GBP 99.99
        (9_999.0, 0.05, "share_of_value"),
        (5_000.0, 0.05, "share_of_value"),
        (5_000.0, 1.0, "granted"),
    ],
)
def test_a_reward_is_never_larger_than_its_share_of_the_value_at_stake(pence: float, share: float, reason: str) -> None:
    assert decisions(planned_for({"ana": pence}, value_program(max_share_of_value=share))) == {"ana": reason}


def test_the_budget_goes_to_the_largest_value_at_stake_first_then_by_customer_id() -> None:
    values: dict[str, float | None] = {"dani": 12_000.0, "cai": 50_000.0, "bia": 12_000.0, "ana": 9_000.0}
    planned = planned_for(values, value_program(budget_points=20))
    assert planned.grants["customer_id"].to_list() == ["cai", "bia"]
    assert decisions(planned) == {"cai": "granted", "bia": "granted", "dani": "budget", "ana": "budget"}


def test_scores_may_decide_the_points_and_the_value_at_stake_the_order() -> None:
    by_score = value_program(by="prob", buckets=BUCKETS, value_buckets=(), budget_points=100)
    planned = planned_for({"ana": None, "bia": 10.0, "cai": 20.0}, by_score)
    assert planned.grants["customer_id"].to_list() == ["cai", "bia"]


class TestWhatThePlanComesTo:
    def test_the_summary_holds_the_value_behind_the_grants_and_what_a_unit_of_it_costs(self) -> None:
        values: dict[str, float | None] = {"a": 10_000.4, "b": 6_000.0, "c": 1_000.0, "d": None}
        found = planned_for(values).summary
        assert found.by == "value_at_stake"
        assert found.at_stake is not None
        assert (found.at_stake.customers, found.at_stake.total, found.at_stake.granted) == (3, 17_000, 16_000)
        assert found.at_stake.cost_share == pytest.approx(15 * 100 / 16_000)
        assert found.at_stake_in_words == (
            "160 of 170 GBP at stake stand behind the grants (94.1%), which cost 9.4% of it; "
            "points by the value at stake"
        )
        assert type(found).model_validate_json(found.model_dump_json()) == found

    def test_by_score_the_cost_is_that_of_the_grants_whose_value_is_known(self) -> None:
        found = make_plan({"a": 0.9, "b": 0.9}, program(), value_at_stake={"a": 1_000.0}).summary
        assert found.rewards_points == 200
        assert found.at_stake is not None
        assert found.at_stake.cost_share == 0.1
        assert str(found.at_stake_in_words).endswith("which cost 10.0% of it; points by the score")

    def test_without_any_value_at_stake_it_says_nothing_of_it(self) -> None:
        found = make_plan({"ana": 0.9}).summary
        assert (found.by, found.at_stake, found.at_stake_in_words) == ("prob", None, None)

    def test_the_held_out_are_counted_apart(self) -> None:
        values: dict[str, float | None] = {f"c{i}": 20_000.0 for i in range(50)}
        found = planned_for(values, value_program(hold_out_share=0.3)).summary
        assert found.at_stake is not None
        assert found.held_out > 0
        assert found.at_stake.held_out == 20_000 * found.held_out
        assert found.at_stake.granted == 20_000 * found.granted

    def test_a_summary_that_was_stored_before_there_was_a_value_at_stake_can_be_read(self) -> None:
        stored = make_plan({"ana": 0.9}).summary.model_dump(mode="json")
        del stored["by"], stored["at_stake"]
        summary = type(make_plan({"ana": 0.9}).summary)
        assert summary.model_validate(stored).by == "prob"


class TestPayment:
    def test_the_ledger_and_the_manifest_say_what_decided_the_points(self, store: Store, lake: Lake) -> None:
        policy = value_program()
        paid = apply_cycle(planned_for({"a": 12_345.6, "b": 6_000.0}, policy), store, lake, policy, by="test")
        assert paid.manifest.content["points_decided_by"] == "value_at_stake"
        assert paid.manifest.content["value_at_stake"]["granted"] == 18_346
        assert store.entries("club", AS_OF)["reason"].to_list() == [
            "policy 1, value at stake 123.46 GBP",
            "policy 1, value at stake 60.0 GBP",
        ]
        rows = [json.loads(line) for line in _file(lake, "grants.jsonl").splitlines()]
        assert [row["points"] for row in rows] == [10, 5]

    def test_by_score_the_manifest_says_so_too(self, store: Store, lake: Lake) -> None:
        paid = apply_cycle(make_plan({"ana": 0.9}), store, lake, program(), by="test")
        assert paid.manifest.content["points_decided_by"] == "prob"
        assert paid.manifest.content["value_at_stake"] is None

    def test_a_plan_made_under_a_more_generous_share_is_not_paid(self, store: Store) -> None:
        generous = value_program(max_share_of_value=1.0)
        planned = planned_for({"ana": 5_100.0}, generous)
        with pytest.raises(PlanError, match=r"max_share_of_value \(0.05\)"):
            apply(planned, store, value_program(max_share_of_value=0.05), by="test")

    def test_applying_twice_changes_nothing(self, store: Store, lake: Lake) -> None:
        policy = value_program(hold_out_share=0.3)
        planned = planned_for({f"c{i}": 4_000.0 + 500 * i for i in range(40)}, policy)
        first = apply_cycle(planned, store, lake, policy, by="test")
        again = apply_cycle(planned, store, lake, policy, by="test")
        assert (first.changed, again.changed) == (True, False)
        assert again.manifest.content == first.manifest.content

    def test_a_correction_keeps_the_policys_limits(self, store: Store) -> None:
        policy = value_program()
        planned = planned_for({"ana": 12_000.0}, policy)
        apply(planned, store, policy, by="test")
        grant = planned.grants["grant_id"][0]
        reverse(store, grant, "wrong voucher", by="test")
        with pytest.raises(PlanError, match="penalties are off"):
            grant_again(store, policy, grant, -5, "a penalty", by="test")
        assert grant_again(store, policy, grant, 5, "the right voucher", by="test").changed

    def test_the_cooldown_holds_as_by_score(self, store: Store) -> None:
        policy = value_program(cooldown_days=14)
        apply(planned_for({"ana": 12_000.0}, policy), store, policy, by="test")
        as_of = AS_OF + WEEK
        later = make_plan({"ana": 0.5}, policy, store.ledger_view("club", as_of), as_of, value_at_stake=12_000.0)
        assert decisions(later) == {"ana": "cooldown"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_value_at_stake_that_is_no_amount_is_refused(value: float) -> None:
    with pytest.raises(PlanError, match=r"value_at_stake of customer ana is .*no amount: score again"):
        planned_for({"ana": value})


POLICY = value_program().incentive.model_dump()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"by": "prob", "buckets": BUCKETS}, "does not read value_buckets: set by: value_at_stake"),
        ({"by": "prob", "value_buckets": (), "from_prob": 0.2}, "does not read from_prob"),
        ({"by": "prob", "value_buckets": (), "max_share_of_value": 0.2}, "does not read max_share_of_value"),
        ({"buckets": BUCKETS}, "does not read `buckets`: write value_buckets"),
        ({"penalties": True}, "only earns rewards"),
        ({"from_prob": 0.5, "to_prob": 0.5}, "from_prob must be below incentive.to_prob"),
        ({"value_buckets": [VALUE_BUCKETS[0] | {"points": -5}]}, "greater than 0"),
        ({"value_buckets": [VALUE_BUCKETS[0] | {"points": 0}]}, "greater than 0"),
        ({"value_buckets": [VALUE_BUCKETS[0] | {"from_value": -1}]}, "greater than or equal to 0"),
        ({"value_buckets": [VALUE_BUCKETS[0] | {"to_value": 5_000}]}, "small: from_value must be below to_value"),
        ({"value_buckets": [VALUE_BUCKETS[0] | {"to_value": 10_001}, VALUE_BUCKETS[1]]}, "small and large overlap"),
        ({"value_buckets": [VALUE_BUCKETS[0] | {"to_value": None}, VALUE_BUCKETS[1]]}, "small and large overlap"),
        ({"value_buckets": [{"product": "p", "from_prob": 0, "to_prob": 1, "points": 5}]}, "from_prob"),
        ({"max_share_of_value": 1.1}, "less than or equal to 1"),
    ],
)
def test_a_policy_that_mixes_both_kinds_is_refused(changes: dict[str, Any], says: str) -> None:
    content = value_program().model_dump() | {"incentive": POLICY | changes}
    with pytest.raises(ValidationError, match=says):
        Program.model_validate(content)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"features": {"groups": ["activity", "life_cycle"]}}, "add it to features.groups"),
        ({"purchases": {"horizons_days": [30, 90]}}, "add 28 to purchases.horizons_days"),
    ],
)
def test_a_program_that_cannot_know_the_value_at_stake_is_refused(part: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Program.model_validate(value_program().model_dump() | part)


def test_a_program_file_with_both_kinds_is_refused_with_its_field(tmp_path: Path) -> None:
    content = value_program().model_dump(mode="json")
    content["incentive"]["penalties"] = True
    (tmp_path / "club.yaml").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ProgramError, match=r"club\.yaml: field `incentive`: .*only earns rewards"):
        read_program(tmp_path / "club.yaml")


PEOPLE = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=4),
    st.tuples(st.one_of(st.none(), st.floats(0, 1)), st.one_of(st.none(), st.floats(0, 40_000))),
    min_size=1,
    max_size=30,
)
POLICIES = st.fixed_dictionaries(
    {
        "budget_points": st.integers(0, 200),
        "cap_cycle_points": st.integers(0, 200),
        "cap_customer_points": st.integers(4, 12),
        "hold_out_share": st.sampled_from([0.0, 0.3, 1.0]),
        "from_prob": st.sampled_from([0.0, 0.2]),
        "to_prob": st.sampled_from([0.7, 1.0]),
        "max_share_of_value": st.sampled_from([0.02, 0.1, 1.0]),
    }
)
People = dict[str, tuple[float | None, float | None]]


def _plan_for(people: People, policy: Program) -> PlanResult:
    probs = {customer: prob for customer, (prob, _) in people.items()}
    values = {customer: value if prob is not None else None for customer, (prob, value) in people.items()}
    return make_plan(probs, policy, value_at_stake=values)


@settings(max_examples=60, deadline=None)
@given(PEOPLE, POLICIES)
def test_whatever_the_values_a_plan_keeps_its_limits(people: People, limits: dict[str, Any]) -> None:
    planned = _plan_for(people, value_program(**limits))
    grants = planned.grants
    assert grants["points"].sum() <= min(limits["budget_points"], limits["cap_cycle_points"])
    assert all(0 < points <= limits["cap_customer_points"] for points in grants["points"])
    for points, value, prob in grants.select("points", "value_at_stake", "prob").iter_rows():
        assert points * 100 <= limits["max_share_of_value"] * value
        assert limits["from_prob"] <= prob <= limits["to_prob"]
    assert planned.frame.height == len(people)
    assert sum(planned.summary.by_reason.values()) == len(people)
    assert set(planned.summary.by_reason) <= set(REASONS)


@settings(max_examples=60, deadline=None)
@given(PEOPLE, POLICIES)
def test_the_order_of_payment_is_by_value_then_by_customer_id(people: People, limits: dict[str, Any]) -> None:
    ranked = _plan_for(people, value_program(**limits)).frame.drop_nulls("rank").sort("rank")
    keys = [(-value, customer) for customer, value in ranked.select("customer_id", "value_at_stake").iter_rows()]
    assert keys == sorted(keys)
    assert ranked["rank"].to_list() == list(range(1, ranked.height + 1))


@settings(max_examples=30, deadline=None)
@given(PEOPLE, POLICIES, st.randoms())
def test_the_order_of_the_rows_that_come_in_changes_nothing(
    people: People, limits: dict[str, Any], random: Any
) -> None:
    probs = {customer: prob for customer, (prob, _) in people.items()}
    rows = scores(probs, value_at_stake={customer: value for customer, (_, value) in people.items()})
    order = list(range(rows.height))
    random.shuffle(order)
    policy = value_program(**limits)
    first, second = (
        plan(frame, known, LedgerView.empty(), policy, AS_OF, KNOWN_THROUGH)
        for frame, known in ((rows, customers(probs)), (rows[order], customers(probs)[order]))
    )
    assert first.frame.equals(second.frame)
    assert first.summary == second.summary


def _file(lake: Lake, name: str) -> str:
    content = lake.get(lake.file_path("exports", AS_OF.isoformat(), name))
    assert content is not None
    return content.decode()
