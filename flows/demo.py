"""The demo: made-up customers in the source's own files, and the whole chain on them."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import typer

from fiel.errors import CycleConflictError, SettingsError
from fiel.program import load_program
from fiel.settings import load_settings
from fiel.simulate import demo_customers, demo_span, simulator
from fiel.sources.files import SIMULATED_FILE


def run_demo(program: str, folder: Path, customers: int | None, seed: int) -> None:
    """Simulate (once), then run `loyalty` on the files for the day after their last complete day; print the summary.

    `customers` None: as many as the program's simulator says that a demo needs.
    """
    started = perf_counter()
    load_program(program, load_settings())
    customers = customers or demo_customers(program)
    root = folder if folder.is_absolute() else load_settings().home / folder
    os.environ["FIEL_LAKE"] = str(root / "lake")
    for name in ("FIEL_DATABASE_URL", "FIEL_MLFLOW_URI", "FIEL_MLFLOW_ARTIFACTS"):
        if os.environ.pop(name, None):
            typer.echo(f"{name} is set, and left alone: the demo keeps everything under {root}", err=True)
    typer.secho("Simulated data: every customer below is made up.", fg="yellow", err=True)
    start, end = demo_span(program)
    source = root / f"source-{program}-{customers}-{start}-{end}-{seed}"
    if (source / SIMULATED_FILE).is_file():
        typer.echo(f"simulated files are already in {source}", err=True)
    else:
        written = write_simulation(program, source, customers, start, end, seed)
        typer.echo(f"simulated {written} ({perf_counter() - started:.1f} s)", err=True)
    from flows.console import show_summary, watched

    try:
        result = watched("loyalty", {"program": program, "source": str(source), "as_of": "latest"})
    except CycleConflictError as error:
        raise CycleConflictError(
            f"{error}. So it is meant: the demo's champion was changed since its cycle was paid, and a paid cycle is "
            "never paid again with other content. Scores, report and service are up to date; `make clean` begins anew"
        ) from error
    show_summary("loyalty", program, result)
    typer.echo(f"\nThe whole demo took {perf_counter() - started:.0f} s. Look around:")
    typer.echo(f"  FIEL_LAKE={os.environ['FIEL_LAKE']} .venv/bin/fiel status {program}")
    typer.echo("  make serve, then http://127.0.0.1:8000: pages and API over these results")
    typer.echo("  make serve-mlflow, then http://127.0.0.1:5000")


def write_simulation(
    program: str, folder: Path, customers: int, start: date, end: date, seed: int, layout: str | None = None
) -> Any:
    """Simulated source files of `program` in `folder`, marked as such by a file that is written last.

    `layout` None is the usual one of the program's source.
    SettingsError where the program has no simulator, or the folder cannot be written.
    """
    simulate = simulator(program)
    if simulate is None:
        raise SettingsError(f"program {program!r} has no simulator: fiel/simulate/ has none under that name")
    how = {} if layout is None else {"layout": layout}
    try:
        written = simulate(folder, customers=customers, start=start, end=end, seed=seed, **how)
        (folder / SIMULATED_FILE).write_text(f"These files are made up: {written}\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"folder {folder} cannot be written ({error.strerror or error}): check the path, space and permissions"
        ) from error
    return written
