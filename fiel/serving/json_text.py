"""JSON written by Polars expressions: values, arrays and objects as text, without a Python loop over rows.

A float is written as the shortest text that reads back as the same float, to the last bit; NaN and the infinities are
null, because JSON has no such numbers.

>>> frame = pl.DataFrame({"name": ["Ana", None], "prob": [0.1, float("nan")], "days": [3, None]})
>>> frame.select(told=json_object(name=pl.col("name"), prob=pl.col("prob"), days=pl.col("days")))["told"].to_list()
['{"name":"Ana","prob":0.1,"days":3}', None]
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

NULL = "null"


def json_value(expr: pl.Expr) -> pl.Expr:
    """`expr` (text, number, boolean or day) as JSON text; null where it is empty, NaN or infinite."""
    opened, closed = '{"v":', "}"
    encoded = pl.struct(expr.alias("v")).struct.json_encode()
    inner = encoded.str.strip_prefix(opened).str.strip_suffix(closed)
    return pl.when(inner != NULL).then(inner)


def json_column(name: str, dtype: pl.DataType) -> pl.Expr:
    """As `json_value`, of the column `name` whose type is known: numbers are written without a detour."""
    column = pl.col(name)
    if dtype.is_float():
        return pl.when(column.is_finite()).then(column.cast(pl.String))
    return column.cast(pl.String) if dtype.is_integer() else json_value(column)


def json_array(exprs: Sequence[pl.Expr]) -> pl.Expr:
    """The values of `exprs`, in their order, as one JSON array for each row; what is empty is null in it."""
    return json_array_of([json_value(expr) for expr in exprs])


def json_array_of(texts: Sequence[pl.Expr]) -> pl.Expr:
    """As `json_array`, of expressions that are JSON text already."""
    values = [text.fill_null(NULL) for text in texts]
    return pl.format("[{}]", pl.concat_str(values, separator=",")) if values else pl.lit("[]")


def json_object(**fields: pl.Expr) -> pl.Expr:
    """The values of `fields` as one JSON object for each row, without those that are empty; null where all are."""
    return json_object_of({name: json_value(expr) for name, expr in fields.items()})


def json_object_of(parts: dict[str, pl.Expr]) -> pl.Expr:
    """As `json_object`, of expressions that are JSON text already."""
    if not parts:
        return pl.lit(None, pl.String)
    members = [pl.lit(json.dumps(name, ensure_ascii=False) + ":") + text for name, text in parts.items()]
    joined = pl.concat_str(members, separator=",", ignore_nulls=True)
    return pl.when(joined != "").then(pl.lit("{") + joined + pl.lit("}"))


def json_list(text: pl.Expr) -> pl.Expr:
    """JSON texts of a group as one JSON array, in the order of the rows: for `agg`."""
    return pl.lit("[") + text.str.join(",") + pl.lit("]")
