"""Small programs, scores and customers that the tests of this folder plan with."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl

from fiel.actions.incentives import plan
from fiel.actions.ledger import apply
from fiel.actions.merges import merges_of
from fiel.actions.summary import PlanResult
from fiel.program import Program
from fiel.store import LedgerView, Store
from fiel.tables import TABLES

AS_OF = date(2025, 9, 1)
WEEK = timedelta(days=7)
BUCKETS = (
    {"product": "low", "from_prob": 0.0, "to_prob": 0.25, "points": -10},
    {"product": "middle", "from_prob": 0.5, "to_prob": 0.75, "points": 50},
    {"product": "high", "from_prob": 0.75, "to_prob": 1.0, "points": 100},
)
VALUE_BUCKETS = (
    {"product": "small", "from_value": 5_000, "to_value": 10_000, "points": 5},
    {"product": "large", "from_value": 10_000, "points": 10},
)
"""Whole GBP for a value at stake in pence."""


def program(**incentive: Any) -> Program:
    """A program whose policy is generous unless the test says otherwise."""
    policy = {
        "buckets": BUCKETS,
        "budget_points": 1_000_000,
        "cap_cycle_points": 1_000_000,
        "cap_growth_share": 100.0,
        "cooldown_days": 7,
        "cadence_days": 7,
        "hold_out_share": 0.0,
    }
    return Program.model_validate(
        {
            "name": "club",
            "title": "Club",
            "source": {"format": "teomewhy"},
            "incentive": policy | incentive,
        }
    )


def value_program(**incentive: Any) -> Program:
    """A program in GBP and pence, whose policy decides by the value at stake; generous unless the test says otherwise.

    A reward is worth at most a tenth of the value at stake, as by default.
    """
    generous = program().model_dump()
    policy = generous["incentive"] | {
        "by": "value_at_stake",
        "buckets": (),
        "value_buckets": VALUE_BUCKETS,
        "order": "value_at_stake_desc",
    }
    return Program.model_validate(
        generous
        | {
            "value": {"unit": "GBP", "scale": 100},
            "features": {"groups": ["activity", "life_cycle", "purchase"]},
            "purchases": {"horizons_days": [28]},
            "incentive": policy | incentive,
        }
    )


def scores(probs: dict[str, float | None], as_of: date = AS_OF, **columns: Any) -> pl.DataFrame:
    """Rows of out_scores; `columns` gives a column's value for every customer or, as a dict, for some."""
    fixed: dict[str, Any] = {
        "as_of": as_of,
        "stage": "fiel",
        "next_stage": None,
        "next_stage_date": None,
        "stage_after_visit": "fiel",
        "value_cluster": "none",
        "in_population": True,
        "gain_prob": None,
        "loss_prob": None,
        "reason_1": None,
        "reason_2": None,
        "reason_3": None,
        "model_version": "3",
        "model_digest": "abc",
        "table_versions": "{}",
    }
    rows = []
    for customer, prob in probs.items():
        row = {"customer_id": customer, "prob": prob, **fixed}
        for name, value in columns.items():
            if not isinstance(value, dict):
                row[name] = value
            elif customer in value:
                row[name] = value[customer]
        rows.append(row)
    return pl.DataFrame(rows, schema=TABLES["out_scores"].declared)


def customers(ids: Any, merged: dict[str, str] | None = None, gone: tuple[str, ...] = (), **balance: int | None) -> Any:
    """core_customers with a balance of 1,000 points each unless given."""
    merged = merged or {}
    rows = [
        {
            "customer_id": customer,
            "source_created_at": None,
            "balance_points": balance.get(customer, 1_000),
            "first_version": "1",
            "last_version": "1",
            "status": "merged" if customer in merged else "vanished" if customer in gone else "present",
            "merged_into": merged.get(customer),
        }
        for customer in sorted(set(ids) | set(merged))
    ]
    return pl.DataFrame(rows, schema=TABLES["core_customers"].declared)


def make_plan(
    probs: dict[str, float | None],
    policy: Program | None = None,
    history: LedgerView | None = None,
    as_of: date = AS_OF,
    people: pl.DataFrame | None = None,
    known_through: date | None = None,
    **columns: Any,
) -> PlanResult:
    """A plan for customers with these probabilities."""
    return plan(
        scores(probs, as_of, **columns),
        customers(probs) if people is None else people,
        history or LedgerView.empty(),
        policy or program(),
        as_of,
        known_through or as_of - timedelta(days=1),
    )


def pay(
    store: Store,
    probs: dict[str, float | None],
    policy: Program | None = None,
    as_of: date = AS_OF,
    people: pl.DataFrame | None = None,
) -> PlanResult:
    """Plan and apply one cycle; the plan."""
    policy = policy or program()
    planned = make_plan(probs, policy, store.ledger_view(policy.name, as_of), as_of, people)
    merges = None if people is None else merges_of(people)
    apply(planned, store, policy, by="test", merges=merges)
    return planned


def decisions(planned: PlanResult) -> dict[str, str]:
    """Reason code by customer."""
    return dict(planned.frame.select("customer_id", "reason_code").iter_rows())
