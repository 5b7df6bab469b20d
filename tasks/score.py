"""A snapshot to scores: in the lake, mirrored into the store, measured once their outcome is known."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event
from prefect.logging import get_run_logger

from fiel.core import Core
from fiel.models.labels import is_matured, outcome
from fiel.models.quality import realised_quality
from fiel.models.scoring import ReasonsFor, score
from fiel.reports.tables import markdown_table
from tasks.artifacts import leave_markdown
from tasks.context import opened


@task(name="score", cache_policy=NO_CACHE)
def score_customers(program: str, as_of: date, reasons: ReasonsFor) -> dict[str, Any]:
    """Score every customer of the snapshot with the champion; counts by stage and the model that did it."""
    with opened(program) as context:
        core = Core.open(context.lake)
        core.check_as_of(as_of)
        champion = context.registry.champion()
        snapshot = context.lake.read("feat_snapshot", as_of)
        scores = score(
            snapshot,
            champion,
            context.program,
            table_versions=core.versions | {"feat_snapshot": context.lake.version("feat_snapshot") or 0},
            reasons_for=reasons,
        )
        context.lake.replace("out_scores", scores, as_of, context.provenance(model_version=champion.version))
        context.store.load_scores(program, as_of, scores, champion.version)
        scored = scores.filter("in_population")
        get_run_logger().info(
            "%s customers, %s scored by version %s (%s)",
            f"{scores.height:,}",
            f"{scored.height:,}",
            champion.version,
            champion.kind,
        )
        by_stage = (
            scores.group_by("stage")
            .agg(customers=pl.len(), scored=pl.col("prob").is_not_null().sum(), mean_prob=pl.col("prob").mean())
            .sort("customers", descending=True)
        )
        text = f"# {program}: scores at {as_of}\n\nModel version {champion.version} ({champion.kind}).\n\n"
        leave_markdown(program, "scores", text + markdown_table(by_stage), "Customers and mean score by stage")
        return {
            "customers": scores.height,
            "scored": scored.height,
            "model_version": champion.version,
            "stages": dict(by_stage.select("stage", "customers").iter_rows()),
            "mean_prob": scored["prob"].mean(),
        }


@task(name="quality", cache_policy=NO_CACHE)
def measure_quality(program: str, as_of: date) -> dict[str, Any]:
    """Realised quality of the stored scores whose outcome is known by now; how many cohorts were measured."""
    with opened(program) as context:
        core = Core.open(context.lake)
        matured = [
            day
            for day in context.lake.partitions("out_scores")
            if day < as_of and is_matured(day, context.program, core.known_through)
        ]
        if not matured:
            return {"cohorts": 0}
        scores = context.lake.scan("out_scores").filter(pl.col("as_of").is_in(matured)).collect()
        quality = realised_quality(scores, outcome(core, matured, context.program))
        context.lake.write("out_quality", quality, context.provenance(core=core.fingerprint))
        leave_markdown(
            program,
            "quality",
            f"# {program}: realised quality\n\n" + markdown_table(quality),
            "Earlier scores, matured",
        )
        return {"cohorts": quality.height}


@task(name="announce", cache_policy=NO_CACHE)
def announce_scores(program: str, as_of: date) -> None:
    """Emit `fiel.scored`, which starts the reward deployment with this as_of."""
    emit_event(
        event="fiel.scored",
        resource={"prefect.resource.id": f"fiel.program.{program}", "prefect.resource.name": program},
        payload={"program": program, "as_of": as_of.isoformat()},
    )
