"""Write messages to the chosen customers into files: wraps `fiel.actions.messages`.

Nothing is sent to anyone. Runs after scoring. By hand: `fiel run message --program telecom`.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.clock import resolve_as_of
from tasks.message import write_customer_messages
from tasks.publish import publish_what_is_scored


@flow(name="message")
def message(program: str = "telecom", as_of: str | None = None) -> dict[str, Any]:
    """Write one message for each chosen customer, check it, and export the messages beside a manifest.

    Args:
        program: Name of the program, a file in deployments/programs.
        as_of: Date (YYYY-MM-DD) whose scores are written from. `latest`: the day after the last complete day. Empty:
            the day on which the run is scheduled.
    """
    day = resolve_as_of(program, as_of)
    written = write_customer_messages(program, day)
    publish_what_is_scored(program, day)
    return written
