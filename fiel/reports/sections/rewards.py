"""What we propose to pay, to whom, within which budget, and why it should work."""

from __future__ import annotations

import polars as pl

from fiel.actions.reasons import REASONS
from fiel.actions.summary import Detectable
from fiel.reports import charts
from fiel.reports import format as fmt
from fiel.reports.data import LISTED, ReportData
from fiel.reports.plans import PlanView
from fiel.reports.sections.base import Block, Empty, Section, Shown, Words, figure
from fiel.reports.sections.now import about, words_of
from fiel.reports.sections.wording import show_value
from fiel.reports.tables import column, number, table

_OVER_LIMIT = ("budget", "cap_cycle", "cap_growth")
"""Reason codes of customers who were eligible and came after the limit."""

_NO_POLICY = (
    "This program grants nothing: its program file has no incentive policy, so nothing was planned, and nothing is "
    "paid."
)


def rewards(data: ReportData) -> Section:
    """What the plan would pay, to whom, within which limits, and what is known of its effect."""
    if not data.program.incentive.products:
        return Section("rewards", "Rewards", (Words(_NO_POLICY),))
    done = data.money.applied
    title = f"What {'was granted' if done else 'we propose to pay'}, and why it should work"
    if data.plan is None:
        missing = Empty("No plan was made for this date.", _command(data, "reward"))
        return Section("rewards", title, (missing,))
    plan, unit, money = data.plan, data.program.value.unit, data.money
    by_value = data.program.incentive.by == "value_at_stake"
    blocks: list[Block] = [Words(_plan_in_words(data, plan))]
    if data.program.incentive.invented:
        blocks.append(
            Words(
                "The amounts of this policy are placeholders of ours, not the operator's. Set "
                f"incentive.{'value_buckets' if by_value else 'buckets'} in the program file before "
                f"{'the export of this cycle is paid out' if done else 'anything is granted'}.",
                "warning",
            )
        )
    if money.summary is not None and money.summary.not_payable_because and not money.applied:
        blocks.append(Words(f"This plan cannot be paid: {money.summary.not_payable_because}.", "warning"))
    if plan.buckets.height:
        by_bucket = table(
            plan.buckets.with_columns(decision=pl.col("decision").replace(charts.DECISION_WORDS)),
            [column("bucket"), column("decision"), number("customers"), number("points", f"{unit} granted")],
        )
        blocks.append(
            figure("plan-buckets", charts.plan_by_bucket(plan.buckets, about(data), unit, by_value=by_value), by_bucket)
        )
    amounts = table(plan.amounts, [column("name", "amount"), number("points", unit)])
    blocks.append(figure("budget", charts.budget(plan.amounts, about(data), unit), amounts, half=True))
    if plan.reasons.filter(pl.col("decision") != "grant").height:
        reasons = table(
            plan.reasons.with_columns(
                meaning=pl.col("reason_code").replace_strict(REASONS, default=pl.col("reason_code")),
                decision=pl.col("decision").replace(charts.DECISION_WORDS),
            ),
            [
                column("decision"),
                column("reason_code", "reason", fmt.words),
                number("customers"),
                column("meaning", kind="prose"),
            ],
        )
        blocks.append(figure("plan-reasons", charts.plan_reasons(plan.reasons, about(data)), reasons, half=True))
    blocks += _why_it_should_work(data)
    if plan.winners.height:
        columns = [
            number("rank", "place"),
            number("points", unit, fmt.signed_whole),
            number("prob", words_of(data).chance, fmt.percent),
            *([] if data.program.is_table else [column("stage", kind="stage")]),
            column("customer_id", "customer", kind="id"),
            column("product"),
        ]
        if plan.winners["value_at_stake"].is_not_null().any():
            columns.insert(2, number("value_at_stake", "value at stake", show_value(data.program)))
        columns += [
            column(name, f"reason {place} of the score", fmt.typeset, "prose")
            for place in (1, 2, 3)
            if (name := f"reason_{place}") in plan.winners.columns and plan.winners[name].is_not_null().any()
        ]
        first = f"The first {LISTED} of {fmt.whole(plan.paid_customers)}. " if plan.paid_customers > LISTED else ""
        tied = plan.winners["value_at_stake" if by_value else "prob"].is_duplicated().any()
        equals = "value at stake" if by_value else "score"
        ties = f" Customers of equal {equals} come in the order of their ids." if tied else ""
        note = f"{first}Places in between are held out or excluded.{ties}"
        blocks.append(
            Shown(
                "Who was granted first" if done else "Who would be granted first",
                about(data).subtitle(f"{unit}, in the order of the policy", plan.paid_customers),
                table(plan.winners, columns, f"{note} All the grants are in the export of the cycle."),
            )
        )
    return Section("rewards", title, tuple(blocks))


