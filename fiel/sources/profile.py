"""What a source table looks like as it was read, before any rule: one row for each column (core_profile).

Nothing is changed and nothing sampled, except where it says so here: what kind of values a text column holds is told by
up to 10,000 of them, evenly spaced; above 5 million rows distinct values are estimated (HyperLogLog). Repeated rows are
told by a 64-bit hash of the whole row. Times are shown as they are spelled, in their own clock.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import polars as pl

from fiel.errors import SourceError
from fiel.sources.dates import instants_of
from fiel.sources.profile_shapes import LISTED, date_shape, frequent, number_shape, shortest_and_longest
from fiel.sources.reading import ROW, RawTable
from fiel.sources.rules import Sieve, instants
from fiel.tables import TABLES

PROFILE = pl.Schema(TABLES["core_profile"].declared)
EXACT_ROWS = 5_000_000
"""Above so many rows the number of distinct values is an estimate."""

_SAMPLE = 10_000
_MAJORITY = 0.9
"""Share of a text column's values that have to be numbers (or dates) for it to be a column of those."""
_FREQUENT_DISTINCT = 1_000_000
_MOSTLY_DISTINCT = 0.5
_FLAGS = ({"0", "1"}, {"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"0.0", "1.0"})
_NUMBER = r"^[+-]?(0|[1-9]\d{0,17})([.,]\d+)?([eE][+-]?\d{1,2})?$"
_COMPACT_DATE = r"^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"
_YEAR_FIRST = r"^\d{4}-\d{2}-\d{2}([T ]|$)"
_SOME_DATE = r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ]|$)"


def add_profile(sieve: Sieve, table: RawTable, private: Collection[str] = ()) -> None:
    """Profile `table` as it was read and keep it in `sieve` for core_profile.

    `private` columns (the table's own spelling) name people: their values are counted, never shown.
    """
    sieve.profiles.append(profile_table(table, private))


def profile_table(table: RawTable, private: Collection[str] = ()) -> pl.DataFrame:
    """The rows of core_profile for one table, one for each of its columns.

    Values of `private` columns, and texts of which more than half are different, are not shown: they may name people.
    """
    rows = table.rows.select(_of_known_type(name, table.rows.schema[name]) for name in table.columns)
    repeated = rows.height - rows.hash_rows().n_unique() if rows.height else 0
    described = [
        {"table_name": table.name, "column": name, "position": place, "rows": rows.height, "duplicate_rows": repeated}
        | _described(rows.get_column(name), table.name, is_private=name in private)
        for place, name in enumerate(table.columns, start=1)
    ]
    return pl.DataFrame(described, schema=PROFILE)


def collected_profile(sieve: Sieve) -> pl.DataFrame:
    """core_profile: what was profiled on the way, by table in the order of reading."""
    return pl.concat([pl.DataFrame(schema=PROFILE), *sieve.profiles])


def _of_known_type(name: str, dtype: pl.DataType) -> pl.Expr:
    """The column; as text where it is no text, number, flag or date (Parquet has lists, structs, durations ...)."""
    if dtype.is_nested() or dtype == pl.Object:
        return pl.when(pl.col(name).is_not_null()).then(pl.struct(name).struct.json_encode()).alias(name)
    if dtype in (pl.String, pl.Boolean, pl.Date, pl.Datetime) or dtype.is_numeric():
        return pl.col(name)
    if dtype == pl.Duration:
        return pl.col(name).cast(pl.Int64)
    if dtype == pl.Binary:
        return pl.col(name).bin.encode("hex")
    return pl.col(name).cast(pl.String, strict=False)


@dataclass(frozen=True)
class _Read:
    """The values of a column that are of its kind: numbers as Float64, dates as naive Datetime."""

    kind: str
    values: pl.Series


