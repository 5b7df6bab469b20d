"""One function for each chart: a frame in, an Altair chart out, in the look of LOOK.md."""

from fiel.reports.charts.accounts import closing_rates, contributions, open_accounts
from fiel.reports.charts.activity import active_customers, new_and_returning, retention_heatmap, return_curve
from fiel.reports.charts.base import About
from fiel.reports.charts.cohorts_money import cohort_retention, cohort_revenue
from fiel.reports.charts.model import gains_by_decile, model_comparison, reliability, slices
from fiel.reports.charts.people import value_scatter
from fiel.reports.charts.purchases import (
    Measure,
    alive_distribution,
    customer_histories,
    history_matrix,
    hold_out_by_frequency,
    tracking,
)
from fiel.reports.charts.reward import DECISION_WORDS, budget, plan_by_bucket, plan_reasons, realised_lift
from fiel.reports.charts.rfm import (
    NO_PURCHASE_YET,
    SEGMENT_TITLES,
    cluster_scatter,
    cluster_segments,
    rfm_grid,
    segment_moves,
    segment_shares,
)
from fiel.reports.charts.stages import (
    dropping_timeline,
    stage_change,
    stage_mix_now,
    stage_mix_over_time,
    transition_matrix,
)
from fiel.reports.charts.stake import (
    disagreement_patterns,
    stake_by_segment,
    stake_by_stage,
    stake_concentration,
    stake_covered,
)
from fiel.reports.charts.worth import auc_by_cohort, importances, profit_curve, realised_quality

__all__ = [
    "DECISION_WORDS",
    "NO_PURCHASE_YET",
    "SEGMENT_TITLES",
    "About",
    "Measure",
    "active_customers",
    "alive_distribution",
    "auc_by_cohort",
    "budget",
    "closing_rates",
    "cluster_scatter",
    "cluster_segments",
    "cohort_retention",
    "cohort_revenue",
    "contributions",
    "customer_histories",
    "disagreement_patterns",
    "dropping_timeline",
    "gains_by_decile",
    "history_matrix",
    "hold_out_by_frequency",
    "importances",
    "model_comparison",
    "new_and_returning",
    "open_accounts",
    "plan_by_bucket",
    "plan_reasons",
    "profit_curve",
    "realised_lift",
    "realised_quality",
    "reliability",
    "retention_heatmap",
    "return_curve",
    "rfm_grid",
    "segment_moves",
    "segment_shares",
    "slices",
    "stage_change",
    "stage_mix_now",
    "stage_mix_over_time",
    "stake_by_segment",
    "stake_by_stage",
    "stake_concentration",
    "stake_covered",
    "tracking",
    "transition_matrix",
    "value_scatter",
]
