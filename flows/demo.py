"""The demo: a made-up community in the source's own files, and the whole chain on it."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import typer

from fiel.errors import SettingsError
from fiel.program import load_program
from fiel.settings import load_settings
from fiel.simulate import simulator

START, END = date(2024, 1, 1), date(2025, 10, 31)
"""22 months that end before a planned break, so that there is something to pay."""


def run_demo(program: str, folder: Path, customers: int, seed: int) -> None:
    """Simulate (once), then run `loyalty` on the files for the day after their last complete day; print the summary."""
    started = perf_counter()
    load_program(program, load_settings())
    root = folder if folder.is_absolute() else load_settings().home / folder
    os.environ["FIEL_LAKE"] = str(root / "lake")
    os.environ["FIEL_PROGRAMS"] = str(_programs(program, root / "programs"))
    for name in ("FIEL_DATABASE_URL", "FIEL_MLFLOW_URI", "FIEL_MLFLOW_ARTIFACTS"):
        if os.environ.pop(name, None):
            typer.echo(f"{name} is set, and left alone: the demo keeps everything under {root}", err=True)
    typer.secho("Simulated data: every customer below is made up.", fg="yellow", err=True)
    source = root / f"source-{program}-{customers}-{START}-{END}-{seed}"
    done = source / "simulated.txt"
    if done.is_file():
        typer.echo(f"simulated files are already in {source}", err=True)
    else:
        written = write_simulation(program, source, customers, START, END, seed, "sqlite")
        done.write_text(f"{written}\n", encoding="utf-8")
        typer.echo(f"simulated {written} ({perf_counter() - started:.1f} s)", err=True)
    from flows.console import show_summary, watched

    result = watched("loyalty", {"program": program, "source": str(source), "as_of": "latest"})
    show_summary("loyalty", program, result, simulated=True)
    typer.echo(f"\nThe whole demo took {perf_counter() - started:.0f} s. Look around:")
    typer.echo(f"  FIEL_LAKE={os.environ['FIEL_LAKE']} .venv/bin/fiel status {program}")
    typer.echo("  make serve-mlflow, then http://127.0.0.1:5000")


def _programs(program: str, folder: Path) -> Path:
    """A folder with the program's file, marked as simulated: every page and the manifest say so."""
    content = (load_settings().programs / f"{program}.yaml").read_text(encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{program}.yaml").write_text(f"{content.rstrip()}\nsimulated: true\n", encoding="utf-8")
    return folder


def write_simulation(program: str, folder: Path, customers: int, start: date, end: date, seed: int, layout: str) -> Any:
    """Simulated source files of `program` in `folder`; SettingsError where the program has no simulator."""
    simulate = simulator(program)
    if simulate is None:
        raise SettingsError(f"program {program!r} has no simulator: fiel/simulate/ has none under that name")
    try:
        return simulate(folder, customers=customers, start=start, end=end, seed=seed, layout=layout)
    except OSError as error:
        raise SettingsError(
            f"folder {folder} cannot be written ({error.strerror or error}): check the path, space and permissions"
        ) from error
