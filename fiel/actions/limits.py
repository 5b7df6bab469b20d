"""The limits of a cycle: when it may be paid at all, and how many points of rewards it may pay."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from fiel.program import Incentive
from fiel.store import LedgerView


def refusal(policy: Incentive, as_of: date, known_through: date, newest_as_of: date | None) -> str | None:
    """Why the cycle `as_of` may not be paid; None if it may.

    Paying needs fresh scores, and an as_of after the newest applied cycle and on the program's cadence.
    """
    age_days = (known_through + timedelta(days=1) - as_of).days
    if newest_as_of is not None and as_of <= newest_as_of:
        return (
            f"cycle {newest_as_of} is already applied: a cycle before it can be planned, never paid; "
            f"the next may have as_of {newest_as_of + timedelta(days=policy.cadence_days)}"
        )
    if newest_as_of is not None and (as_of - newest_as_of).days < policy.cadence_days:
        return (
            f"as_of {as_of} is {(as_of - newest_as_of).days} days after the applied cycle {newest_as_of}, the policy's "
            f"cadence is {policy.cadence_days}: wait for as_of {newest_as_of + timedelta(days=policy.cadence_days)}"
        )
    if age_days > policy.max_score_age_days:
        return (
            f"the scores are {age_days} days old: the data know through {known_through}, and the policy pays on "
            f"scores of at most {policy.max_score_age_days} days (max_score_age_days): score as_of "
            f"{known_through + timedelta(days=1)} and plan that"
        )
    return None


def reward_limit(policy: Incentive, history: LedgerView) -> tuple[str, int]:
    """The least of budget and caps in points, and its reason code.

    The cap on growth is a multiple of the newest earlier cycle that paid something and was not wholly reversed. A cycle
    that paid nothing sets no cap: no later cycle could ever pay again.
    """
    limits = [("budget", policy.budget_points), ("cap_cycle", policy.cap_cycle_points)]
    before = paid_rewards(history)
    if not before.is_empty():
        newest = int(before.get_column("rewards_points")[-1])
        limits.append(("cap_growth", int(Decimal(str(policy.cap_growth_share)) * newest)))
    return min(limits, key=lambda limit: limit[1])


def paid_rewards(history: LedgerView) -> pl.DataFrame:
    """Rewards of the earlier cycles that paid any, reversed ones left out: `as_of`, `rewards_points`, oldest first."""
    return (
        history.grants.filter(~pl.col("is_reversed"), pl.col("points") > 0)
        .group_by("as_of")
        .agg(rewards_points=pl.col("points").sum())
        .sort("as_of")
    )
