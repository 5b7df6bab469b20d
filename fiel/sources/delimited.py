"""Large delimited files read lazily: every value as text, with row numbers, a part of the file in memory at a time.

`reading.read_csv` takes a file as a whole, which is right for most; a fund's account-quarters have 46 columns and some
million rows, which as text would not fit.
"""

from __future__ import annotations

import csv
import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from fiel.errors import SourceError
from fiel.program.pension import DelimitedFile
from fiel.sources.profile import profile_table
from fiel.sources.reading import EXTRA, ROW, RawTable
from fiel.sources.rules import Rule, Sieve, too_many_fields

PROFILED_ROWS = 200_000
"""Rows of a file that its profile covers: the first ones."""
_SEPARATORS = ",;\t"
_HEAD = 1 << 20


@dataclass(frozen=True)
class Delimited:
    """A file: its name, its own columns, and its rows as texts (with `_row`, and `_extra` behind the last column)."""

    name: str
    columns: list[str]
    rows: pl.LazyFrame


def find_file(names: Sequence[str], wanted: DelimitedFile, what: str) -> str:
    """The one name that the pattern matches; SourceError if there is none, or more than one."""
    found = [name for name in names if fnmatch.fnmatch(name, wanted.file)]
    if len(found) == 1:
        return found[0]
    there = ", ".join(sorted(names)[:12]) or "no files at all"
    if not found:
        raise SourceError(
            f"no file matches {wanted.file!r} ({what}); there are: {there}. Put it there, or mend pension.files.{what} "
            "in the program file"
        )
    raise SourceError(
        f"{', '.join(sorted(found))} all match {wanted.file!r} ({what}): name one in pension.files.{what}"
    )


def scan_delimited(path: Path, wanted: DelimitedFile) -> Delimited:
    """The file as lazy rows of text. SourceError: empty, not UTF-8, a column without a name, another layout.

    A first column without a name (a row number that some tools write) is called `row`.
    """
    names, separator = _names(path, wanted)
    rows = pl.scan_csv(
        path,
        has_header=False,
        skip_rows=0 if wanted.header else 1,
        separator=separator,
        schema={name: pl.String() for name in (*names, EXTRA)},
        truncate_ragged_lines=True,
        missing_columns="insert",
        row_index_name=ROW,
        row_index_offset=1,
    ).with_columns(pl.col(ROW).cast(pl.Int64))
    return Delimited(path.name, names, rows.filter(~pl.all_horizontal(pl.col(names).is_null())))


def sifted(
    table: Delimited, typed: pl.LazyFrame, rules: Sequence[Rule], sieve: Sieve, good: pl.LazyFrame | None = None
) -> pl.DataFrame:
    """The rows of `typed` (with the raw columns and `_row`) that keep every rule; the others go to `sieve`.

    `good`, made of `typed`'s rows marked by `marked`, says what to keep of them (default: the marked rows). The file is
    read once. SourceError: it cannot be read as delimited text.
    """
    everything = marked(typed, rules) if good is None else typed
    kept = everything.filter(pl.col("_rule").is_null()) if good is None else good
    bad = marked(typed, rules).filter(pl.col("_rule").is_not_null()).select(ROW, "_rule", *_raw(table.columns))
    try:
        count, broken, found = pl.collect_all([table.rows.select(pl.len()), bad, kept], engine="streaming")
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{table.name}: {_why(error)}") from error
    sieve.read[table.name] = sieve.read.get(table.name, 0) + int(count.item())
    shown = broken.sort(ROW).rename({f"_raw_{place}": name for place, name in enumerate(table.columns)})
    sieve.set_aside(table.name, shown, pl.col("_rule"), [name for name in table.columns if name != "row"])
    return found


def marked(typed: pl.LazyFrame, rules: Sequence[Rule]) -> pl.LazyFrame:
    """`typed` with `_rule`: the first rule that the row breaks, null for a good one."""
    every = [("too_many_fields", too_many_fields()), *rules]
    return typed.with_columns(_rule=pl.coalesce(pl.when(breaks).then(pl.lit(name)) for name, breaks in every))


def with_raw(table: Delimited) -> pl.LazyFrame:
    """The rows under names that no typed column takes (`_raw_0` ...): what a rejected row shows."""
    return table.rows.select(ROW, EXTRA, *(pl.col(name).alias(f"_raw_{i}") for i, name in enumerate(table.columns)))


def raw_name(table: Delimited, column: str) -> str:
    """Name of a file's column in `with_raw`."""
    return f"_raw_{table.columns.index(column)}"


def add_delimited_profile(sieve: Sieve, table: Delimited, private: Sequence[str]) -> None:
    """Profile the file as it came, by its first PROFILED_ROWS rows (a warning says so where there are more)."""
    try:
        rows = table.rows.head(PROFILED_ROWS + 1).collect()
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{table.name}: {_why(error)}") from error
    if rows.height > PROFILED_ROWS:
        sieve.warnings.append(f"the profile of {table.name} covers its first {PROFILED_ROWS:,} rows")
    sieve.profiles.append(profile_table(RawTable(table.name, rows.head(PROFILED_ROWS)), private))


def _raw(columns: Sequence[str]) -> list[str]:
    return [f"_raw_{place}" for place in range(len(columns))]


def _names(path: Path, wanted: DelimitedFile) -> tuple[list[str], str]:
    """Column names and separator."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.strip():
        raise SourceError(f"{path.name} is empty: fetch or export it again")
    if b"\x00" in head[:4096]:
        raise SourceError(f"{path.name} is not a text file (it holds zero bytes): export it as CSV in UTF-8")
    try:
        head.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        if error.end < len(head) - 4:  # not merely a character that the end of the head cuts in two
            line = head.count(b"\n", 0, error.start) + 1
            raise SourceError(
                f"{path.name} is not UTF-8 (line {line}): save it as UTF-8, for example with iconv -f cp1251 -t utf8"
            ) from error
    first = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
    separator = wanted.separator or max(_SEPARATORS, key=lambda mark: len(_fields(first, mark)))
    fields = _fields(first, separator)
    if wanted.header is not None and len(fields) != len(wanted.header):
        raise SourceError(
            f"{path.name}: the first row has {len(fields)} fields with separator {separator!r}, but the header in the "
            f"program file names {len(wanted.header)} columns: {first[:120]!r}. Mend header or separator"
        )
    names = [name.strip() for name in wanted.header or fields]
    if names and not names[0]:
        names[0] = "row"
    twice = {name for name in names if names.count(name) > 1}
    if twice or any(not name for name in names):
        wrong = f"column {', '.join(sorted(twice))} stands twice" if twice else "a column has no name"
        raise SourceError(f"{path.name}: {wrong} in the header {first[:120]!r}: name every column once")
    return names, separator


def _fields(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _why(error: BaseException) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
    if "utf-8" in text.lower() or "utf8" in text.lower():
        return "is not UTF-8: save it as UTF-8, for example with iconv -f cp1251 -t utf8"
    if "not properly escaped" in text:
        return "a quote is opened and never closed: mend the row or export the file again"
    return f"cannot be read as delimited text ({text})"
