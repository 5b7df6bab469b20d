"""Who may be written to, where a program has scores and no table of customers of its own.

A program with engagement and value segments writes `out_message_input` when it scores. Every other program says with
`messages.from_scores` which of its figures stand for the probability of leaving, for engagement and for the segment.
"""

from __future__ import annotations

import polars as pl

from fiel.errors import MessageError, SegmentError
from fiel.program.messages import FromScores
from fiel.segments.risk import RiskCuts, risk_group
from fiel.tables import TABLES

Frame = pl.DataFrame | pl.LazyFrame


def customers_of_scores(scores: pl.DataFrame, snapshot: pl.DataFrame, rules: FromScores) -> pl.DataFrame:
    """Columns of `out_message_input`, one row for each customer of the model's population, by customer_id.

    scores: out_scores; snapshot: feat_snapshot, both of one as_of. A customer without the figure of engagement has 0.
    MessageError: the snapshot or the scores have no such column, or the cuts of risk do not rise.
    """
    for column, frame, where in ((rules.engagement, snapshot, "snapshot has"), (rules.segment, scores, "scores have")):
        if column not in frame.columns:
            raise MessageError(f"messages.from_scores: the {where} no column {column!r}: choose another one")
    leaving = pl.col("prob") if rules.leaving == "prob" else 1 - pl.col("prob")
    known = scores.filter(pl.col("in_population") & pl.col("prob").is_not_null())
    figures = snapshot.select("customer_id", figure=pl.col(rules.engagement).cast(pl.Float64))
    share = (pl.col("figure").fill_nan(None).fill_null(0) / rules.engagement_full).clip(0, 1)
    try:
        cuts = RiskCuts(*rules.risk_cuts)
    except SegmentError as error:
        raise MessageError(f"messages.from_scores.risk_cuts: {error}") from error
    return (
        known.join(figures, on="customer_id", how="left")
        .with_columns(leaving.clip(0, 1).alias("prob"), engagement=100 * share)
        .select(
            "customer_id",
            "as_of",
            language=pl.lit(None, dtype=pl.String),
            segment=pl.col(rules.segment).cast(pl.String).fill_null("none"),
            risk_group=risk_group(pl.col("prob"), cuts),
            engagement="engagement",
            prob="prob",
            value="value_at_stake" if "value_at_stake" in scores.columns else pl.lit(None, dtype=pl.Float64),
        )
        .select(list(TABLES["out_message_input"].declared))
        .sort("customer_id")
    )


def log_of_lines(lines: Frame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What customers took, as an interaction log, and its links: each customer is one session of orders.

    lines: core_event_lines known at as_of; what the operator itself gave does not count. For `recommendations`, in
    which popularity then counts customers, and nobody is recommended what they have.
    """
    taken = (
        lines.lazy()
        .filter(~pl.col("is_operator"), pl.col("product_id").is_not_null())
        .select(session="customer_id", aid="product_id")
        .unique()
        .with_columns(kind=pl.lit("orders"))
        .sort("session", "aid")
        .collect()
    )
    return taken, taken.select(pl.col("session").alias("customer_id"), "session").unique().sort("customer_id")
