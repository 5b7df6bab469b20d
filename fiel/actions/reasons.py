"""Reason codes of a plan: the one list of why a customer is granted something, held out, or excluded."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "granted": "granted",
    "held_out": "eligible, but held out so that lift can be measured",
    "merged": "merged into another customer, who is considered instead",
    "customer_unknown": "the customers table does not hold this customer",
    "customer_gone": "vanished from the source",
    "excluded_customer": "on the policy's list of excluded customers (exclude_customers)",
    "not_in_population": "outside the model's population",
    "no_score": "no probability",
    "excluded_stage": "in a stage that is never granted anything (exclude_stages)",
    "grade": "of a grade that is not treated: the expected profit is too low (max_grade)",
    "too_unlikely": "too unlikely to be brought back by a reward (from_prob)",
    "comes_anyway": "likely enough to come without a reward (to_prob)",
    "no_value": "the value at stake decides, and it is not known",
    "no_bucket": "no bucket of the policy holds the score (or the value at stake)",
    "no_points": "the bucket is worth 0 points",
    "penalty_off": "the bucket is a penalty, and penalties are off",
    "share_of_value": "the reward would be too large for the value at stake (max_share_of_value)",
    "cap_customer": "the bucket is worth more points than one customer may get in a cycle (cap_customer_points)",
    "cooldown": "granted something less than cooldown_days ago",
    "balance_unknown": "a penalty, and the balance is not known",
    "balance_floor": "the penalty would bring the balance below the floor (balance_floor_points)",
    "cooldown_held_out": "would have been granted something less than cooldown_days ago, had it not been held out",
    "budget": "the budget was spent on customers before this one (budget_points)",
    "cap_cycle": "the cycle's cap was reached before this customer (cap_cycle_points)",
    "cap_growth": "the cap on growth since the last cycle was reached before this customer (cap_growth_share)",
}
"""Code to meaning. Exclusions stand in the order in which they are looked at: the first that applies is given."""
