"""Writes a table of the lake that is larger than memory: frame after frame, in one commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl
from arro3.core import RecordBatch, RecordBatchReader
from arro3.core import Table as ArrowTable
from deltalake import CommitProperties, write_deltalake
from deltalake.exceptions import DeltaError

from fiel.errors import LakeError
from fiel.lake import RETENTION, Lake
from fiel.storage import plain
from fiel.tables import TABLES


def write_parts(
    lake: Lake, table: str, frames: Iterable[pl.DataFrame], provenance: dict[str, str] | None = None
) -> int:
    """Replace the whole table by the rows of `frames`, of which one is in memory at a time; the table's version.

    Unlike `Lake.write` it does not look whether anything changed, nor sort: hand over rows in the order of the key. A
    write that dies, or a frame that has not the declared schema (SchemaError), leaves the earlier version.
    """
    declared = TABLES[table]
    if declared.by_as_of or declared.by_date or declared.patterns:
        raise LakeError(f"table {table} has partitions or generated columns: write it with Lake.write or Lake.replace")
    path, empty = lake.path(table), pl.DataFrame(schema=declared.declared)
    reader = RecordBatchReader.from_batches(ArrowTable.from_arrow(empty).schema, _batches(frames, table))
    try:
        if not lake.exists(table):
            write_deltalake(path, empty, mode="ignore", configuration=RETENTION)
        write_deltalake(
            path, reader, mode="overwrite", commit_properties=CommitProperties(custom_metadata=provenance or {})
        )
    except (OSError, DeltaError) as error:
        raise LakeError(
            f"table {path} cannot be written: {plain(error)}: the earlier version is still there; check space, "
            "permissions and other writers"
        ) from error
    version = lake.version(table)
    assert version is not None, "it was written above"
    return version


def _batches(frames: Iterable[pl.DataFrame], table: str) -> Iterator[RecordBatch]:
    names = list(TABLES[table].declared)
    for frame in frames:
        TABLES[table].check(frame.schema)
        found: Any = ArrowTable.from_arrow(frame.select(names))
        yield from found.to_batches()
