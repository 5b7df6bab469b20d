"""The files of the `telecom` program: which they are, and all of them read at once."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from fiel.errors import ProgramError, SourceError
from fiel.program import Program
from fiel.sources.churn_table import FACTORS, NUMBERS, read_churn_table, read_links
from fiel.sources.otto import InteractionLog, read_interactions
from fiel.sources.otto_lines import ENDINGS
from fiel.sources.rules import Sieve
from fiel.tables import TABLES

LINKS = "links*.csv"


@dataclass(frozen=True)
class TelecomFiles:
    """Names of the files that play each part; `links` and `log` may be missing."""

    churn: str
    links: str | None
    log: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """All of them, sorted."""
        return sorted([self.churn, *([self.links] if self.links else []), *self.log])


@dataclass(frozen=True)
class Telecom:
    """The program's core tables; `log` is None where there is no interaction log."""

    attributes: pl.DataFrame
    labels: pl.DataFrame
    links: pl.DataFrame
    log: InteractionLog | None

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """The tables that fit into memory, by their names without `core_`."""
        return {"attributes": self.attributes, "labels": self.labels, "links_sessions": self.links}


def telecom_files(names: Sequence[str]) -> TelecomFiles:
    """Which of a folder's files are which: `links*.csv`, one other CSV (the churn file), and any number of .jsonl.

    SourceError: no churn file, or several of a kind of which there is one.
    """
    lower = {name: Path(name).name.lower() for name in sorted(names)}
    tables = [name for name, short in lower.items() if short.endswith((".csv", ".csv.gz"))]
    links = [name for name in tables if fnmatch.fnmatch(lower[name], LINKS)]
    churn = [name for name in tables if name not in links]
    log = [name for name, short in lower.items() if short.endswith(ENDINGS)]
    there = ", ".join(sorted(names)[:12]) or "no files at all"
    if len(churn) != 1 or len(links) > 1:
        what = f"{len(churn)} churn files" if len(churn) != 1 else f"{len(links)} files {LINKS}"
        raise SourceError(
            f"the folder of telecom holds {what}: it needs one CSV with PC1 ..., FACTOR1 ..., y, t, at most one "
            f"{LINKS}, and the log as {', '.join(ENDINGS)}; there are: {there}"
        )
    return TelecomFiles(churn[0], links[0] if links else None, tuple(log))


def wanted_files(names: list[str]) -> list[str]:
    """The files of a folder that belong to the source (see `telecom_files`)."""
    return telecom_files(names).names


def read(program: Program, folders: dict[str, Path], sieve: Sieve, now: datetime, staging: Path) -> Telecom:
    """The landed files of a source version; ProgramError where the program has no section `engagement`."""
    rules = program.engagement
    if rules is None:
        raise ProgramError(f"program {program.name} has no section `engagement`: it says what the churn file holds")
    (folder,) = folders.values()
    return read_telecom(
        folder,
        staging,
        sieve,
        now,
        day_time_zone=program.day_time_zone,
        numbers=rules.numbers,
        factors=rules.factors,
    )


def read_telecom(
    folder: Path,
    staging: Path,
    sieve: Sieve,
    now: datetime,
    *,
    day_time_zone: str = "UTC",
    numbers: int = NUMBERS,
    factors: int = FACTORS,
) -> Telecom:
    """Every file of `folder`; the log goes to Parquet parts below `staging` (see `read_interactions`)."""
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    files = telecom_files(names)
    table = read_churn_table(folder / files.churn, sieve, numbers=numbers, factors=factors)
    links = pl.DataFrame(schema=TABLES["core_links_sessions"].declared)
    if files.links is not None:
        links = read_links(folder / files.links, sieve, table.attributes.get_column("customer_id"))
    log = None
    if files.log:
        paths = [folder / name for name in files.log]
        log = read_interactions(paths, staging, sieve, now, day_time_zone=day_time_zone)
    return Telecom(table.attributes, table.labels, links, log)
