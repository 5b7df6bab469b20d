"""A cycle from plan to export: the ledger first (the moment of payment), then the files, the manifest last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from fiel.actions.export import Manifest, write_export
from fiel.actions.ledger import AppliedCycle, Steps, apply
from fiel.actions.summary import PlanResult
from fiel.errors import CycleConflictError
from fiel.lake import Lake
from fiel.program import Program
from fiel.store import Store


@dataclass(frozen=True)
class PaidCycle:
    """An applied cycle and its export."""

    cycle: AppliedCycle
    manifest: Manifest

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return self.cycle.changed or self.manifest.changed


def apply_cycle(
    plan: PlanResult,
    store: Store,
    lake: Lake,
    program: Program,
    *,
    by: str,
    at: datetime | None = None,
    merges: pl.DataFrame | None = None,
    steps: Steps | None = None,
) -> PaidCycle:
    """Apply the plan and write its export. Run again after a crash at any step, it ends in the same state.

    Parameters and errors are those of `fiel.actions.ledger.apply`; `steps` is told every step when it is done. A cycle
    that was paid before is exported from the ledger even where this plan differs from it and is refused.
    """
    try:
        applied = apply(plan, store, program, by=by, at=at, merges=merges, steps=steps)
    except CycleConflictError:
        write_export(store, lake, program.name, plan.summary.as_of, steps)
        raise
    return PaidCycle(applied, write_export(store, lake, program.name, applied.as_of, steps))


def finish_last_cycle(store: Store, lake: Lake, program: str) -> Manifest | None:
    """The export of the newest applied cycle, written if a run died between its payment and its manifest.

    None before the first cycle. The next cycle may be a week away, and its run would not look back.
    """
    cycles = store.cycles(program)
    return write_export(store, lake, program, cycles[-1].as_of) if cycles else None
