"""Send applied grants to the points API, each once: wraps `fiel.actions.delivery`.

Never scheduled by us. By hand: `fiel run deliver --program teomewhy --as-of 2025-09-01`.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from fiel.core import parse_date
from tasks.deliver import deliver_grants


@flow(name="deliver")
def deliver(program: str = "teomewhy", as_of: str | None = None, rehearsal: bool = False) -> dict[str, Any]:
    """Deliver what the ledger holds and the points API (FIEL_POINTS_API_URL) has not got.

    Args:
        program: Name of the program, a file in deployments/programs.
        as_of: The applied cycle to deliver (YYYY-MM-DD). Empty: every applied cycle.
        rehearsal: The API is a rehearsal: invented amounts and simulated customers may be sent to it.
    """
    return deliver_grants(program, parse_date(as_of) if as_of else None, rehearsal)
