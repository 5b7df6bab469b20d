"""Core tables to spans, feature groups and snapshots."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fiel.core import Core
from fiel.errors import LakeError
from fiel.features.life_cycle import life_cycle_spans
from fiel.features.snapshot import build_snapshots
from fiel.program import Program
from fiel.reports.tables import markdown_table
from fiel.version import code_version
from tasks.artifacts import leave_markdown
from tasks.context import Context, opened


@task(name="features", cache_policy=NO_CACHE)
def build_features(program: str, as_of_dates: Sequence[date]) -> dict[str, Any]:
    """Spans, feature groups and snapshot of every date that was not built from these inputs yet; counts, versions."""
    with opened(program) as context:
        core = Core.open(context.lake)
        for day in as_of_dates:
            core.check_as_of(day)
        inputs = feature_inputs(core, context.program)
        _build_spans(context, core, inputs)
        wanted = sorted(set(as_of_dates))
        due = [day for day in wanted if not context.is_built("feat_snapshot", day.isoformat(), inputs)]
        log = get_run_logger()
        log.info("%d of %d snapshots to build", len(due), len(wanted))
        for day, frames in build_snapshots(core, due, context.program):
            for table, frame in frames.items():
                context.lake.replace(table, frame, day, context.provenance(inputs=inputs, core=core.fingerprint))
            context.mark_built("feat_snapshot", day.isoformat(), inputs)
            log.info("snapshot of %s: %s customers", day, f"{frames['feat_snapshot'].height:,}")
        newest = max(as_of_dates)
        mix = context.lake.read("feat_snapshot", newest).group_by("stage").len().sort("len", descending=True)
        leave_markdown(
            program, "stage-mix", f"# {program}: stage mix at {newest}\n\n" + markdown_table(mix), "Customers by stage"
        )
        return {
            "as_of": newest.isoformat(),
            "built": [day.isoformat() for day in due],
            "stages": dict(mix.iter_rows()),
            "table_versions": {k: v for k, v in context.lake.versions().items() if k.startswith("feat_")},
        }


def feature_inputs(core: Core, program: Program) -> str:
    """Digest of everything that features are made from: core tables, program rules, code."""
    parts = ("life_cycle", "features", "value_clusters", "breaks", "target", "day_time_zone", "rfm", "purchases",
             "attributes")  # fmt: skip
    content = [core.fingerprint, core.versions, program.digest(*parts), code_version()]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def check_built(context: Context, core: Core, as_of_dates: Sequence[date]) -> None:
    """LakeError unless these snapshots were made of the core tables in force: another run may have ingested since."""
    inputs = feature_inputs(core, context.main)
    stale = [day for day in as_of_dates if not context.is_built("feat_snapshot", day.isoformat(), inputs)]
    if stale:
        raise LakeError(
            f"feat_snapshot of program {context.program.name} at {stale[0]} was not made of the core tables in force "
            f"({core.source_version}): another run ingested or changed the program meanwhile; run this again"
        )


def _build_spans(context: Context, core: Core, inputs: str) -> None:
    if context.program.is_table:  # no dates, no life cycle
        return
    if not context.is_built("feat_life_cycle_spans", "all", inputs):
        spans = life_cycle_spans(core["customer_days"], context.program).collect(engine="streaming")
        context.lake.write("feat_life_cycle_spans", spans, context.provenance(inputs=inputs, core=core.fingerprint))
        context.mark_built("feat_life_cycle_spans", "all", inputs)
