"""One HTML page of what changed, who is leaving, what is proposed: wraps `fiel.reports`.

By hand: `fiel run report --program teomewhy [--as-of 2025-09-01]`.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.clock import resolve_as_of
from tasks.report import write_report


@flow(name="report")
def report(program: str = "teomewhy", as_of: str | None = None) -> dict[str, Any]:
    """Write the report of one as_of.

    Args:
        program: Name of the program, a file in deployments/programs.
        as_of: Date (YYYY-MM-DD). `latest`: the day after the last complete day. Empty: the day on which the run is
            scheduled.
    """
    return write_report(program, resolve_as_of(program, as_of))
