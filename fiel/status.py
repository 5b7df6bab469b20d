"""Where a program stands: what is in the lake, who is champion and why, the last cycles, and what is stale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl

from fiel.core import Core
from fiel.lake import Lake
from fiel.models.registry import Registry, RegistryStatus, VersionInfo
from fiel.program import Program
from fiel.store import CycleRow, Store
from fiel.tables import TABLES

CHAMPION_AGE_DAYS = 45
"""A champion trained on an as_of this long before the newest data is called stale: a monthly retraining was missed."""


@dataclass(frozen=True)
class TableStatus:
    """One table: its newest version, its newest as_of where it has any, and what made it."""

    name: str
    version: int
    newest_as_of: date | None


@dataclass(frozen=True)
class Status:
    """The state of one program. `core` and `models` are None where nothing was ingested or trained yet.

    `models` are those of the main target, `more_models` those of each further target by its name.
    """

    core: Core | None
    tables: list[TableStatus]
    models: RegistryStatus | None
    cycles: list[CycleRow]
    stale: list[str]
    more_models: Mapping[str, RegistryStatus] = field(default_factory=dict)


def program_status(lake: Lake, store: Store, registry: Registry, program: Program) -> Status:
    """The status of `program`; nothing is written."""
    core = Core.open(lake) if lake.exists("core_versions") else None
    tables = [
        TableStatus(name, version, max(lake.partitions(name), default=None) if TABLES[name].by_as_of else None)
        for name, version in lake.versions().items()
    ]
    registries = registry.of_every_target()
    models = registry.status()
    further = {name: found.status() for name, found in registries.items() if name != program.target.name}
    cycles = store.cycles(program.name)
    stale = _stale(core, tables, {program.target.name: models, **further}, program)
    stale += _outdated(lake, store, tables, models.champion, program)
    return Status(core, tables, models, cycles, stale, further)


def _stale(
    core: Core | None, tables: list[TableStatus], models: Mapping[str, RegistryStatus], program: Program
) -> list[str]:
    if core is None:
        source = "" if program.source.kaggle or program.source.path else " --source FOLDER"
        return [f"nothing was ingested yet: run `fiel run loyalty --program {program.name}{source}`"]
    latest = core.known_through + timedelta(days=1)
    newest = {table.name: table.newest_as_of for table in tables}
    found = []
    for table, stage in (("feat_snapshot", "features"), ("out_scores", "score")):
        day = newest.get(table)
        if day is None:
            found.append(f"{table} was never written: run `fiel run {stage} --program {program.name} --as-of latest`")
        elif day < latest:
            found.append(f"{table} ends at as_of {day}, the data allow {latest}: run `fiel run {stage}`")
    for name, status in models.items():
        of = "" if name == program.target.name else f" of target {name}"
        if status.champion is None:
            found.append(f"there is no champion{of}: run `fiel run retrain --program {program.name} --as-of latest`")
        elif status.champion.as_of < latest - timedelta(days=CHAMPION_AGE_DAYS):
            found.append(f"the champion{of} was trained at {status.champion.as_of}: a monthly retraining was missed")
    return found


def _outdated(
    lake: Lake, store: Store, tables: list[TableStatus], champion: VersionInfo | None, program: Program
) -> list[str]:
    """The newest scores are of another model than the champion, or the service shows older ones than those.

    The first follows a rollback, the second a run that died before it published.
    """
    scored = next((table.newest_as_of for table in tables if table.name == "out_scores"), None)
    if scored is None:
        return []
    newest = lake.scan("out_scores").filter(pl.col("as_of") == scored).select("model_version").head(1).collect()
    version = str(newest.item())
    published, what = store.score_set(program.name), f"scores of {scored} by version {version}"
    if champion is not None and champion.version != version:
        advice = f"run `fiel run score --program {program.name} --as-of {scored}`"
        return [f"the {what} are not the champion's, which is version {champion.version}: {advice}"]
    if published is not None and (published.as_of, published.model_version) == (scored, version):
        return []
    advice = f"`fiel run publish --program {program.name} --as-of {scored}`"
    shown = "nothing" if published is None else f"those of {published.as_of} by version {published.model_version}"
    return [f"{what} are not published, the service shows {shown}: run {advice}"]
