"""Everything that a report shows, gathered from lake, ledger and registry, and written as one HTML file."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fiel.actions.lift import realised_lift
from fiel.core import Core
from fiel.errors import LakeError
from fiel.models.labels import matures_on, outcome
from fiel.reports.cards import ModelCard, MoneyCard, SourceCard, rejects_by_rule
from fiel.reports.data import ReportData, collect
from fiel.reports.model_card import read_card
from fiel.reports.page import render_report
from fiel.tables import TABLES
from fiel.version import code_version
from tasks.artifacts import leave_link
from tasks.context import Context, opened
from tasks.engagement import open_engagement
from tasks.message import open_messages
from tasks.reward import current_plan
from tasks.segments import open_report_tables


@task(name="report", cache_policy=NO_CACHE)
def write_report(program: str, as_of: date) -> dict[str, Any]:
    """Write reports/AS_OF.html; its address."""
    with opened(program) as context:
        address = context.lake.file_path("reports", f"{as_of}.html")
        content = render_report(report_data(context, as_of)).encode()
        if context.lake.get(address) != content:
            context.lake.put(address, content)
        get_run_logger().info("%s", address)
        leave_link(program, "report", address, f"report of {as_of}")
        return {"report": address}


def report_data(context: Context, as_of: date) -> ReportData:
    """What the report of as_of shows; LakeError where there is no snapshot of it."""
    core, lake = Core.open(context.lake), context.lake
    if as_of not in lake.partitions("feat_snapshot"):
        raise LakeError(
            f"program {context.main.name} has no snapshot of {as_of}: run `fiel run score --program "
            f"{context.main.name} --as-of {as_of}` first (and reward for its plan)"
        )
    planned = as_of in lake.partitions("out_plan")
    scores = lake.read("out_scores", as_of) if as_of in lake.partitions("out_scores") else None
    data = collect(
        core,
        open_spans(context),
        lake.read("feat_snapshot", as_of),
        program=context.program,
        as_of=as_of,
        source=_source_card(context, core),
        scores=scores,
        plan=lake.read("out_plan", as_of) if planned else None,
        model=_model_card(context, as_of, scores),
        money=_money_card(context, core, as_of) if planned else None,
        quality=lake.read("out_quality") if lake.exists("out_quality") else None,
        more_models=_more_models(context, as_of),
        engagement=open_engagement(context, as_of),
        **open_report_tables(context, as_of),
    )
    return replace(data, messages=open_messages(context, as_of))


def open_spans(context: Context) -> pl.LazyFrame:
    """Life cycle as spans; none for an undated program."""
    if context.program.is_table:
        return pl.LazyFrame(schema=TABLES["feat_life_cycle_spans"].declared)
    return context.lake.scan("feat_life_cycle_spans")


def _source_card(context: Context, core: Core) -> SourceCard:
    newest = context.lake.read("core_versions").tail(1).row(0, named=True)
    return SourceCard(
        source_version=core.source_version,
        known_through=core.known_through,
        first_day=core.first_day,
        counts=json.loads(newest["counts"]),
        rejects=rejects_by_rule(core["rejected"], core.source_version),
        warnings=tuple(json.loads(newest["warnings"])),
        table_versions={name: version for name, version in context.lake.versions().items() if name != "out_plan"},
        code_version=code_version(),
    )


def _more_models(context: Context, as_of: date) -> dict[str, ModelCard]:
    """The cards of the program's further targets, by target, where there are any."""
    if as_of not in context.lake.partitions("out_probs"):
        return {}
    probs = context.lake.read("out_probs", as_of)
    found = {}
    for target in context.main.more_targets:
        with opened(context.main.name, target.name) as other:
            card = _model_card(other, as_of, probs.filter(pl.col("target") == target.name), f".{target.name}")
        if card is not None:
            found[target.name] = card
    return found


def _model_card(context: Context, as_of: date, scores: pl.DataFrame | None, suffix: str = "") -> ModelCard | None:
    """The newest comparison up to `as_of`; where the scores are of another champion, what the ledger says of that one.

    The model that made the scores is shown, not today's champion: the report of a past date stays as it was.
    """
    fs, root = context.lake.files()
    names = [name.rsplit("/", 1)[-1] for name in (fs.ls(f"{root}/models") if fs.exists(f"{root}/models") else [])]
    dates = sorted(name[:10] for name in map(str, names) if name[10:] == f"{suffix}.json")
    known = [day for day in dates if day <= as_of.isoformat()]
    if not known:
        return None
    content = context.lake.get(context.lake.file_path("models", f"{known[-1]}{suffix}.json"))
    assert content is not None, "it was listed"
    card = read_card(content)
    rows = context.store.promotions(context.program.ledger_name)
    used = [row for row in rows if scores is None or row.to_version == scores["model_version"].first()]
    if not used or used[-1].to_version == card.version:
        return card
    promoted = used[-1]
    kind = context.registry.version(promoted.to_version).kind
    return replace(
        card, version=promoted.to_version, kind=kind, action=promoted.action, reason=promoted.reason,
        decided_on=promoted.at.date(), digest=promoted.digest,
    )  # fmt: skip


def _money_card(context: Context, core: Core, as_of: date) -> MoneyCard:
    program, store = context.program, context.store
    applied = [cycle for cycle in store.cycles(program.name) if cycle.as_of <= as_of]
    # The labels of an undated program are older than its grants, so they cannot show what those did.
    matured = [cycle.as_of for cycle in applied if not program.is_table and matures_on(cycle.as_of, program) <= as_of]
    plans = context.lake.scan("out_plan").filter(pl.col("as_of").is_in(matured)).collect()
    return MoneyCard(
        summary=current_plan(context, as_of).summary,
        applied=any(cycle.as_of == as_of for cycle in applied),
        lift=realised_lift(plans, outcome(core, matured, program)) if matured else MoneyCard().lift,
        cycles=pl.DataFrame(
            [
                (cycle.as_of, cycle.summary["granted"], cycle.summary["rewards_points"], cycle.summary["held_out"])
                for cycle in applied
            ],
            schema=MoneyCard().cycles.schema,
            orient="row",
        ),
    )
