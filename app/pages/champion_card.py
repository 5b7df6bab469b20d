"""The champion's card: which model is in force since when and why, and how it was judged.

The part `champion` holds what was known when the scores were published; the ledger of promotions is asked for what
happened since, so that a promotion or a rollback shows at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.pages import words
from app.pages.parts import Parts
from app.pages.words import N_, Language
from app.service import Service
from fiel.program import Program
from fiel.reports import format as fmt
from fiel.store.promotions import PromotionRow

ACTIONS = {
    "first": N_("first champion"),
    "promote": N_("promoted"),
    "rollback": N_("brought back"),
}
"""How a change of the champion came, in words."""

OUTCOMES = {
    "passed": ("good", N_("passed")),
    "warned": ("warning", N_("warned")),
    "failed": ("bad", N_("failed")),
    "not judged": ("plain", N_("not judged")),
}
"""Tone and word of a gate's outcome."""

COHORTS = {
    "train": N_("learned from"),
    "train and valid": N_("learned from"),
    "valid": N_("calibrated on"),
    "oos": N_("checked on customers left out"),
    "oot": N_("judged on the dates"),
}
"""What cohorts were used for, by the split."""

KINDS = {"stage_rule": N_("rule by stage"), "catboost": N_("gradient-boosted trees")}


@dataclass(frozen=True)
class Promotion:
    """One line of the history, newest first; texts as they were written."""

    at: str
    action: str
    from_version: str
    to_version: str
    by: str
    reason: str
    override: str


@dataclass(frozen=True)
class Card:
    """The champion of one target, ready to be shown."""

    target: str
    is_main: bool
    version: str
    kind: str
    promoted_at: str
    by: str
    action: str
    reason: str
    override: str
    judged: str
    judged_version: str | None
    refused: str
    is_newer: bool
    cohorts: list[tuple[str, str]]
    metrics: dict[str, Any] | None
    differences: dict[str, Any] | None
    gates: list[tuple[str, str, str, str]]
    history: list[Promotion]


def champion_cards(service: Service, program: Program, parts: Parts, language: Language) -> list[Card]:
    """A card for each target that has a champion, the main target first."""
    return [
        _card(found, service.reader.promotions(found["ledger_name"]), program, language, place == 0)
        for place, found in enumerate(parts.champion.get("targets", ()))
    ]


def _card(
    found: Mapping[str, Any], rows: Sequence[PromotionRow], program: Program, language: Language, is_main: bool
) -> Card:
    history = [_promotion(row, language) for row in rows]
    newest = history[-1] if history else _published(found, language)
    judged_version = found.get("judged_version")
    roles = _roles(judged_version, newest, program, language)
    kind = found.get("kind") if newest.to_version == found.get("version") else None
    return Card(
        target=_target(found, language),
        is_main=is_main,
        version=newest.to_version,
        kind=_kind(kind, program, language),
        promoted_at=newest.at,
        by=newest.by,
        action=newest.action,
        reason=newest.reason,
        override=newest.override,
        judged=words.said(found.get("judged"), language),
        judged_version=judged_version,
        refused="" if judged_version else _failed(found.get("gates") or (), language),
        is_newer=newest.to_version != found.get("version"),
        cohorts=[
            (words.translate(COHORTS.get(part, part.replace("_", " ")), language), _days(days))
            for part, days in (found.get("cohorts") or {}).items()
            if days and not program.is_table  # its rows have one date, and say nothing of when
        ],
        metrics=_metrics(found.get("metrics") or (), "model", roles, program, language),
        differences=_metrics(found.get("differences") or (), "against", roles, program, language, is_difference=True),
        gates=[
            (
                words.said(gate["gate"], language),
                *_outcome(gate["outcome"], language),
                words.said(gate["detail"], language),
            )
            for gate in found.get("gates") or ()
        ],
        history=history[::-1],
    )


def _roles(judged: str | None, newest: Promotion, program: Program, language: Language) -> dict[str, str]:
    """Names of the judged model and of the champion it was compared with: a challenger may be champion by now."""
    rule = words.translate("stage rule" if program.has_stages else "base rate", language)
    if judged is None:  # the challenger that was judged last was refused, and is no version that is named here
        return {
            "stage rule": rule,
            "challenger": words.translate(REFUSED, language),
            "champion": words.translate(CHAMPION, language, version=newest.to_version),
        }
    is_champion = judged == newest.to_version
    return {
        "stage rule": rule,
        "challenger": words.translate(NOW_CHAMPION if is_champion else CHALLENGER, language, version=judged),
        "champion": words.translate(BEFORE if is_champion else CHAMPION, language, version=newest.to_version),
    }


