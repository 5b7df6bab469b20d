"""Outside facts, each with the day on which it was published: USD rate, key rate, life expectancy, postcodes.

The files say which quarter or year a value is about; when it was published is that period's end and the lag of the
program file (`pension.lags`). No feature reads a fact at or before its publication (DOMAIN.md section 0).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from fiel.errors import SourceError
from fiel.program import Program
from fiel.program.pension import DelimitedFile, quarter_end
from fiel.sources import pension_values as values
from fiel.sources.delimited import Delimited, add_delimited_profile, marked, raw_name, scan_delimited, sifted, with_raw
from fiel.sources.reading import ROW
from fiel.sources.rules import Rule, Sieve, missing
from fiel.tables import TABLES

_CONTEXT = TABLES["core_context"].declared
_PLACES = TABLES["core_places"].declared
_SPELLINGS = {
    "usd_rate": ("cursusd", "usd_rate", "usd"),
    "key_rate": ("key_rate",),
    "life_expectancy": ("live", "life_expectancy"),
}
"""The column of each fact's value, as the known files spell it, in lower case."""


def read_context(program: Program, paths: dict[str, Path], sieve: Sieve) -> dict[str, pl.DataFrame]:
    """core_context and core_places of the files that are there (`paths`, by field of pension.files)."""
    facts = [_fact(program, fact, _opened(program, fact, paths, sieve), sieve) for fact in _SPELLINGS if fact in paths]
    places = pl.DataFrame(schema=_PLACES)
    if "postcodes" in paths:
        places = _places(program, _opened(program, "postcodes", paths, sieve), sieve)
    return {"core_context": pl.concat([pl.DataFrame(schema=_CONTEXT), *facts]), "core_places": places}


def _opened(program: Program, field: str, paths: dict[str, Path], sieve: Sieve) -> Delimited:
    wanted: DelimitedFile = getattr(program.quarterly.files, field)
    table = scan_delimited(paths[field], wanted)
    add_delimited_profile(sieve, table, ())
    return table


def _fact(program: Program, fact: str, table: Delimited, sieve: Sieve) -> pl.DataFrame:
    """Rows of core_context of one file: a value for each quarter, or for each gender and year."""
    column = _column(table, _SPELLINGS[fact])
    by_year = fact == "life_expectancy"
    period = _column(table, ("year",) if by_year else ("quarter",))
    texts = {name: values.present(raw_name(table, name)) for name in (column, period)}
    year = values.integer(texts[period])
    period_end = pl.date(year, 12, 31) if by_year else values.quarter_last_day(texts[period])
    rules: list[Rule] = [
        (f"{period}_missing", texts[period].is_null()),
        (f"{period}_unparseable", pl.col("period_end").is_null()),
        (f"{column}_missing", texts[column].is_null()),
        (f"{column}_unparseable", pl.col("value").is_null()),
        (f"{column}_not_positive", pl.col("value") <= 0)
        if fact != "key_rate"
        else (f"{column}_negative", pl.col("value") < 0),
    ]
    subject = pl.lit("")
    if by_year:
        gender = _column(table, ("gender",))
        text = values.present(raw_name(table, gender))
        subject = values.gender(text).cast(pl.String)
        rules += [(f"{gender}_unparseable", missing("subject"))]
    typed = with_raw(table).with_columns(
        period_end=pl.when(year.is_between(1900, 2099)).then(period_end) if by_year else period_end,
        value=values.real(texts[column]),
        subject=subject,
    )
    good = marked(typed, rules).filter(pl.col("_rule").is_null()).select(ROW, "subject", "period_end", "value")
    rows = sifted(table, typed, rules, sieve, good)
    rows = sieve.one_for_each(
        table.name, rows, ["subject", "period_end"], ["value"], ["subject", "period_end", "value"]
    )
    return (
        rows.with_columns(
            fact=pl.lit(fact),
            known_from=pl.col("period_end") + pl.duration(days=getattr(program.quarterly.lags, fact)),
            value=_in_new_money(program) if fact == "usd_rate" else pl.col("value"),
        )
        .select(list(_CONTEXT))
        .sort("fact", "subject", "period_end")
    )


def _in_new_money(program: Program) -> pl.Expr:
    """The rate in today's units: amounts of before a redenomination over its factor."""
    value = pl.col("value")
    for change in program.quarterly.redenominations:
        new = quarter_end(change.quarter)
        value = pl.when(pl.col("period_end") < new).then(value / change.factor).otherwise(value)
    return value


def _places(program: Program, table: Delimited, sieve: Sieve) -> pl.DataFrame:
    """core_places. Postcodes without coordinates say nothing and are set aside."""
    names = {
        "postal_code": _column(table, ("postal_code", "postcode")),
        "latitude": _column(table, ("latitude", "lat")),
        "longitude": _column(table, ("longitude", "lon", "lng")),
        "district": _column(table, ("county_name", "district")),
        "place_region": _column(table, ("state_name", "region")),
    }
    texts = {ours: values.present(raw_name(table, theirs)) for ours, theirs in names.items()}
    typed = with_raw(table).with_columns(
        postal_code=values.code(texts["postal_code"]),
        latitude=values.real(texts["latitude"]),
        longitude=values.real(texts["longitude"]),
        district=texts["district"],
        place_region=texts["place_region"],
    )
    rules: list[Rule] = [
        (f"{names['postal_code']}_missing", missing("postal_code")),
        *(
            (f"{names[name]}_unparseable", texts[name].is_not_null() & pl.col(name).is_null())
            for name in ("latitude", "longitude")
        ),
        (f"{names['latitude']}_out_of_range", pl.col("latitude").abs() > 90),
        (f"{names['longitude']}_out_of_range", pl.col("longitude").abs() > 180),
    ]
    good = marked(typed, rules).filter(pl.col("_rule").is_null()).select(ROW, *names)
    rows = sifted(table, typed, rules, sieve, good)
    empty = rows.filter(pl.all_horizontal(pl.col([name for name in names if name != "postal_code"]).is_null()))
    sieve.put_aside(table.name, "postcodes_without_place", empty.height)
    rows = rows.join(empty, on="postal_code", how="anti")
    rows = sieve.one_for_each(table.name, rows, ["postal_code"], list(names)[1:], list(names))
    return (
        rows.with_columns(known_from=pl.lit(program.quarterly.postcodes_known_from, pl.Date))
        .select(list(_PLACES))
        .sort("postal_code")
    )


def _column(table: Delimited, spellings: tuple[str, ...]) -> str:
    """The file's column with one of the spellings; SourceError if it has none."""
    there = {name.lower(): name for name in table.columns}
    found = next((there[name] for name in spellings if name in there), None)
    if found is None:
        raise SourceError(
            f"{table.name}: column {spellings[0]} is missing; there are: {', '.join(table.columns)[:400]}"
        )
    return found
