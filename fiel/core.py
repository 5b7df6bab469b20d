"""The core tables of one program as one consistent reading.

An ingest writes its core tables one after another and last a row in `core_versions` that names the version of each. A
`Core` opens exactly those, so a reader never mixes two ingests, and an ingest that died half-way was never seen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from fiel.errors import LakeError, TimeError
from fiel.lake import Lake
from fiel.tables import TABLES


@dataclass(frozen=True)
class Core:
    """Core tables of one source version: a LazyFrame each, by table name without `core_`.

    A program without courses or product lines has empty frames of the declared schema there.
    """

    tables: dict[str, pl.LazyFrame]
    known_through: date
    first_day: date
    source_version: str
    fingerprint: str
    versions: dict[str, int]

    @classmethod
    def open(cls, lake: Lake) -> Core:
        """The tables of the newest ingest; LakeError if nothing was ingested yet."""
        if not lake.exists("core_versions"):
            raise LakeError(
                f"nothing was ingested yet for program {lake.program} in {lake.address}: "
                f"run `fiel run ingest --program {lake.program}` first"
            )
        newest = lake.read("core_versions").tail(1).row(0, named=True)
        versions: dict[str, int] = json.loads(newest["table_versions"])
        return cls(
            tables=_no_rows()
            | {name.removeprefix("core_"): lake.scan(name, version) for name, version in versions.items()},
            known_through=newest["known_through"],
            first_day=newest["first_day"],
            source_version=newest["source_version"],
            fingerprint=newest["fingerprint"],
            versions=versions,
        )

    @classmethod
    def of(cls, tables: dict[str, pl.DataFrame], known_through: date, source_version: str = "memory") -> Core:
        """Core tables in memory (names without `core_`), for tests and the leakage check; missing ones are empty."""
        frames = _no_rows()
        frames |= {name: frame.lazy() for name, frame in tables.items()}
        days = frames["customer_days"].select(pl.col("day").min()).collect().item()
        return cls(frames, known_through, days or known_through, source_version, "memory", {})

    @property
    def is_simulated(self) -> bool:
        """Whether the source's files said that they are made up."""
        return self.source_version.split(";")[0] == "simulated"

    def __getitem__(self, name: str) -> pl.LazyFrame:
        """The core table `name`, given without `core_`."""
        return self.tables[name]

    def check_as_of(self, as_of: date) -> None:
        """TimeError unless `as_of` lies after the first event and not past what the data know."""
        if self.known_through < self.first_day:
            raise TimeError(
                f"source version {self.source_version} holds no complete day: all of it is of {self.first_day}, a day "
                "that may go on (source.last_day_complete is off), so there is no as_of yet; ingest more days"
            )
        if as_of > self.known_through + timedelta(days=1):
            raise TimeError(
                f"as_of {as_of} is past what the data know: source version {self.source_version} is complete "
                f"through {self.known_through}, so as_of may be at most "
                f"{self.known_through + timedelta(days=1)} (`--as-of latest` is that day); "
                "ingest newer data or choose an earlier as_of"
            )
        if as_of <= self.first_day == self.known_through:
            only = self.known_through + timedelta(days=1)
            raise TimeError(
                f"source version {self.source_version} is known as of one date only, {only}, and as_of {as_of} is "
                "before it: ask for that date (`--as-of latest`)"
            )
        if as_of <= self.first_day:
            raise TimeError(
                f"as_of {as_of} is before anything is known: the first event is on {self.first_day}, so "
                f"as_of must be at least {self.first_day + timedelta(days=1)}"
            )


def _no_rows() -> dict[str, pl.LazyFrame]:
    """Every core table without rows: what a program, or an ingest of an earlier code version, does not have."""
    return {
        name.removeprefix("core_"): pl.LazyFrame(schema=table.declared)
        for name, table in TABLES.items()
        if name.startswith("core_")
    }


def parse_date(text: date | str) -> date:
    """`text` as a date; TimeError says what is expected."""
    if isinstance(text, date):
        return text
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise TimeError(f"as_of {text!r} is no date: write YYYY-MM-DD, or `latest`") from error
