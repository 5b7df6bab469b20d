"""How good predictions are: by part of the split, by cohort, by slice, by decile, by probability.

Everything is computed from one frame of predictions: customer_id, as_of, split (`train`, `valid`, `oot`), stage,
age_days, label, is_seen (the customer is in the rows that the model was fitted on), is_break (the outcome meets a
planned break), prob (the classifier), rule_prob (the stage rule) and, where the program has a purchase model for the
target's horizon, purchase_prob (fiel.models.baselines). Gains are the classifier's alone; everything else has rows for
each model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from fiel.models.baselines import PURCHASE_MODEL, PURCHASE_PROB
from fiel.models.bootstrap import Comparison, Interval, compare
from fiel.models.calibration import CohortSpread, check_calibration, log_odds
from fiel.models.metrics import Array, measure
from fiel.models.thresholds import THRESHOLD_SCHEMA, threshold_table
from fiel.program import Program

MODELS = {"catboost": "prob", "stage_rule": "rule_prob", PURCHASE_MODEL: PURCHASE_PROB}
"""Model to its column of probabilities; predictions without a model's column say nothing of it."""

SPLITS = ("train", "valid", "oot")
BINS = 10

_MEASURES = {
    "rows": pl.Int64(),
    "positives": pl.Int64(),
    "target_rate": pl.Float64(),
    "mean_prob": pl.Float64(),
    "auc": pl.Float64(),
    "log_loss": pl.Float64(),
    "brier": pl.Float64(),
    "average_precision": pl.Float64(),
    "profit": pl.Float64(),
    "note": pl.String(),
}
_CALIBRATION = {
    f"{name}{bound}": pl.Float64()
    for name in ("calibration_slope", "calibration_intercept")
    for bound in ("", "_low", "_high")
}
METRICS_SCHEMA = {"split": pl.String(), "model": pl.String(), **_MEASURES, **_CALIBRATION}
COHORT_SCHEMA = {
    "split": pl.String(),
    "as_of": pl.Date(),
    "is_break": pl.Boolean(),
    "model": pl.String(),
    **_MEASURES,
}
SLICE_SCHEMA = {
    "split": pl.String(),
    "slice": pl.String(),
    "value": pl.String(),
    "model": pl.String(),
    "is_small": pl.Boolean(),
    **_MEASURES,
}


@dataclass(frozen=True)
class Evaluation:
    """All tables of an evaluation; `comparison` is classifier minus stage rule on the out-of-time rows.

    `purchase_comparison` is classifier minus purchase model on the same rows, None without one. `thresholds`: from
    which probability to treat, by theory and by validation (fiel.models.thresholds); empty without economics.
    """

    metrics: pl.DataFrame
    cohorts: pl.DataFrame
    slices: pl.DataFrame
    gains: pl.DataFrame
    reliability: pl.DataFrame
    comparison: Comparison
    purchase_comparison: Comparison | None = None
    thresholds: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=THRESHOLD_SCHEMA))

    def value(self, split: str, measure_name: str, model: str = "catboost") -> float | None:
        """One figure of `metrics`; None where it is not defined."""
        found = self.metrics.filter(pl.col("split") == split, pl.col("model") == model)[measure_name]
        return None if found.is_empty() else found.item()


def evaluate(predictions: pl.DataFrame, program: Program, spread: CohortSpread | None = None) -> Evaluation:
    """All tables for `predictions` (see the module), the models side by side.

    `spread` widens the intervals of calibration slope and intercept (calibration.check_calibration).
    """
    oot = predictions.filter(pl.col("split") == "oot")
    return Evaluation(
        metrics=split_metrics(predictions, program, spread),
        cohorts=cohort_metrics(predictions, program),
        slices=slice_metrics(predictions, program),
        gains=pl.concat([gains(predictions.filter(pl.col("split") == split), split) for split in SPLITS]),
        reliability=pl.concat([reliability(predictions.filter(pl.col("split") == split), split) for split in SPLITS]),
        comparison=_against(oot, "rule_prob", program),
        purchase_comparison=_against(oot, PURCHASE_PROB, program) if PURCHASE_PROB in oot.columns else None,
        thresholds=threshold_table(predictions, program.economics),
    )


def models_of(predictions: pl.DataFrame) -> dict[str, str]:
    """The models that `predictions` hold probabilities of, with their columns, in the order of MODELS."""
    return {model: column for model, column in MODELS.items() if column in predictions.columns}


def split_metrics(predictions: pl.DataFrame, program: Program, spread: CohortSpread | None = None) -> pl.DataFrame:
    """One row for each split and model: every measure, and calibration slope and intercept with intervals."""
    rows = []
    for split in SPLITS:
        part = predictions.filter(pl.col("split") == split)
        labels, customers = _labels(part), part["customer_id"].to_numpy()
        for model, column in models_of(predictions).items():
            probs = part[column].to_numpy()
            check = check_calibration(
                labels,
                log_odds(probs),
                customers,
                confidence=program.promotion.confidence,
                cohorts=max(1, part["as_of"].n_unique()),
                spread=spread,
            )
            rows.append(
                {
                    "split": split,
                    "model": model,
                    **measure(labels, probs, program.economics).row(),
                    **_bounds("calibration_slope", check.slope),
                    **_bounds("calibration_intercept", check.intercept),
                }
            )
    return pl.DataFrame(rows, schema=METRICS_SCHEMA)


