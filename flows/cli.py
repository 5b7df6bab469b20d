"""The `fiel` command. Prefect, MLflow and the flows are imported inside the commands that need them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from fiel.errors import FielError, SettingsError
from flows import serving_commands

app = typer.Typer(
    name="fiel",
    help="Who is loyal, who is leaving, and what it pays to do about it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
lake_app = typer.Typer(help="Care for the lake.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(lake_app, name="lake")
serving_commands.register(app)


class Reasons(StrEnum):
    """Whose scores are explained."""

    granted = "granted"
    all = "all"
    none = "none"


class Layout(StrEnum):
    """How simulated files are written."""

    sqlite = "sqlite"
    csv = "csv"
    parquet = "parquet"
    xlsx = "xlsx"


class Stage(StrEnum):
    """What `fiel run` can run."""

    loyalty = "loyalty"
    ingest = "ingest"
    features = "features"
    segments = "segments"
    retrain = "retrain"
    score = "score"
    reward = "reward"
    report = "report"
    deliver = "deliver"
    message = "message"
    publish = "publish"


ProgramOption = Annotated[str, typer.Option("--program", "-p", help="Name of the program (deployments/programs/).")]
ProgramArgument = Annotated[str, typer.Argument(help="Name of the program (deployments/programs/).")]
AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", help="Date YYYY-MM-DD: everything strictly before it is known. `latest`: the day after "
                 "the last complete day. Default: today in the program's time zone (`latest` for finished files)."),
]  # fmt: skip


@app.command()
def run(
    stage: Annotated[Stage, typer.Argument(help="The whole chain (loyalty) or one stage of it.")],
    program: ProgramOption = "teomewhy",
    as_of: AsOfOption = None,
    source: Annotated[
        str | None,
        typer.Option("--source", help="Folder, s3:// address or kaggle:OWNER/DATASET of the files (loyalty, ingest)."),
    ] = None,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Make the plan, pay nothing (loyalty, reward).")
    ] = False,
    reasons: Annotated[Reasons, typer.Option("--reasons", help="score: whose scores are explained.")] = Reasons.granted,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="deliver: the points API is a rehearsal, made-up customers may be sent.")
    ] = False,
    reviewed: Annotated[
        str | None, typer.Option("--reviewed", help="reward: pay only the plan with this digest (see --plan-only).")
    ] = None,
    override: Annotated[
        str | None, typer.Option("--override", help="retrain: promote whatever the gates say, for this reason.")
    ] = None,
) -> None:
    """Run a flow now, in this process (against PREFECT_API_URL if it is set)."""
    extra: dict[str, dict[str, Any]] = {
        "loyalty": {"source": source, "apply": not plan_only},
        "ingest": {"source": source},
        "features": {},
        "segments": {},
        "retrain": {"override": override},
        "score": {"reasons": reasons.value},
        "reward": {"apply": not plan_only, "reviewed": reviewed},
        "report": {},
        "deliver": {"rehearsal": rehearsal},
        "message": {},
        "publish": {},
    }
    _refuse_foreign_options(
        stage,
        source=source,
        plan_only=plan_only,
        override=override,
        rehearsal=rehearsal,
        reviewed=reviewed,
        reasons=reasons != Reasons.granted,
    )
    _check_early(program, as_of)
    arguments = {"program": program} | extra[stage]
    if stage != Stage.ingest:
        arguments["as_of"] = as_of
    from flows.console import show_summary, watched

    result = watched(stage.value, arguments)
    show_summary(stage.value, program, result)


@app.command()
def demo(
    program: ProgramOption = "teomewhy",
    folder: Annotated[Path, typer.Option("--folder", help="Where the demo lives.")] = Path("demo"),
    customers: Annotated[
        int | None,
        typer.Option(
            "--customers", min=500, help="Customers; by default what the program's demo needs (5,000 mostly)."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the simulation.")] = 7,
) -> None:
    """Simulate a community in the source's own files and run the whole chain on it."""
    from flows.demo import run_demo

    run_demo(program, folder, customers, seed)


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="Folder to write the source files to.")],
    program: ProgramOption = "teomewhy",
    customers: Annotated[
        int, typer.Option("--customers", min=1, help="Customers that register in 22 months; fewer in less time.")
    ] = 5_000,
    start: Annotated[str, typer.Option("--start", help="First day.")] = "2024-02-01",
    end: Annotated[str, typer.Option("--end", help="Last complete day.")] = "2025-11-30",
    seed: Annotated[int, typer.Option("--seed")] = 7,
    layout: Annotated[
        Layout | None,
        typer.Option("--layout", help="teomewhy: sqlite (default) or csv; retail: parquet (default), csv or xlsx."),
    ] = None,
) -> None:
    """Write simulated source files in the layout of the program's source."""
    from flows.demo import write_simulation

    first, last = _date("--start", start), _date("--end", end)
    written = write_simulation(program, folder, customers, first, last, seed, layout.value if layout else None)
    typer.echo(f"simulated data, made up: {written}")


@app.command()
def status(program: ProgramArgument) -> None:
    """Show table versions, the champion and why it is, the last cycles, and what is stale."""
    from flows.console import show_status

    show_status(program)


