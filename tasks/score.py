"""A snapshot to scores in the lake, measured once their outcome is known; `tasks.publish` shows them."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event
from prefect.logging import get_run_logger

from fiel.core import Core
from fiel.errors import NoChampionError
from fiel.models.comparison import has_seen
from fiel.models.labels import is_matured, outcome
from fiel.models.probs import target_probs
from fiel.models.quality import realised_quality
from fiel.models.scoring import ReasonsFor, score
from fiel.reports.tables import markdown_table
from fiel.tables import TABLES
from tasks.artifacts import leave_markdown
from tasks.context import Context, opened
from tasks.engagement import out_of_sample
from tasks.features import check_built


@task(name="score", cache_policy=NO_CACHE)
def score_customers(program: str, as_of: date, reasons: ReasonsFor) -> dict[str, Any]:
    """Score every customer of the snapshot with the champion; counts by stage and the model that did it."""
    with opened(program) as context:
        core = Core.open(context.lake)
        core.check_as_of(as_of)
        champion = context.registry.champion()
        check_built(context, core, [as_of])
        snapshot = context.lake.read("feat_snapshot", as_of)
        scores = score(
            snapshot,
            champion,
            context.program,
            table_versions=core.versions | {"feat_snapshot": context.lake.version("feat_snapshot") or 0},
            reasons_for=reasons,
            probs=out_of_sample(context, champion, snapshot),
        )
        context.lake.replace("out_scores", scores, as_of, context.provenance(model_version=champion.version))
        scored = scores.filter("in_population")
        get_run_logger().info(
            "%s customers, %s scored by version %s (%s)",
            f"{scores.height:,}",
            f"{scored.height:,}",
            champion.version,
            champion.kind,
        )
        _score_more_targets(context, core, snapshot, as_of)
        groups = "grade" if context.program.is_table and context.program.economics else "stage"
        by_stage = (
            scores.group_by(groups)
            .agg(customers=pl.len(), scored=pl.col("prob").is_not_null().sum(), mean_prob=pl.col("prob").mean())
            .sort(["customers", groups], descending=[True, False])
        )
        text = f"# {program}: scores at {as_of}\n\nModel version {champion.version} ({champion.kind}).\n\n"
        leave_markdown(program, "scores", text + markdown_table(by_stage), f"Customers and mean score by {groups}")
        return {
            "customers": scores.height,
            "scored": scored.height,
            "model_version": champion.version,
            f"{groups}s": {str(name): count for name, count in by_stage.select(groups, "customers").iter_rows()},
            "mean_prob": scored["prob"].mean(),
        }


def _score_more_targets(context: Context, core: Core, snapshot: pl.DataFrame, as_of: date) -> None:
    """Probabilities of the program's further targets, by the champion of each; one without a champion is left out."""
    models = {}
    for target in context.main.more_targets:
        with opened(context.main.name, target.name) as other:
            try:
                models[target.name] = other.registry.champion()
            except NoChampionError:
                get_run_logger().warning("target %s has no champion yet: run `fiel run retrain`", target.name)
    if context.main.more_targets:
        probs = target_probs(snapshot, models, context.main)
        made_by = context.provenance(core=core.fingerprint)
        context.lake.replace("out_probs", probs, as_of, made_by, may_be_empty=True)


@task(name="quality", cache_policy=NO_CACHE)
def measure_quality(program: str) -> dict[str, Any]:
    """Realised quality of all stored scores whose outcome is known by now; how many cohorts were measured.

    A past date that was scored later, by a model that had seen outcomes from after that date, is no forecast: left out.
    """
    with opened(program) as context:
        if context.program.is_table:  # its labels came with the attributes: no score waits for an outcome
            return {"cohorts": 0}
        core = Core.open(context.lake)
        found = [_realised(context, core, "out_scores")]
    for target in context.main.more_targets:
        with opened(program, target.name) as other:
            found.append(_realised(other, core, "out_probs"))
    quality = pl.concat(found)
    if quality.is_empty():
        return {"cohorts": 0}
    context.lake.write("out_quality", quality, context.provenance(core=core.fingerprint))
    text = f"# {program}: realised quality\n\n" + markdown_table(quality)
    leave_markdown(program, "quality", text, "Earlier scores, matured")
    return {"cohorts": quality.height}


def _realised(context: Context, core: Core, table: str) -> pl.DataFrame:
    """Rows of out_quality for the context's target, from the scores of `table` whose outcome is known by now."""
    target = context.program.target.name
    partitions = context.lake.partitions(table)
    matured = [day for day in partitions if is_matured(day, context.program, core.known_through)]
    if not matured:
        return pl.DataFrame(schema=TABLES["out_quality"].declared)
    scores = context.lake.scan(table).filter(pl.col("as_of").is_in(matured))
    if table == "out_probs":
        scores = scores.filter(pl.col("target") == target)
    forecasts = _forecasts(context, scores.collect())
    return realised_quality(forecasts, outcome(core, matured, context.program), target)


def _forecasts(context: Context, scores: pl.DataFrame) -> pl.DataFrame:
    """The scores of models that had not seen any outcome from after the date that they scored."""
    made = scores.select("as_of", "model_version").unique()
    models = {version: context.registry.version(version) for version in made["model_version"].unique()}
    honest = [
        (as_of, version)
        for as_of, version in made.iter_rows()
        if not has_seen(models[version], (as_of,), context.program)
    ]
    kept = pl.DataFrame(honest, schema=made.schema, orient="row")
    if kept.height < made.height:
        get_run_logger().info("%d scored dates were known to their model: not measured", made.height - kept.height)
    return scores.join(kept, on=["as_of", "model_version"], how="semi")


@task(name="announce", cache_policy=NO_CACHE)
def announce_scores(program: str, as_of: date) -> None:
    """Emit `fiel.scored`, which starts the reward deployment with this as_of."""
    emit_event(
        event="fiel.scored",
        resource={"prefect.resource.id": f"fiel.program.{program}", "prefect.resource.name": program},
        payload={"program": program, "as_of": as_of.isoformat()},
    )
