"""What every classifier is compared with beside the stage rule: the purchase model's own probability.

Where a program has the feature group `purchase` with the target's horizon, its snapshots hold P(at least one purchase
within the horizon), `purchase_prob_dN`. That number is made without any label, so it is no candidate for champion: it
is what a classifier has to keep up with (gates.as_good_as_purchase_model).
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from fiel.program import Program

PURCHASE_MODEL = "purchase_model"
PURCHASE_PROB = "purchase_prob"
"""The purchase model's name in tables of measures, and its column of probabilities in predictions and evidence."""


def in_population(program: Program) -> pl.Expr:
    """Whether a row of `feat_snapshot` belongs to the population of the program's target.

    The snapshot's own mark is that of the main target. A further target has the same live origins and leaves out at
    least the same stages (fiel.program.model checks it), so its population is a part of that: without its own stages.
    """
    excluded = program.target.exclude_stages
    return pl.col("in_population") & ~pl.col("stage").is_in(excluded) if excluded else pl.col("in_population")


def purchase_column(program: Program, columns: Collection[str]) -> str | None:
    """The column of a snapshot that answers the target's question with the purchase model alone; None without one.

    Only where the outcome is a purchase or an active day within the horizon: for a stage it would be another question.
    """
    column = f"purchase_prob_d{program.target.horizon_days}"
    return column if program.target.kind in ("purchase", "active") and column in columns else None


def with_purchase_prob(chosen: pl.DataFrame, rows: pl.DataFrame, program: Program, base_prob: float) -> pl.DataFrame:
    """`chosen` with the column `purchase_prob` of `rows` (snapshot rows in the same order), where there is one.

    A customer without a purchase that stands, or an as_of at which no model could be fitted, has no probability; it
    then is `base_prob`, the share of the training rows that reached the target.
    """
    column = purchase_column(program, rows.columns)
    if column is None:
        return chosen
    return chosen.with_columns(rows[column].cast(pl.Float64).fill_null(base_prob).alias(PURCHASE_PROB))