@app.command()
def reverse(
    program: ProgramArgument,
    grant: Annotated[str, typer.Argument(help="Id of the grant, as the export and the ledger have it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is written to the ledger.")],
    by: Annotated[str | None, typer.Option("--by", help="Who. Default: the user of this shell.")] = None,
) -> None:
    """Take one grant back by a new ledger row, and write the next revision of its cycle's export."""
    from fiel.actions.corrections import reverse as take_back
    from fiel.actions.export import write_export
    from tasks.context import opened

    with opened(program) as context:
        done = take_back(context.store, grant, reason, by or _user())
        manifest = write_export(context.store, context.lake, done.program, done.as_of)
    state = "reversed" if done.changed else "was reversed before: nothing changed"
    typer.echo(f"grant {grant} of customer {done.customer_id} {state}; export: {manifest.address}")


@app.command()
def rollback(
    program: ProgramArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is written to the promotion ledger.")],
    target: Annotated[
        str | None, typer.Option("--target", help="A further target of the program. Default: the main one.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who. Default: the user of this shell.")] = None,
) -> None:
    """Point the champion back to the model before it, and write that to the promotion ledger."""
    from datetime import UTC, datetime

    from fiel.models.promotion import rollback as roll_back
    from tasks.context import opened

    with opened(program, target) as context:
        done = roll_back(context.registry, context.store, by=by or _user(), at=datetime.now(UTC), reason=reason)
        kind = context.registry.champion().kind.replace("_", " ")
    typer.echo(
        f"champion of {context.program.model_name} is version {done.champion} ({kind})"
        + ("" if done.row else ": nothing changed")
    )


@app.command("verify-leakage")
def verify_leakage(
    program: ProgramArgument,
    as_of: Annotated[list[str] | None, typer.Option("--as-of", help="Dates to check; default three of them.")] = None,
) -> None:
    """Rewrite everything at or after as_of and prove that no feature moves. Exit status 1 if one does."""
    from flows.console import show_leakage

    if not show_leakage(program, as_of or []):
        raise typer.Exit(1)


@app.command()
def check(program: ProgramArgument) -> None:
    """Read a program file (and the catalogue of its messages) and say what is wrong with it, or what it asks for."""
    from fiel.actions.messages.catalogue import read_catalogue
    from fiel.features.groups import groups_of
    from fiel.program import load_program
    from fiel.settings import load_settings
    from fiel.sources.teomewhy import data_sets

    settings = load_settings()
    found = load_program(program, settings)
    groups_of(found)
    if found.messages is not None:
        read_catalogue(settings.programs / found.messages.catalogue)
    if found.source.format == "teomewhy":
        data_sets(found)
    targets = (found.target, *found.more_targets)
    asked = ", ".join(
        f"target {target.name}" + ("" if found.is_table else f" in {target.horizon_words}") for target in targets
    )
    policy = f"policy {found.incentive.version}" if found.incentive.buckets else "no incentive policy"
    typer.echo(
        f"{found.title}: format {found.source.format}, groups {', '.join(found.features.groups)}, {asked}, "
        f"{policy}: the file is right"
    )


@lake_app.command("vacuum")
def vacuum(
    program: ProgramArgument,
    apply: Annotated[bool, typer.Option("--apply", help="Delete. Without it the files are only counted.")] = False,
) -> None:
    """Remove old versions that no registered model, applied cycle or stored score names."""
    from flows.console import show_vacuum

    show_vacuum(program, apply)


def main(arguments: list[str] | None = None) -> None:
    """The command line: `arguments`, else those of the process. Errors that Fiel raises on purpose are one line."""
    words = sys.argv[1:] if arguments is None else arguments
    sys.exit(_guarded(lambda: app(args=words, standalone_mode=False)))


_USAGE_ERROR: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""What typer raises for wrong words on the command line: click's, or its own copy of it, by typer's version."""


def _guarded(command: Callable[[], Any]) -> int:
    try:
        status = command()
    except FielError as error:
        typer.secho(f"{_kind(error)}: {' '.join(str(error).split())}", fg="red", err=True)
        return 1
    except _USAGE_ERROR as error:
        error.show()
        return int(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("stopped", err=True)
        return 130
    return status if isinstance(status, int) else 0


def _kind(error: FielError) -> str:
    """`SourceError` as `source error`."""
    name = type(error).__name__.removesuffix("Error")
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip() + " error"


def _refuse_foreign_options(stage: Stage, **given: Any) -> None:
    fits = {
        "source": ("loyalty", "ingest"),
        "plan_only": ("loyalty", "reward"),
        "override": ("retrain",),
        "rehearsal": ("deliver",),
        "reviewed": ("reward",),
        "reasons": ("score",),
    }
    for name, value in given.items():
        if value and stage.value not in fits[name]:
            option = "--" + name.replace("_", "-")
            raise typer.BadParameter(f"{option} belongs to {' and '.join(fits[name])}, not to {stage.value}")


def _date(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"{option} {text!r} is no date: write YYYY-MM-DD") from error


def _check_early(program: str, as_of: str | None) -> None:
    """What a typing error can break is looked at before Prefect starts, which takes seconds."""
    from fiel.core import parse_date
    from fiel.program import load_program
    from fiel.settings import load_settings

    load_program(program, load_settings())
    if as_of not in (None, "latest"):
        parse_date(as_of)


def _user() -> str:
    return os.environ.get("USER") or os.environ.get("LOGNAME") or f"uid {os.getuid()}"


if __name__ == "__main__":
    main()
