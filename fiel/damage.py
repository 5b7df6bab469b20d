"""What went wrong with the lake, when a scan of it failed in the hands of whoever collected it."""

from __future__ import annotations

from pathlib import Path

from fiel.errors import LakeError
from fiel.lake import Lake
from fiel.storage import plain


def explain(error: BaseException, lake: Lake) -> None:
    """LakeError if `error`, raised while a scanned table was collected, comes from the lake; nothing otherwise.

    On a local lake the data files of every table are looked at: one that is gone or too short is named. On S3 every
    OSError is the store's.
    """
    if lake.is_remote:
        if isinstance(error, OSError):
            raise LakeError(f"lake {lake.address} cannot be read: {plain(error)}: {lake.advice}") from error
        return
    for table in lake.versions():
        for name, size in lake.data_files(table):
            path = Path(lake.path(table)) / name
            found = path.stat().st_size if path.is_file() else None
            if found != size:
                state = "is gone" if found is None else f"has {found:,} of {size:,} bytes"
                raise LakeError(
                    f"table {lake.path(table)} cannot be read: its file {path.name} {state}: {lake.advice}"
                ) from error
