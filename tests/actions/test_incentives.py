"""The plan: who is granted, held out or excluded, and why; and what always holds."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.actions.incentives import plan
from fiel.actions.reasons import REASONS
from fiel.errors import PlanError
from fiel.store import LedgerView, Store
from fiel.tables import TABLES
from tests.actions.factories import AS_OF, WEEK, customers, decisions, make_plan, pay, program, scores


@pytest.mark.parametrize(
    ("prob", "product", "points", "reason"),
    [
        (0.0, "low", -10, "penalty_off"),
        (0.2499, "low", -10, "penalty_off"),
        (0.25, None, 0, "no_bucket"),
        (0.4999, None, 0, "no_bucket"),
        (0.5, "middle", 50, "granted"),
        (0.7499, "middle", 50, "granted"),
        (0.75, "high", 100, "granted"),
        (1.0, "high", 100, "granted"),
    ],
)
def test_buckets_are_half_open_and_the_last_includes_one(
    prob: float, product: str | None, points: int, reason: str
) -> None:
    row = make_plan({"ana": prob}).frame.row(0, named=True)
    assert (row["product"], row["points"], row["reason_code"]) == (product, points, reason)


def test_a_last_bucket_that_ends_below_one_does_not_include_its_end() -> None:
    policy = program(buckets=[{"product": "p", "from_prob": 0.5, "to_prob": 0.9, "points": 5}])
    assert decisions(make_plan({"at the end": 0.9, "below": 0.89}, policy)) == {
        "below": "granted",
        "at the end": "no_bucket",
    }


@pytest.mark.parametrize(
    ("reason", "policy", "columns", "people"),
    [
        ("merged", {}, {}, {"merged": {"ana": "bia"}}),
        ("customer_gone", {}, {}, {"gone": ("ana",)}),
        ("excluded_customer", {"exclude_customers": ["ana"]}, {}, {}),
        ("not_in_population", {}, {"in_population": False, "prob": None}, {}),
        ("no_score", {}, {"prob": None}, {}),
        ("excluded_stage", {"exclude_stages": ["zumbi"]}, {"stage": "zumbi"}, {}),
        ("no_bucket", {}, {"prob": 0.3}, {}),
        ("no_points", {"buckets": [{"product": "p", "from_prob": 0, "to_prob": 1, "points": 0}]}, {}, {}),
        ("penalty_off", {}, {"prob": 0.1}, {}),
        ("cap_customer", {"cap_customer_points": 99}, {}, {}),
        ("balance_unknown", {"penalties": True}, {"prob": 0.1}, {"ana": None}),
        ("balance_floor", {"penalties": True, "balance_floor_points": 991}, {"prob": 0.1}, {}),
        ("budget", {"budget_points": 99}, {}, {}),
        ("cap_cycle", {"cap_cycle_points": 99}, {}, {}),
    ],
)
def test_every_exclusion_has_its_reason(reason: str, policy: dict, columns: dict, people: dict) -> None:
    planned = make_plan({"ana": 0.9} | {}, program(**policy), people=customers(["ana"], **people), **columns)
    row = planned.frame.row(0, named=True)
    assert (row["decision"], row["reason_code"]) == ("excluded", reason)
    assert row["grant_id"] is None
    assert planned.summary.by_reason == {reason: 1}
    assert reason in REASONS


def test_a_customer_that_the_customers_table_does_not_hold_is_not_granted() -> None:
    assert decisions(make_plan({"ana": 0.9, "who": 0.9}, people=customers(["ana"]))) == {
        "ana": "granted",
        "who": "customer_unknown",
    }


def test_a_penalty_may_reach_the_floor_but_not_pass_it() -> None:
    people = customers(["above", "at", "below"], above=21, at=10, below=9)
    planned = make_plan(dict.fromkeys(["above", "at", "below"], 0.1), program(penalties=True), people=people)
    assert decisions(planned) == {"above": "granted", "at": "granted", "below": "balance_floor"}
    assert planned.summary.penalties_points == -20
    assert planned.summary.rewards_points == 0


def test_an_excluded_customer_stays_excluded_after_a_merge() -> None:
    policy = program(exclude_customers=["old name"])
    planned = make_plan({"new name": 0.9}, policy, people=customers(["new name"], merged={"old name": "new name"}))
    assert decisions(planned) == {"new name": "excluded_customer"}


@pytest.mark.parametrize(
    ("order", "winners"),
    [
        ("prob_desc", ["cai", "ana"]),
        ("prob_asc", ["bia", "dani"]),
        ("gain_prob_desc", ["bia", "ana"]),
        ("loss_prob_desc", ["cai", "ana"]),
        ("value_desc", ["dani", "ana"]),
    ],
)
def test_the_budget_goes_in_the_policys_order_then_by_customer_id(order: str, winners: list[str]) -> None:
    probs = {"dani": 0.8, "cai": 0.95, "bia": 0.8, "ana": 0.9}
    values = pl.DataFrame({"customer_id": ["dani", "ana"], "value_earned_d28": [9, 5]})
    planned = plan(
        scores(probs, gain_prob={"bia": 0.8}, loss_prob={"cai": 0.3}),
        customers(probs),
        LedgerView.empty(),
        program(order=order, budget_points=200),
        AS_OF,
        AS_OF - timedelta(days=1),
        values,
    )
    assert planned.grants.get_column("customer_id").to_list() == winners
    assert planned.summary.budget_left_points == 0


def test_the_order_by_value_says_what_it_needs() -> None:
    with pytest.raises(PlanError, match="value_earned_d28"):
        make_plan({"ana": 0.9}, program(order="value_desc"))


def test_nobody_is_granted_past_the_first_who_did_not_fit() -> None:
    planned = make_plan({"a": 0.9, "b": 0.8, "c": 0.6}, program(budget_points=150))
    assert decisions(planned) == {"a": "granted", "b": "budget", "c": "budget"}
    assert planned.summary.budget_left_points == 50


def test_penalties_cost_no_budget() -> None:
    planned = make_plan({"a": 0.9, "b": 0.1}, program(budget_points=100, penalties=True, order="prob_asc"))
    assert decisions(planned) == {"a": "granted", "b": "granted"}
    assert (planned.summary.rewards_points, planned.summary.penalties_points) == (100, -10)


class TestLimitsFromTheLastCycle:
    def test_the_cooldown_counts_from_the_last_unreversed_grant(self, store: Store) -> None:
        pay(store, {"ana": 0.9})
        policy = program(cooldown_days=14)
        for days, reason in [(7, "cooldown"), (13, "cooldown"), (14, "granted")]:
            as_of = AS_OF + timedelta(days=days)
            planned = make_plan({"ana": 0.9}, policy, store.ledger_view("club", as_of), as_of)
            assert decisions(planned) == {"ana": reason}

    def test_a_reversed_grant_brings_no_cooldown(self, store: Store) -> None:
        from fiel.actions.corrections import reverse

        paid = pay(store, {"ana": 0.9})
        reverse(store, paid.grants["grant_id"][0], "wrong person", by="test")
        as_of = AS_OF + WEEK
        planned = make_plan({"ana": 0.9}, program(cooldown_days=365), store.ledger_view("club", as_of), as_of)
        assert decisions(planned) == {"ana": "granted"}

    def test_the_cap_on_growth_is_a_multiple_of_the_last_cycle_that_paid(self, store: Store) -> None:
        policy = program(cap_growth_share=1.5)
        pay(store, {"a": 0.9, "b": 0.9}, policy)
        many = dict.fromkeys("abcdef", 0.9)
        planned = make_plan(many, policy, store.ledger_view("club", AS_OF + WEEK), AS_OF + WEEK)
        assert (planned.summary.limit_name, planned.summary.limit_points) == ("cap_growth", 300)
        assert planned.summary.granted == 3
        assert planned.summary.by_reason == {"granted": 3, "cap_growth": 3}

    @pytest.mark.parametrize(("share", "limit"), [(0.29, 29), (1.1, 110), (1.555, 155)])
    def test_the_cap_on_growth_is_whole_points_rounded_down(self, store: Store, share: float, limit: int) -> None:
        pay(store, {"a": 0.9})
        policy = program(cap_growth_share=share)
        planned = make_plan({"a": 0.9}, policy, store.ledger_view("club", AS_OF + WEEK), AS_OF + WEEK)
        assert planned.summary.limit_points == limit

    def test_a_cycle_that_paid_nothing_does_not_stop_all_later_ones(self, store: Store) -> None:
        policy = program(cap_growth_share=1.5)
        pay(store, {"a": 0.3}, policy)
        planned = make_plan({"a": 0.9}, policy, store.ledger_view("club", AS_OF + WEEK), AS_OF + WEEK)
        assert planned.summary.granted == 1

    def test_the_change_since_the_last_cycle_is_shown(self, store: Store) -> None:
        pay(store, {"a": 0.9, "b": 0.6, "c": 0.3})
        planned = make_plan(
            {"a": 0.9, "b": 0.3, "c": 0.6, "d": 0.6},
            history=store.ledger_view("club", AS_OF + WEEK),
            as_of=AS_OF + WEEK,
        )
        previous = planned.summary.previous
        assert previous is not None
        assert (previous.as_of, previous.granted, previous.rewards_points) == (AS_OF, 2, 150)
        assert (previous.entered, previous.left) == (2, 1)

    def test_a_merge_does_not_pay_twice(self, store: Store) -> None:
        pay(store, {"ana": 0.9, "cai": 0.9})
        as_of = AS_OF + WEEK
        people = customers(["bia", "cai"], merged={"ana": "bob", "bob": "bia"})
        planned = make_plan(
            {"ana": 0.9, "bia": 0.9, "cai": 0.9},
            program(cooldown_days=30),
            store.ledger_view("club", as_of),
            as_of,
            people,
        )
        assert decisions(planned) == {"ana": "merged", "bia": "cooldown", "cai": "cooldown"}

    def test_the_held_out_wait_as_long_as_the_granted(self, store: Store) -> None:
        policy = program(hold_out_share=0.5, cooldown_days=14)
        probs: dict[str, float | None] = {f"c{i}": 0.9 for i in range(40)}
        first = pay(store, probs, policy)
        planned = make_plan(probs, policy, store.ledger_view("club", AS_OF + WEEK), AS_OF + WEEK)
        assert planned.summary.by_reason == {
            "cooldown": first.summary.granted,
            "cooldown_held_out": first.summary.held_out,
        }


class TestTheHoldOut:
    def test_its_share_is_close_to_the_policys_and_it_is_the_same_in_every_cycle(self) -> None:
        probs: dict[str, float | None] = {f"customer {i}": 0.9 for i in range(5_000)}
        policy = program(hold_out_share=0.3)
        held_out = [
            set(make_plan(probs, policy, as_of=as_of).frame.filter(pl.col("decision") == "held_out")["customer_id"])
            for as_of in (AS_OF, AS_OF + WEEK)
        ]
        assert held_out[0] == held_out[1]
        assert abs(len(held_out[0]) / 5_000 - 0.3) < 0.03  # 4.6 standard errors

    def test_a_new_season_draws_anew_and_independently(self) -> None:
        probs: dict[str, float | None] = {f"customer {i}": 0.9 for i in range(5_000)}
        first, second = (
            make_plan(probs, program(hold_out_share=0.3, season=season)).frame.filter(pl.col("decision") == "held_out")
            for season in ("2025", "2026")
        )
        assert abs(first.join(second, on="customer_id").height / 5_000 - 0.09) < 0.02

    @pytest.mark.parametrize(("share", "granted"), [(0.0, 100), (1.0, 0)])
    def test_none_and_all_can_be_held_out(self, share: float, granted: int) -> None:
        planned = make_plan({f"c{i}": 0.9 for i in range(100)}, program(hold_out_share=share))
        assert (planned.summary.granted, planned.summary.held_out) == (granted, 100 - granted)

    def test_penalties_are_held_out_too_and_the_excluded_never(self) -> None:
        probs: dict[str, float | None] = {f"p{i}": 0.1 for i in range(200)} | {f"x{i}": 0.3 for i in range(200)}
        planned = make_plan(probs, program(hold_out_share=0.5, penalties=True))
        held_out = planned.frame.filter(pl.col("decision") == "held_out")
        assert 70 < held_out.height < 130
        assert held_out["points"].unique().to_list() == [-10]

    def test_the_plan_says_the_smallest_effect_that_it_could_show(self) -> None:
        planned = make_plan({f"c{i:04}": 0.8 for i in range(1_000)}, program(hold_out_share=0.3, budget_points=30_000))
        (found,) = planned.summary.detectable
        first_refused = planned.frame.filter(pl.col("reason_code") == "budget")["rank"].min()
        in_reach = planned.frame.filter(pl.col("decision") == "held_out", pl.col("rank") < first_refused)
        assert (found.kind, found.granted, found.held_out) == ("reward", 300, in_reach.height)
        assert found.base_rate == pytest.approx(0.8)
        assert found.effect is not None
        assert 0.05 < found.effect < 0.15


class TestWhatIsRefused:
    def test_scores_of_another_as_of(self) -> None:
        with pytest.raises(PlanError, match=r"2025-08-31.*fiel run score"):
            plan(
                scores({"a": 0.9}, AS_OF - timedelta(days=1)),
                customers("a"),
                LedgerView.empty(),
                program(),
                AS_OF,
                AS_OF,
            )

    def test_an_as_of_past_what_the_data_know(self) -> None:
        with pytest.raises(PlanError, match="know through 2025-08-30"):
            make_plan({"a": 0.9}, known_through=date(2025, 8, 30))

    @pytest.mark.parametrize(
        ("frame", "says"),
        [
            (scores({}), "no scores"),
            (pl.concat([scores({"a": 0.9})] * 2), "holds customer a twice"),
            (scores({"a": 0.9, "b": 0.9}, model_version={"a": "4"}), r"more than one model \(3, 4\)"),
            (scores({"a": 1.2}), "prob of customer a is 1.2"),
            (scores({"a": float("nan")}), "prob of customer a is nan"),
        ],
    )
    def test_scores_that_are_broken(self, frame: pl.DataFrame, says: str) -> None:
        with pytest.raises(PlanError, match=says):
            plan(frame, customers("ab"), LedgerView.empty(), program(), AS_OF, AS_OF - timedelta(days=1))

    def test_merges_that_go_in_a_circle(self) -> None:
        with pytest.raises(PlanError, match="circle"):
            make_plan({"a": 0.9}, people=customers("a", merged={"a": "b", "b": "a"}))


@pytest.mark.parametrize(("age_days", "payable"), [(0, True), (3, True), (4, False), (90, False)])
def test_a_past_as_of_can_be_planned_but_not_paid(age_days: int, payable: bool) -> None:
    planned = make_plan({"a": 0.9}, known_through=AS_OF + timedelta(days=age_days - 1))
    assert planned.summary.granted == 1
    assert planned.summary.payable is payable
    assert payable or f"{age_days} days old" in str(planned.summary.not_payable_because)


def test_the_rows_are_those_of_out_plan_winners_first() -> None:
    planned = make_plan({"a": 0.3, "b": 0.6, "c": 0.9, "d": 0.1}, program(hold_out_share=0.0))
    TABLES["out_plan"].check(planned.frame.schema)
    TABLES["out_plan"].schema.validate(planned.frame)
    assert planned.frame["customer_id"].to_list() == ["c", "b", "a", "d"]
    assert planned.frame["rank"].to_list() == [1, 2, None, None]


def test_the_summary_survives_being_passed_on_as_json() -> None:
    summary = make_plan({"a": 0.9, "b": 0.3}, program(hold_out_share=0.5)).summary
    assert type(summary).model_validate_json(summary.model_dump_json()) == summary


PEOPLE = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=4),
    st.one_of(st.none(), st.floats(0, 1)),
    min_size=1,
    max_size=30,
)
POLICIES = st.fixed_dictionaries(
    {
        "budget_points": st.integers(0, 1_500),
        "cap_cycle_points": st.integers(0, 1_500),
        "cap_customer_points": st.integers(0, 120),
        "hold_out_share": st.sampled_from([0.0, 0.3, 1.0]),
        "penalties": st.booleans(),
        "order": st.sampled_from(["prob_desc", "prob_asc"]),
        "balance_floor_points": st.integers(980, 1_000),
    }
)


@settings(max_examples=60, deadline=None)
@given(PEOPLE, POLICIES)
def test_a_plan_never_exceeds_its_budget_or_its_caps(probs: dict[str, float | None], policy: dict[str, Any]) -> None:
    planned = make_plan(probs, program(**policy))
    grants = planned.grants
    rewards = grants.filter(pl.col("points") > 0)["points"].sum()
    assert rewards <= min(policy["budget_points"], policy["cap_cycle_points"])
    assert all(abs(points) <= policy["cap_customer_points"] for points in grants["points"])
    assert all(1_000 + points >= policy["balance_floor_points"] for points in grants["points"])
    assert grants["customer_id"].n_unique() == grants.height
    assert planned.frame.height == len(probs)
    assert set(planned.summary.by_reason) <= set(REASONS)
    assert sum(planned.summary.by_reason.values()) == len(probs)


@settings(max_examples=30, deadline=None)
@given(PEOPLE, POLICIES, st.randoms())
def test_the_order_of_the_rows_that_come_in_changes_nothing(
    probs: dict[str, float | None], policy: dict[str, Any], random: Any
) -> None:
    rows = scores(probs)
    order = list(range(rows.height))
    random.shuffle(order)
    known_through = AS_OF - timedelta(days=1)
    first, second = (
        plan(frame, people, LedgerView.empty(), program(**policy), AS_OF, known_through)
        for frame, people in ((rows, customers(probs)), (rows[order], customers(probs)[order]))
    )
    assert first.frame.equals(second.frame)
    assert first.summary == second.summary
