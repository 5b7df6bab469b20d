"""What a search leaves to be read: the recipes that were tried, the folds, and the rows that judged."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np
import polars as pl

from fiel.models.classifier import in_order
from fiel.models.folds import FoldRows
from fiel.models.metrics import auc, log_losses
from fiel.models.trials import Trial

SEARCH_SPACE: dict[str, tuple[float, float, str]] = {
    "depth": (3, 6, "int"),
    "learning_rate": (0.04, 0.12, "log"),
    "l2_leaf_reg": (1.0, 30.0, "log"),
    "rsm": (0.2, 1.0, "float"),
    "random_strength": (0.5, 4.0, "log"),
}
"""Parameter: lowest, highest, scale."""

HISTORY_SCHEMA = {
    "step": pl.String(),
    "trial": pl.Int64(),
    "log_loss": pl.Float64(),
    "iterations": pl.Int64(),
    "features": pl.Int64(),
    "is_chosen": pl.Boolean(),
    **dict.fromkeys(SEARCH_SPACE, pl.Float64()),
}
FOLD_SCHEMA = {
    "fold": pl.Int64(),
    "kind": pl.String(),
    "fit_from": pl.Date(),
    "fit_to": pl.Date(),
    "judge_from": pl.Date(),
    "judge_to": pl.Date(),
    "fit_rows": pl.Int64(),
    "judge_rows": pl.Int64(),
    "iterations": pl.Int64(),
    "auc": pl.Float64(),
    "log_loss": pl.Float64(),
    "base_log_loss": pl.Float64(),
}
JUDGED_SCHEMA = {
    "fold": pl.Int64(),
    "kind": pl.String(),
    "customer_id": pl.String(),
    "as_of": pl.Date(),
    "label": pl.Int8(),
    "raw": pl.Float64(),
}


def history(tried: Sequence[Trial], best: Trial) -> pl.DataFrame:
    """One row for each recipe that was tried, in their order; HISTORY_SCHEMA."""
    rows = [
        {
            "step": trial.step,
            "trial": place,
            "log_loss": trial.log_loss,
            "iterations": int(median(trial.iterations)),
            "features": len(trial.recipe.features),
            "is_chosen": trial is best,
            **{name: float(value) for name, value in trial.recipe.params if name in SEARCH_SPACE},
        }
        for place, trial in enumerate(tried)
    ]
    return pl.DataFrame(rows, schema=HISTORY_SCHEMA)


def fold_table(folds: Sequence[FoldRows], best: Trial) -> pl.DataFrame:
    """One row for each fold, judged by the best trial; FOLD_SCHEMA."""
    rows = []
    for place, fold in enumerate(folds):
        labels = fold.labels
        rows.append(
            {
                "fold": place + 1,
                "kind": fold.kind,
                "fit_from": fold.fit["as_of"].min(),
                "fit_to": fold.fit["as_of"].max(),
                "judge_from": fold.judge["as_of"].min(),
                "judge_to": fold.judge["as_of"].max(),
                "fit_rows": fold.fit.height,
                "judge_rows": fold.judge.height,
                "iterations": best.iterations[place],
                "auc": auc(labels, best.raw[place]),
                "log_loss": best.losses[place],
                "base_log_loss": float(log_losses(labels, np.full(len(labels), fold.fit["label"].mean())).mean()),
            }
        )
    return pl.DataFrame(rows, schema=FOLD_SCHEMA)


def judged(folds: Sequence[FoldRows], best: Trial) -> pl.DataFrame:
    """Out-of-fold predictions of the best trial, one row for each row that judges; JUDGED_SCHEMA."""
    return pl.concat(
        in_order(fold.judge)
        .select("customer_id", "as_of", pl.col("label").cast(pl.Int8))
        .with_columns(
            fold=pl.lit(place + 1, pl.Int64), kind=pl.lit(fold.kind), raw=pl.Series(best.raw[place], dtype=pl.Float64)
        )
        .select(list(JUDGED_SCHEMA))
        for place, fold in enumerate(folds)
    )
