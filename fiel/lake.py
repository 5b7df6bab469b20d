"""Delta tables and plain files on a local folder or on S3, through one interface.

A write replaces a table or one `as_of` partition in one commit, and only when the rows differ: a re-run leaves the same
rows and the same version. Readers never see half of a write. Each commit's metadata says what made it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import fsspec
import polars as pl
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from fiel.errors import LakeError
from fiel.storage import plain, prepare_s3, put_local
from fiel.tables import TABLES, Table

RETENTION = {
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.deletedFileRetentionDuration": "interval 3650 days",
}
PROVENANCE_LOOKBACK = 500
"""Commits that are searched for a partition's provenance; an older one is taken as unknown, and rebuilt."""


class Lake:
    """The tables and files of one program under a lake address."""

    def __init__(self, address: str, program: str) -> None:
        self.address = address.rstrip("/")
        self.program = program
        if self.is_remote:
            prepare_s3()

    # -- tables

    def path(self, table: str) -> str:
        """Address of a table."""
        if table not in TABLES:
            raise LakeError(f"there is no table {table!r}; known are {', '.join(TABLES)}")
        return f"{self.address}/{self.program}/{table}"

    def exists(self, table: str) -> bool:
        """Whether the table was ever written."""
        return self._open(table) is not None

    def version(self, table: str) -> int | None:
        """Newest version of the table; None if it was never written."""
        found = self._open(table)
        return None if found is None else found.version()

    def versions(self) -> dict[str, int]:
        """Newest version of every table that was written."""
        found = {name: self.version(name) for name in TABLES}
        return {name: version for name, version in found.items() if version is not None}

    def scan(self, table: str, version: int | None = None) -> pl.LazyFrame:
        """The table (at `version`, else the newest) as a LazyFrame; LakeError if it was never written."""
        if not self.exists(table):
            raise LakeError(
                f"table {table} of program {self.program} was never written in {self.address}: "
                f"run `fiel run {_MADE_BY.get(table.split('_')[0], 'loyalty')} --program {self.program}` first"
            )
        try:
            return pl.scan_delta(self.path(table), version=version)
        except (OSError, DeltaError, pl.exceptions.PolarsError) as error:
            raise LakeError(f"table {self.path(table)} cannot be read: {plain(error)}: {self.advice}") from error

    def read(self, table: str, as_of: date | None = None, version: int | None = None) -> pl.DataFrame:
        """Rows of the table, or of its one partition, sorted by the table's key."""
        rows = self.scan(table, version)
        if as_of is not None:
            rows = rows.filter(pl.col("as_of") == as_of)
        try:
            found = rows.collect()
        except (OSError, DeltaError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise LakeError(f"table {self.path(table)} cannot be read: {plain(error)}: {self.advice}") from error
        return _sorted(found, TABLES[table])

    def partitions(self, table: str) -> list[date]:
        """The as_of dates that the table holds, sorted; empty if it was never written."""
        found = self._open(table)
        if found is None:
            return []
        values = {part["as_of"] for part in found.partitions()}
        return sorted(date.fromisoformat(str(value)) for value in values if value is not None)

    def write(self, table: str, frame: pl.DataFrame, provenance: dict[str, str] | None = None) -> int:
        """Replace the whole table by `frame` if it differs; the table's version. Checks the declared schema first."""
        declared = TABLES[table]
        if declared.by_as_of:
            raise LakeError(f"table {table} is partitioned by as_of: write it with replace()")
        if declared.by_date:
            raise LakeError(f"table {table} only grows: write it with fiel.lake_appends.append_new()")
        declared.check(frame.schema)
        frame = _sorted(frame, declared)
        if self.exists(table) and _equal(self.read(table), frame):
            return self._version(table)
        return self._commit(declared, frame, None, provenance or {})

    def replace(
        self,
        table: str,
        frame: pl.DataFrame,
        as_of: date,
        provenance: dict[str, str] | None = None,
        *,
        may_be_empty: bool = False,
    ) -> int:
        """Replace the partition `as_of` by `frame` (all its rows are of it) if it differs; the table's version.

        An empty frame is refused, unless the caller says that no rows can be the truth (`may_be_empty`).
        """
        declared = TABLES[table]
        declared.check(frame.schema)
        if frame.is_empty() and not may_be_empty:
            raise LakeError(f"table {table}: refusing to empty the partition as_of = {as_of}")
        if frame.height and frame.get_column("as_of").unique().to_list() != [as_of]:
            raise LakeError(f"table {table}: rows of other dates in the partition as_of = {as_of}")
        frame = _sorted(frame, declared)
        if as_of in self.partitions(table):
            found = self.read(table, as_of)
            empty = [name for name in found.columns if name not in frame.columns and found[name].is_null().all()]
            if _equal(found.drop(empty), frame):
                return self._version(table)
        return self._commit(declared, frame, as_of, provenance or {})

    def provenance(self, table: str, as_of: date | None = None) -> dict[str, Any] | None:
        """What made the table (or its partition): the metadata of its last commit; None if unknown."""
        found = self._open(table)
        if found is None:
            return None
        for commit in found.history(PROVENANCE_LOOKBACK):
            if "fiel_as_of" in commit and (as_of is None or commit["fiel_as_of"] == as_of.isoformat()):
                return commit
            if as_of is None and "fiel_as_of" not in commit and commit.get("operation") == "WRITE":
                return commit
        return None

    def versions_of(self, table: str, as_of_dates: Collection[date]) -> list[int]:
        """Versions of the table whose commit wrote the partition of one of these dates, newest first."""
        found, dates = self._open(table), {day.isoformat() for day in as_of_dates}
        if found is None or not dates:
            return []
        return [int(commit["version"]) for commit in found.history() if commit.get("fiel_as_of") in dates]

    # -- files

    def file_path(self, *parts: str) -> str:
        """Address of a plain file or folder of this program inside the lake."""
        return "/".join((self.address, self.program, *parts))

    def files(self) -> tuple[fsspec.AbstractFileSystem, str]:
        """The file system and this program's root in it, for plain files."""
        fs, root = fsspec.core.url_to_fs(f"{self.address}/{self.program}")
        return fs, root

    def put(self, address: str, content: bytes) -> None:
        """Write a plain file whole or not at all."""
        fs, path = fsspec.core.url_to_fs(address)
        try:
            if not address.startswith("s3://"):
                put_local(Path(path), content)
                return
            with fs.open(path, "wb") as target:
                target.write(content)
        except OSError as error:
            raise LakeError(f"{address} cannot be written: {plain(error)}: check space and permissions") from error

    def get(self, address: str) -> bytes | None:
        """Content of a plain file; None if there is none."""
        fs, path = fsspec.core.url_to_fs(address)
        try:
            with fs.open(path, "rb") as source:
                return bytes(source.read())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LakeError(f"{address} cannot be read: {plain(error)}: {self.advice}") from error

    # -- what went wrong

    def data_files(self, table: str) -> list[tuple[str, int]]:
        """Address below the table and size in bytes of every data file of its newest version."""
        found = self._open(table)
        if found is None:
            return []
        actions = pl.DataFrame(found.get_add_actions(flatten=True)).select("path", "size_bytes")
        return [(unquote(path), size) for path, size in actions.iter_rows()]

    @property
    def is_remote(self) -> bool:
        """Whether the lake is on S3."""
        return self.address.startswith("s3://")

    @property
    def advice(self) -> str:
        """What to do where the lake cannot be read."""
        if self.is_remote:
            return "check network, bucket, credentials and AWS_ENDPOINT_URL"
        return "check FIEL_LAKE and its permissions, or restore the lake from its backup"

    # -- inside

    def _open(self, table: str) -> DeltaTable | None:
        try:
            return DeltaTable(self.path(table))
        except TableNotFoundError:
            return None
        except (OSError, DeltaError) as error:
            raise LakeError(f"table {self.path(table)} cannot be read: {plain(error)}: {self.advice}") from error

    def _version(self, table: str) -> int:
        version = self.version(table)
        if version is None:
            raise LakeError(f"table {table} vanished while it was read")
        return version

    def _commit(self, table: Table, frame: pl.DataFrame, as_of: date | None, provenance: dict[str, str]) -> int:
        metadata = dict(provenance) | ({"fiel_as_of": as_of.isoformat()} if as_of else {})
        path = self.path(table.name)
        partition_by = ["as_of"] if table.by_as_of else None

        def attempt() -> None:
            if self._open(table.name) is None:
                write_deltalake(path, frame.clear(), mode="ignore", partition_by=partition_by, configuration=RETENTION)
            write_deltalake(
                path,
                frame,
                mode="overwrite",
                predicate=f"as_of = '{as_of.isoformat()}'" if as_of else None,
                schema_mode="merge" if as_of else "overwrite",
                partition_by=partition_by,
                commit_properties=CommitProperties(custom_metadata=metadata),
            )

        try:
            _retrying()(attempt)
        except (OSError, DeltaError) as error:
            raise LakeError(
                f"table {path} cannot be written: {plain(error)}: the earlier version is still there; "
                "check space, permissions and other writers"
            ) from error
        return self._version(table.name)


_MADE_BY = {"core": "ingest", "feat": "features", "out": "score"}


def _retrying() -> Callable[[Callable[[], None]], None]:
    """Runs a commit again, a few times with jitter, when another writer won the race."""
    return Retrying(
        retry=retry_if_exception(_is_race),
        stop=stop_after_attempt(6),
        wait=wait_random_exponential(0.1, 2),
        reraise=True,
    )


def _is_race(error: BaseException) -> bool:
    return isinstance(error, CommitFailedError) or (isinstance(error, DeltaError) and "Protocol changed" in str(error))


def _sorted(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    key = [name for name in table.key if name in frame.columns] or frame.columns  # an older version may lack one
    declared = [name for name in table.declared if name in frame.columns]
    others = sorted(name for name in frame.columns if name not in declared)
    return frame.select(declared + others).sort(key, maintain_order=True)


def _equal(found: pl.DataFrame, frame: pl.DataFrame) -> bool:
    return found.schema == frame.schema and found.equals(frame)
