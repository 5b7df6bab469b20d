"""The report's model card: made when a challenger is settled, kept as JSON, read back for every later report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from fiel.models.alternatives import ALTERNATIVE_DIFFERENCE_SCHEMA, ALTERNATIVE_SCHEMA
from fiel.models.baselines import PURCHASE_PROB
from fiel.models.bootstrap import Comparison, Interval, auc_interval, profit_intervals
from fiel.models.columns import DROPPED_SCHEMA
from fiel.models.evaluation import COHORT_SCHEMA, METRICS_SCHEMA, SLICE_SCHEMA
from fiel.models.gates import Gate, paired
from fiel.models.metrics import measure
from fiel.models.registry import VersionInfo
from fiel.models.retraining import Learned
from fiel.models.settlement import Settlement
from fiel.models.thresholds import THRESHOLD_SCHEMA
from fiel.models.trials import ABLATION_SCHEMA
from fiel.program import Program
from fiel.reports import cards
from fiel.reports.cards import ModelCard

SCHEMAS: Mapping[str, Mapping[str, pl.DataType]] = {
    "metrics": METRICS_SCHEMA,
    "cohort_metrics": COHORT_SCHEMA,
    "slices": SLICE_SCHEMA,
    "gains": cards.GAINS_SCHEMA,
    "reliability": cards.RELIABILITY_SCHEMA,
    "importances": cards.IMPORTANCE_SCHEMA,
    "comparison": cards.COMPARISON_SCHEMA,
    "differences": cards.DIFFERENCE_SCHEMA,
    "gates": cards.GATE_SCHEMA,
    "profit": cards.PROFIT_SCHEMA,
    "thresholds": THRESHOLD_SCHEMA,
    "dropped_columns": DROPPED_SCHEMA,
    "ablation": ABLATION_SCHEMA,
    "alternatives": ALTERNATIVE_SCHEMA,
    "alternative_differences": ALTERNATIVE_DIFFERENCE_SCHEMA,
}
"""Frames of a card and their columns."""

_OUTCOMES = {"pass": "passed", "fail": "failed", "warn": "warned", "info": "not judged"}
_MODELS = {
    "champion_prob": "champion",
    "prob": "challenger",
    "rule_prob": "stage rule",
    PURCHASE_PROB: "purchase model",
}
"""Column of the evidence to the model's role; evidence without the purchase model says nothing of it."""

_INTERVAL_DRAWS = 300
PROFIT_POINTS = 61
"""Thresholds of the profit curve: quantiles of the scores."""


def trained_card(learned: Learned) -> ModelCard:
    """The card of a model that is trained and not compared yet: what MLflow's plots are drawn from."""
    found = learned.evaluation
    return ModelCard(
        version="",
        kind="catboost",
        action="trained",
        reason="not compared yet",
        digest=learned.digest,
        cohorts={part: getattr(learned.split, part) for part in ("train", "valid", "oot")},
        metrics=found.metrics,
        cohort_metrics=found.cohorts,
        slices=found.slices,
        gains=found.gains,
        reliability=found.reliability,
        importances=learned.importances,
        thresholds=found.thresholds,
        dropped_columns=learned.dropped,
        ablation=learned.search.ablation,
        alternatives=learned.alternatives.table,
        alternative_differences=learned.alternatives.differences,
    )


def settled_card(
    settlement: Settlement,
    champion: VersionInfo,
    evaluation: Mapping[str, list[dict[str, Any]]],
    program: Program,
    as_of: date,
    run: str,
) -> ModelCard:
    """The card after a challenger was settled; `evaluation` is what its training kept, `run` where it can be seen."""
    decision, found = settlement.decision, settlement.evidence
    challenger = settlement.challenger
    frames = {name: _frame(rows, SCHEMAS[name]) for name, rows in evaluation.items() if name in SCHEMAS}
    return ModelCard(
        version=champion.version,
        kind=champion.kind,
        action=decision.action,
        reason=decision.reason,
        decided_on=as_of,
        digest=champion.digest,
        cohorts={"train and valid": challenger.trained_as_of, "oot": challenger.oot_as_of},
        run=run,
        comparison=_comparison(found.rows, program),
        differences=_differences(found.rows, decision.comparison, program),
        profit=_profit(found.rows, program),
        gates=_frame([_gate(gate) for gate in decision.gates], cards.GATE_SCHEMA),
        **frames,
    )


