from datetime import date

import polars as pl

from fiel.program import Incentive, ScoreBucket, Value, ValueBucket
from fiel.reports import cards, plans
from fiel.reports.cards import MoneyCard

INCENTIVE = Incentive(
    buckets=(
        ScoreBucket(from_prob=0.0, to_prob=0.5, product="low", points=-10),
        ScoreBucket(from_prob=0.5, to_prob=1.0, product="top", points=100),
    ),
    budget_points=150,
    cap_cycle_points=400,
)
PLAN = pl.DataFrame(
    [
        ("a", 1, 1.0, 100, "grant", "granted"),
        ("b", 2, 0.5, 100, "held_out", "held_out"),
        ("c", None, 0.49, -10, "excluded", "penalty_off"),
        ("d", None, None, 0, "excluded", "not_in_population"),
        ("e", None, None, 0, "excluded", "not_in_population"),
    ],
    schema=["customer_id", "rank", "prob", "points", "decision", "reason_code"],
    orient="row",
)


def test_buckets_hold_their_lower_bound_and_the_last_one_its_upper_too() -> None:
    assert plans.by_bucket(PLAN, INCENTIVE, Value()).rows() == [
        ("50 % to 100 %: +100 points", "grant", 1, 100),
        ("50 % to 100 %: +100 points", "held_out", 1, 0),
        ("0 % to 50 %: −10 points", "excluded", 1, 0),
    ]


def test_scores_outside_every_bucket_are_shown_as_such() -> None:
    only_high = Incentive(buckets=INCENTIVE.buckets[1:])
    assert plans.by_bucket(PLAN, only_high, Value())["bucket"].to_list()[-1] == "no bucket"


def test_reasons_come_paid_first_and_then_the_largest() -> None:
    assert plans.by_reason(PLAN).select("reason_code", "customers", "points").rows() == [
        ("granted", 1, 100),
        ("held_out", 1, 0),
        ("not_in_population", 2, 0),
        ("penalty_off", 1, 0),
    ]


def test_only_grants_are_paid() -> None:
    assert plans.paid(PLAN) == (1, 100, 1)
    assert plans.winners(PLAN, 5)["customer_id"].to_list() == ["a"]


def test_the_cost_stands_beside_its_limits_and_the_last_cycle() -> None:
    cycles = pl.DataFrame(
        [(date(2025, 1, 1), 3, 250, 1), (date(2025, 1, 8), 2, 120, 1)], schema=cards.CYCLE_SCHEMA, orient="row"
    )
    assert plans.amounts(PLAN, INCENTIVE, MoneyCard(cycles=cycles), date(2025, 1, 15)).rows() == [
        ("this plan (rewards)", 100, "plan"),
        ("budget of a cycle", 150, "limit"),
        ("cap of a cycle", 400, "limit"),
        ("granted in the cycle of 2025-01-08", 120, "earlier"),
    ]


def test_a_cycle_does_not_stand_beside_itself_once_it_is_applied() -> None:
    cycles = pl.DataFrame(
        [(date(2025, 1, 1), 3, 250, 1), (date(2025, 1, 8), 2, 120, 1)], schema=cards.CYCLE_SCHEMA, orient="row"
    )
    names = plans.amounts(PLAN, INCENTIVE, MoneyCard(cycles=cycles), date(2025, 1, 8))["name"].to_list()
    assert names[-1] == "granted in the cycle of 2025-01-01"


def test_by_value_at_stake_the_buckets_are_amounts_of_money() -> None:
    policy = Incentive(
        by="value_at_stake",
        value_buckets=(
            ValueBucket(from_value=1_000, to_value=5_000, product="one", points=1),
            ValueBucket(from_value=5_000, product="five", points=5),
        ),
    )
    plan = PLAN.with_columns(
        value_at_stake=pl.Series([9_000.0, 5_000.0, 4_999.0, 999.0, None]),
        points=pl.Series([5, 5, 1, 0, 0]),
    )
    assert plans.by_bucket(plan, policy, Value(unit="GBP", scale=100)).rows() == [
        ("from £ 50: +£ 5", "grant", 1, 5),
        ("from £ 50: +£ 5", "held_out", 1, 0),
        ("£ 10 to £ 50: +£ 1", "excluded", 1, 0),
        ("no bucket", "excluded", 1, 0),
    ]
