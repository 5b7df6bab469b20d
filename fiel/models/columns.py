"""Which columns of an undated program's table say nothing, found on the training rows only.

An anonymous table has columns that never vary and columns that repeat another one. Both are found on the rows that a
model may learn from, and kept with the model: a column that varies in the test part alone stays dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

DROPPED_SCHEMA = {"column": pl.String(), "reason": pl.String(), "same_as": pl.String()}
CONSTANT, DUPLICATE = "constant", "duplicate"


def dropped_columns(rows: pl.DataFrame, features: Sequence[str]) -> pl.DataFrame:
    """One row for each of `features` that is constant in `rows`, or equal there, row by row, to an earlier one.

    Columns: column, reason (constant or duplicate), same_as (the column that stays; empty for a constant one). Empty
    values are values like any other.

    >>> rows = pl.DataFrame({"a": [1.0, 2.0], "b": [0.0, 0.0], "c": [1.0, 2.0], "d": [2.0, 1.0]})
    >>> dropped_columns(rows, ["a", "b", "c", "d"]).rows()
    [('b', 'constant', None), ('c', 'duplicate', 'a')]
    """
    if not features or rows.is_empty():
        return pl.DataFrame(schema=DROPPED_SCHEMA)
    varied = dict(zip(features, rows.select(pl.col(features).n_unique() > 1).row(0), strict=True))
    marks = rows.select(pl.col(features).hash(seed=1).implode().list.sum()).row(0)
    kept: dict[tuple[str, int], list[str]] = {}
    found: list[tuple[str, str, str | None]] = []
    for name, mark in zip(features, marks, strict=True):
        if not varied[name]:
            found.append((name, CONSTANT, None))
            continue
        alike = kept.setdefault((str(rows.schema[name]), mark), [])
        same = next((other for other in alike if rows[other].equals(rows[name], null_equal=True)), None)
        if same is None:
            alike.append(name)
        else:
            found.append((name, DUPLICATE, same))
    return pl.DataFrame(found, schema=DROPPED_SCHEMA, orient="row")
