"""Core tables to life-cycle spans, feature groups and the snapshot: wraps `fiel.features`.

Runs daily, after ingest. By hand: `fiel run features --program teomewhy [--as-of 2025-09-01]`.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.clock import newer_as_of, resolve_as_of
from tasks.features import build_features
from tasks.skipping import skipped


@flow(name="features")
def features(program: str = "teomewhy", as_of: str | None = None) -> Any:
    """Build the spans and the snapshot of one as_of.

    Args:
        program: Name of the program, a file in deployments/programs.
        as_of: Date (YYYY-MM-DD): everything strictly before it is known. `latest`: the day after the last complete
            day. Empty: the day on which the run is scheduled.
    """
    day = resolve_as_of(program, as_of)
    if newer := newer_as_of(program, "feat_snapshot", as_of, day):
        return skipped("features", day, newer)
    return build_features(program, [day])
