"""Score every customer with the champion: wraps `fiel.models.scoring`.

Runs daily; when it ends it emits `fiel.scored`, which starts `reward` with the same as_of.
By hand: `fiel run score --program teomewhy [--as-of 2025-09-01]`.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from fiel.models.scoring import ReasonsFor
from tasks.clock import newer_as_of, resolve_as_of
from tasks.features import build_features
from tasks.publish import publish_scores
from tasks.score import announce_scores, measure_quality, score_customers
from tasks.segments import find_disagreements
from tasks.served import collect_served
from tasks.skipping import skipped


@flow(name="score")
def score(program: str = "teomewhy", as_of: str | None = None, reasons: ReasonsFor = "granted") -> Any:
    """Score one as_of, measure earlier scores whose outcome is known by now, and publish all that the service shows.

    Args:
        program: Name of the program, a file in deployments/programs.
        as_of: Date (YYYY-MM-DD): everything strictly before it is known. `latest`: the day after the last complete
            day. Empty: the day on which the run is scheduled.
        reasons: Whose scores are explained: `granted` (customers in a reward bucket), `all`, or `none`.
    """
    day = resolve_as_of(program, as_of)
    if newer := newer_as_of(program, "out_scores", as_of, day):
        return skipped("score", day, newer)
    build_features(program, [day])
    scored = score_customers(program, day, reasons)
    find_disagreements(program, day)
    measure_quality(program)
    publish_scores(program, day)
    collect_served(program)
    announce_scores(program, day)
    return scored