WITHIN = N_("within %(horizon)s")
EACH = N_("for each customer")
NOW_CHAMPION = N_("version %(version)s, this champion")
CHALLENGER = N_("version %(version)s, the challenger")
CHAMPION = N_("version %(version)s, the champion")
BEFORE = N_("the champion before it")
REFUSED = N_("the challenger, which was refused")


def _failed(gates: Sequence[Mapping[str, Any]], language: Language) -> str:
    """Why the challenger that was judged last was refused."""
    return "; ".join(words.said(gate["detail"], language) for gate in gates if gate["outcome"] == "failed")


def _target(found: Mapping[str, Any], language: Language) -> str:
    """What tells the targets of a program apart: how far they look, else their name."""
    horizon = words.said(found.get("horizon"), language)
    return words.translate(WITHIN, language, horizon=horizon) if horizon else str(found["target"]).replace("_", " ")


def _kind(kind: str | None, program: Program, language: Language) -> str:
    if not kind:
        return ""
    is_rule = kind == "stage_rule" and not program.has_stages
    return words.translate("base rate" if is_rule else KINDS.get(kind, kind), language)


def _outcome(outcome: str, language: Language) -> tuple[str, str]:
    tone, word = OUTCOMES.get(outcome, ("plain", outcome))
    return tone, words.translate(word, language)


def _days(days: Sequence[str]) -> str:
    return days[0] if len(days) == 1 else f"{days[0]} – {days[-1]} ({len(days)})"


def _promotion(row: PromotionRow, language: Language) -> Promotion:
    return Promotion(
        at=words.minute(row.at),
        action=words.translate(ACTIONS.get(row.action, row.action), language),
        from_version=row.from_version or fmt.MISSING,
        to_version=row.to_version,
        by=row.by,
        reason=words.said(fmt.typeset(row.reason), language),
        override=row.override or "",
    )


def _published(found: Mapping[str, Any], language: Language) -> Promotion:
    """The newest promotion as the part knows it, where the ledger cannot say."""
    return Promotion(
        at=words.minute(found["promoted_at"]),
        action=words.translate(ACTIONS.get(found["action"], found["action"]), language),
        from_version=fmt.MISSING,
        to_version=found["version"],
        by=found["by"],
        reason=words.said(found["reason"], language),
        override=found.get("override") or "",
    )


def _metrics(
    rows: Sequence[Mapping[str, Any]],
    key: str,
    roles: Mapping[str, str],
    program: Program,
    language: Language,
    is_difference: bool = False,
) -> dict[str, Any] | None:
    """Measures as a table: a row for each model (or baseline), a column for each measure, intervals in brackets."""
    if not rows:
        return None
    currency = f", {program.economics.currency}" if program.economics else ""
    each = currency + (f", {words.translate(EACH, language)}" if is_difference else "")
    measures = {
        row["metric"]: words.said(row["label"], language) + (each if row["metric"] == "profit" else "") for row in rows
    }
    names = list(dict.fromkeys(row[key] for row in rows))
    cells = {(row[key], row["metric"]): _measure(row, language, is_difference) for row in rows}
    heading = words.translate("against" if is_difference else "model", language)
    return {
        "columns": [{"title": heading, "kind": "text"}]
        + [{"title": title, "kind": "number"} for title in measures.values()],
        "rows": [
            [roles.get(name) or words.translate(str(name).replace("_", " "), language)]
            + [cells.get((name, metric), fmt.MISSING) for metric in measures]
            for name in names
        ],
    }


def _measure(row: Mapping[str, Any], language: Language, is_difference: bool) -> str:
    value, low, high = row.get("value"), row.get("low"), row.get("high")
    of = ("signed_" if is_difference else "") + "measure"
    if row["metric"] == "profit":  # in all; a difference is that of one customer
        of = "signed_ratio" if is_difference else "whole"
    number = words.number(value, language, of)
    if low is None or high is None:
        return number
    between = words.translate("%(low)s to %(high)s", language, low=words.number(low, language, of),
                              high=words.number(high, language, of))  # fmt: skip
    return f"{number} ({between})"


WORDS = (N_("model"), N_("against"), N_("%(low)s to %(high)s"))
"""Words that are put together here."""
