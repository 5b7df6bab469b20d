"""Realised quality of stored scores, once their cohort has matured (DESIGN.md section 5)."""

from __future__ import annotations

import polars as pl

from fiel.models.metrics import measure
from fiel.tables import TABLES


def realised_quality(scores: pl.DataFrame, labels: pl.DataFrame, target: str) -> pl.DataFrame:
    """Quality, `out_quality`, of one target: a row for each as_of and model version whose outcome `labels` hold.

    `scores` are rows of `out_scores` (the main target) or of `out_probs` (its rows of other targets are left out),
    `labels` (customer_id, as_of, label) those of matured cohorts of this target. Only customers that were scored count;
    AUC is empty where all or none of them reached the target. A customer without a label (gone from the source since)
    is left out.
    """
    ours = scores.filter(pl.col("target") == target) if "target" in scores.columns else scores
    known = ours.filter(pl.col("prob").is_not_null()).join(
        labels.select("customer_id", "as_of", "label"), on=["customer_id", "as_of"], how="inner"
    )
    rows = []
    for (as_of, version), part in sorted(known.partition_by("as_of", "model_version", as_dict=True).items()):
        found = measure(part["label"].to_numpy().astype(float), part["prob"].to_numpy())
        rows.append(
            {
                "as_of": as_of,
                "target": target,
                "model_version": version,
                "customers": found.rows,
                "target_rate": found.target_rate,
                "mean_prob": found.mean_prob,
                "auc": found.auc,
                "log_loss": found.log_loss,
                "brier": found.brier,
            }
        )
    return pl.DataFrame(rows, schema=TABLES["out_quality"].declared)
