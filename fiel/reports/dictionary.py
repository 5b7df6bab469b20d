"""The data dictionary: every table and column of the lake as one Markdown page, generated from `fiel/tables/`.

`python -m fiel.reports.dictionary` (or `make docs`) writes `docs/data-dictionary.md`; a test holds the file to it.
"""

from __future__ import annotations

from pathlib import Path

import dataframely as dy
import polars as pl

from fiel.settings import HOME
from fiel.tables import TABLES, Pattern, Table

PAGE = HOME / "docs" / "data-dictionary.md"

LAYERS = {
    "core": ("Core", "Validated, one meaning for each column. One ingest writes them together."),
    "feat": ("Features", "One row for each customer and `as_of`; everything strictly before `as_of` is known."),
    "out": ("Outputs", "What Fiel decides and how it turned out."),
}
KNOWN_AT = {
    "event_time": "the row's own time",
    "published": "the row's `known_from` date (for names: the first sale)",
    "first_version": "the first source version that held it",
    "derived": "computed by Fiel from columns known before `as_of`",
    "never": "never a feature: it shows today's state, whatever the `as_of`",
}


def data_dictionary() -> str:
    """The whole page as Markdown: a section for each layer, a table for each lake table, a row for each column."""
    parts = [
        "# Data dictionary",
        "",
        "Generated from `fiel/tables/` by `make docs`; do not edit.",
        "",
        "Types are Polars types; `Datetime` is naive UTC in microseconds. A column is never empty unless it says so.",
        "Integer sums are in the program's smallest unit of value (points, cents). `{w}` stands for `life` or `d` and",
        "a number of days, `{key}` for a name that the program file or the data give.",
        "",
        "Known at:",
        "",
        *(f"- `{rule}`: {meaning}" for rule, meaning in KNOWN_AT.items()),
    ]
    for layer, (title, about) in LAYERS.items():
        parts += ["", f"## {title}", "", about]
        for table in TABLES.values():
            if table.layer == layer:
                parts += ["", *_table(table)]
    return "\n".join(parts) + "\n"


def write_data_dictionary(page: Path = PAGE) -> Path:
    """Write the page; its path."""
    page.write_text(data_dictionary(), encoding="utf-8")
    return page


def _table(table: Table) -> list[str]:
    about = " ".join((table.schema.__doc__ or "").split())
    by = "as_of" if table.by_as_of else table.by_date
    partition = f" Partitioned by `{by}`." if by else ""
    key = ", ".join(f"`{name}`" for name in table.key)
    lines = [f"### {table.name}", "", about + partition, "", f"Key: {key or 'none'}.", ""]
    lines += ["| column | type | unit | known at | meaning |", "| --- | --- | --- | --- | --- |"]
    lines += [_column(name, column) for name, column in table.schema.columns().items()]
    patterns = [pattern for pattern in table.patterns if "{" in pattern.name]
    lines += [_pattern(pattern) for pattern in patterns]
    if len(patterns) < len(table.patterns):
        lines += ["", "And every column of the feature groups that the program asks for, in its own table's meaning."]
    return lines


def _column(name: str, column: dy.Column) -> str:
    metadata = column.metadata or {}
    limits = _limits(column)
    meaning = " ".join(part for part in (_cell(column.description or ""), limits) if part)
    return f"| `{name}` | {_type(column.dtype)} | {metadata.get('unit') or ''} | {metadata['known_at']} | {meaning} |"


def _pattern(pattern: Pattern) -> str:
    return f"| `{pattern.name}` | {_type(pattern.dtype)} | {pattern.unit or ''} | derived | {_cell(pattern.about)} |"


def _limits(column: dy.Column) -> str:
    """Range and emptiness as people read them, such as `At least 1.` and `May be empty.`, or nothing."""
    low, high = getattr(column, "min", None), getattr(column, "max", None)
    words = []
    if low is not None and high is not None:
        words.append(f"From {low} to {high}.")
    elif low is not None:
        words.append(f"At least {low}.")
    elif high is not None:
        words.append(f"At most {high}.")
    if column.nullable:
        words.append("May be empty.")
    return " ".join(words)


def _type(dtype: pl.DataType) -> str:
    return "Datetime" if isinstance(dtype, pl.Datetime) else str(dtype)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    write_data_dictionary()
