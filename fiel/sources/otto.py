"""The interaction log (OTTO jsonl): files of any size to deduplicated Parquet parts, with bounded memory.

The log is read once, in pieces. Exact repeats (same session, article, time and kind) are dropped within a part. A
session usually stands on one line, so it is whole within its part; where the session numbers of two parts overlap, the
parts are sorted into new ones by session, each of which fits into memory, and repeats are dropped again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import polars as pl

from fiel.errors import SourceError
from fiel.sources.otto_lines import ENDINGS, KINDS, PIECE_BYTES, events_of, pieces
from fiel.sources.rules import Sieve, day_of
from fiel.tables import TABLES

__all__ = ["ENDINGS", "KINDS", "InteractionLog", "read_interactions"]

PART_ROWS = 2_000_000
"""Events of one part: what is sorted at a time."""
REPEATED = "repeated_rows"

_KEY = ["session", "occurred_at", "aid", "kind"]
_SCHEMA = TABLES["core_interactions"].declared


@dataclass(frozen=True)
class InteractionLog:
    """The read log: Parquet parts with the columns of core_interactions, each sorted by its key, no event twice.

    `events` are those in the parts; `repeats` exact duplicates that were dropped; days are in the program's zone.
    """

    parts: tuple[Path, ...]
    events: int
    repeats: int
    first_day: date
    last_day: date

    def scan(self) -> pl.LazyFrame:
        """All events, not collected."""
        return pl.scan_parquet(list(self.parts))

    def frames(self) -> Iterator[pl.DataFrame]:
        """The parts one after the other."""
        return (pl.read_parquet(part) for part in self.parts)


def read_interactions(
    files: Sequence[Path],
    staging: Path,
    sieve: Sieve,
    now: datetime,
    *,
    day_time_zone: str = "UTC",
    piece_bytes: int = PIECE_BYTES,
    part_rows: int = PART_ROWS,
) -> InteractionLog:
    """Read the log's `files` into parts below the folder `staging`, which is emptied first.

    Lines and events that cannot be read are set aside in `sieve` with file, line number and rule; repeats are counted
    there (`repeated_rows`). `now` (naive UTC): a later event is wrong. Memory depends on `piece_bytes` and `part_rows`,
    not on the files. SourceError: a file is empty or unreadable, no event at all could be read, or far too many not.
    """
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    parts: list[_Part] = []
    for path in files:
        found = (events_of(piece, path.name, sieve, now) for piece in pieces(path, piece_bytes))
        for events in _gathered(found, part_rows):
            parts.append(_write(events, staging / f"part-{len(parts):05}.parquet", path.name, sieve, day_time_zone))
    rows = sum(part.rows for part in parts)
    if not rows:
        raise SourceError(
            f"{', '.join(path.name for path in files) or 'the log'}: no event could be read "
            f"({sum(sieve.read.values()):,} lines tried): is it an OTTO log, one session a line?"
        )
    repeats = sum(part.repeats for part in parts)
    if _overlap(parts):
        rows_before, parts = rows, _by_session(parts, staging, -(-rows // part_rows))
        rows = sum(part.rows for part in parts)
        sieve.put_aside(files[-1].name, REPEATED, rows_before - rows)  # which file repeats which is not told apart
        repeats += rows_before - rows
    return InteractionLog(
        tuple(part.path for part in parts),
        rows,
        repeats,
        min(part.first_day for part in parts),
        max(part.last_day for part in parts),
    )


# ----------------------------------------------------------------------------------------------------------- inside


@dataclass(frozen=True)
class _Part:
    path: Path
    rows: int
    repeats: int
    sessions: tuple[int, int]
    first_day: date
    last_day: date


def _gathered(frames: Iterable[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """The frames joined to at least so many rows, the last one maybe fewer; none is empty."""
    waiting: list[pl.DataFrame] = []
    for frame in frames:
        waiting.append(frame)
        if sum(part.height for part in waiting) >= rows:
            yield pl.concat(waiting)
            waiting = []
    if any(part.height for part in waiting):
        yield pl.concat(waiting)


def _distinct(events: pl.DataFrame) -> pl.DataFrame:
    """Each event once, sorted by the key."""
    ordered = events.sort(_KEY)
    again = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in _KEY).fill_null(value=False)
    return ordered.filter(~again)


def _write(events: pl.DataFrame, path: Path, table: str, sieve: Sieve, day_time_zone: str) -> _Part:
    distinct = _distinct(events)
    repeats = events.height - distinct.height
    sieve.put_aside(table, REPEATED, repeats)
    return _written(_dated(distinct, day_time_zone), path, repeats)


def _dated(events: pl.DataFrame, day_time_zone: str) -> pl.DataFrame:
    local = pl.col("occurred_at").dt.replace_time_zone("UTC").dt.convert_time_zone(day_time_zone)
    return events.with_columns(
        day_of("occurred_at", day_time_zone).alias("day"),
        local.dt.hour().cast(pl.Int64).alias("hour"),
        local.dt.weekday().cast(pl.Int64).alias("weekday"),
    ).select(list(_SCHEMA))


def _written(rows: pl.DataFrame, path: Path, repeats: int) -> _Part:
    rows.write_parquet(path, compression="zstd", compression_level=1)
    ends = rows.select(
        pl.col("session").min().alias("low"),
        pl.col("session").max().alias("high"),
        pl.col("day").min().alias("first"),
        pl.col("day").max().alias("last"),
    ).row(0)
    return _Part(path, rows.height, repeats, (ends[0], ends[1]), ends[2], ends[3])


def _overlap(parts: Sequence[_Part]) -> bool:
    """Whether a session may stand in two parts."""
    spans = sorted(part.sessions for part in parts)
    return any(before[1] >= after[0] for before, after in pairwise(spans))


def _by_session(parts: Sequence[_Part], staging: Path, buckets: int) -> list[_Part]:
    """The same events in parts that share no session, each event once."""
    sorted_in = staging / "by-session"
    for number, part in enumerate(parts):
        rows = pl.read_parquet(part.path).with_columns((pl.col("session") % buckets).alias("_bucket"))
        for (bucket,), some in rows.partition_by("_bucket", as_dict=True, include_key=False).items():
            folder = sorted_in / str(bucket)
            folder.mkdir(parents=True, exist_ok=True)
            some.write_parquet(folder / f"{number:05}.parquet", compression="zstd", compression_level=1)
        part.path.unlink()
    found = []
    for bucket in range(buckets):
        files = sorted((sorted_in / str(bucket)).glob("*.parquet"))
        if files:
            rows = _distinct(pl.read_parquet(files))
            found.append(_written(rows, staging / f"part-{bucket:05}.parquet", 0))
    shutil.rmtree(sorted_in)
    return found
