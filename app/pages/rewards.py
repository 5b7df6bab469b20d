"""The page of the rewards: what is paid, to whom, within which budget, and what is held out.

The plan is that of the newest published set (part `rewards`); cycles and deliveries are read from the ledger itself, so
they show what was applied a minute ago.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from app.dependencies import ProgramDep, ServiceDep
from app.pages import words
from app.pages.layout import render, translator
from app.pages.parts import parts_of
from app.pages.program import figure_address
from app.pages.words import N_, Language, language_of
from app.security import PageCaller
from fiel.program import Program
from fiel.store.ledger import CycleRow

router = APIRouter(include_in_schema=False)

DECISIONS = {"grant": N_("granted"), "held_out": N_("held out"), "excluded": N_("excluded")}
"""Decisions of a plan, in words."""

DELIVERIES = {
    "waiting": N_("not tried yet"),
    "intent": N_("being sent"),
    "delivered": N_("delivered"),
    "refused": N_("refused by the points API"),
    "not_delivered": N_("not delivered, can be sent again"),
    "unknown": N_("not known, reconcile first"),
}
"""States of a delivery, in words."""

LIMITS = {
    "budget": N_("budget of the cycle"),
    "cap_cycle": N_("cap of the cycle"),
    "cap_growth": N_("cap on growth since the last cycle"),
}
"""What limits a plan, in words."""


_NOTHING: dict[str, Any] = {
    "invented": False, "applied": None, "export": None, "messages": None, "by": "prob", "hold_out_share": None,
}  # fmt: skip
"""What the part says where it says nothing."""


@router.get("/p/{program}/rewards")
def rewards_page(request: Request, program: ProgramDep, service: ServiceDep, caller: PageCaller) -> Response:
    """The plan with its reasons, cycles, deliveries, the export."""
    language, _ = language_of(request), translator(request)
    parts = parts_of(service, program.name)
    found: Mapping[str, Any] = (parts.rewards if parts else None) or {}
    cycles = service.reader.cycles(program.name)
    newest = cycles[-1] if cycles else None
    plan = found.get("plan")
    return render(
        request,
        "rewards.html",
        title=_("Rewards"),
        program=program,
        section="rewards",
        as_of=parts.as_of if parts else None,
        is_published=parts is not None,
        grants=bool(program.incentive.products),
        rewards={**_NOTHING, **found},
        plan=plan,
        unit=program.value.unit,
        limit=_(LIMITS.get(plan["limit_name"], plan["limit_name"])) if plan else "",
        counts=_counts(plan["counts"], program.value.unit, language) if plan else None,
        winners=_winners(plan["winners"], program, language) if plan else None,
        detectable=[_detectable(item, language) for item in plan.get("detectable") or ()] if plan else [],
        cycles=_cycles(cycles, program, language),
        newest=newest,
        deliveries=_deliveries(service.reader.deliveries(program.name, newest.as_of), language) if newest else None,
        files=_files(found.get("export"), language),
        lift=_lift(found.get("lift") or (), language),
        figures=parts.of_group("money") if parts else [],
        figure_address=lambda figure: figure_address(program, "", figure),
    )


def _counts(rows: Sequence[Mapping[str, Any]], unit: str, language: Language) -> dict[str, Any]:
    """Customers by decision and reason."""
    return {
        "columns": _columns(
            language, ("decision", "text"), ("reason", "prose"), ("customers", "number"), (unit, "number")
        ),
        "rows": [
            [
                words.translate(DECISIONS.get(row["decision"], row["decision"]), language),
                words.said(row["meaning"], language),
                words.number(row["customers"], language),
                words.number(row["points"], language) if row["points"] else "–",
            ]
            for row in rows
        ],
    }  # fmt: skip


def _winners(rows: Sequence[Mapping[str, Any]], program: Program, language: Language) -> list[dict[str, Any]]:
    """The first in the order of payment, with the address of each customer's page."""
    return [
        {
            "rank": words.number(row["rank"], language),
            "customer_id": row["customer_id"],
            "points": words.number(row["points"], language, "signed_whole"),
            "prob": words.number(row.get("prob"), language, "percent"),
            "stage": row.get("stage") if program.has_stages else None,
            "value_at_stake": None
            if row.get("value_at_stake") is None
            else words.units(row["value_at_stake"] / program.value.scale, program.value.unit, language),
            "product": row.get("product"),
            "reasons": [words.said(reason, language) for reason in row.get("reasons") or ()],
        }
        for row in rows
    ]


