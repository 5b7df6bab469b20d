"""Plan the points of one cycle, and pay them: wraps `fiel.actions`.

Started by the event `fiel.scored` with that run's as_of. By hand: `fiel run reward --program teomewhy --plan-only`.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.clock import resolve_as_of
from tasks.publish import publish_scores
from tasks.report import write_report
from tasks.reward import apply_cycle, cycle_is_due, finish_last_cycle, plan_cycle


@flow(name="reward")
def reward(
    program: str = "teomewhy",
    as_of: str | None = None,
    apply: bool = True,
    only_if_due: bool = False,
    reviewed: str | None = None,
) -> dict[str, Any]:
    """Plan one cycle and apply it: ledger rows in one transaction, then the export, the manifest last; then publish.

    Args:
        program: Name of the program, a file in deployments/programs.
        as_of: The cycle's date (YYYY-MM-DD); it needs scores. `latest`: the day after the last complete day. Empty:
            the day on which the run is scheduled.
        apply: Pay the plan. Off: only the plan is made and shown.
        only_if_due: Plan without paying, and without failing, while the program's cadence says that it is too early.
            The daily run after scoring uses this.
        reviewed: Digest (or its beginning) of the plan that was reviewed: pay only if the plan is still that one.
            Empty: pay the plan as it is now.
    """
    day = resolve_as_of(program, as_of)
    finish_last_cycle(program)
    planned = plan_cycle(program, day)
    if apply and (not only_if_due or cycle_is_due(program, day)):
        planned |= apply_cycle(program, day, reviewed)
    write_report(program, day)
    publish_scores(program, day)
    return planned
