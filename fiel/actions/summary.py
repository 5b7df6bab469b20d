"""What a plan comes to: small, readable, and enough to apply the plan's rows later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl
from pydantic import BaseModel, ConfigDict


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Detectable(_Figures):
    """The smallest effect that one cycle can show for rewards or for penalties.

    `effect` is a difference of shares (0.05 is five points of a hundred); empty where no difference would be seen.
    """

    kind: str
    granted: int
    held_out: int
    base_rate: float
    effect: float | None


class AtStake(_Figures):
    """The value at stake in whole smallest units (`scale` of them make one unit): in total, and behind the grants.

    `total` is that of the `customers` for whom it is known, `granted` that of the granted ones, `held_out` that of the
    held-out. `cost_share` is what the rewards of those customers are worth over `granted` (a point is one unit of
    value); empty without any.
    """

    customers: int
    total: int
    granted: int
    held_out: int
    scale: int
    cost_share: float | None


class Previous(_Figures):
    """The last applied cycle, and what this plan changes against it."""

    as_of: date
    granted: int
    rewards_points: int
    entered: int
    left: int


class PlanSummary(_Figures):
    """The figures of one plan.

    `rewards_points` is the cost; `limit_points` the least of budget and caps, and `limit_name` the one that it is.
    `not_payable_because` is empty for a plan that may be applied; `already_applied` says that its cycle was.
    `last_entry` is the newest ledger entry that the plan knew, `digest` that of its rows. `by` says what decided the
    points, prob or value_at_stake; `at_stake` is empty where nobody's value at stake is known.
    """

    program: str
    as_of: date
    known_through: date
    policy_version: str
    model_version: str
    season: str
    unit: str
    system_origin: str
    invented: bool
    simulated: bool
    customers: int
    eligible: int
    granted: int
    held_out: int
    by_reason: dict[str, int]
    rewards_points: int
    penalties_points: int
    limit_points: int
    limit_name: str
    limit_left_points: int
    budget_points: int
    budget_left_points: int
    previous: Previous | None
    detectable: tuple[Detectable, ...]
    already_applied: bool
    not_payable_because: str | None
    last_entry: int
    digest: str
    by: str = "prob"
    at_stake: AtStake | None = None

    @property
    def payable(self) -> bool:
        """Whether the plan may be applied."""
        return self.not_payable_because is None

    @property
    def at_stake_in_words(self) -> str | None:
        """The value at stake behind the grants, in all, and what a unit of it costs; None where it is not known."""
        found = self.at_stake
        if found is None:
            return None
        granted, total = (f"{amount / found.scale:,.0f}" for amount in (found.granted, found.total))
        share = f" ({found.granted / found.total:.1%})" if found.total else ""
        cost = "" if found.cost_share is None else f", which cost {found.cost_share:.1%} of it"
        decided = "the value at stake" if self.by == "value_at_stake" else "the score"
        return f"{granted} of {total} {self.unit} at stake stand behind the grants{share}{cost}; points by {decided}"


@dataclass(frozen=True)
class PlanResult:
    """A plan: its rows (out_plan, winners first) and what they come to."""

    frame: pl.DataFrame
    summary: PlanSummary

    @property
    def grants(self) -> pl.DataFrame:
        """The rows that are paid, in the order of payment."""
        return self.frame.filter(pl.col("decision") == "grant").sort("rank")
