"""Cohorts to a trained challenger, and the challenger to a settled champion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fiel.core import Core
from fiel.lake import Lake
from fiel.models.cohorts import CohortSplit, cohort_starts, split_cohorts, split_customers
from fiel.models.labels import outcome
from fiel.models.record import EVALUATION_FILE, as_training, read_evaluation, training_fingerprint
from fiel.models.retraining import train
from fiel.models.settlement import Settlement, retold, settle
from fiel.program import Program, load_program
from fiel.reports.model_card import card_json, settled_card, trained_card
from fiel.reports.plots import model_plots
from fiel.reports.tables import markdown_table
from fiel.settings import load_settings
from tasks.artifacts import leave_markdown
from tasks.context import Context, opened
from tasks.engagement import customer_files
from tasks.features import check_built, feature_inputs


@task(name="cohort dates", cache_policy=NO_CACHE)
def cohort_dates(program: str, as_of: date) -> list[date]:
    """The cohorts that a training at `as_of` uses, of all targets together."""
    with opened(program) as context:
        core = Core.open(context.lake)
        programs = [context.main, *map(context.main.with_target, more_targets(program))]
        return sorted({day for found in programs for day in _split(core, found, as_of).dates})


def more_targets(program: str) -> list[str]:
    """Names of the program's further targets, each with a model of its own."""
    return [target.name for target in load_program(program, load_settings()).more_targets]


@task(name="train", cache_policy=NO_CACHE)
def train_challenger(program: str, as_of: date, target: str | None = None) -> dict[str, Any]:
    """Train on the cohorts that had matured at `as_of`, log it to MLflow; a training that is there is not repeated.

    `target` names one of the program's further targets; None is the main one.
    """
    with opened(program, target) as context:
        core = Core.open(context.lake)
        split = _split(core, context.program, as_of)
        mark = training_fingerprint(context.program, _inputs(context, core), split.dates)
        log = get_run_logger()
        found = context.registry.find(mark)
        if found is not None:
            log.info("trained before from the same rows, rules and code: version %s", found.version)
            return {"version": found.version, "run": found.run_id, "uri": context.registry.uri, "trained": False}
        check_built(context, core, split.dates)
        snapshots = _cohorts(context.lake, split.dates)
        log.info("training on %s rows of %d cohorts", f"{snapshots.height:,}", len(split.dates))
        labels = outcome(core, split.dates, context.program)
        learned = train(snapshots, labels, context.program, split=split)
        training = as_training(
            learned,
            fingerprint=mark,
            as_of=as_of,
            known_through=core.known_through,
            table_versions=core.versions | {"feat_snapshot": context.lake.version("feat_snapshot") or 0},
            example=snapshots.head(5),
            files=model_plots(trained_card(learned), context.program, as_of)
            | customer_files(context, core, learned, snapshots, labels),
            economics=context.program.economics,
        )
        info = context.registry.log_training(training)
        log.info(
            "version %s: %s AUC %.3f (%s %.3f)",
            info.version,
            context.program.judged_on,
            learned.evaluation.value("oot", "auc") or float("nan"),
            context.program.baseline_words,
            learned.evaluation.value("oot", "auc", "stage_rule") or float("nan"),
        )
        if learned.dropped.height:
            text = f"# {program}: columns that say nothing\n\nFound on the training part, kept with the model.\n\n"
            leave_markdown(program, "dropped-columns", text + markdown_table(learned.dropped), "Constant and duplicate")
            log.info("left out columns that never vary or repeat another one: %d", learned.dropped.height)
        return {"version": info.version, "run": info.run_id, "uri": context.registry.uri, "trained": True}


@task(name="promote", cache_policy=NO_CACHE)
def promote_challenger(
    program: str, as_of: date, version: str, override: str | None, target: str | None = None
) -> dict[str, Any]:
    """Compare the challenger with the champion and promote it if every gate lets it; what was decided, and why."""
    with opened(program, target) as context:
        core = Core.open(context.lake)
        dates = _split(core, context.program, as_of).dates
        check_built(context, core, dates)
        rows, labels = _cohorts(context.lake, dates), outcome(core, dates, context.program)
        settlement = settle(
            context.registry,
            context.store,
            version,
            rows,
            labels,
            context.program,
            by=context.provenance()["fiel_flow_run"],
            at=datetime.now(UTC),
            override=override,
        )
        decision = settlement.decision
        get_run_logger().info("%s", decision.reason)
        told = settlement
        if decision.rule == "none" and settlement.challenger.as_of == as_of and not _has_card(context, as_of, target):
            told = retold(context.registry, context.store, settlement, rows, labels, context.program)
        _keep_card(context, told, as_of, target)
        name = f"promotion-{target.replace('_', '-')}" if target else "promotion"
        leave_markdown(program, name, _markdown(context.program.model_name, settlement), "Gates and decision")
        return {
            "action": decision.action,
            "reason": decision.reason,
            "champion": settlement.champion,
            "challenger": settlement.challenger.version,
            "changed": settlement.applied.row is not None,
            "metrics": decision.metrics,
        }


def retrain_further_targets(program: str, as_of: date) -> dict[str, dict[str, Any]]:
    """Train and, through the gates, promote each further target; what became of it, by target."""
    return {
        target: promote_challenger(program, as_of, train_challenger(program, as_of, target)["version"], None, target)
        for target in more_targets(program)
    }


def _inputs(context: Context, core: Core) -> str:
    """Digest of what a training is made of, beside its own rules: features, and what is fitted beside the model."""
    inputs = feature_inputs(core, context.main)
    return inputs if context.main.engagement is None else f"{inputs} {context.main.digest('engagement')}"


def _split(core: Core, program: Program, as_of: date) -> CohortSplit:
    if program.is_table:
        return split_customers(program, as_of)
    return split_cohorts(cohort_starts(core.first_day, as_of, program), program, as_of)


def _cohorts(lake: Lake, dates: Sequence[date]) -> pl.DataFrame:
    """The population's rows of these snapshots, in order of date and customer."""
    rows = lake.scan("feat_snapshot").filter(pl.col("as_of").is_in(list(dates)), pl.col("in_population"))
    return rows.collect().sort("as_of", "customer_id")


def _keep_card(context: Context, settlement: Settlement, as_of: date, target: str | None) -> None:
    """The report's model card of this comparison; one that compared nothing does not replace one that did."""
    if settlement.decision.rule == "none" and _has_card(context, as_of, target):
        return
    info = settlement.challenger
    evaluation = read_evaluation(context.registry.run_file(info.run_id, EVALUATION_FILE))
    champion = context.registry.version(settlement.champion)
    run = f"MLflow {context.registry.uri}, run {info.run_id}"
    card = settled_card(settlement, champion, evaluation, context.program, as_of, run)
    context.lake.put(_card_address(context, as_of, target), card_json(card))


def _has_card(context: Context, as_of: date, target: str | None) -> bool:
    return context.lake.get(_card_address(context, as_of, target)) is not None


def _card_address(context: Context, as_of: date, target: str | None) -> str:
    return context.lake.file_path("models", f"{as_of}.{target}.json" if target else f"{as_of}.json")


def _markdown(model: str, settlement: Settlement) -> str:
    decision = settlement.decision
    gates = decision.gate_table()
    return "\n\n".join(
        [
            f"# {model}: {decision.action}",
            f"{decision.reason}.",
            f"Champion in force: version {settlement.champion}.",
            markdown_table(gates) if gates.height else "No gates were needed.",
        ]
    )
