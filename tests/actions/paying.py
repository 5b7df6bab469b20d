"""A process that pays one small cycle: `python -m tests.actions.paying STORE LAKE`.

With `--die-after` it is killed (SIGKILL) once that step is done; with `--wait-for` it starts paying when the file is
there, so that two of them start at once. It prints whether it changed anything.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from fiel.actions.cycle import PaidCycle, apply_cycle
from fiel.lake import Lake
from fiel.store import Store
from tests.actions.factories import AS_OF, make_plan, program

PROBS: dict[str, float | None] = {f"c{i:02}": 0.5 + i / 100 for i in range(50)}
STEPS = (
    "cycle row written",
    "grants written",
    "hold-outs written",
    "ledger committed",
    "grants.csv written",
    "grants.jsonl written",
    "grants.parquet written",
    "manifest.json written",
)


def pay_cycle(store: Store, lake: Lake, die_after: str | None = None) -> PaidCycle:
    """Plan and pay the cycle; `die_after` names the step after which this process is killed."""

    def step(name: str) -> None:
        if name == die_after:
            os.kill(os.getpid(), signal.SIGKILL)

    policy = program(hold_out_share=0.2)
    planned = make_plan(PROBS, policy, store.ledger_view(policy.name, AS_OF))
    at = datetime(2025, 9, 1, 6, tzinfo=UTC)
    return apply_cycle(planned, store, lake, policy, by="paying", at=at, steps=step)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("lake")
    parser.add_argument("--die-after", choices=STEPS)
    parser.add_argument("--wait-for", type=Path)
    given = parser.parse_args()
    store = Store(given.store)
    while given.wait_for and not given.wait_for.exists():
        time.sleep(0.002)
    sys.stdout.write(str(pay_cycle(store, Lake(given.lake, "club"), given.die_after).cycle.changed))


if __name__ == "__main__":
    main()
