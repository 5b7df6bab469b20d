"""One function for each chart: a frame in, an Altair chart out, in the look of LOOK.md."""

from fiel.reports.charts.activity import active_customers, new_and_returning, retention_heatmap, return_curve
from fiel.reports.charts.base import About
from fiel.reports.charts.model import gains_by_decile, model_comparison, reliability, slices
from fiel.reports.charts.people import value_scatter
from fiel.reports.charts.reward import DECISION_WORDS, budget, plan_by_bucket, plan_reasons, realised_lift
from fiel.reports.charts.stages import (
    dropping_timeline,
    stage_change,
    stage_mix_now,
    stage_mix_over_time,
    transition_matrix,
)
from fiel.reports.charts.worth import auc_by_cohort, importances, profit_curve, realised_quality

__all__ = [
    "DECISION_WORDS",
    "About",
    "active_customers",
    "auc_by_cohort",
    "budget",
    "dropping_timeline",
    "gains_by_decile",
    "importances",
    "model_comparison",
    "new_and_returning",
    "plan_by_bucket",
    "plan_reasons",
    "profit_curve",
    "realised_lift",
    "realised_quality",
    "reliability",
    "retention_heatmap",
    "return_curve",
    "slices",
    "stage_change",
    "stage_mix_now",
    "stage_mix_over_time",
    "transition_matrix",
    "value_scatter",
]
