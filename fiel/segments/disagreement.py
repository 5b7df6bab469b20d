"""Customers on whom stage, p(alive) and classifier do not agree whether they stay, with the money at stake.

Three opinions stand beside each other: the stage is a rule over the last visits, p(alive) is the purchase model's
probability that the customer has not dropped out for good, and the classifier's probability is that of the target
within its horizon. They answer neighbouring questions, so they may differ for good reason; where much money hangs on
the answer, a person should look.
"""

from __future__ import annotations

import polars as pl

from fiel.features.arithmetic import ratio
from fiel.program import Program
from fiel.tables import TABLES

ACTIVE_STAGES = ("curioso", "fiel", "reconquistado", "reborn")
"""Stages that say that a customer stays: a visit within the recent days (or a new customer). The others drift away."""

STAYS_FROM = 0.5
"""A probability from here on says stays: more likely than not."""

SAME_WITHIN = 1e-6
"""p(alive) that differs by no more than this over all customers tells nobody apart."""

VOICES = ("is_staying_by_stage", "is_staying_by_alive", "is_staying_by_model")
"""The columns of the three opinions."""

_WHO = {"is_staying_by_stage": "stage", "is_staying_by_alive": "alive", "is_staying_by_model": "model"}


def disagreements(snapshot: pl.DataFrame, scores: pl.DataFrame, program: Program) -> pl.DataFrame:
    """The customers with a probability on whom the opinions differ (out_disagreements), the most money first.

    `snapshot` holds feat_snapshot rows and `scores` out_scores rows of one as_of. One row for each customer in the
    model's population whose known opinions are not all the same. p(alive) is no opinion where there is no purchase
    model (the snapshot of a program without the group `purchase`, too few repeat purchases, no purchase that stands),
    nor where it is the same for all customers of the snapshot: a model without drop-out would contradict everybody who
    is leaving. Order: value at stake, those without one last, then customer.
    """
    has_alive = "purchase" in program.features.groups and "purchase_alive_prob" in snapshot.columns
    alive = pl.col("purchase_alive_prob") if has_alive else pl.lit(None, pl.Float64)
    opinions = snapshot.select("customer_id", alive_prob=alive)
    speaks = not _same_for_all(opinions["alive_prob"])
    return (
        scores.filter(pl.col("prob").is_not_null())
        .join(opinions, on="customer_id", how="left")
        .with_columns(
            is_staying_by_stage=pl.col("stage").is_in(ACTIVE_STAGES),
            is_staying_by_alive=pl.when(speaks).then(pl.col("alive_prob") >= STAYS_FROM),
            is_staying_by_model=pl.col("prob") >= STAYS_FROM,
        )
        .filter(pl.any_horizontal(VOICES) & ~pl.all_horizontal(pl.col(VOICES).fill_null(True)))
        .sort("value_at_stake", "customer_id", descending=[True, False], nulls_last=True)
        .select(list(TABLES["out_disagreements"].declared))
    )


def disagreement_summary(frame: pl.DataFrame) -> pl.DataFrame:
    """Customers and money by pattern, from out_disagreements rows: one row for each pattern, the most money first.

    Columns: pattern (in words: "stage stays · alive stays · model leaves"; "alive silent" without p(alive)), the three
    opinions, customers, share (of the rows), value_at_stake (empty where nobody has one), mean_alive_prob, mean_prob.

    >>> rows = pl.DataFrame({"customer_id": ["a"], "is_staying_by_stage": [True], "is_staying_by_alive": [None],
    ...                      "is_staying_by_model": [False], "value_at_stake": [70.0], "alive_prob": [None],
    ...                      "prob": [0.2]}, schema_overrides={"is_staying_by_alive": pl.Boolean})
    >>> disagreement_summary(rows).select("pattern", "customers", "value_at_stake").row(0)
    ('stage stays · alive silent · model leaves', 1, 70.0)
    """
    stake = pl.col("value_at_stake")
    words = [
        pl.format(
            "{} {}",
            pl.lit(_WHO[voice]),
            pl.when(pl.col(voice))
            .then(pl.lit("stays"))
            .when(~pl.col(voice))
            .then(pl.lit("leaves"))
            .otherwise(pl.lit("silent")),
        )
        for voice in VOICES
    ]
    return (
        # Floats are added in one order, so that equal rows give equal sums.
        frame.sort("customer_id")
        .group_by(pl.concat_str(words, separator=" · ").alias("pattern"), *VOICES, maintain_order=True)
        .agg(
            customers=pl.len().cast(pl.Int64),
            share=ratio(pl.len(), pl.lit(max(frame.height, 1))),
            value_at_stake=pl.when(stake.is_not_null().any()).then(stake.sum()),
            mean_alive_prob=pl.col("alive_prob").mean(),
            mean_prob=pl.col("prob").mean(),
        )
        .sort("value_at_stake", "customers", "pattern", descending=[True, True, False], nulls_last=True)
    )


def alive_statement(alive_prob: pl.Series) -> str:
    """What to know about p(alive) before it is read as an opinion: a sentence, empty where it does say something.

    `alive_prob` is p(alive) of all customers of an as_of (feat_snapshot), the agreeing ones included.

    >>> alive_statement(pl.Series([1.0, 1.0, 1.0]))
    'p(alive) is 1.000 for all 3 customers: the purchase model finds no drop-out, so p(alive) says nothing here.'
    >>> alive_statement(pl.Series([0.2, 0.9]))
    ''
    """
    known = alive_prob.drop_nulls()
    if known.is_empty():
        return "No purchase model could be fitted, so there is no p(alive): only stage and classifier speak."
    low, high = float(known.min()), float(known.max())  # type: ignore[arg-type]
    customers = f"{len(known):,} customer{'s' if len(known) != 1 else ''}"
    if _same_for_all(known):
        reason = "the purchase model finds no drop-out, so " if low >= 1 - SAME_WITHIN else "so "
        return f"p(alive) is {low:.3f} for all {customers}: {reason}p(alive) says nothing here."
    if low >= STAYS_FROM:
        return f"p(alive) is {low:.3f} or more for all {customers}: it takes everybody for one who stays."
    if high < STAYS_FROM:
        return f"p(alive) is {high:.3f} or less for all {customers}: it takes everybody for one who leaves."
    return ""


def _same_for_all(alive_prob: pl.Series) -> bool:
    """Whether there are customers to tell apart and p(alive) does not."""
    known = alive_prob.drop_nulls()
    return len(known) > 1 and float(known.max()) - float(known.min()) <= SAME_WITHIN  # type: ignore[arg-type]