def card_json(card: ModelCard) -> bytes:
    """The card as JSON with sorted keys: equal cards, equal bytes."""
    content: dict[str, Any] = {}
    for entry in fields(card):
        value = getattr(card, entry.name)
        content[entry.name] = value.to_dicts() if isinstance(value, pl.DataFrame) else value
    return json.dumps(content, default=str, sort_keys=True, ensure_ascii=False, indent=1).encode()


def read_card(content: bytes) -> ModelCard:
    """The card of `card_json`."""
    found = json.loads(content)
    for name, schema in SCHEMAS.items():
        found[name] = _frame(found.get(name, []), schema)  # a card of an earlier Fiel has fewer
    found["cohorts"] = {part: tuple(map(date.fromisoformat, days)) for part, days in found["cohorts"].items()}
    found["decided_on"] = date.fromisoformat(found["decided_on"]) if found["decided_on"] else None
    return ModelCard(**found)


def _frame(rows: list[dict[str, Any]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    dates = [name for name, dtype in schema.items() if dtype == pl.Date]
    raw = pl.DataFrame(rows, schema={name: pl.String() if name in dates else dtype for name, dtype in schema.items()})
    return raw.with_columns(pl.col(dates).str.to_date("%Y-%m-%d"))


def _gate(gate: Gate) -> dict[str, Any]:
    return {"gate": gate.name, "outcome": _OUTCOMES[gate.outcome], "detail": gate.note}


def _comparison(rows: pl.DataFrame, program: Program) -> pl.DataFrame:
    """AUC (with its interval) and log loss of every model on the pooled out-of-time rows.

    And the Brier score where the purchase model is among them: it is not calibrated, so its ranking is not all.
    """
    found = []
    labels = rows["label"].to_numpy().astype(float)
    for column, model in _MODELS.items():
        if column not in rows.columns:
            continue
        probs = rows[column].to_numpy()
        measured = measure(labels, probs, program.economics)
        interval = auc_interval(
            labels,
            probs,
            rows["customer_id"].to_numpy(),
            draws=_INTERVAL_DRAWS,
            confidence=program.promotion.confidence,
            seed=program.training.seed,
        )
        found.append(_row("model", model, "auc", measured.auc, interval))
        found.append(_row("model", model, "log_loss", measured.log_loss, None))
        if PURCHASE_PROB in rows.columns:
            found.append(_row("model", model, "brier", measured.brier, None))
        if measured.profit is not None:
            found.append(_row("model", model, "profit", measured.profit, None))
    return _frame([row for row in found if row["value"] is not None], cards.COMPARISON_SCHEMA)


def _profit(rows: pl.DataFrame, program: Program) -> pl.DataFrame:
    """The challenger's profit on the out-of-time rows over a grid of thresholds; empty without economics."""
    if program.economics is None or rows.is_empty():
        return _frame([], cards.PROFIT_SCHEMA)
    probs = rows["prob"].to_numpy()
    thresholds = np.unique(np.quantile(probs, np.linspace(0, 1, PROFIT_POINTS)))
    intervals = profit_intervals(
        rows["label"].to_numpy(),
        probs,
        rows["customer_id"].to_numpy(),
        thresholds,
        economics=program.economics,
        draws=_INTERVAL_DRAWS,
        confidence=program.promotion.confidence,
        seed=program.training.seed,
    )
    found = [
        {
            "threshold": float(threshold),
            "treated": int((probs >= threshold).sum()),
            "profit": interval.estimate,
            "low": interval.low,
            "high": interval.high,
        }
        for threshold, interval in zip(thresholds, intervals, strict=True)
    ]
    return _frame(found, cards.PROFIT_SCHEMA)


def _differences(rows: pl.DataFrame, champion: Comparison | None, program: Program) -> pl.DataFrame:
    found = []
    compared_with: dict[str, Comparison | None] = {"champion": champion}
    for column in ("rule_prob", PURCHASE_PROB):
        if rows.height and column in rows.columns:
            compared_with[_MODELS[column]] = paired(rows, column, program)
    for against, compared in compared_with.items():
        for metric in ("auc", "log_loss", "profit"):
            interval: Interval | None = getattr(compared, metric, None)
            if interval is not None:
                found.append(_row("against", against, metric, interval.estimate, interval))
    return _frame(found, cards.DIFFERENCE_SCHEMA)


def _row(key: str, name: str, metric: str, value: float | None, interval: Interval | None) -> dict[str, Any]:
    low, high = (interval.low, interval.high) if interval else (None, None)
    return {key: name, "metric": metric, "value": value, "low": low, "high": high}
