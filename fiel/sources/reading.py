"""Foreign files as frames of text: one frame for each table, every value as it stands, with row numbers.

Nothing is interpreted here, so a bad value cannot stop a read: the rules come later (`rules.py`).
"""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from fiel.errors import SourceError

ROW = "_row"
"""Row number in the file or table, the first data row being 1."""
EXTRA = "_extra"
"""What stands behind the last column of a CSV row with too many fields."""

CHUNK = 200_000
"""Rows that are taken from SQLite at a time, so that a large table is never there twice."""

TEXT_ENDINGS = (".csv", ".txt", ".tsv", ".dat", ".csv.gz", ".txt.gz", ".tsv.gz")
PARQUET_ENDINGS = (".parquet", ".pq")
SQLITE_ENDINGS = (".db", ".sqlite", ".sqlite3")
ENDINGS = TEXT_ENDINGS + PARQUET_ENDINGS + SQLITE_ENDINGS


@dataclass(frozen=True)
class RawTable:
    """A source table: its name as people know it, and its rows with `_row` (and `_extra` for CSV)."""

    name: str
    rows: pl.DataFrame
    encoding: str = "utf-8"
    """What the bytes of a text file were read as."""

    @property
    def columns(self) -> list[str]:
        """The table's own columns."""
        return [name for name in self.rows.columns if name not in (ROW, EXTRA)]


def read_csv(
    path: Path,
    separator: str | None = None,
    header: Sequence[str] | None = None,
    separators: str = ",;\t",
    other_encodings: Sequence[str] = (),
) -> RawTable:
    """A delimited file as text. `separator` None: the one of `separators` that the header uses most.

    A single space as separator means any run of blanks. Bytes that are not UTF-8 are read as the first of
    `other_encodings` that fits. SourceError: empty, in no such encoding, not delimited, an open quote.
    """
    content, encoding = _in_utf8(_content(path), other_encodings)
    if separator == " ":
        content = re.sub(rb"[ \t]+", b" ", re.sub(rb"(?m)^[ \t]+|[ \t\r]+$", b"", content))
    first = content.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
    if separator is None:
        separator = max(separators, key=lambda mark: len(_fields(first, mark)))
    names = list(header) if header else [name.strip() for name in _fields(first, separator)]
    if header and len(_fields(first, separator)) != len(header):
        raise SourceError(
            f"{path.name}: the first row has {len(_fields(first, separator))} fields with separator {separator!r}, but "
            f"source.header names {len(header)} columns: {first[:120]!r}. Mend source.header or source.separator"
        )
    _check_names(names, path.name, first)
    try:
        rows = pl.read_csv(
            io.BytesIO(content),
            has_header=False,
            skip_rows=0 if header else 1,
            separator=separator,
            schema={name: pl.String() for name in (*names, EXTRA)},
            truncate_ragged_lines=True,
            missing_columns="insert",
        )
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{path.name}: {_why(error, content)}") from error
    rows = rows.with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64))
    return RawTable(path.name, rows.filter(~pl.all_horizontal(pl.col(names).is_null())), encoding)


def read_parquet(path: Path) -> RawTable:
    """A Parquet file; columns keep their types. SourceError: empty or not Parquet."""
    if path.stat().st_size == 0:
        raise SourceError(f"{path.name} is empty: fetch or export it again")
    try:
        rows = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(
            f"{path.name} is not a readable Parquet file ({_first_line(error)}): fetch it again"
        ) from error
    return RawTable(path.name, rows.with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64)))


def sqlite_tables(path: Path) -> list[str]:
    """Names of the tables in a SQLite file. SourceError: empty or not a database."""
    if path.stat().st_size == 0:
        raise SourceError(f"{path.name} is empty: fetch or export it again")
    with _Database(path) as database:
        found = database.rows("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name")
    return [str(name) for (name,) in found if not str(name).startswith("sqlite_")]


def read_sqlite(path: Path, table: str) -> RawTable:
    """One table of a SQLite file as text."""
    quoted = '"' + table.replace('"', '""') + '"'
    with _Database(path) as database:
        names = [str(row[1]) for row in database.rows(f"PRAGMA table_info({quoted})")]
        columns = ", ".join('CAST("' + name.replace('"', '""') + '" AS TEXT)' for name in names)
        _check_names(names, f"{path.name} table {table}", "")
        schema = {name: pl.String() for name in names}
        chunks = database.chunks(f"SELECT {columns} FROM {quoted}")  # noqa: S608  (names come from the file itself)
        frames = [pl.DataFrame(chunk, schema=schema, orient="row") for chunk in chunks]
    rows = pl.concat([pl.DataFrame(schema=schema), *frames])
    return RawTable(table, rows.with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64)))