def _plan_in_words(data: ReportData, plan: PlanView) -> str:
    unit = data.program.value.unit
    done = data.money.applied
    paid = "were granted" if done else "would be granted"
    eligible = plan.reasons.filter(
        pl.col("decision").is_in(["grant", "held_out"]) | pl.col("reason_code").is_in(_OVER_LIMIT)
    )["customers"].sum()
    text = (
        f"{fmt.counted(plan.paid_customers, 'customer')} {paid} {fmt.units(plan.paid_points, unit)} in all, under "
        f"policy {plan.policy_version}. Of {fmt.counted(int(eligible), 'eligible customer')} "
        f"{fmt.whole(plan.held_out)} are held out ({fmt.percent(data.program.incentive.hold_out_share)} by design)."
    )
    text += _rule_in_words(data)
    summary = data.money.summary
    if summary is not None:
        text += (
            f" {fmt.units(summary.budget_left_points, unit)} of the budget of "
            f"{fmt.units(summary.budget_points, unit)} {'are' if done else 'would be'} left."
        )
        if summary.previous is not None:
            text += (
                f" Against the cycle of {fmt.day(summary.previous.as_of)} "
                f"({fmt.counted(summary.previous.granted, 'customer')}, "
                f"{fmt.units(summary.previous.rewards_points, unit)}) {fmt.whole(summary.previous.entered)} enter and "
                f"{fmt.whole(summary.previous.left)} leave."
            )
    return text


def _rule_in_words(data: ReportData) -> str:
    """What decides the points, where it is not the score."""
    policy = data.program.incentive
    if policy.by != "value_at_stake":
        return ""
    days = data.program.target.horizon_days
    text = (
        f" What is at stake with a customer within {days} days decides the amount, and a reward is worth at most "
        f"{fmt.percent(policy.max_share_of_value)} of it."
    )
    if (policy.from_prob, policy.to_prob) != (0.0, 1.0):
        text += (
            f" Customers with a {words_of(data).chance} outside "
            f"{fmt.interval(policy.from_prob, policy.to_prob, 'percent')} are left alone: below, a reward would not "
            "bring them back; above, they come anyway."
        )
    return text


def _why_it_should_work(data: ReportData) -> list[Block]:
    known = data.money.lift.filter(pl.col("lift").is_not_null())
    blocks: list[Block] = []
    if known.height:
        shown = table(
            known.sort("as_of", "kind"),
            [
                column("as_of", "cycle", fmt.day),
                column("kind"),
                number("granted"),
                number("granted_rate", "reached the target", fmt.percent),
                number("held_out", "held out"),
                number("held_out_rate", "reached the target", fmt.percent),
                number("lift", "difference (share)", fmt.signed_percent),
                number("lift_lower", "interval from", fmt.signed_percent),
                number("lift_upper", "to", fmt.signed_percent),
            ],
        )
        blocks.append(figure("lift", charts.realised_lift(known, about(data), words_of(data).word), shown))
    elif data.program.is_table:
        blocks.append(
            Words(
                "Nothing shows yet that the grants work: the outcomes of this file are older than any grant. The next "
                "source version can show it, by comparing the granted with those held out.",
            )
        )
    else:
        blocks.append(
            Words(
                "Nothing shows yet that the grants work: no applied cycle has matured. A cycle is judged "
                f"{data.program.target.horizon_words} after it was granted, by comparing the granted with those "
                "held out.",
            )
        )
    summary = data.money.summary
    blocks += [Words(_detectable_in_words(found)) for found in (summary.detectable if summary is not None else ())]
    return blocks


def _detectable_in_words(found: Detectable) -> str:
    groups = (
        f"{fmt.whole(found.granted)} granted ({found.kind}s) and {fmt.whole(found.held_out)} held out whom the limits "
        "would have reached"
    )
    if found.effect is None:
        return f"With {groups}, this cycle could show no effect at all: the groups are too small."
    points = fmt.signed_points(found.effect).removeprefix("+")
    return (
        f"With {groups}, the smallest effect that this cycle could show is a difference of {points} on a share of "
        f"{fmt.percent(found.base_rate)} (80 % power, 5 % level). A smaller one would go unseen."
    )


def _command(data: ReportData, stage: str) -> str:
    return f"fiel run {stage} --program {data.program.name} --as-of {fmt.day(data.as_of)}"
