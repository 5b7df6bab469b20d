"""What a report needs to know about the model, the incentive and the source, as small cards of plain frames.

The caller fills them from the registry, the ledger and the lake; every frame may be empty, and then the page says what
to run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from fiel.actions.lift import LIFT
from fiel.actions.summary import PlanSummary
from fiel.models.alternatives import ALTERNATIVE_DIFFERENCE_SCHEMA, ALTERNATIVE_SCHEMA
from fiel.models.columns import DROPPED_SCHEMA
from fiel.models.evaluation import COHORT_SCHEMA, METRICS_SCHEMA, SLICE_SCHEMA
from fiel.models.thresholds import THRESHOLD_SCHEMA
from fiel.models.trials import ABLATION_SCHEMA

COMPARISON_SCHEMA = {
    "model": pl.String(),
    "metric": pl.String(),
    "value": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
}
DIFFERENCE_SCHEMA = {
    "against": pl.String(),
    "metric": pl.String(),
    "value": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
}
GATE_SCHEMA = {"gate": pl.String(), "outcome": pl.String(), "detail": pl.String()}
GAINS_SCHEMA = {
    "split": pl.String(),
    "decile": pl.Int64(),
    "rows": pl.Int64(),
    "positives": pl.Int64(),
    "mean_prob": pl.Float64(),
    "target_rate": pl.Float64(),
    "lift": pl.Float64(),
    "gain_share": pl.Float64(),
}
RELIABILITY_SCHEMA = {
    "split": pl.String(),
    "model": pl.String(),
    "bin": pl.Int64(),
    "rows": pl.Int64(),
    "mean_prob": pl.Float64(),
    "observed_rate": pl.Float64(),
    "observed_low": pl.Float64(),
    "observed_high": pl.Float64(),
}
PROFIT_SCHEMA = {
    "threshold": pl.Float64(),
    "treated": pl.Int64(),
    "profit": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
}
IMPORTANCE_SCHEMA = {"feature": pl.String(), "mean_abs_shap": pl.Float64()}
CYCLE_SCHEMA = {"as_of": pl.Date(), "granted": pl.Int64(), "rewards_points": pl.Int64(), "held_out": pl.Int64()}
REJECT_SCHEMA = {"table_name": pl.String(), "rule": pl.String(), "rows": pl.Int64()}


def _empty(schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True)
class ModelCard:
    """The champion, how it was judged last, and why it is the champion.

    `kind` is stage_rule or catboost; `action` what the last retraining did (promote, keep, first, rollback) and
    `reason` why, in words. `cohorts` names the dates of train, valid and oot. `run` is where the run can be seen.

    `metrics`, `cohort_metrics`, `slices`, `gains` and `reliability` are those of `fiel.models.evaluation.Evaluation`
    (every model, all splits); `importances` that of `fiel.models.retraining`. The rest:

    - `comparison`: the pooled out-of-time cohorts; model (champion, challenger, stage rule, purchase model), metric
      (auc, log_loss, brier, profit), value, low, high (its interval; may be empty).
    - `differences`: the challenger minus `against` (champion, stage rule or purchase model), paired: against, metric,
      value, low, high.
    - `gates`: gate, outcome (passed, warned, failed, not judged), detail.
    - `profit`: threshold (treat from this probability), treated, profit (the program's currency), low, high.
    - `thresholds`: that of `fiel.models.thresholds`.
    - `dropped_columns`: that of `fiel.models.columns`, of an undated program.
    - `ablation`: what parts of the model are worth on the folds (`fiel.models.trials`).
    - `alternatives`, `alternative_differences`: single model, ensemble, random split (`fiel.models.alternatives`).
    """

    version: str
    kind: str
    action: str
    reason: str
    decided_on: date | None = None
    digest: str = ""
    cohorts: dict[str, tuple[date, ...]] = field(default_factory=dict)
    run: str | None = None
    metrics: pl.DataFrame = field(default_factory=lambda: _empty(METRICS_SCHEMA))
    cohort_metrics: pl.DataFrame = field(default_factory=lambda: _empty(COHORT_SCHEMA))
    slices: pl.DataFrame = field(default_factory=lambda: _empty(SLICE_SCHEMA))
    gains: pl.DataFrame = field(default_factory=lambda: _empty(GAINS_SCHEMA))
    reliability: pl.DataFrame = field(default_factory=lambda: _empty(RELIABILITY_SCHEMA))
    importances: pl.DataFrame = field(default_factory=lambda: _empty(IMPORTANCE_SCHEMA))
    comparison: pl.DataFrame = field(default_factory=lambda: _empty(COMPARISON_SCHEMA))
    differences: pl.DataFrame = field(default_factory=lambda: _empty(DIFFERENCE_SCHEMA))
    gates: pl.DataFrame = field(default_factory=lambda: _empty(GATE_SCHEMA))
    profit: pl.DataFrame = field(default_factory=lambda: _empty(PROFIT_SCHEMA))
    thresholds: pl.DataFrame = field(default_factory=lambda: _empty(THRESHOLD_SCHEMA))
    dropped_columns: pl.DataFrame = field(default_factory=lambda: _empty(DROPPED_SCHEMA))
    ablation: pl.DataFrame = field(default_factory=lambda: _empty(ABLATION_SCHEMA))
    alternatives: pl.DataFrame = field(default_factory=lambda: _empty(ALTERNATIVE_SCHEMA))
    alternative_differences: pl.DataFrame = field(default_factory=lambda: _empty(ALTERNATIVE_DIFFERENCE_SCHEMA))


@dataclass(frozen=True)
class MoneyCard:
    """The plan's summary, whether its cycle was paid, and what is known of earlier cycles.

    `summary` is that of `fiel.actions.incentives.plan`. `lift` is that of `fiel.actions.lift.realised_lift` (matured
    cycles). `cycles` has one row for each applied cycle, oldest first: as_of, granted, rewards_points, held_out.
    """

    summary: PlanSummary | None = None
    applied: bool = False
    lift: pl.DataFrame = field(default_factory=lambda: _empty(LIFT))
    cycles: pl.DataFrame = field(default_factory=lambda: _empty(CYCLE_SCHEMA))


@dataclass(frozen=True)
class SourceCard:
    """Where the figures come from: the source version, what was read and set aside, the versions of the tables.

    `counts` is what the ingest counted (rows read, kept, rejected, restated, merged, vanished …); `rejects` has
    table_name, rule, rows; `table_versions` maps a table to its Delta version.
    """

    source_version: str
    known_through: date
    first_day: date
    counts: dict[str, int] = field(default_factory=dict)
    rejects: pl.DataFrame = field(default_factory=lambda: _empty(REJECT_SCHEMA))
    warnings: tuple[str, ...] = ()
    table_versions: dict[str, int] = field(default_factory=dict)
    code_version: str = ""


def rejects_by_rule(rejected: pl.DataFrame | pl.LazyFrame, source_version: str) -> pl.DataFrame:
    """Rejected rows of one source version by table and rule, for `SourceCard.rejects`; from `core_rejected`."""
    return (
        rejected.lazy()
        .filter(pl.col("source_version") == source_version)
        .group_by("table_name", "rule")
        .agg(rows=pl.len().cast(pl.Int64))
        .sort(["rows", "table_name", "rule"], descending=[True, False, False])
        .collect()
    )
