"""Life-cycle features: stage now and before, what comes next without a visit, and how the stage's others are doing.

The rules and the spans live in `fiel/features/spans.py` (DOMAIN.md section 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from fiel.core import Core
from fiel.features.arithmetic import ratio
from fiel.features.derived import derived
from fiel.features.spans import (
    cut_spans,
    latest_visits,
    life_cycle_spans,
    stage_counts,
    stage_expr,
    stage_limits,
)
from fiel.program import STAGES, LifeCycle, Program

__all__ = ["build", "cut_spans", "life_cycle_spans", "next_stage", "stage_counts", "stage_expr"]


def build(core: Core, as_of_dates: Sequence[date], program: Program) -> pl.LazyFrame:
    """Life-cycle features, `feat_life_cycle`: one row for each as_of and customer with an active day before it."""
    return pl.concat([_at(core, as_of, program) for as_of in as_of_dates])


def next_stage(age: pl.Expr, recency: pl.Expr, gap: pl.Expr, rules: LifeCycle) -> tuple[pl.Expr, pl.Expr]:
    """What comes without another visit: (next stage, days from as_of until the first as_of in it).

    The next stage is the first that differs from the present one. After curioso it is the stage that recency and gap
    give once the age is past `new_max_age`, which can be fiel; from then on stages only drop. Both are null for zumbi.
    """
    limits = stage_limits(age - recency, rules)
    last = pl.coalesce(pl.when(recency <= limit).then(limit) for limit in limits)
    days = last + 1 - recency
    return pl.when(last.is_not_null()).then(stage_expr(age + days, recency + days, gap, rules)), days


def _at(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    rules, window = program.life_cycle, program.features.frequency_window
    age, recency, gap = pl.col("age_days"), pl.col("recency_days"), pl.col("gap_days")
    following, days_until = next_stage(age, recency, gap, rules)
    days = core["customer_days"].filter(pl.col("day") >= as_of - timedelta(days=window), pl.col("day") < as_of)
    active_days, mean_active_days = pl.col("active_days"), pl.col(f"stage_mean_active_days_d{window}")
    return (
        latest_visits(derived(core, "visits", program), as_of)
        .with_columns(stage=stage_expr(age, recency, gap, rules))
        .join(days.group_by("customer_id").agg(active_days=pl.len().cast(pl.Int64)), on="customer_id", how="left")
        .with_columns(active_days.fill_null(0))
        .join(_stage_history(derived(core, "life_cycle_spans", program), as_of, window), on="customer_id", how="left")
        .with_columns(
            pl.when(pl.col("stage") != "zumbi")
            .then(ratio(active_days.sum().over("stage"), pl.len().over("stage")))
            .alias(mean_active_days.meta.output_name())
        )
        .select(
            "customer_id",
            pl.lit(as_of).alias("as_of"),
            "recency_days",
            "gap_days",
            "stage",
            following.alias("next_stage"),
            (pl.lit(as_of) + pl.duration(days=days_until)).alias("next_stage_date"),
            stage_expr(age + 1, pl.lit(1), recency, rules).alias("stage_after_visit"),
            pl.col("earlier_stage").fill_null("none").alias(f"stage_d{window}"),
            *(ratio(pl.col(f"days_{stage}"), age).alias(f"stage_share_{stage}") for stage in STAGES),
            mean_active_days,
            pl.when(mean_active_days > 0)
            .then(ratio(active_days, mean_active_days))
            .alias(f"active_days_ratio_d{window}"),
        )
    )


def _stage_history(spans: pl.LazyFrame, as_of: date, window: int) -> pl.LazyFrame:
    """Days in each stage (`days_STAGE`) from the first day + 1 to `as_of`, and the stage `window` days earlier."""
    earlier = as_of - timedelta(days=window)
    stage, first, last = pl.col("stage"), pl.col("first_as_of"), pl.col("last_as_of")
    days = (last - first).dt.total_days() + 1
    return (
        cut_spans(spans, as_of)
        .select(
            "customer_id",
            *(pl.when(stage == name).then(days).otherwise(0).alias(f"days_{name}") for name in STAGES),
            earlier_stage=pl.when(first <= earlier, last >= earlier).then(stage),
        )
        .group_by("customer_id")
        .agg(pl.col("^days_.*$").sum(), pl.col("earlier_stage").max())
    )
