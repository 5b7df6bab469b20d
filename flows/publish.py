"""Put what the service shows into the online store, and collect what it answered: wraps `fiel.serving`.

The flows score, reward and loyalty end with the same task. By hand: `fiel run publish --program teomewhy
[--as-of 2025-09-01]`.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.clock import resolve_as_of
from tasks.publish import newest_scored, publish_scores
from tasks.served import collect_served


@flow(name="publish")
def publish(program: str = "teomewhy", as_of: str | None = None) -> dict[str, Any]:
    """Publish the scores of one as_of; run again, nothing changes.

    Args:
        program: Name of the program, a file in deployments/programs.
        as_of: Date (YYYY-MM-DD); it needs scores. `latest`: the day after the last complete day. Empty: the newest
            date that was scored.
    """
    published = publish_scores(program, resolve_as_of(program, as_of) if as_of else newest_scored(program))
    return published | {"served": collect_served(program)}
