"""Documents of a publication, checked piece by piece: a million of them are two gigabytes of text, never in memory."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import IO, Any

import polars as pl

from fiel.errors import StoreError
from fiel.store.bulk import csv_slices

COLUMNS: dict[str, Any] = {"customer_id": pl.String(), "features": pl.String(), "document": pl.String()}


class Documents:
    """Documents as checked pieces in the order of their ids, and the digest of them all.

    Pieces of an iterable are taken once, and kept in a temporary file until `close`. The digest is the same however
    the rows are cut into pieces.
    """

    def __init__(self, given: pl.DataFrame | Iterable[pl.DataFrame], customers: pl.Series, what: str) -> None:
        self._what = what
        self._customers = customers.to_frame("customer_id")
        self._last = ""
        self._file: IO[bytes] | None = None
        self._frame: pl.DataFrame | None = None
        digest, rows = hashlib.sha256(), 0
        if isinstance(given, pl.DataFrame):
            frame = self._checked(given)
            self._frame, rows = frame, frame.height
            _add(digest, frame)
        else:
            self._places = list[int]()
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close(), or below
            try:
                for piece in given:
                    checked = self._checked(piece)
                    rows += checked.height
                    _add(digest, checked)
                    self._places.append(self._file.tell())
                    checked.write_ipc_stream(self._file, compression="lz4")
            except BaseException:
                self.close()
                raise
        digest.update(f"\n{rows}".encode())
        self.digest = digest.hexdigest()

    def pieces(self) -> Iterator[pl.DataFrame]:
        """The pieces (customer_id, features, document), in order; as often as wanted."""
        if self._file is None:
            assert self._frame is not None
            yield self._frame
            return
        for place in self._places:
            self._file.seek(place)
            yield pl.read_ipc_stream(self._file)

    def close(self) -> None:
        """Remove what was kept."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Documents:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _checked(self, given: pl.DataFrame) -> pl.DataFrame:
        missing = [name for name in COLUMNS if name not in given.columns]
        if missing:
            raise StoreError(f"{self._what}: columns are missing: {', '.join(missing)}")
        rows = given.select(pl.col(name).cast(dtype) for name, dtype in COLUMNS.items()).sort("customer_id")
        if rows.is_empty():
            return rows
        ids = rows.get_column("customer_id")
        check_ids(self._what, ids)
        if ids[0] <= self._last and self._last:
            raise StoreError(f"{self._what}: pieces overlap, or are not in the order of their ids: sort the customers")
        self._last = ids[-1]
        strangers = rows.join(self._customers, on="customer_id", how="anti").height
        if strangers:
            raise StoreError(f"{self._what}: {strangers:,} customers are not in the scores")
        return rows


def check_ids(what: str, ids: pl.Series) -> None:
    """StoreError where a customer has no id, or two rows."""
    if ids.null_count() or ids.is_duplicated().any():
        raise StoreError(f"{what}: a customer has {'no id' if ids.null_count() else 'two rows'}")


def _add(digest: Any, frame: pl.DataFrame) -> None:
    for text in csv_slices(frame):
        digest.update(text)
