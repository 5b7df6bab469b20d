"""Source files to core tables."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fiel.core import Core
from fiel.reports.profile import profile_markdown
from fiel.sources.ingest import IngestSummary, ingest
from tasks.artifacts import leave_markdown
from tasks.context import opened
from tasks.retrying import is_transient


@task(
    name="ingest",
    cache_policy=NO_CACHE,
    retries=1,  # the sources retry each call themselves, honouring Retry-After: this is a second chance for the whole
    retry_delay_seconds=30,
    retry_jitter_factor=0.5,
    retry_condition_fn=is_transient,
    timeout_seconds=6 * 3600,
)
def ingest_source(program: str, source: str | None) -> dict[str, Any]:
    """Read the newest source version into the core tables; a small summary of what came in."""
    with opened(program) as context:
        summary = ingest(context.program, context.lake, context.settings, source, context.provenance())
        log = get_run_logger()
        if summary.changed:
            log.info("source version %s, complete through %s", summary.source_version, summary.known_through)
        else:
            log.info("source version %s is unchanged: nothing downloaded, nothing rewritten", summary.source_version)
        for warning in summary.warnings:
            log.warning("%s", warning)
        leave_markdown(program, "ingest", _markdown(program, summary), "Rows by table, rejects by rule, changes")
        core = Core.open(context.lake)
        profile, intake = core["profile"].collect(), core["intake"].collect()
        text = profile_markdown(profile, intake, context.program)
        leave_markdown(program, "data-profile", text, "The data as they came, and where rows and money went")
        return {
            "source_version": summary.source_version,
            "changed": summary.changed,
            "known_through": summary.known_through.isoformat(),
            "counts": dict(summary.counts),
            "rejected_by_rule": dict(summary.rejected_by_rule),
            "warnings": list(summary.warnings),
            "simulated": core.is_simulated or context.program.simulated,
        }


def _markdown(program: str, summary: IngestSummary) -> str:
    rows = [f"| {name.replace('_', ' ')} | {count:,} |" for name, count in summary.counts.items()]
    rejected = [f"| {rule} | {count:,} |" for rule, count in summary.rejected_by_rule.items()]
    state = "read anew" if summary.changed else "unchanged: nothing downloaded, nothing rewritten"
    parts = [
        f"# {program}: source version {summary.source_version}",
        f"{state}; complete through **{summary.known_through}**.",
        "\n".join(["| what | rows |", "| --- | ---: |", *rows]),
        "\n".join(["## Rejected rows", "", "| rule | rows |", "| --- | ---: |", *rejected]) if rejected else "",
        "\n".join(["## Warnings", "", *(f"- {warning}" for warning in summary.warnings)]) if summary.warnings else "",
    ]
    return "\n\n".join(part for part in parts if part)
