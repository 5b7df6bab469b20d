"""Simulated pension funds as cores, through the source's own code, for the tests of account features."""

from __future__ import annotations

import tempfile
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from fiel.core import Core
from fiel.program import Program
from fiel.simulate.pension import simulate
from fiel.sources.landing import land_core
from fiel.sources.pension import read
from fiel.sources.rules import Sieve
from fiel.sources.version import SourceVersion
from tests.conftest import ROOT

NOW = datetime(2026, 1, 1)


def fund_program(**pension: Any) -> Program:
    """The program `pension` with other fields in its section `pension`."""
    content = yaml.safe_load((ROOT / "deployments" / "programs" / "pension.yaml").read_text(encoding="utf-8"))
    content["pension"] |= pension
    return Program.model_validate(content)


def landed(folder: Path, program: Program) -> Core:
    """The core that the fund's files in `folder` make."""
    sieve = Sieve("v1")
    parsed = read(program, {"files": folder}, sieve, NOW)
    landing = land_core(program, SourceVersion("v1", ()), parsed, sieve, previous=None, same_rules=True)
    return Core.of({name.removeprefix("core_"): frame for name, frame in landing.tables.items()}, landing.known_through)


@cache
def _files(accounts: int, seed: int) -> tuple[tempfile.TemporaryDirectory[str], Path]:
    folder = tempfile.TemporaryDirectory()
    simulate(Path(folder.name), customers=accounts, start=date(2009, 1, 1), end=date(2014, 12, 31), seed=seed)
    return folder, Path(folder.name)


def random_fund(program: Program, accounts: int = 400, seed: int = 3) -> Core:
    """A simulated fund of 2009 to 2014."""
    return landed(_files(accounts, seed)[1], program)


def frames(core: Core) -> dict[str, pl.DataFrame]:
    """The core's tables in memory."""
    return {name: frame.collect() for name, frame in core.tables.items()}
