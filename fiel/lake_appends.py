"""Adds rows to a table of the lake that only grows, each row once."""

from __future__ import annotations

import polars as pl
from deltalake import CommitProperties, write_deltalake
from deltalake.exceptions import DeltaError

from fiel.errors import LakeError
from fiel.lake import RETENTION, Lake
from fiel.storage import plain
from fiel.tables import TABLES


def append_new(lake: Lake, table: str, frame: pl.DataFrame, provenance: dict[str, str] | None = None) -> int:
    """Add the rows of `frame` whose key the table does not hold yet, in one commit; how many were added.

    Of rows with the same key the first is taken, and a row is never changed. So a writer that was killed may write the
    same rows again. Two writers of the same rows at once have to be kept apart by the caller (fiel.spool.collecting).
    SchemaError for a frame without the declared schema; LakeError where it cannot be written, and nothing was then.
    """
    declared = TABLES[table]
    if declared.by_date is None:
        raise LakeError(f"table {table} is replaced, not added to: write it with Lake.write or Lake.replace")
    declared.check(frame.schema)
    fresh = frame.select(list(declared.declared)).unique(declared.key, keep="first", maintain_order=True)
    if lake.exists(table):
        days = frame.get_column(declared.by_date).unique()
        held = lake.scan(table).filter(pl.col(declared.by_date).is_in(days.implode())).select(declared.key)
        fresh = fresh.join(held.collect(), on=declared.key, how="anti", maintain_order="left")
    if fresh.is_empty():
        return 0
    path = lake.path(table)
    try:
        if not lake.exists(table):
            write_deltalake(
                path, fresh.clear(), mode="ignore", partition_by=[declared.by_date], configuration=RETENTION
            )
        write_deltalake(
            path,
            fresh.sort(declared.key),
            mode="append",
            partition_by=[declared.by_date],
            commit_properties=CommitProperties(custom_metadata=provenance or {}),
        )
    except (OSError, DeltaError) as error:
        raise LakeError(
            f"table {path} cannot be written: {plain(error)}: nothing was added; check space, permissions and other "
            "writers"
        ) from error
    return fresh.height