def _detectable(found: Mapping[str, Any], language: Language) -> str:
    """What one cycle can show at all, in words."""
    groups = {
        "granted": words.number(found["granted"], language),
        "held_out": words.number(found["held_out"], language),
    }
    if found["effect"] is None:
        return words.translate(TOO_SMALL, language, **groups)
    return words.translate(
        DETECTABLE,
        language,
        effect=words.number(found["effect"], language, "signed_points").removeprefix("+"),
        rate=words.number(found["base_rate"], language, "percent"),
        **groups,
    )


TOO_SMALL = N_(
    "With %(granted)s granted and %(held_out)s comparable ones held out, this cycle can show no effect: too few."
)
DETECTABLE = N_(
    "With %(granted)s granted and %(held_out)s comparable ones held out, the smallest effect that this cycle can "
    "show is %(effect)s on a share of %(rate)s (80 %% power, 5 %% level). A smaller one goes unseen."
)


def _cycles(cycles: Sequence[CycleRow], program: Program, language: Language) -> dict[str, Any] | None:
    """The applied cycles, newest first."""
    if not cycles:
        return None
    return {
        "columns": _columns(
            language, ("cycle", "text"), ("granted", "number"), ("held out", "number"), (program.value.unit, "number"),
            ("policy", "text"), ("model", "text"), ("applied (UTC)", "text"), ("by", "text"),
        ),
        "rows": [
            [
                cycle.as_of.isoformat(),
                words.number(cycle.summary.get("granted"), language),
                words.number(cycle.summary.get("held_out"), language),
                words.number(cycle.summary.get("rewards_points"), language),
                cycle.policy_version,
                cycle.model_version or "–",
                words.minute(cycle.applied_at),
                words.actor(cycle.applied_by, language),
            ]
            for cycle in reversed(cycles)
        ],
    }  # fmt: skip


def _deliveries(states: Mapping[str, int], language: Language) -> dict[str, Any] | None:
    if not states:
        return None
    return {
        "columns": _columns(language, ("delivery to the points API", "text"), ("entries", "number")),
        "rows": [
            [words.translate(DELIVERIES.get(state, state), language), words.number(count, language)]
            for state, count in sorted(states.items(), key=lambda item: list(DELIVERIES).index(item[0]))
        ],
    }


def _files(export: Mapping[str, Any] | None, language: Language) -> dict[str, Any] | None:
    """The files of the export, as its manifest names them."""
    if not export:
        return None
    return {
        "columns": _columns(language, ("file", "id"), ("bytes", "number"), ("SHA-256", "id")),
        "rows": [
            [file["name"], words.number(file["bytes"], language), file["sha256"][:16] + "…"] for file in export["files"]
        ],
    }


def _lift(rows: Sequence[Mapping[str, Any]], language: Language) -> dict[str, Any] | None:
    """What matured cycles brought: those granted against those held out."""
    known = [row for row in rows if row.get("lift") is not None]
    if not known:
        return None

    def between(row: Mapping[str, Any]) -> str:
        low, high = (words.number(row[name], language, "signed_points") for name in ("lift_lower", "lift_upper"))
        return words.translate("%(low)s to %(high)s", language, low=low, high=high)

    return {
        "columns": _columns(
            language, ("cycle", "text"), ("granted", "number"), ("of the granted", "number"), ("held out", "number"),
            ("of the held out", "number"), ("difference", "number"), ("interval", "text"),
        ),
        "rows": [
            [
                row["as_of"],
                words.number(row["granted"], language),
                words.number(row["granted_rate"], language, "percent"),
                words.number(row["held_out"], language),
                words.number(row["held_out_rate"], language, "percent"),
                words.number(row["lift"], language, "signed_points"),
                between(row),
            ]
            for row in known
        ],
    }  # fmt: skip


def _columns(language: Language, *named: tuple[str, str]) -> list[dict[str, str]]:
    return [{"title": words.translate(title, language), "kind": kind} for title, kind in named]


WORDS = (
    N_("decision"), N_("reason"), N_("cycle"), N_("granted"), N_("held out"), N_("policy"), N_("applied (UTC)"),
    N_("delivery to the points API"), N_("entries"), N_("file"), N_("bytes"), N_("SHA-256"), N_("of the granted"),
    N_("of the held out"), N_("difference"), N_("interval"), N_("by"), N_("model"), N_("points"), N_("customers"),
)  # fmt: skip
"""Headings of the tables that are made here."""
