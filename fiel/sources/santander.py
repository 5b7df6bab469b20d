"""Santander customer satisfaction (Kaggle competition): a wide table of anonymous numbers, files to parsed tables.

`train.csv` has ID, numeric columns and TARGET (1: an unsatisfied customer); `test.csv`, where it is there, the same
columns without TARGET: customers to decide about whose outcome is not known. Either may be inside a zip. Nothing is
interpreted here: the numbers that stand for "missing" stay what they are until the feature group `attributes`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from fiel.errors import SourceError
from fiel.program import Program
from fiel.sources.profile import add_profile
from fiel.sources.reading import EXTRA, RawTable, read_csv
from fiel.sources.rules import Rule, Sieve, cleaned, missing, too_many_fields, unparsed, whole
from fiel.sources.values import identifier
from fiel.tables import TABLES

ID, TARGET = "ID", "TARGET"
TRAIN, TEST = "train", "test"
_ENDINGS = (".csv", ".csv.gz", ".csv.zip")
_NOT_A_KEY = r"[^a-z0-9_]+"
_SHOWN = 5
"""Wrong cells of a row that are kept with it."""
_TARGETS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}


def wanted_files(names: list[str]) -> list[str]:
    """The files of a folder that belong to the source: one train.csv (.gz, .zip) and at most one test.csv.

    SourceError where there is no train file, or two of a kind; other files (a sample submission) are left alone.
    """
    found = {}
    for part in (TRAIN, TEST):
        there = [name for name in names if Path(name).name.lower() in [f"{part}{ending}" for ending in _ENDINGS]]
        if len(there) > 1:
            raise SourceError(f"there are {len(there)} files of {part} rows ({', '.join(there)}): leave one of them")
        found[part] = there
    if not found[TRAIN]:
        raise SourceError(
            f"there is no train.csv (nor train.csv.zip); there are: {', '.join(sorted(names)[:12]) or 'no files'}. "
            "Download it from the competition's page, or let Fiel do it (no --source)"
        )
    return sorted(found[TRAIN] + found[TEST])


def read(program: Program, folders: dict[str, Path], sieve: Sieve, now: datetime) -> dict[str, pl.DataFrame]:
    """`attributes` (customer_id, x_…) and `labels` of the train and test files, bad rows set aside in `sieve`.

    A row is set aside where ID is missing, no whole number or below 0, where a value is no finite number, and, in the
    train file, where TARGET is not 0 or 1. An empty value is a missing one. SourceError: a file or column is missing.
    """
    (folder,) = folders.values()
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    paths = {_part_of(name): folder / name for name in wanted_files(names)}
    train, keys = _typed(read_csv(paths[TRAIN]), sieve, None)
    rows = [train]
    if TEST in paths:
        rows.append(_typed(read_csv(paths[TEST]), sieve, keys)[0])
    both = pl.concat(rows, how="diagonal")
    twice = both["customer_id"].is_duplicated()
    if twice.any():  # the labelled row stays: it stands first
        again = both.filter(twice & ~both["customer_id"].is_first_distinct())
        sieve.set_aside(paths[TEST].name, again, pl.lit("id_in_train_too"), ["customer_id"])
        both = both.filter(both["customer_id"].is_first_distinct())
    return {
        "attributes": both.select("customer_id", *keys.values()),
        "labels": both.select("customer_id", "label", is_treated=pl.lit(None, pl.Boolean)).select(
            list(TABLES["core_labels"].declared)
        ),
    }


def _part_of(name: str) -> str:
    return TRAIN if Path(name).name.lower().startswith(TRAIN) else TEST


def _typed(table: RawTable, sieve: Sieve, expected: dict[str, str] | None) -> tuple[pl.DataFrame, dict[str, str]]:
    """Rows with customer_id, label and x_ columns, and which source column each x_ column is.

    `expected` are the train file's columns; without it the table is the train file, and has a TARGET.
    """
    names = _columns(table, expected)
    has_target = expected is None
    sieve.read[table.name] = table.rows.height
    add_profile(sieve, table)
    shown = [ID, TARGET] if has_target else [ID]
    typed = table.rows.with_columns(
        *([] if EXTRA in table.rows.columns else [pl.lit(None, pl.String).alias(EXTRA)]),
        *(cleaned(name) for name in shown),
    ).with_columns(identifier(ID))
    typed = typed.with_columns(
        whole(ID).alias("_id"),
        pl.col(TARGET).replace_strict(_TARGETS, default=None, return_dtype=pl.Int64).alias("label")
        if has_target
        else pl.lit(None, pl.Int64).alias("label"),
        *(_number(theirs).alias(ours) for theirs, ours in names.items()),
    )
    wrong = [pl.col(theirs).is_not_null() & pl.col(ours).is_null() for theirs, ours in names.items()]
    typed = typed.with_columns(_wrong=pl.sum_horizontal(wrong))
    if typed["_wrong"].sum():
        typed = _kept_cells(typed, names)
    rules: list[Rule] = [
        ("too_many_fields", too_many_fields()),
        ("id_missing", missing(ID)),
        ("id_unreadable", unparsed(ID, "_id")),
        ("id_negative", pl.col("_id") < 0),
        ("value_unreadable", pl.col("_wrong") > 0),
    ]
    if has_target:
        rules += [("target_missing", missing(TARGET)), ("target_unreadable", unparsed(TARGET, "label"))]
    kept = [*shown, "wrong_cells"] if "wrong_cells" in typed.columns else shown
    good = sieve.sift(table.name, typed.drop(names), rules, kept)
    good = good.with_columns(customer_id=pl.col("_id").cast(pl.String))
    ours = list(names.values())
    good = sieve.one_for_each(table.name, good, ["customer_id"], ["label", *ours], shown)
    return good.select("customer_id", "label", *ours), names


def _columns(table: RawTable, expected: dict[str, str] | None) -> dict[str, str]:
    """Source column to x_ column, in the order of the table; SourceError where one is missing or two become one."""
    there = set(table.columns)
    needed = {ID, TARGET} if expected is None else {ID, *expected}
    lacking = sorted(needed - there)
    if lacking:
        single = "; it was read as one column: is the separator a comma?" if len(there) == 1 else ""
        raise SourceError(
            f"{table.name}: {len(lacking)} columns are missing: {', '.join(lacking[:8])}{single}; the file has "
            f"{len(there)}: {', '.join(table.columns[:8])} … Columns are spelled as the competition has them"
        )
    if expected is not None:
        return expected
    names = {name: f"x_{re.sub(_NOT_A_KEY, '_', name.lower())}" for name in table.columns if name not in (ID, TARGET)}
    same = [name for name, ours in names.items() if list(names.values()).count(ours) > 1]
    if same or not names:
        what = f"columns {', '.join(same)} would have one name" if same else "there is no column beside ID and TARGET"
        raise SourceError(f"{table.name}: {what}: mend the header")
    return names


def _number(name: str) -> pl.Expr:
    """A text as a finite float; null for anything else."""
    number = pl.col(name).cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _kept_cells(typed: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    """`wrong_cells`: the first cells of a row that are no number, as COLUMN=text; and blanks count as empty."""
    blank = [(pl.col(theirs).str.strip_chars() == "") & pl.col(ours).is_null() for theirs, ours in names.items()]
    cells: Sequence[pl.Expr] = [
        pl.when(pl.col(theirs).is_not_null() & pl.col(ours).is_null() & (pl.col(theirs).str.strip_chars() != "")).then(
            pl.format("{}={}", pl.lit(theirs), pl.col(theirs))
        )
        for theirs, ours in names.items()
    ]
    return typed.with_columns(
        _wrong=pl.col("_wrong").cast(pl.Int64) - pl.sum_horizontal(blank).cast(pl.Int64),
        wrong_cells=pl.concat_list(cells).list.drop_nulls().list.head(_SHOWN).list.join("; "),
    )