def pick_columns(table: RawTable, wanted: Mapping[str, Sequence[str]], optional: Sequence[str] = ()) -> pl.DataFrame:
    """The table's columns under our names: `wanted` is ours -> spellings; case and blanks around do not matter.

    Optional columns that lack come as nulls. SourceError names the missing ones and the nearest that are there.
    """
    there = {name.strip().lower(): name for name in table.columns}
    picked: list[pl.Expr] = [pl.col(ROW)]
    missing = []
    for ours, spellings in wanted.items():
        found = next((there[s.lower()] for s in spellings if s.lower() in there), None)
        if found is not None:
            picked.append(pl.col(found).alias(ours))
        elif ours in optional:
            picked.append(pl.lit(None, pl.String).alias(ours))
        else:
            near = difflib.get_close_matches(spellings[0].lower(), list(there), n=1)
            missing.append(spellings[0] + (f" (did you mean {there[near[0]]}?)" if near else ""))
    if missing:
        hint = ""
        if len(table.columns) == 1:
            hint = ". It was read as one single column: the separator is probably another than `,` or `;`"
        raise SourceError(
            f"{table.name}: column {', '.join(missing)} is missing; there are: {', '.join(table.columns)[:400]}{hint}"
        )
    check_flat(table.rows.select(picked), table.name)
    extra = [pl.col(EXTRA)] if EXTRA in table.rows.columns else [pl.lit(None, pl.String).alias(EXTRA)]
    return table.rows.select(picked + extra)


def check_flat(rows: pl.DataFrame, where: str) -> None:
    """SourceError where a column holds lists or records: their text would pass for a value."""
    nested = [name for name, dtype in rows.schema.items() if dtype.is_nested()]
    if nested:
        raise SourceError(
            f"{where}: column {', '.join(nested)} holds lists or records, not single values: write one value a row"
        )


# ----------------------------------------------------------------------------------------------------------- inside


class _Database:
    """A SQLite file opened for reading, with its errors in our words."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _Database:
        self._connection = sqlite3.connect(f"file:{_quoted(self._path)}?mode=ro&immutable=1", uri=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """All rows of a small query."""
        return [row for chunk in self.chunks(query) for row in chunk]

    def chunks(self, query: str) -> Iterator[list[tuple[object, ...]]]:
        """The rows of a query, CHUNK at a time. A text that is not UTF-8 keeps what can be read of it."""
        done = 0
        try:
            cursor = self._connection.execute(query)
            while chunk := cursor.fetchmany(CHUNK):
                yield chunk
                done += len(chunk)
        except sqlite3.OperationalError as error:
            if "decode" not in str(error):
                raise self._unreadable(error) from error
            self._connection.text_factory = lambda raw: raw.decode("utf-8", "replace")  # slower
            yield from self.chunks(f"{query} LIMIT -1 OFFSET {done}")
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: sqlite3.Error) -> SourceError:
        return SourceError(f"{self._path.name} is not a readable SQLite database ({error}): fetch or export it again")


def _quoted(path: Path) -> str:
    return str(path.resolve()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError) as error:
            raise SourceError(f"{path.name} cannot be unpacked ({error}): fetch it again") from error
    elif content[:4] == b"PK\x03\x04":
        content = _unzipped(content, path.name)
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        raise SourceError(f"{path.name} is empty: fetch or export it again")
    if b"\x00" in content[:4096]:
        raise SourceError(f"{path.name} is not a text file (it holds zero bytes): export it as CSV in UTF-8")
    return content


def _unzipped(content: bytes, name: str) -> bytes:
    """The one file inside a zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise SourceError(f"{name} holds {len(members)} files: unpack it, and leave the one that is wanted")
            return archive.read(members[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise SourceError(f"{name} cannot be unpacked ({error}): fetch it again") from error


def _in_utf8(content: bytes, other_encodings: Sequence[str]) -> tuple[bytes, str]:
    """The bytes as UTF-8, and the encoding that they had; as they are where none fits."""
    for encoding in ("utf-8", *other_encodings) if other_encodings else ():
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return (content if encoding == "utf-8" else text.encode()), encoding
    return content, "utf-8"


def _fields(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _check_names(names: Sequence[str], where: str, line: str) -> None:
    twice = {name for name in names if list(names).count(name) > 1}
    if twice:
        raise SourceError(f"{where}: column {', '.join(sorted(twice))} stands twice in the header: rename one")
    if not names or any(not name for name in names):
        raise SourceError(f"{where}: a column has no name in the header {line[:120]!r}: name every column")


def _why(error: BaseException, content: bytes) -> str:
    text = str(error)
    if "utf-8" in text.lower() or "utf8" in text.lower():
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as broken:
            line = content.count(b"\n", 0, broken.start) + 1
            return (
                f"is not UTF-8 (line {line}, byte {content[broken.start]:#04x}): save it as UTF-8, for example with "
                "iconv -f latin1 -t utf8"
            )
    if "not properly escaped" in text:
        return "a quote is opened and never closed: mend the row or export the file again"
    return f"cannot be read as delimited text ({_first_line(error)})"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