def _described(column: pl.Series, table: str, *, is_private: bool) -> dict[str, Any]:
    values = _there(column)
    read = _read(values, table)
    shown: dict[str, Any] = {
        "kind": read.kind,
        "missing": column.len() - values.len(),
        "not_of_kind": values.len() - read.values.len(),
        "distinct": _distinct(values),
    }
    if is_private or read.values.is_empty():
        return shown
    repeats = shown["distinct"] <= max(LISTED, _MOSTLY_DISTINCT * values.len())
    match read.kind:
        case "number":
            shown |= number_shape(read.values)
        case "date":
            return shown | date_shape(read.values)
        case "text" if not repeats or _names_people(values):
            return shown
        case "text":
            shown |= shortest_and_longest(read.values)
    if repeats and shown["distinct"] <= _FREQUENT_DISTINCT:
        shown["frequent"] = frequent(values)
    return shown


# ------------------------------------------------------------------------------------------------- what a column holds


def _there(column: pl.Series) -> pl.Series:
    """The values that are not missing: texts without blanks around them, numbers without NaN."""
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        return text.filter(text != "")
    return column.drop_nans().drop_nulls() if column.dtype.is_float() else column.drop_nulls()


def _read(values: pl.Series, table: str) -> _Read:
    if values.dtype == pl.Boolean:
        return _Read("flag", values)
    if values.dtype.is_numeric():
        number = values.cast(pl.Float64)
        is_flag = number.len() > 0 and bool(number.is_in([0.0, 1.0]).all())
        return _Read("flag" if is_flag else "number", number.filter(number.is_finite()))
    if values.dtype in (pl.Date, pl.Datetime):
        return _Read("date", _naive(values))
    return _read_text(values, table)


def _read_text(values: pl.Series, table: str) -> _Read:
    """A text column by the majority of its values; what is otherwise counts as not of the kind."""
    sample = values.gather_every(max(1, values.len() // _SAMPLE))
    if sample.is_empty():
        return _Read("text", values)
    if _is_flag(sample) and _is_flag(values):
        return _Read("flag", values)
    parsed: pl.Series | None = None
    kind = "date"
    if _share(sample, _COMPACT_DATE) > _MAJORITY:
        parsed = values.str.to_datetime("%Y%m%d", time_unit="us", strict=False)
    elif _share(sample, _NUMBER) > _MAJORITY:
        kind = "number"
        text = pl.col("text")
        number = pl.when(text.str.contains(_NUMBER)).then(
            text.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
        )
        parsed = pl.DataFrame({"text": values}).select(number).to_series()
    elif _share(sample, _SOME_DATE) > _MAJORITY:
        parsed = _dates(values, table, is_plain=_share(sample, _YEAR_FIRST) == 1)
    if parsed is None or parsed.null_count() > (1 - _MAJORITY) * values.len():
        return _Read("text", values)
    return _Read(kind, parsed.drop_nulls())


def _share(values: pl.Series, pattern: str) -> float:
    return float(values.str.contains(pattern).mean())  # type: ignore[arg-type]


def _is_flag(values: pl.Series) -> bool:
    few = values.head(_SAMPLE).str.to_lowercase().unique().to_list()
    if len(few) > 2 or not any(set(few) <= pair for pair in _FLAGS):
        return False
    return bool(values.str.to_lowercase().is_in(few).all())


def _names_people(values: pl.Series) -> bool:
    """Whether most texts look like e-mail addresses."""
    return _share(values.gather_every(max(1, values.len() // _SAMPLE)), r"^\S+@\S+\.\S+$") > _MOSTLY_DISTINCT


def _dates(values: pl.Series, table: str, *, is_plain: bool) -> pl.Series | None:
    """The times that texts spell; None where the order of day and month cannot be told."""
    if is_plain:
        return instants(values, "UTC")
    try:
        times = pl.DataFrame({ROW: pl.int_range(values.len(), eager=True), "time": values})
        return instants_of(times, table, values.name, "UTC", None)
    except SourceError:
        return None


def _naive(values: pl.Series) -> pl.Series:
    zone = getattr(values.dtype, "time_zone", None)
    stamps = values.cast(pl.Datetime("us", zone))
    return stamps.dt.replace_time_zone(None) if zone else stamps


def _distinct(values: pl.Series) -> int:
    return values.n_unique() if values.len() <= EXACT_ROWS else int(values.approx_n_unique())  # type: ignore[arg-type]
