"""The part `rewards`: the plan of as_of with its reasons, its limits, what it could show, what was paid and exported.

{policy, invented, unit, plan: null or {customers, eligible, granted, held_out, rewards_points, penalties_points,
budget_points, budget_left_points, limit_points, limit_name, model_version, digest, payable, not_payable_because,
counts: [{decision, reason_code, meaning, customers, points}], buckets, detectable: [{kind, granted, held_out,
base_rate, effect}], at_stake, winners: [the first WINNERS in the order of payment]}, applied: null or {as_of, at, by},
cycles: [{as_of, granted, rewards_points, held_out}], lift, export: null or the manifest, messages: null or
{writer, messages, counts}, note: texts where nothing is granted}. Cycles and manifests are facts of the ledger.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from fiel.actions.reasons import REASONS
from fiel.reports.data import ReportData
from fiel.serving.texts import both
from fiel.store import CycleRow

WINNERS = 50
"""Customers that are listed in the order of payment; the export has all of them."""


def rewards(data: ReportData, cycle: CycleRow | None, manifest: bytes | None) -> dict[str, Any]:
    """The part of the program at as_of; `cycle` and `manifest` are those of as_of where it was paid."""
    policy = data.program.incentive
    return {
        "policy": policy.version if policy.products else None,
        "invented": policy.invented,
        "unit": data.program.value.unit,
        "scale": data.program.value.scale,
        "by": policy.by,
        "hold_out_share": policy.hold_out_share,
        "note": both("This program grants nothing: its program file has no incentive policy.")
        if not policy.products
        else None,
        "plan": _plan(data),
        "applied": None
        if cycle is None
        else {"as_of": cycle.as_of.isoformat(), "at": cycle.applied_at.isoformat(), "by": cycle.applied_by},
        "cycles": [
            {**row, "as_of": row["as_of"].isoformat()} for row in data.money.cycles.iter_rows(named=True)
        ],
        "lift": [
            {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
            for row in data.money.lift.iter_rows(named=True)
        ],
        "export": None if manifest is None else json.loads(manifest),
        "messages": _messages(data),
    }  # fmt: skip


def _plan(data: ReportData) -> dict[str, Any] | None:
    plan, summary = data.plan, data.money.summary
    if plan is None or summary is None:
        return None
    told = summary.model_dump(mode="json", include={
        "customers", "eligible", "granted", "held_out", "rewards_points", "penalties_points", "budget_points",
        "budget_left_points", "limit_points", "limit_name", "limit_left_points", "policy_version", "model_version",
        "season", "digest", "not_payable_because", "previous", "detectable", "at_stake", "already_applied",
    })  # fmt: skip
    counts = plan.reasons.with_columns(
        meaning=pl.col("reason_code").replace_strict(REASONS, default=pl.col("reason_code").str.replace_all("_", " "))
    )
    return told | {
        "payable": summary.payable,
        "counts": [{**row, "meaning": both(row["meaning"])} for row in counts.iter_rows(named=True)],
        "buckets": [{**row, "bucket": both(row["bucket"])} for row in plan.buckets.iter_rows(named=True)],
        "winners": [_winner(row) for row in plan.winners.head(WINNERS).iter_rows(named=True)],
    }


def _winner(row: dict[str, Any]) -> dict[str, Any]:
    reasons = [row[name] for name in ("reason_1", "reason_2", "reason_3") if row.get(name)]
    kept = ("rank", "customer_id", "points", "product", "prob", "stage", "value_at_stake")
    return {name: row[name] for name in kept} | {"reasons": [both(text) for text in reasons]}


def _messages(data: ReportData) -> dict[str, Any] | None:
    view = data.messages
    if view is None:
        return None
    return {"writer": view.writer, "messages": view.messages, "counts": view.counts.to_dicts(), "stopped": view.stopped}
