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
    if data.program.is_table:
        return [_by_customer(cohorts)]
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
    if days < _YEAR_DAYS + (data.horizon_date - data.as_of).days:
        limits.append(
            f"The data cover {fmt.counted(days, 'day')}, so no season is seen twice: what belongs to the time of year "
            "cannot be told from a lasting change."
        )
    if limits:
        blocks.append(Words(" ".join(limits), "warning"))
    return blocks


def _by_customer(cohorts: pl.DataFrame) -> Words:
    """How many customers of an undated program the model was learned and judged on."""
    rows = {row["split"]: row for row in cohorts.to_dicts()}
    parts = [
        f"{verb} on {fmt.counted(rows[split]['rows'], 'customer')} ({fmt.percent(rows[split]['target_rate'])} positive)"
        for split, verb in (("train", "trained"), ("valid", "calibrated"), ("oot", "judged"))
        if split in rows
    ]
    return Words(
        f"The classifier was {fmt.listed(parts)}. A seeded hash of the customer says who is where; nobody is in two "
        "parts. The final model was fitted on training and validation together. All come from one file, so nothing "
        "here shows how the model does on later customers."
    )


def _least(rates: pl.Series) -> float | None:
    return None if rates.is_empty() else float(rates.to_numpy().min())


def _most(rates: pl.Series) -> float | None:
    return None if rates.is_empty() else float(rates.to_numpy().max())
