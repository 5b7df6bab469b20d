"""Snapshot to named segments, clusters and checked purchase models: wraps `fiel.segments` and `fiel.models.hold_out`.

Runs monthly, after features. By hand: `fiel run segments --program retail [--as-of 2011-12-09]`.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.clock import resolve_as_of
from tasks.engagement import build_engagement
from tasks.features import build_features
from tasks.publish import publish_what_is_scored
from tasks.segments import build_segments, validate_purchase_models


@flow(name="segments")
def segments(program: str = "retail", as_of: str | None = None) -> dict[str, Any]:
    """Segment the customers of one as_of and check the purchase models against a hold-out before it.

    Args:
        program: Name of the program, a file in deployments/programs; it needs the feature groups rfm
            and purchase, or the section engagement (then also scores of that date).
        as_of: Date (YYYY-MM-DD): everything strictly before it is known. `latest`: the day after the last complete
            day. Empty: the day on which the run is scheduled.
    """
    day = resolve_as_of(program, as_of)
    build_features(program, [day])
    return {
        "as_of": day.isoformat(),
        "segments": build_segments(program, day),
        "engagement": build_engagement(program, day),
        "purchase_models": validate_purchase_models(program, day),
        "published": publish_what_is_scored(program, day),
    }
