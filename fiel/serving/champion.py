"""The part `champion` of the program page: the model that is in force, how it was judged, when and why it came.

{targets: [{target, ledger_name, version, kind, digest, promoted_at, by, action, reason, horizon, metrics: [{model,
metric, value, low, high}], judged_version, differences, gates, calibration, cohorts, run, history: [{at, action,
from_version, to_version, by, reason}]}], figures: [names in the part `figures`]}. Texts of people (reasons, names of
measures) are in every language. The main target comes first.

Judged last was the champion itself where its promotion was that judgement; else a challenger that was refused:
`judged_version` is null then, and the measures of "challenger" are not the champion's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from fiel.program import Program
from fiel.reports.cards import ModelCard
from fiel.reports.charts.model import METRIC_NAMES
from fiel.reports.labels import feature_label
from fiel.serving.figures import CHAMPION
from fiel.serving.texts import both
from fiel.store import PromotionRow


def champion(
    program: Program,
    cards: Mapping[str, ModelCard],
    promotions: Mapping[str, Sequence[PromotionRow]],
    kinds: Mapping[str, str],
    drawn: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The part; `cards`, `promotions` (oldest first) and `kinds` by name of the target, `drawn` the part `figures`."""
    targets = [
        _target(program.with_target(name), cards.get(name), promotions.get(name, ()), kinds.get(name))
        for name in program.target_names
    ]
    return {
        "targets": [found for found in targets if found is not None],
        "figures": [item["name"] for item in drawn if item["name"] in CHAMPION],
    }


def _target(
    program: Program, card: ModelCard | None, rows: Sequence[PromotionRow], kind: str | None
) -> dict[str, Any] | None:
    if not rows:
        return None
    newest = rows[-1]
    found: dict[str, Any] = {
        "target": program.target.name,
        "horizon": both(program.target.horizon_words) if not program.is_table else None,
        "ledger_name": program.ledger_name,
        "version": newest.to_version,
        "kind": kind,
        "digest": newest.digest,
        "promoted_at": newest.at.isoformat(),
        "by": newest.by,
        "action": newest.action,
        "reason": both(newest.reason),
        "override": newest.override,
        "history": [_promotion(row) for row in rows],
    }
    if card is None:
        return found
    return found | {
        "judged": both(program.judged_on),
        "judged_version": card.version if card.action == "promote" else None,
        "decided_on": None if card.decided_on is None else card.decided_on.isoformat(),
        "run": None if card.run is None else card.run.rsplit("run ", 1)[-1],
        "cohorts": {part: [day.isoformat() for day in days] for part, days in card.cohorts.items()},
        "metrics": _measures(card.comparison, "model"),
        "differences": _measures(card.differences, "against"),
        "gates": [
            {"gate": both(_gate_words(row["gate"])), "outcome": row["outcome"], "detail": both(row["detail"])}
            for row in card.gates.iter_rows(named=True)
        ],
        "calibration": _rows(card.reliability),
    }  # fmt: skip


def _gate_words(name: str) -> str:
    """A gate's name; the input that a PSI is of has its label.

    >>> _gate_words("PSI of live_days_d28"), _gate_words("PSI of scores"), _gate_words("slice first week")
    ('PSI of days with live events, 28 days', 'PSI of scores', 'slice first week')
    """
    feature = name.removeprefix("PSI of ")
    return name.replace("_", " ") if feature in (name, "scores") else f"PSI of {feature_label(feature)}"


def _measures(frame: pl.DataFrame, key: str) -> list[dict[str, Any]]:
    return [
        {key: row[key], "label": both(METRIC_NAMES.get(row["metric"], row["metric"]))}
        | {name: row[name] for name in ("metric", "value", "low", "high")}
        for row in frame.iter_rows(named=True)
    ]


def _promotion(row: PromotionRow) -> dict[str, Any]:
    return {
        "at": row.at.isoformat(),
        "action": row.action,
        "from_version": row.from_version,
        "to_version": row.to_version,
        "digest": row.digest,
        "by": row.by,
        "reason": both(row.reason),
        "override": row.override,
    }


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}
        for row in frame.iter_rows(named=True)
    ]
