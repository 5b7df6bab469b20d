"""Snapshots to segments, clusters, a check of the purchase models, and where the opinions differ."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fiel.core import Core
from fiel.features.groups import GROUPS
from fiel.features.snapshot import build_group
from fiel.models.hold_out import hold_out
from fiel.models.hold_out_log import log_hold_out
from fiel.program import Program
from fiel.reports.tables import markdown_table
from fiel.segments.disagreement import alive_statement, disagreement_summary, disagreements
from fiel.segments.rfm import rfm_moves, segment_profile
from fiel.segments.rfm_clusters import rfm_clusters
from tasks.artifacts import leave_markdown
from tasks.context import Context, opened
from tasks.features import check_built

_TOLD = ("bias_share", "mae", "correlation", "auc_purchase")
"""Measures of the hold-out that a run says in its log; all of them are in the table and in MLflow."""


@task(name="segments", cache_policy=NO_CACHE)
def build_segments(program: str, as_of: date) -> dict[str, Any]:
    """Segments, clusters and migration of one as_of; nothing for a program without the group rfm."""
    with opened(program) as context:
        if "rfm" not in context.program.features.groups:
            return {}
        core = Core.open(context.lake)
        check_built(context, core, [as_of])
        rfm = context.lake.read("feat_rfm", as_of)
        segments, profiles = rfm_clusters(rfm, context.program)
        moves = _moves(core, rfm, as_of, context.program)
        for table, frame in (
            ("out_segments", segments),
            ("out_cluster_profiles", profiles),
            ("out_segment_moves", moves),
        ):
            _keep(context, table, frame, as_of, core)
        by_segment = segment_profile(rfm)
        log = get_run_logger()
        log.info("%s customers in %d segments, %d clusters", f"{rfm.height:,}", by_segment.height, profiles.height)
        leave_markdown(program, "segments", _markdown(program, as_of, by_segment, profiles), "Segments and clusters")
        return {
            "segments": dict(by_segment.select("rfm_segment", "customers").iter_rows()),
            "clusters": profiles.height,
        }


@task(name="hold-out", cache_policy=NO_CACHE)
def validate_purchase_models(program: str, as_of: date) -> dict[str, Any]:
    """The purchase models against a hold-out before `as_of`, in the lake and in MLflow."""
    with opened(program) as context:
        if "purchase" not in context.program.features.groups:
            return {}
        core = Core.open(context.lake)
        check_built(context, core, [as_of])
        found = hold_out(core, as_of, context.program)
        fits = context.lake.read("feat_purchase_fits", as_of)
        _keep(context, "out_hold_out", found, as_of, core)
        measures = _measures(found)
        log = get_run_logger()
        for model, values in measures.items():
            told = {name: values[name] for name in _TOLD if name in values}
            log.info("%s: %s", model, ", ".join(f"{name} {value:.3f}" for name, value in told.items()))
        run = log_hold_out(context.settings, context.program, as_of, found, fits)
        leave_markdown(program, "purchase-models", _models_markdown(program, as_of, fits, found), "Fits and hold-out")
        used = fits.filter("is_used")["model"].unique().sort().to_list()
        return {"run": run, "used": used, "measures": measures}


@task(name="disagreements", cache_policy=NO_CACHE)
def find_disagreements(program: str, as_of: date) -> dict[str, Any]:
    """Customers on whom stage, p(alive) and classifier disagree, with the value at stake."""
    with opened(program) as context:
        if "purchase" not in context.program.features.groups:
            return {}
        snapshot = context.lake.read("feat_snapshot", as_of)
        found = disagreements(snapshot, context.lake.read("out_scores", as_of), context.program)
        _keep(context, "out_disagreements", found, as_of, Core.open(context.lake))
        table = disagreement_summary(found)
        statement = alive_statement(snapshot["purchase_alive_prob"])
        text = "\n\n".join([f"# {program}: who disagrees at {as_of}", statement, markdown_table(table)])
        leave_markdown(program, "disagreements", text, "Stage, p(alive) and classifier")
        return {"customers": found.height}


def previous_as_of(core: Core, as_of: date, program: Program) -> date | None:
    """The date to compare with: one cadence earlier, where the data reach back that far."""
    earlier = as_of - timedelta(days=program.incentive.cadence_days)
    return earlier if earlier > core.first_day else None


def _keep(context: Context, table: str, frame: pl.DataFrame, as_of: date, core: Core) -> None:
    """Write a partition that may have no rows: nobody disagrees, or the history is too short for a hold-out."""
    context.lake.replace(table, frame, as_of, context.provenance(core=core.fingerprint), may_be_empty=True)


def _moves(core: Core, rfm: pl.DataFrame, as_of: date, program: Program) -> pl.DataFrame:
    earlier = previous_as_of(core, as_of, program)
    before = rfm.clear()
    if earlier is not None:
        ((_, before),) = build_group(core, GROUPS["rfm"], [earlier], program)
    return rfm_moves(before, rfm, earlier or core.first_day, as_of)


def _measures(found: pl.DataFrame) -> dict[str, dict[str, float]]:
    totals = found.filter(pl.col("kind") == "total", pl.col("expected").is_not_null())
    return {
        str(model): dict(part.select("bucket", "expected").iter_rows())
        for (model,), part in sorted(totals.partition_by("model", as_dict=True).items())
    }


def _markdown(program: str, as_of: date, by_segment: pl.DataFrame, profiles: pl.DataFrame) -> str:
    return "\n\n".join(
        [f"# {program}: segments at {as_of}", markdown_table(by_segment), "## Clusters", markdown_table(profiles)]
    )


def _models_markdown(program: str, as_of: date, fits: pl.DataFrame, found: pl.DataFrame) -> str:
    totals = found.filter(pl.col("kind") == "total").select("model", "bucket", "expected")
    frequency = found.filter(pl.col("kind") == "frequency").select("model", "bucket", "customers", "actual", "expected")
    return "\n\n".join(
        [
            f"# {program}: purchase models at {as_of}",
            markdown_table(fits.drop("as_of")),
            "## Hold-out: error measures",
            markdown_table(totals),
            "## Hold-out: repeat purchases by calibration frequency",
            markdown_table(frequency),
        ]
    )


def open_report_tables(context: Context, as_of: date) -> dict[str, pl.DataFrame | None]:
    """The tables of this module at `as_of`, under the names that `fiel.reports.data.collect` takes; None: not there."""
    tables = {
        "segments": "out_segments",
        "cluster_profiles": "out_cluster_profiles",
        "segment_moves": "out_segment_moves",
        "purchase_fits": "feat_purchase_fits",
        "hold_out": "out_hold_out",
        "disagreements": "out_disagreements",
        "probs": "out_probs",
    }
    return {
        name: context.lake.read(table, as_of) if as_of in context.lake.partitions(table) else None
        for name, table in tables.items()
    }
