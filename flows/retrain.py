"""Monthly cohorts to a challenger, and the challenger to a settled champion.

Wraps `fiel.models.retraining` and `fiel.models.settlement`.
Runs on the first of the month. By hand: `fiel run retrain --program teomewhy [--as-of 2025-09-01]`.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.clock import resolve_as_of
from tasks.features import build_features
from tasks.retrain import cohort_dates, promote_challenger, retrain_further_targets, train_challenger


@flow(name="retrain")
def retrain(program: str = "teomewhy", as_of: str | None = None, override: str | None = None) -> dict[str, Any]:
    """Train, compare and (only through the gates) promote.

    Args:
        program: Name of the program, a file in deployments/programs.
        as_of: Date (YYYY-MM-DD): labels known before it are used, later ones are not. `latest`: the day after the
            last complete day. Empty: the day on which the run is scheduled.
        override: Reason for promoting the main target's new model whatever the gates say; it is written to the
            promotion ledger. Empty: the gates decide.
    """
    day = resolve_as_of(program, as_of)
    build_features(program, cohort_dates(program, day))
    trained = train_challenger(program, day)
    promoted = promote_challenger(program, day, trained["version"], override)
    return promoted | retrain_further_targets(program, day)
