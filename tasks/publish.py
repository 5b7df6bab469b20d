"""What the service shows, made of lake, ledger and registry, and put into the online store in one transaction."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fiel.actions.export import MANIFEST
from fiel.core import Core
from fiel.errors import LakeError
from fiel.models.champion_file import served_model_of
from fiel.models.parts import CustomerParts
from fiel.reports.messages import exported_messages
from fiel.serving.customers import Known
from fiel.serving.publication import Ledger, publication
from fiel.serving.ranking import is_made_of
from tasks.context import Context, opened
from tasks.report import open_spans, report_data


@task(name="publish", cache_policy=NO_CACHE)
def publish_scores(program: str, as_of: date) -> dict[str, Any]:
    """Publish the scores of as_of with all that the service shows beside them; equal content changes nothing.

    The champions' files come first, so that whoever reads a new set finds its model. Then the set with its documents
    and parts, all or nothing: readers see the set before or the new one. LakeError before the date was scored.
    """
    with opened(program) as context:
        if as_of not in context.lake.partitions("out_scores"):
            raise LakeError(
                f"program {program} has no scores of {as_of}: run `fiel run score --program {program} --as-of {as_of}` "
                "first"
            )
        kinds = _put_champions(context)
        known = _known(context, as_of)
        published = context.store.publish(
            publication(
                known,
                report_data(context, as_of),
                _ledger(context, as_of, kinds),
                _fits(context, as_of),
                _asked_of_folds(context, known.scores),
            ),
            keep_sets=context.settings.published_sets,
        )
        log = get_run_logger()
        if published.changed:
            log.info("published %s customers as of %s", f"{published.customers:,}", as_of)
        else:
            log.info("the published set of %s is already this one", as_of)
        return {
            "as_of": as_of.isoformat(),
            "customers": published.customers,
            "models": len(kinds),
            "changed": published.changed,
        }


def newest_scored(program: str) -> date:
    """The newest as_of that was scored; LakeError where none was."""
    with opened(program) as context:
        scored = context.lake.partitions("out_scores")
    if not scored:
        raise LakeError(f"program {program} has no scores yet: run `fiel run loyalty --program {program}` first")
    return max(scored)


@task(name="publish again", cache_policy=NO_CACHE)
def publish_what_is_scored(program: str, as_of: date) -> dict[str, Any]:
    """The same after a stage that adds to the scores of as_of; nothing where that date was not scored yet."""
    with opened(program) as context:
        is_scored = as_of in context.lake.partitions("out_scores")
    return publish_scores.fn(program, as_of) if is_scored else {}


def _put_champions(context: Context) -> dict[str, str]:
    """Put the champion's file of every target into the store where it is not there whole; kinds of the champions.

    Promotions put it there themselves; this is for those of an earlier Fiel, and for a store that was set up anew.
    """
    kinds = {}
    for target, registry in context.registry.of_every_target().items():
        promoted = registry.reconcile()
        if promoted is None:
            continue
        registry.announce()
        found = context.store.served_model(promoted.digest)
        if found is None or not found.is_whole:
            version = registry.champion().version  # its digest is the ledger's, or this says what to do
            found = served_model_of(registry, version)
            context.store.put_model(found)
        kinds[target] = found.kind
    return kinds


def _known(context: Context, as_of: date) -> Known:
    lake = context.lake

    def rows(table: str) -> pl.DataFrame | None:
        return lake.read(table, as_of) if as_of in lake.partitions(table) else None

    scores = rows("out_scores")
    assert scores is not None, "it was looked for"
    return Known(
        program=context.program,
        as_of=as_of,
        core=Core.open(lake),
        spans=open_spans(context),
        snapshot=lake.scan("feat_snapshot").filter(pl.col("as_of") == as_of),
        scores=scores,
        probs=rows("out_probs"),
        segments=rows("out_segments"),
        engagement=_engagement(rows("out_engagement"), scores),
        messages=exported_messages(lake, as_of),
    )


def _engagement(found: pl.DataFrame | None, scores: pl.DataFrame) -> pl.DataFrame | None:
    """Segments and risk groups; none where they are of other scores, until the flow segments has made them anew."""
    if found is None or is_made_of(found, scores):
        return found
    get_run_logger().warning("segments and risk groups are of earlier scores: not published; run `fiel run segments`")
    return None


def _ledger(context: Context, as_of: date, kinds: dict[str, str]) -> Ledger:
    names = context.program.target_names
    address = context.lake.file_path("exports", as_of.isoformat(), MANIFEST)
    cycle = context.store.cycle(context.main.name, as_of)
    return Ledger(
        promotions={name: context.store.promotions(context.program.with_target(name).ledger_name) for name in names},
        kinds=kinds,
        cycle=cycle,
        manifest=None if cycle is None else context.lake.get(address),
    )


def _fits(context: Context, as_of: date) -> pl.DataFrame | None:
    if as_of not in context.lake.partitions("feat_purchase_fits"):
        return None
    return context.lake.read("feat_purchase_fits", as_of)


def _asked_of_folds(context: Context, scores: pl.DataFrame) -> CustomerParts | None:
    """Which customers the model of the scores learned from, where those were asked of the models of other folds.

    As `tasks.engagement.out_of_sample` asks them.
    """
    if context.program.engagement is None:
        return None
    info = context.registry.version(str(scores["model_version"].first()))
    return info.parts if info.kind == "catboost" else None
