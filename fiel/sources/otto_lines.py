"""Lines of an OTTO log as events: pieces of the file as bytes, each parsed at once, broken lines found and set aside.

A line is `{"session", "events": [{"aid", "ts", "type"}]}` with `ts` in milliseconds since 1970 (UTC). Polars parses
whole pieces, but for lines that do not begin and end as one; only a piece that holds another line which is no JSON is
taken apart, into ever smaller ones, until that line is alone.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import polars as pl

from fiel.errors import SourceError
from fiel.sources.reading import ROW
from fiel.sources.rules import Rule, Sieve

ENDINGS = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
KINDS = ("clicks", "carts", "orders")
PIECE_BYTES = 16_000_000
LONGEST_LINE = 64_000_000
MOST_REJECTED = 200_000
"""Rejected rows that are kept with their content; a log with more of them is no OTTO log, and reading stops."""

LINE: dict[str, pl.DataType] = {
    "session": pl.Int64(),
    "events": pl.List(pl.Struct({"aid": pl.Int64(), "ts": pl.Int64(), "type": pl.String()})),
}
_SHOWN = 200  # characters of a broken line that are kept
_PARTS = 32  # into so many a piece with a broken line is cut
_FIRST_MS = 100_000_000_000  # 1973 in milliseconds; a time below it is in seconds


@dataclass(frozen=True)
class Piece:
    """Whole lines of a file; `first_line` is the number of the first, from 1."""

    text: bytes
    first_line: int


def pieces(path: Path, piece_bytes: int = PIECE_BYTES) -> Iterator[Piece]:
    """The file's lines in order, about `piece_bytes` at a time, whatever the size of the file.

    SourceError: the file is empty, cannot be unpacked, or has a line of more than LONGEST_LINE bytes.
    """
    line, rest = 1, b""
    with _opened(path) as file:
        while chunk := _read(file, piece_bytes, path):
            if line == 1 and not rest:
                chunk = chunk.removeprefix(b"\xef\xbb\xbf")
            whole, newline, tail = chunk.rpartition(b"\n")
            if not newline:
                rest += tail
                if len(rest) > LONGEST_LINE:
                    raise SourceError(
                        f"{path.name}: line {line} is longer than {LONGEST_LINE:,} bytes: write one session a line"
                    )
                continue
            text = rest + whole + newline
            yield Piece(text, line)
            line, rest = line + text.count(b"\n"), tail
    if rest.strip():
        yield Piece(rest + b"\n", line)
    elif line == 1:
        raise SourceError(f"{path.name} is empty: fetch or export it again")


def events_of(piece: Piece, table: str, sieve: Sieve, now: datetime) -> pl.DataFrame:
    """The piece's events: session, occurred_at (naive UTC), aid, kind; what is wrong is set aside in `sieve`.

    A line that is no JSON, or has no session or no events, is one rejected row; of any other line only the events that
    are wrong are rejected. Repeats are still there. `now` (naive UTC): a later event is wrong.
    """
    lines = _parsed(piece, table, sieve)
    told = sieve.sift(table, lines.with_columns(pl.col("events").list.len().alias("_events")), _LINE_RULES, ["session"])
    events = told.select(ROW, "session", "events").explode("events").unnest("events")
    good = sieve.sift(table, events, _event_rules(now), ["session", "aid", "ts", "type"])
    rejected = sum(rows.height for rows in sieve.rejected)
    if rejected > MOST_REJECTED:
        raise SourceError(
            f"{table}: more than {MOST_REJECTED:,} lines or events cannot be read, up to line {piece.first_line:,}: "
            'every line has to be {"session", "events": [{"aid", "ts", "type"}]} with ts in milliseconds'
        )
    sieve.read[table] = sieve.read.get(table, 0) + events.height + (lines.height - told.height)
    return good.select(
        "session",
        pl.from_epoch("ts", time_unit="ms").cast(pl.Datetime("us")).alias("occurred_at"),
        "aid",
        pl.col("type").alias("kind"),
    )


_LINE_RULES: Sequence[Rule] = (
    ("session_unreadable", pl.col("session").is_null() | (pl.col("session") < 0)),
    ("events_missing", pl.col("_events").fill_null(0) == 0),
)


def _event_rules(now: datetime) -> Sequence[Rule]:
    last = int(now.replace(tzinfo=UTC).timestamp() * 1000)
    return (
        ("aid_unreadable", pl.col("aid").is_null() | (pl.col("aid") < 0)),
        ("time_unreadable", pl.col("ts").is_null()),
        ("time_not_in_milliseconds", pl.col("ts") < _FIRST_MS),
        ("time_in_future", pl.col("ts") > last),
        ("type_unknown", ~pl.col("type").is_in(KINDS).fill_null(value=False)),
    )


def _parsed(piece: Piece, table: str, sieve: Sieve) -> pl.DataFrame:
    """The lines that are JSON, with their numbers; values of another type are null.

    Lines that do not begin and end as one are parsed each by itself, so that one of them does not cost the piece.
    """
    numbered = [
        (number, line) for number, line in enumerate(piece.text.split(b"\n"), start=piece.first_line) if line.strip()
    ]
    strange = [(number, line) for number, line in numbered if not _looks_whole(line)]
    if not strange:
        return _parsed_whole(piece.text, [number for number, _ in numbered], table, sieve)
    others = [(number, line) for number, line in numbered if _looks_whole(line)]
    text = b"".join(line + b"\n" for _, line in others)
    found = [_parsed_whole(text, [number for number, _ in others], table, sieve)]
    found += [_parsed_whole(line + b"\n", [number], table, sieve) for number, line in strange]
    return pl.concat(found)


def _looks_whole(line: bytes) -> bool:
    return line.startswith(b"{") and line.endswith((b"}", b"}\r"))


def _parsed_whole(text: bytes, numbers: list[int], table: str, sieve: Sieve) -> pl.DataFrame:
    """The same for lines with these numbers; where one is no JSON all the same, part by part, down to that line."""
    try:
        found = _json(text)
    except pl.exceptions.PolarsError:
        return _taken_apart(text, numbers, table, sieve)
    if found.height != len(numbers):  # two sessions on one line
        return _taken_apart(text, numbers, table, sieve)
    return found.with_columns(pl.Series(ROW, numbers, dtype=pl.Int64))


def _json(text: bytes) -> pl.DataFrame:
    if not text.strip():
        return pl.DataFrame(schema=LINE)
    return pl.read_ndjson(io.BytesIO(text), schema=LINE, ignore_errors=True)


def _taken_apart(text: bytes, numbers: list[int], table: str, sieve: Sieve) -> pl.DataFrame:
    """Lines of which one is no JSON: each of their parts by itself, down to the single line."""
    lines = [line + b"\n" for line in text.split(b"\n") if line.strip()]
    if len(lines) == 1:
        _set_aside(lines[0], numbers[0], table, sieve)
        return pl.DataFrame(schema={**LINE, ROW: pl.Int64()})
    step = -(-len(lines) // _PARTS)
    starts = range(0, len(lines), step)
    parts = [(b"".join(lines[start : start + step]), numbers[start : start + step]) for start in starts]
    return pl.concat([_parsed_whole(part, some, table, sieve) for part, some in parts])


def _set_aside(line: bytes, number: int, table: str, sieve: Sieve) -> None:
    try:
        text, rule = line.decode("utf-8"), "not_json"
    except UnicodeDecodeError:
        text, rule = line.decode("utf-8", "replace"), "not_utf8"
    row = pl.DataFrame({ROW: [number], "line": [text.strip()[:_SHOWN]]})
    sieve.set_aside(table, row, pl.lit(rule), ["line"])
    sieve.read[table] = sieve.read.get(table, 0) + 1


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _read(file: IO[bytes], size: int, path: Path) -> bytes:
    try:
        return file.read(size)
    except (OSError, EOFError) as error:
        raise SourceError(f"{path.name} cannot be read to its end ({error}): fetch it again") from error
