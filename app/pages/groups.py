"""The customers of a program by stage, level, grade or segment: now, their share, and the change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.pages import words
from app.pages.words import N_, Language

TITLES = {
    "stage": N_("Customers by stage"),
    "segment": N_("Customers by segment"),
    "grade": N_("Customers by grade"),
    "level": N_("Accounts by level of loyalty"),
}
"""Heading of the table, by what the program groups its customers by."""

CROWDED = 0.95
"""A level that holds more than this share tells accounts apart no more (DOMAIN.md 3)."""

TOO_CROWDED = N_(
    "%(share)s of the accounts have one level, so it tells them apart badly. Read the risk against all accounts beside "
    "it: the ranking has both."
)

KINDS = {"stage": N_("stage"), "segment": N_("segment"), "grade": N_("grade"), "level": N_("level")}
"""Heading of the first column."""


@dataclass(frozen=True)
class Group:
    """One group: name, customers, share of all, change against the previous date; as text in one language."""

    name: str
    customers: str
    share: str
    change: str
    direction: int


@dataclass(frozen=True)
class Groups:
    """All groups of a program, in their order; `kind` is stage, segment, grade or level."""

    kind: str
    title: str
    heading: str
    rows: list[Group]
    has_change: bool
    note: str


def groups_of(overview: Mapping[str, Any], language: Language) -> Groups | None:
    """The groups of the part `overview`, None where the program has none."""
    kind, found = overview.get("grouping"), overview.get("groups") or ()
    if not kind or not found:
        return None
    total = sum(row["customers"] for row in found)
    rows = [_group(row, kind, total, language) for row in found]
    title = words.translate(TITLES.get(kind, N_("Customers by group")), language)
    heading = words.translate(KINDS.get(kind, kind), language)
    return Groups(kind, title, heading, rows, any(row.change for row in rows), _note(found, kind, total, language))


def _note(found: Sequence[Mapping[str, Any]], kind: str, total: int, language: Language) -> str:
    most = max(row["customers"] for row in found) / total if total else 0.0
    if kind != "level" or most <= CROWDED:
        return ""
    return words.translate(TOO_CROWDED, language, share=words.number(most, language, "percent"))


def _group(row: Mapping[str, Any], kind: str, total: int, language: Language) -> Group:
    customers, before = row["customers"], row.get("before")
    name = str(row["group"])
    return Group(
        name=name if kind == "stage" else words.said(name.replace("_", " "), language),
        customers=words.number(customers, language),
        share=words.number(customers / total if total else None, language, "percent"),
        change="" if before is None else words.number(customers - before, language, "signed_whole"),
        direction=0 if before is None else (customers > before) - (customers < before),
    )
