"""Ingest: which version is there, bring it into the lake, make core tables of it, put them in force.

Each step is one function, so that a flow can run it as a task; `ingest` runs them all. An ingest that dies at any point
leaves the earlier core tables in force, because the row in `core_versions` is written last.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from fiel.core import Core
from fiel.errors import ProgramError, SourceAccessError, SourceError
from fiel.lake import Lake
from fiel.lake_parts import write_parts
from fiel.program import KaggleHandle, Program
from fiel.settings import Settings
from fiel.sources import event_table, kaggle, online_retail, pension, raw, santander, telecom, teomewhy
from fiel.sources.files import Wanted, by_patterns, is_simulated, resolve_files
from fiel.sources.landing import Landing, land_core
from fiel.sources.landing_table import land_table
from fiel.sources.reading import ENDINGS
from fiel.sources.rules import Sieve
from fiel.sources.version import COMPETITION, KAGGLE, SourcePart, SourceVersion
from fiel.tables import CORE_TABLES, TABLES
from fiel.version import code_version

STAGING = "staging"
"""Folder beside raw/ for tables on their way into the lake that are larger than memory; emptied by each ingest."""
_RULES = ("day_time_zone", "source", "value", "operator_events", "parts_of_day", "courses_undated_until")
"""Parts of a program that decide what the core tables are."""
_READERS = {
    "teomewhy": teomewhy.read,
    "event_table": event_table.read,
    "online_retail": online_retail.read,
    "santander": santander.read,
    "pension": pension.read,
}
"""Source formats: the files of a version to parsed tables."""


@dataclass(frozen=True)
class IngestSummary:
    """What an ingest did: the version, whether anything changed, row counts, rejected rows by rule, warnings."""

    source_version: str
    changed: bool
    known_through: date
    first_day: date
    counts: dict[str, int] = field(default_factory=dict)
    rejected_by_rule: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    table_versions: dict[str, int] = field(default_factory=dict)


def resolve(
    program: Program, source: str | None, settings: Settings, patience: kaggle.Patience | None = None
) -> SourceVersion:
    """The version that is there now. Downloads nothing: asks Kaggle for numbers, or hashes the files.

    `source` (a folder, a file, s3://bucket/prefix, kaggle:OWNER/DATASET) goes before the program's own path, and that
    before its Kaggle data sets.
    """
    address = source or program.source.path
    if address is not None and address.startswith(KAGGLE):
        return _kaggle_version((_kaggle_data_set(program, address, settings),), patience)
    if address is not None:
        part = resolve_files(address, _wanted(program), settings)
        return SourceVersion.of((part,), is_simulated(part.address))
    if not program.source.kaggle:
        raise SourceError(
            f"program {program.name} names no source: give --source DIR (or s3://bucket/prefix), or set source.path or "
            "source.kaggle in the program file"
        )
    return _kaggle_version(program.source.kaggle, patience)


def fingerprint(program: Program, version: SourceVersion) -> str:
    """Digest of everything that decides the core tables: `RULES-VERSION`, 16 hex digits each.

    The second part covers the code too, so that the same files are read anew after an update of Fiel.
    """
    made_by = f"{version.version} {code_version()}"
    return f"{_rules_digest(program)}-{hashlib.sha256(made_by.encode()).hexdigest()[:16]}"


def land(version: SourceVersion, lake: Lake, patience: kaggle.Patience | None = None) -> str:
    """Bring the version's files into the lake under raw/, exactly as received; a local folder to read them from.

    A version that is already there is not fetched again.
    """
    return str(raw.land(version, lake, patience))


def read_and_normalise(
    program: Program,
    version: SourceVersion,
    raw_folder: str,
    previous: Core | None,
    now: datetime | None = None,
) -> Landing:
    """The core tables of a landed version, compared with the `previous` core; writes nothing.

    `now` (naive UTC, default the clock) is the moment after which an event must be wrong. SourceError: a file, table
    or column is wrong. RejectShareError: too many rejected rows.
    """
    sieve = Sieve(version.version)
    folders = {part.name: Path(raw_folder) / part.name / part.version for part in version.parts}
    moment = now or datetime.now(UTC).replace(tzinfo=None)
    if program.source.format == "telecom":
        found = telecom.read(program, folders, sieve, moment, Path(raw_folder).with_name(STAGING))
        return land_table(program, version, found.tables, sieve, previous, found.log)
    parsed = _READERS[program.source.format](program, folders, sieve, moment)
    if program.is_table:
        return land_table(program, version, parsed, sieve, previous)
    same_rules = previous is None or previous.fingerprint.split("-")[0] == _rules_digest(program)
    return land_core(program, version, parsed, sieve, previous, same_rules=same_rules)


def commit(
    landing: Landing, version: SourceVersion, fingerprint: str, lake: Lake, provenance: dict[str, str] | None = None
) -> IngestSummary:
    """Write the core tables, and last the row in core_versions that puts them in force together."""
    made_by = (provenance or {}) | {"fiel_source_version": version.version, "fiel_fingerprint": fingerprint}
    versions = {name: _write(name, landing, lake, made_by) for name in CORE_TABLES}
    earlier = lake.read("core_versions") if lake.exists("core_versions") else _no_versions()
    row = pl.DataFrame(
        {
            "sequence": [earlier.height + 1],
            "source_version": [version.version],
            "fingerprint": [fingerprint],
            "known_through": [landing.known_through],
            "first_day": [landing.first_day],
            "table_versions": [json.dumps(versions, sort_keys=True)],
            "counts": [json.dumps(landing.counts, sort_keys=True)],
            "warnings": [json.dumps(landing.warnings, ensure_ascii=False)],
        },
        schema=TABLES["core_versions"].declared,
    )
    lake.write("core_versions", pl.concat([earlier, row]), made_by)
    return IngestSummary(
        version.version,
        True,
        landing.known_through,
        landing.first_day,
        landing.counts,
        landing.rejected_by_rule,
        landing.warnings,
        versions,
    )


def unchanged(fingerprint: str, lake: Lake) -> IngestSummary | None:
    """The summary of the core in force if it was made of this very fingerprint; None if there is work to do."""
    previous = in_force(lake)
    if previous is None or previous.fingerprint != fingerprint:
        return None
    row = lake.read("core_versions").tail(1).row(0, named=True)
    return IngestSummary(
        previous.source_version,
        False,
        previous.known_through,
        previous.first_day,
        json.loads(row["counts"]),
        {},
        json.loads(row["warnings"]),
        previous.versions,
    )


def in_force(lake: Lake) -> Core | None:
    """The core tables of the newest ingest; None before the first."""
    return Core.open(lake) if lake.exists("core_versions") else None


def ingest(
    program: Program,
    lake: Lake,
    settings: Settings,
    source: str | None = None,
    provenance: dict[str, str] | None = None,
    *,
    now: datetime | None = None,
    patience: kaggle.Patience | None = None,
) -> IngestSummary:
    """Bring the core tables up to the version that is there now; an unchanged version changes nothing."""
    version = resolve(program, source, settings, patience)
    mark = fingerprint(program, version)
    if (found := unchanged(mark, lake)) is not None:
        return found
    folder = land(version, lake, patience)
    try:
        landing = read_and_normalise(program, version, folder, in_force(lake), now)
        return commit(landing, version, mark, lake, provenance)
    finally:
        shutil.rmtree(Path(folder).with_name(STAGING), ignore_errors=True)


def _write(table: str, landing: Landing, lake: Lake, made_by: dict[str, str]) -> int:
    """Write one core table, part after part where it is larger than memory; its version."""
    if table in landing.files:
        return write_parts(lake, table, map(pl.read_parquet, landing.files[table]), made_by)
    return lake.write(table, landing.tables[table], made_by)


def _kaggle_version(data_sets: tuple[KaggleHandle, ...], patience: kaggle.Patience | None) -> SourceVersion:
    """The newest version of these data sets: asks Kaggle for a number each."""
    return SourceVersion.of(tuple(_kaggle_part(part, patience) for part in data_sets))


def _kaggle_part(part: KaggleHandle, patience: kaggle.Patience | None) -> SourcePart:
    if part.kind == "competition":
        return SourcePart(part.name, kaggle.competition_version(part.handle, patience), f"{COMPETITION}{part.handle}")
    return SourcePart(part.name, str(kaggle.newest_version(part.handle, patience)), f"{KAGGLE}{part.handle}")


def _kaggle_data_set(program: Program, address: str, settings: Settings) -> KaggleHandle:
    """The one data set that `--source kaggle:OWNER/DATASET` names, instead of the program's."""
    handle = address.removeprefix(KAGGLE)
    if settings.source_root is not None:
        raise SourceAccessError(f"source {address} is not under FIEL_SOURCE_ROOT ({settings.source_root}): unset it")
    if len(program.source.kaggle) > 1:
        names = ", ".join(part.name for part in program.source.kaggle)
        raise ProgramError(
            f"source {address} is one data set, but program {program.name} is made of several ({names}): set "
            "source.kaggle in the program file"
        )
    own = {part.handle: part for part in program.source.kaggle}
    # Another data set has another name, because its version 3 is not the program's version 3.
    return own.get(handle) or KaggleHandle(name=handle.replace("/", "-"), handle=handle)


def _wanted(program: Program) -> Wanted:
    """Which files of a folder belong to the program's source."""
    if program.source.format == "teomewhy":
        return lambda names: teomewhy.wanted_files(program, names)
    if program.source.format == "online_retail":
        return online_retail.wanted_files(program)
    if program.source.format == "santander":
        return santander.wanted_files
    if program.source.format == "pension":
        return pension.wanted_files(program)
    if program.source.format == "telecom":
        return telecom.wanted_files
    if program.source.columns is None:
        raise ProgramError(f"program {program.name}: source.columns is needed for format event_table")
    return by_patterns(program.source.files, ENDINGS)


def _rules_digest(program: Program) -> str:
    """Digest of the parts of the program that decide the core tables."""
    grants = sorted(program.incentive.products)
    parts = (*_RULES, "pension") if program.is_quarterly else _RULES
    content: list[object] = [
        program.digest(*parts), sorted(program.target.live_origins), grants, program.incentive.system_origin,
    ]  # fmt: skip
    if program.engagement is not None:
        content += [program.engagement.numbers, program.engagement.factors]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _no_versions() -> pl.DataFrame:
    return pl.DataFrame(schema=TABLES["core_versions"].declared)
