"""What a model was learned and judged on, and what that cannot show."""

from __future__ import annotations

import polars as pl

from fiel.reports import format as fmt
from fiel.reports.cards import ModelCard
from fiel.reports.data import ReportData
from fiel.reports.sections.base import Block, Words

_YEAR_DAYS = 365


def evidence(data: ReportData, card: ModelCard) -> list[Block]:
    """Which cohorts the model was learned and judged on, and what they cannot show."""
    cohorts = card.cohort_metrics.filter(pl.col("model") == "catboost").sort("as_of")
    if cohorts.is_empty():
        return []
    parts = []
    for split, verb in (("train", "trained"), ("valid", "calibrated"), ("oot", "judged")):
        dates = cohorts.filter(pl.col("split") == split)["as_of"].to_list()
        if dates:
            span = fmt.day(dates[0]) if len(dates) == 1 else f"{fmt.day(dates[0])} to {fmt.day(dates[-1])}"
            parts.append(f"{verb} on {fmt.counted(len(dates), 'cohort')} ({span})")
    rates = cohorts["target_rate"].drop_nulls()
    blocks: list[Block] = [
        Words(
            f"The classifier was {fmt.listed(parts)}. From cohort to cohort between {fmt.percent(_least(rates))} and "
            f"{fmt.percent(_most(rates))} reached the target."
        )
    ]
    judged = cohorts.filter(pl.col("split") == "oot").height
    days = (data.as_of - data.source.first_day).days
    limits = []
    if judged == 1:
        limits.append(
            "One cohort judges it: the intervals say how sure a difference is among these customers, not how it holds "
            "in another season."
        )
    if days < _YEAR_DAYS + data.program.target.horizon_days:
        limits.append(
            f"The data cover {fmt.counted(days, 'day')}, so no season is seen twice: what belongs to the time of year "
            "cannot be told from a lasting change."
        )
    if limits:
        blocks.append(Words(" ".join(limits), "warning"))
    return blocks


def _least(rates: pl.Series) -> float | None:
    return None if rates.is_empty() else float(rates.to_numpy().min())


def _most(rates: pl.Series) -> float | None:
    return None if rates.is_empty() else float(rates.to_numpy().max())
