"""Engagement, value segments, risk groups, uplift and the interaction log of a program that has them."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fiel.core import Core
from fiel.errors import LakeError, ProgramError
from fiel.features.interactions import event_counts, popular_items, popular_items_by_segment
from fiel.models.cross_fitted import CrossFitted, Folds
from fiel.models.loaded import LoadedModel
from fiel.models.metrics import Array
from fiel.models.parts import TRAIN, VALID
from fiel.models.registry import Registry, VersionInfo
from fiel.models.retraining import Learned, training_rows
from fiel.program import EngagementRules
from fiel.reports.engagement import ALL_SESSIONS, EngagementView, engagement_markdown
from fiel.segments.customer_model import CustomerModel
from fiel.segments.engagement import SEGMENTS
from fiel.segments.uplift import uplift_findings
from tasks.artifacts import leave_markdown
from tasks.context import Context, opened


@task(name="engagement", cache_policy=NO_CACHE)
def build_engagement(program: str, as_of: date) -> dict[str, Any]:
    """Engagement, value, segment, risk group and uplift of every scored customer, what the treatment did, and the log.

    Nothing for a program without a section `engagement`. LakeError before the date was scored.
    """
    with opened(program) as context:
        rules = context.program.engagement
        if rules is None:
            return {}
        core = Core.open(context.lake)
        if as_of not in context.lake.partitions("out_scores"):
            raise LakeError(
                f"program {program} has no scores of {as_of}, which segments are made of: run `fiel run retrain "
                f"--program {program}` (once) and `fiel run score --program {program} --as-of {as_of}` first"
            )
        scores = context.lake.read("out_scores", as_of)
        version = str(scores["model_version"].first())
        is_base = context.registry.version(version).kind != "catboost"
        model = _customer_model(context, version, as_of)
        snapshot = context.lake.read("feat_snapshot", as_of)
        found = model.describe(snapshot, scores, context.program, is_base=is_base)
        made_by = context.provenance(core=core.fingerprint, model_version=version)
        context.lake.replace("out_engagement", found, as_of, made_by)
        context.lake.replace("out_message_input", _message_input(found), as_of, made_by)
        findings = uplift_findings(
            found,
            core["labels"].collect(),
            model.alike,
            model.uplift_note,
            SEGMENTS,
            confidence=rules.confidence,
            draws=rules.bootstrap,
            seed=context.program.training.seed,
        )
        _keep(context, "out_uplift", findings.observed, as_of, core)
        _keep(context, "out_qini", findings.curve, as_of, core)
        log_totals = _build_log(context, core, found, as_of, rules)
        card = {
            "model_version": version,
            "is_base_rate": is_base,
            "silhouette": model.silhouette,
            "explained": model.pca.explained_ratio_.tolist(),
            "uplift": findings.as_dict(),
            "log": log_totals,
        }
        address = context.lake.file_path("engagement", f"{as_of}.json")
        content = json.dumps(card, sort_keys=True).encode()
        if context.lake.get(address) != content:
            context.lake.put(address, content)
        counts = dict(found.group_by("segment").len().sort("segment").iter_rows())
        risks = dict(found.group_by("risk_group").len().sort("risk_group").iter_rows())
        get_run_logger().info("%s customers: %s; risk %s", f"{found.height:,}", _listed(counts), _listed(risks))
        view = open_engagement(context, as_of)
        assert view is not None, "it was written above"
        leave_markdown(program, "engagement", engagement_markdown(view, context.program, as_of), "Segments and uplift")
        return {"customers": found.height, "segments": counts, "risk_groups": risks, "interactions": log_totals}


def customer_files(
    context: Context, core: Core, learned: Learned, snapshots: pl.DataFrame, labels: pl.DataFrame
) -> dict[str, bytes]:
    """What is fitted beside a model and kept with it, as files; nothing for a program without `engagement`."""
    folds = Folds.of_program(context.program)
    if folds is None:
        return {}
    log = get_run_logger()
    log.info("fitting %d models without a fold each, engagement, segments and uplift", folds.count)
    rows = learned.split.rows(training_rows(snapshots, labels, learned.split, context.program), TRAIN, VALID)
    fitted = CrossFitted.fit(
        learned.recipe_json(), rows, context.program, folds, split=learned.split, spread=learned.spread
    )
    prob = fitted.predict(rows, _never_asked)
    treatment = core["labels"].select("customer_id", "is_treated").collect()
    found = CustomerModel.fit(rows, prob, treatment, context.program, folds)
    if found.uplift is None:
        log.warning("no uplift: %s", found.uplift_note)
    return fitted.files() | found.files()


def out_of_sample(context: Context, model: LoadedModel, snapshot: pl.DataFrame) -> Array | None:
    """Probabilities of the snapshot's population by models that have not seen the customer; None: ask the model itself.

    None for a program without `engagement` and for the base rate, which knows nobody.
    """
    if context.program.engagement is None or model.kind != "catboost" or model.parts is None:
        return None
    info = _fitted_with(context.registry, context.registry.version(model.version))
    stored = CustomerModel.of_files(lambda path: context.registry.run_file(info.run_id, path))
    fitted = CrossFitted.of_files(lambda path: context.registry.run_file(info.run_id, path), stored.folds)
    return fitted.predict(snapshot.sort("customer_id").filter("in_population"), model.predict)


def open_engagement(context: Context, as_of: date) -> EngagementView | None:
    """What the report shows of these tables at `as_of`; None where they were not built."""
    lake = context.lake
    card = lake.get(lake.file_path("engagement", f"{as_of}.json"))
    if card is None or as_of not in lake.partitions("out_engagement"):
        return None
    tables = {
        name: lake.read(table, as_of)
        for name, table in (
            ("customers", "out_engagement"),
            ("uplift", "out_uplift"),
            ("qini", "out_qini"),
            ("events", "out_event_counts"),
            ("items", "out_popular_items"),
        )
    }
    labels = Core.open(lake)["labels"].collect()
    return EngagementView(card=json.loads(card), labels=labels, **tables)


def _customer_model(context: Context, version: str, as_of: date) -> CustomerModel:
    """What was fitted with the model that scored; with the newest training where that was the base rate."""
    registry = context.registry
    info = registry.version(version)
    if info.kind != "catboost":
        trained = [one for one in registry.versions() if one.kind == "catboost" and one.as_of <= as_of]
        if not trained:
            raise ProgramError(
                f"program {context.program.name} was never trained: run `fiel run retrain --program "
                f"{context.program.name}` first"
            )
        info = trained[-1]
    info = _fitted_with(registry, info)
    return CustomerModel.of_files(lambda path: registry.run_file(info.run_id, path))


def _fitted_with(registry: Registry, info: VersionInfo) -> VersionInfo:
    """The newest training that made the very same model: other rules of engagement alone make no other champion."""
    same = [one for one in registry.versions() if one.digest == info.digest and one.as_of <= info.as_of]
    return same[-1] if same else info


def _message_input(found: pl.DataFrame) -> pl.DataFrame:
    return found.select(
        "customer_id",
        "as_of",
        pl.lit(None, pl.String).alias("language"),
        "segment",
        "risk_group",
        "engagement",
        "prob",
        "value",
    )


def _build_log(
    context: Context, core: Core, found: pl.DataFrame, as_of: date, rules: EngagementRules
) -> dict[str, int]:
    """Distributions and popular articles of the log before as_of; events by kind."""
    log = core["interactions"]
    counts = event_counts(log, as_of)
    overall = popular_items(log, rules.popular, as_of).with_columns(segment=pl.lit(ALL_SESSIONS))
    links = core["links_sessions"].collect()
    by_segment = popular_items_by_segment(log, links, found.select("customer_id", "segment"), rules.popular, as_of)
    day = pl.lit(as_of).alias("as_of")
    order = ["as_of", "segment", "rank", "aid", "sessions", "clicks", "carts", "orders"]
    items = pl.concat([frame.with_columns(day).select(order) for frame in (overall, by_segment)])
    _keep(context, "out_event_counts", counts.with_columns(day), as_of, core)
    _keep(context, "out_popular_items", items, as_of, core)
    totals = dict(counts.group_by("kind").agg(pl.col("events").sum()).sort("kind").iter_rows())
    return {**totals, "links": links.height}


def _keep(context: Context, table: str, frame: pl.DataFrame, as_of: date, core: Core) -> None:
    declared = frame.with_columns(pl.lit(as_of).alias("as_of")) if "as_of" not in frame.columns else frame
    context.lake.replace(table, declared, as_of, context.provenance(core=core.fingerprint), may_be_empty=True)


def _never_asked(rows: pl.DataFrame) -> Array:
    return np.full(rows.height, np.nan)  # training rows have a fold each


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counts.items())