def cohort_metrics(predictions: pl.DataFrame, program: Program) -> pl.DataFrame:
    """One row for each cohort and model; cohorts whose outcome meets a planned break are flagged."""
    rows = []
    for (as_of, split), part in _groups(predictions, ["as_of", "split"]):
        for model, column in models_of(predictions).items():
            measured = measure(_labels(part), part[column].to_numpy(), program.economics).row()
            rows.append({"split": split, "as_of": as_of, "is_break": part["is_break"][0], "model": model, **measured})
    return pl.DataFrame(rows, schema=COHORT_SCHEMA)


def slice_metrics(predictions: pl.DataFrame, program: Program) -> pl.DataFrame:
    """One row for each split, slice and model: by stage, by first week (age up to 7 days), by seen in training.

    Slices with fewer rows than `promotion.min_slice` are marked small: reported, never gated. An undated program knows
    neither stages nor ages, and nobody in its test part was seen in training: it has none.
    """
    if program.is_table:
        return pl.DataFrame(schema=SLICE_SCHEMA)
    first_week = program.life_cycle.new_max_age
    named = {
        **({"stage": pl.col("stage")} if program.has_stages else {}),
        "first_week": pl.when(pl.col("age_days") <= first_week).then(pl.lit("first week")).otherwise(pl.lit("later")),
        "seen": pl.when(pl.col("is_seen")).then(pl.lit("in training")).otherwise(pl.lit("never in training")),
    }
    rows = []
    for name, expression in named.items():
        for (split, value), part in _groups(predictions.with_columns(_value=expression), ["split", "_value"]):
            for model, column in models_of(predictions).items():
                measured = measure(_labels(part), part[column].to_numpy(), program.economics).row()
                small = part.height < program.promotion.min_slice
                rows.append(
                    {"split": split, "slice": name, "value": value, "model": model, "is_small": small, **measured}
                )
    return pl.DataFrame(rows, schema=SLICE_SCHEMA)


def gains(part: pl.DataFrame, split: str) -> pl.DataFrame:
    """Gains by decile of the score, best first: rows, positives, target rate, lift and share of all positives so far.

    Ties are broken by as_of and customer, so that the deciles are the same each time.
    """
    overall = pl.col("label").mean()
    total = pl.col("positives").sum()
    return (
        part.sort(["prob", "as_of", "customer_id"], descending=[True, False, False])
        .with_row_index("place")
        .with_columns(
            decile=(pl.col("place").cast(pl.Int64) * BINS // max(1, part.height) + 1), overall=overall.cast(pl.Float64)
        )
        .group_by("decile")
        .agg(
            rows=pl.len().cast(pl.Int64),
            positives=pl.col("label").cast(pl.Int64).sum(),
            mean_prob=pl.col("prob").mean(),
            target_rate=pl.col("label").mean().cast(pl.Float64),
            overall=pl.col("overall").first(),
        )
        .sort("decile")
        .select(
            pl.lit(split).alias("split"),
            "decile",
            "rows",
            "positives",
            "mean_prob",
            "target_rate",
            lift=pl.when(pl.col("overall") > 0).then(pl.col("target_rate") / pl.col("overall")),
            gain_share=pl.when(total > 0).then(pl.col("positives").cum_sum() / total),
        )
    )


def reliability(part: pl.DataFrame, split: str) -> pl.DataFrame:
    """Predicted against observed in ten bins of equal rows, for each model, with Wilson's 95 % interval.

    The stage rule has few distinct probabilities, so equal ones share a bin and there may be fewer than ten.
    """
    return pl.concat([_reliability(part, split, model, column) for model, column in models_of(part).items()])


def _reliability(part: pl.DataFrame, split: str, model: str, column: str) -> pl.DataFrame:
    share = (pl.col(column).rank("average") - 0.5) / max(1, part.height)
    rate, rows, z = pl.col("observed_rate"), pl.col("rows"), 1.959964
    centre = (rate + z**2 / (2 * rows)) / (1 + z**2 / rows)
    reach = z / (1 + z**2 / rows) * (rate * (1 - rate) / rows + z**2 / (4 * rows**2)).sqrt()
    return (
        part.with_columns(bin=(share * BINS).floor().cast(pl.Int64).clip(0, BINS - 1) + 1)
        .group_by("bin")
        .agg(
            rows=pl.len().cast(pl.Int64),
            mean_prob=pl.col(column).mean(),
            observed_rate=pl.col("label").mean().cast(pl.Float64),
        )
        .sort("bin")
        .select(
            pl.lit(split).alias("split"),
            pl.lit(model).alias("model"),
            "bin",
            "rows",
            "mean_prob",
            "observed_rate",
            observed_low=(centre - reach).clip(0, 1),
            observed_high=(centre + reach).clip(0, 1),
        )
    )


def _against(oot: pl.DataFrame, column: str, program: Program) -> Comparison:
    """Classifier minus the probabilities in `column`, paired, bootstrapped by customer."""
    rules = program.promotion
    return compare(
        oot["label"].to_numpy(),
        oot["prob"].to_numpy(),
        oot[column].to_numpy(),
        oot["customer_id"].to_numpy(),
        economics=program.economics,
        draws=rules.bootstrap,
        confidence=rules.confidence,
        seed=program.training.seed,
    )


def _labels(part: pl.DataFrame) -> Array:
    return part["label"].to_numpy().astype(np.float64)


def _bounds(name: str, interval: Interval | None) -> dict[str, float | None]:
    values = (interval.estimate, interval.low, interval.high) if interval else (None, None, None)
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


def _groups(frame: pl.DataFrame, by: Sequence[str]) -> Iterator[tuple[tuple[object, ...], pl.DataFrame]]:
    yield from sorted(frame.partition_by(by, as_dict=True).items())
