"""Whether the service answers what the batch scored: training and serving compared on the same customers."""

from __future__ import annotations

import polars as pl

from fiel.tables import TABLES

COMPARED = ("recomputed", "published", "cross_fitted")
"""Answers from published features or scores; a caller's own features have no score in the batch to stand beside."""


def compare_served(served: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """How far answers lie from the batch's scores: one row for each as_of, model version and basis that was served.

    `served`: rows of out_served; `scores`: rows of out_scores. An answer is compared with the score of the same
    customer, as_of and model (version and digest); one that has no such score counts in `answers` only, for example
    because a newer model was promoted since. `equal` counts answers that are the same to the last bit (null beside
    null too), `largest_difference` is the largest |served - scored| of those where both are numbers. What is not equal
    in `equal` and has no difference is null on one side: `null_on_one_side`.

    >>> from datetime import date
    >>> same = {"as_of": date(2025, 9, 1), "model_version": "3", "model_digest": "d"}
    >>> served = pl.DataFrame([
    ...     {"customer_id": "a", "basis": "recomputed", "prob": 0.25, **same},
    ...     {"customer_id": "b", "basis": "recomputed", "prob": 0.5, **same},
    ... ])
    >>> scores = pl.DataFrame([{"customer_id": "a", "prob": 0.25, **same}, {"customer_id": "b", "prob": 0.75, **same}])
    >>> found = compare_served(served, scores)
    >>> found.select("answers", "compared", "equal", "largest_difference").row(0)
    (2, 2, 1, 0.25)
    """
    key = ["customer_id", "as_of", "model_version", "model_digest"]
    batch = scores.select(*key, scored_prob=pl.col("prob"), is_scored=pl.lit(value=True))
    told = served.filter(pl.col("basis").is_in(COMPARED)).join(batch, on=key, how="left")
    both = pl.col("is_scored").fill_null(value=False)
    one_is_null = pl.col("prob").is_null() != pl.col("scored_prob").is_null()
    return (
        told.group_by("as_of", "model_version", "basis")
        .agg(
            answers=pl.len().cast(pl.Int64),
            customers=pl.col("customer_id").n_unique().cast(pl.Int64),
            compared=both.sum().cast(pl.Int64),
            equal=(both & pl.col("prob").eq_missing(pl.col("scored_prob"))).sum().cast(pl.Int64),
            null_on_one_side=(both & one_is_null).sum().cast(pl.Int64),
            largest_difference=(pl.col("prob") - pl.col("scored_prob")).abs().filter(both).max(),
        )
        .sort("as_of", "model_version", "basis", descending=[True, False, False])
    )


def served_rows(lines: list[dict[str, object]]) -> pl.DataFrame:
    """Rows of out_served from what the service wrote down, with the schema that the table declares."""
    return pl.DataFrame(lines, schema=TABLES["out_served"].declared, orient="row", strict=True)
