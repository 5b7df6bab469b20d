"""How a late scheduled run ends when a newer as_of is already committed: Completed, with the reason on record."""

from __future__ import annotations

from datetime import date

from prefect.logging import get_run_logger
from prefect.states import Completed, State


def skipped(what: str, as_of: date, newer: date) -> State[dict[str, str]]:
    """A Completed state named Skipped that says why."""
    message = f"{what} for {as_of} skipped: {newer} is already committed (ask for the date with as_of to build it)"
    get_run_logger().warning(message)
    return Completed(name="Skipped", message=message, data={"skipped": message})
