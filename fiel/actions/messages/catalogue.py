"""The catalogue of products that may be recommended, read from the operator's CSV and checked.

Titles go into messages and into prompts, so a title that could pass for a placeholder, for markup or for several lines
is refused here, by its line, and not met later in somebody's message.
"""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl

from fiel.actions.messages.patterns import NOT_PRINTED, PLACEHOLDER
from fiel.errors import MessageError
from fiel.program.messages import LANGUAGES

TITLE_CHARS = (2, 80)
CATALOGUE: dict[str, pl.DataType] = {
    "product_id": pl.String(),
    "title": pl.String(),
    **{f"title_{language}": pl.String() for language in LANGUAGES},
    "segments": pl.List(pl.String),
}
"""Columns of a catalogue in the order of the file; a title without words in a language is `title` there; `segments`
empty (null): all segments."""


def read_catalogue(path: Path) -> pl.DataFrame:
    """The catalogue in the file. MessageError names the file and the line or column that is wrong."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MessageError(
            f"the catalogue {path} cannot be read ({error.strerror}): check messages.catalogue in the program file"
        ) from error
    try:
        rows = pl.read_csv(io.BytesIO(content), infer_schema=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise MessageError(f"the catalogue {path} is no CSV in UTF-8: {str(error).splitlines()[0]}") from error
    return catalogue_of(rows, str(path))


def catalogue_of(rows: pl.DataFrame, name: str = "catalogue") -> pl.DataFrame:
    """Rows of text as a catalogue: titles without outer and double blanks, every language filled."""
    for column in ("product_id", "title"):
        if column not in rows.columns:
            raise MessageError(f"{name}: there is no column {column!r}; needed are product_id and title")
    unknown = [column for column in rows.columns if column not in CATALOGUE]
    if unknown:
        raise MessageError(f"{name}: column {unknown[0]!r} is not known; known are {', '.join(CATALOGUE)}")
    titles = ["title", *(f"title_{language}" for language in LANGUAGES)]
    text = pl.lit(None, dtype=pl.String)
    plain = rows.with_columns(text.alias(column) for column in CATALOGUE if column not in rows.columns).with_columns(
        _tidy(pl.col("product_id")),
        *(_tidy(pl.col(title)) for title in titles),
        pl.col("segments").str.strip_chars().replace("", None).str.split(" "),
    )
    found = plain.with_columns(pl.col(title).fill_null(pl.col("title")) for title in titles[1:]).select(list(CATALOGUE))
    _check(found, titles, name)
    return found


def _tidy(column: pl.Expr) -> pl.Expr:
    return column.str.replace_all(r"[ \t]+", " ").str.strip_chars(" ").replace("", None)


def _check(found: pl.DataFrame, titles: list[str], name: str) -> None:
    shortest, longest = TITLE_CHARS
    rules: dict[str, pl.Expr] = {
        "product_id is empty": pl.col("product_id").is_null(),
        "product_id stands twice": pl.col("product_id").is_duplicated(),
        "title is empty": pl.col("title").is_null(),
    }
    for title in titles:
        rules |= {
            f"{title} stands twice": pl.col(title).is_duplicated(),
            f"{title} has not {shortest} to {longest} characters": ~pl.col(title)
            .str.len_chars()
            .is_between(shortest, longest),
        }
    for what, is_wrong in rules.items():
        _refuse(found, found.select(is_wrong.fill_null(False)).to_series(), what, name)
    for title in titles:
        for line, text in enumerate(found[title].to_list(), start=2):
            if NOT_PRINTED.search(text) or PLACEHOLDER.search(text) or "\n" in text:
                raise MessageError(
                    f"{name}, line {line}: {title} {text!r} has a line break, a character that is not printed, or what "
                    "reads as a placeholder or markup: mend the title"
                )


def _refuse(found: pl.DataFrame, is_wrong: pl.Series, what: str, name: str) -> None:
    lines = is_wrong.arg_true()
    if len(lines):
        row = found.row(lines[0], named=True)
        raise MessageError(f"{name}, line {lines[0] + 2}: {what} ({row['product_id']!r}, {row['title']!r})")
