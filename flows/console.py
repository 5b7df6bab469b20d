"""What the `fiel` command shows: progress while a flow runs, a summary when it ended, the status of a program."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from fiel.actions.summary import PlanSummary
from fiel.models.wording import spoken
from fiel.program import STAGES, load_program
from fiel.settings import load_settings
from flows.progress import use_progress_lines

if TYPE_CHECKING:
    from fiel.models.registry import RegistryStatus

OUT = Console(highlight=False, soft_wrap=True)
NOTES = Console(stderr=True, highlight=False, soft_wrap=True)


def watched(flow: str, arguments: Mapping[str, Any]) -> Any:
    """Run the flow in this process with progress lines on standard error; what it returns."""
    use_progress_lines()
    if not os.environ.get("PREFECT_API_URL"):
        NOTES.print("starting Prefect (about ten seconds; none of it against a running server: PREFECT_API_URL)")
    module = importlib.import_module(f"flows.{flow}")
    return getattr(module, flow)(**arguments)


def show_summary(stage: str, program: str, result: Any) -> None:
    """What a run made and where."""
    if not isinstance(result, Mapping):
        OUT.print(str(result))
        return
    if "skipped" in result:
        OUT.print(result["skipped"])
        return
    if stage == "loyalty":
        _show_loyalty(program, result)
        return
    OUT.print(f"[bold]{stage}[/bold] of {program}")
    for name, value in _flat(result):
        OUT.print(f"  {name:<28} {value}")


def _show_loyalty(program: str, result: Mapping[str, Any]) -> None:
    made_up = "  (simulated data: everyone is made up)" if result["ingest"]["simulated"] else ""
    OUT.print(f"\n[bold]{program}, as of {result['as_of']}[/bold] (exclusive){made_up}\n")
    scores = result["scores"]
    groups = "grade" if "grades" in scores else "stage"
    counts = scores[f"{groups}s"]
    table = Table(groups, "customers", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    shown = [stage for stage in STAGES if groups == "stage" and "none" not in counts] or sorted(counts)
    for name in shown:
        table.add_row(name, f"{counts.get(name, 0):,}")
    if set(counts) != {"none"}:  # accounts have neither stages nor grades
        OUT.print(table)
    elif result["engagement"]:
        _show_engagement(result["engagement"])
    else:
        OUT.print(
            f"accounts    {scores['customers']:,} open, {scores['scored']:,} scored, mean {scores['mean_prob']:.3f}"
        )
    _show_segments(result["segments"], result["purchase_models"])
    _show_model(program, result["promotion"])
    for target, further in result["further_targets"].items():
        OUT.print(f"{target:<11} version {further['champion']}: {further['reason']}")
    _show_plan(result["plan"], result["cycle"])
    if result["messages"]:
        written = result["messages"]
        OUT.print(f"messages    {written['messages']:,}, nothing sent: {written['manifest']}")
    OUT.print(f"report      {result['report']['report']}")
    OUT.print(f"published   {result['published']['customers']:,} customers, for the service and its pages")
    OUT.print(f"MLflow run  {result['train']['run']} ({result['train']['uri']})")


def _show_plan(planned: Mapping[str, Any], cycle: Mapping[str, Any]) -> None:
    if not planned:
        OUT.print("\npoints      none: the program has no incentive policy")
        return
    plan = planned["plan"]
    state = "paid" if cycle else f"planned, not paid: {plan['not_payable_because'] or 'asked for the plan only'}"
    invented = ", invented amounts" if plan["invented"] else ""
    OUT.print(
        f"\npoints      {plan['granted']:,} grants, {plan['rewards_points']:,} {plan['unit']} of a budget of "
        f"{plan['budget_points']:,} ({state}{invented}); {plan['held_out']:,} held out"
    )
    at_stake = PlanSummary.model_validate(plan).at_stake_in_words
    if at_stake:
        OUT.print(f"            {at_stake}")
    if cycle:
        OUT.print(f"export      {cycle['manifest']}")


def _show_segments(segments: Mapping[str, Any], purchase_models: Mapping[str, Any]) -> None:
    if segments:
        named = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in segments["segments"].items())
        OUT.print(f"\nsegments    {named}")
    if purchase_models:
        used = ", ".join(purchase_models["used"]) or "none could be fitted"
        OUT.print(f"purchases   models in use: {used}")


def _show_engagement(found: Mapping[str, Any]) -> None:
    OUT.print(f"customers   {found['customers']:,}, each scored by a model that was fitted without them")
    for title, counts in (("segments", found["segments"]), ("risk", found["risk_groups"])):
        OUT.print(f"{title:<12}" + ", ".join(f"{name} {number:,}" for name, number in counts.items()))
    events = {name: number for name, number in found["interactions"].items() if name != "links"}
    OUT.print(f"log         {sum(events.values()):,} events, {found['interactions']['links']:,} sessions linked")


def _show_model(program: str, promotion: Mapping[str, Any]) -> None:
    rules = load_program(program, load_settings())
    metrics = promotion.get("metrics") or {}
    if "challenger" in metrics:
        money = f"profit, {rules.economics.currency}" if rules.economics and "profit" in metrics["challenger"] else ""
        named = ("out of time", "AUC", "log loss", *([money] if money else []))
        table = Table(*(spoken(name, rules) for name in named), box=None, pad_edge=False)
        for column in table.columns[1:]:
            column.justify = "right"
        for name in ("challenger", "champion", "stage_rule", "purchase_model"):
            found = metrics.get(name)
            if not found:
                continue
            profit = [f"{found['profit']:,.0f}"] if money else []
            shown = spoken(name.replace("_", " "), rules)
            table.add_row(shown, f"{found['auc']:.3f}", f"{found['log_loss']:.3f}", *profit)
        OUT.print()
        OUT.print(table)
    OUT.print(f"\nchampion    version {promotion['champion']}: {promotion['reason']}")


def _flat(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested mappings as dotted names, without empty values."""
    found: list[tuple[str, Any]] = []
    for name, value in content.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{name}.")
        elif value not in (None, [], "") and not (prefix == "counts." and value == 0):
            found.append((prefix + name, _shown(value)))
    return found


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def show_status(program: str) -> None:
    """Table versions, the champion and why it is, the last cycles, and what is stale."""
    from fiel.status import program_status
    from tasks.context import opened

    with opened(program) as context:
        found = program_status(context.lake, context.store, context.registry, context.program)
        OUT.print(f"[bold]{context.program.title}[/bold] ({program}) in {context.lake.address}\n")
    if found.core is not None:
        OUT.print(f"source version {found.core.source_version}, complete through {found.core.known_through}\n")
    table = Table("table", "version", "newest as_of", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for row in found.tables:
        table.add_row(row.name, str(row.version), str(row.newest_as_of or ""))
    OUT.print(table)
    OUT.print()
    for models in (found.models, *found.more_models.values()):
        _show_models(models)
    for cycle in found.cycles[-5:]:
        OUT.print(
            f"cycle       {cycle.as_of}: {cycle.summary['granted']:,} grants, "
            f"{cycle.summary['rewards_points']:,} {cycle.summary.get('unit', 'points')}, policy {cycle.policy_version}"
        )
    if not found.cycles:
        OUT.print("cycle       none was applied yet")
    for line in found.stale or ["nothing"]:
        OUT.print(f"stale       {line}")


def _show_models(models: RegistryStatus | None) -> None:
    """The champion of one target, and why it is."""
    if models is None:
        return
    if models.champion is not None:
        OUT.print(f"champion    {models.model_name} version {models.champion.version} ({models.champion.kind})")
    if models.promoted is not None:
        OUT.print(f"why         {models.promoted.reason}")
        OUT.print(f"since       {models.promoted.at:%Y-%m-%d %H:%M} UTC, by {models.promoted.by}")
    OUT.print(f"models      {models.versions} versions of {models.model_name} in {models.uri}\n")


def show_leakage(program: str, dates: list[str]) -> bool:
    """Whether no feature of the program moves when the future is rewritten; prints what was checked."""
    from fiel.core import Core, parse_date
    from fiel.features.leakage import verify_leakage
    from tasks.context import opened

    with opened(program) as context:
        core = Core.open(context.lake)
        days = [parse_date(day) for day in dates] or _three_dates(core.first_day, core.known_through)
        report = verify_leakage(core, days, context.program)
    OUT.print(str(report))
    return bool(report.holds)


def _three_dates(first: date, last: date) -> list[date]:
    """A quarter, a half and nine tenths of the way through the data; the one date of an undated table."""
    days = (last - first).days
    if not days:
        return [last + timedelta(days=1)]
    return [first + timedelta(days=max(1, int(days * share))) for share in (0.25, 0.5, 0.9)]


def show_vacuum(program: str, apply: bool) -> None:
    """Files that only unnamed versions use, by table; deleted with `apply`."""
    from fiel.vacuum import vacuum
    from tasks.context import opened

    with opened(program) as context:
        removed = vacuum(context.lake, context.registry, apply)
    for table, files in removed.items():
        OUT.print(f"{table:<26} {len(files):>6,} files {'deleted' if apply else 'could be deleted'}")
    if not apply and sys.stdout.isatty():
        OUT.print("give --apply to delete them")
