"""The whole chain: ingest, features, segments, retrain, score, plan, apply, messages, report, publish.

It calls the same tasks as the stage flows do. By hand: `fiel run loyalty --program teomewhy [--source DIR]`.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.clock import resolve_as_of
from tasks.engagement import build_engagement
from tasks.features import build_features
from tasks.ingest import ingest_source
from tasks.message import write_messages_in_chain
from tasks.publish import publish_scores
from tasks.report import write_report
from tasks.retrain import cohort_dates, promote_challenger, retrain_further_targets, train_challenger
from tasks.reward import apply_if_due, finish_last_cycle, plan_cycle, unless_in_conflict
from tasks.score import measure_quality, score_customers
from tasks.segments import build_segments, find_disagreements, validate_purchase_models


@flow(name="loyalty")
def loyalty(
    program: str = "teomewhy", as_of: str | None = None, source: str | None = None, apply: bool = True
) -> dict[str, Any]:
    """Run every stage for one as_of, from source files to the applied cycle, the report and what the service shows.

    Args:
        program: Name of the program, a file in deployments/programs.
        as_of: Date (YYYY-MM-DD): everything strictly before it is known. `latest`: the day after the last complete
            day. Empty: the day on which the run is scheduled (`latest` for a source that is a finished file).
        source: Folder, s3:// address or kaggle:OWNER/DATASET of the source's files. Empty: the program's own.
        apply: Pay the plan where the program's cadence says that a cycle is due. Off: only the plan is made.
    """
    ingested = ingest_source(program, source)
    day = resolve_as_of(program, as_of)
    features = build_features(program, [*cohort_dates(program, day), day])
    segments = build_segments(program, day)
    purchase_models = validate_purchase_models(program, day)
    trained = train_challenger(program, day)
    promoted = promote_challenger(program, day, trained["version"], None)
    further = retrain_further_targets(program, day)
    scored = score_customers(program, day, "granted")
    engagement = build_engagement(program, day)
    disagreements = find_disagreements(program, day)
    quality = measure_quality(program)
    finish_last_cycle(program)
    planned = plan_cycle(program, day)
    applied, conflict = apply_if_due(program, day) if apply else ({}, None)
    messages = write_messages_in_chain(program, day)
    return {
        "as_of": day.isoformat(),
        "ingest": ingested,
        "features": features,
        "segments": segments,
        "purchase_models": purchase_models,
        "train": trained,
        "promotion": promoted,
        "further_targets": further,
        "scores": scored,
        "engagement": engagement,
        "disagreements": disagreements,
        "quality": quality,
        "plan": planned,
        "cycle": applied,
        "messages": messages,
        "report": write_report(program, day),
        "published": unless_in_conflict(publish_scores(program, day), conflict),
    }


if __name__ == "__main__":
    import sys

    from flows.cli import main

    main(["run", "loyalty", *sys.argv[1:]])
