"""The figures of the program page: those of the report that answer its questions, in reading order, in each language.

The report draws them; nothing is computed anew. A figure has `name`, `group`, `is_wide`, `is_half`, and `title`,
`subtitle`, `description`, `spec` (Vega-Lite, without colours of its own) and `table` ({columns, rows, note}), each by
language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fiel.reports.data import ReportData
from fiel.reports.sections import sections
from fiel.reports.sections.base import Figure
from fiel.reports.tables import Table
from fiel.serving import translated
from fiel.serving.texts import LANGUAGES

GROUPS: Mapping[str, tuple[str, ...]] = {
    "stages": ("mix", "stages", "transitions", "stage-change", "dropping"),
    "activity": (
        "active", "new", "retention", "returns", "cohort-retention", "closing-rates", "open-accounts", "contributions",
        "events-hour", "events-weekday",
    ),
    "value": ("value", "stake-segments", "stake-stages", "stake-curve", "cohort-revenue", "disagreement"),
    "segments": (
        "rfm-grid", "segment-shares", "segment-moves", "cluster-scatter", "cluster-segments", "segments-risk",
        "uplift-segment", "uplift-decile", "qini",
    ),
    "model": (
        "compare-profit", "compare-auc", "compare-log-loss", "reliability", "gains", "profit", "cohorts", "slices",
        "importances", "matrix-alive", "matrix-expected", "alive", "hold-out",
    ),
    "money": ("plan-buckets", "budget", "plan-reasons"),
}  # fmt: skip
"""Names of the report's figures by the group of the page; others stay in the report."""

REWARDS = "money"
CHAMPION = ("compare-profit", "compare-auc", "compare-log-loss", "reliability", "gains", "profit", "cohorts", "slices",
            "importances")  # fmt: skip
"""Figures of the champion's card."""


def figures(data: ReportData) -> list[dict[str, Any]]:
    """The figures of the program page that the program has, in reading order."""
    drawn = {block.name: block for section in sections(data) for block in section.blocks if isinstance(block, Figure)}
    return [
        _figure(drawn[name], group) for group, names in GROUPS.items() for name in names if name in drawn
    ]  # fmt: skip


def _figure(shown: Figure, group: str) -> dict[str, Any]:
    said = {language: translated.figure(shown, language) for language in LANGUAGES}
    return {
        "name": shown.name,
        "group": group,
        "is_wide": shown.is_wide,
        "is_half": shown.is_half,
        "title": {language: item.title for language, item in said.items()},
        "subtitle": {language: item.subtitle for language, item in said.items()},
        "description": {language: item.description for language, item in said.items()},
        "spec": {language: item.spec for language, item in said.items()},
        "table": None if shown.table is None else {language: _table(item.table) for language, item in said.items()},
    }


def _table(shown: Table | None) -> dict[str, Any] | None:
    if shown is None:
        return None
    return {
        "columns": [{"title": item.title, "kind": item.kind} for item in shown.columns],
        "rows": [list(row) for row in shown.rows],
        "note": shown.note,
    }
