"""The churn file (CSV) as attributes and labels, and the links of sessions to customers.

Columns PC1, PC2, ... are numbers, FACTOR1, FACTOR2, ... text levels, `y` says who left, `t` who was treated. The file
has no customer id, so a customer is its row number (1 the first): a row that is set aside leaves a hole, and no other
customer gets its number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from fiel.errors import SourceError
from fiel.sources.profile import add_profile
from fiel.sources.reading import EXTRA, ROW, RawTable, pick_columns, read_csv
from fiel.sources.rules import Rule, Sieve, cleaned, missing, too_many_fields, unparsed, whole
from fiel.sources.values import identifier
from fiel.tables import TABLES

NUMBERS, FACTORS = 160, 18
"""Columns PC1 ... and FACTOR1 ... of the operator's file."""

_LABELS = {"0": 0, "0.0": 0, "1": 1, "1.0": 1}
_SHOWN = 5  # wrong cells of a row that are kept with it


@dataclass(frozen=True)
class ChurnTable:
    """One row for each customer in both: `attributes` customer_id, x_pc1 ..., c_factor1 ...; `labels` core_labels."""

    attributes: pl.DataFrame
    labels: pl.DataFrame


def read_churn_table(path: Path, sieve: Sieve, *, numbers: int = NUMBERS, factors: int = FACTORS) -> ChurnTable:
    """The churn file with PC1 to PC`numbers` and FACTOR1 to FACTOR`factors`, in any order of columns.

    An empty number, level, `y` or `t` is unknown. Rows with a text for a number, or another `y` or `t` than 0 and 1,
    are set aside in `sieve` with the cells that are wrong. Columns beyond these are left out with a warning.
    SourceError: a column is missing or stands twice, or no row is left.
    """
    table = read_csv(path)
    pcs = [f"PC{n}" for n in range(1, numbers + 1)]
    levels = [f"FACTOR{n}" for n in range(1, factors + 1)]
    _check_columns(table, [*pcs, *levels, "y", "t"], sieve)
    rows = pick_columns(table, {name: (name,) for name in (*pcs, *levels, "y", "t")})
    sieve.read[table.name] = rows.height
    add_profile(sieve, table)
    typed = rows.with_columns(cleaned(name) for name in (*pcs, *levels, "y", "t")).with_columns(
        *(_number(name).alias(_value(name)) for name in pcs),
        *(
            pl.col(name).replace_strict(_LABELS, default=None, return_dtype=pl.Int64).alias(_value(name))
            for name in "yt"
        ),
    )
    good = _sifted(table.name, typed, pcs, sieve)
    if good.is_empty():
        raise SourceError(f"{path.name}: no row is left of {rows.height:,}: look at what was rejected, mend the file")
    customer = pl.col(ROW).cast(pl.String).alias("customer_id")
    return ChurnTable(
        good.select(
            customer,
            *(pl.col(_value(name)).alias(f"x_{name.lower()}") for name in pcs),
            *(pl.col(name).alias(f"c_{name.lower()}") for name in levels),
        ),
        good.select(
            customer, pl.col(_value("y")).alias("label"), pl.col(_value("t")).cast(pl.Boolean).alias("is_treated")
        ),
    )


def read_links(path: Path, sieve: Sieve, customers: pl.Series) -> pl.DataFrame:
    """links.csv (customer_id, session) as core_links_sessions: one row for each session.

    Set aside in `sieve`: rows without a value, a session that is no whole number, a customer who is not among
    `customers`, and all but the least of several customers of one session.
    """
    table = read_csv(path)
    rows = pick_columns(table, {"customer_id": ("customer_id",), "session": ("session",)})
    sieve.read[table.name] = rows.height
    add_profile(sieve, table, ["customer_id"])
    shown = ["customer_id", "session"]
    typed = rows.with_columns(cleaned(name) for name in shown).with_columns(
        identifier("customer_id"), whole("session").alias("_session")
    )
    rules: Sequence[Rule] = (
        ("too_many_fields", too_many_fields()),
        ("customer_missing", missing("customer_id")),
        ("session_missing", missing("session")),
        ("session_unreadable", unparsed("session", "_session") | (pl.col("_session") < 0)),
        ("customer_unknown", ~pl.col("customer_id").is_in(customers.implode())),
    )
    good = sieve.sift(table.name, typed, rules, shown)
    one = sieve.one_for_each(table.name, good, ["_session"], ["customer_id"], shown)
    return one.select(pl.col("_session").alias("session"), "customer_id").select(
        list(TABLES["core_links_sessions"].declared)
    )


def _check_columns(table: RawTable, wanted: Sequence[str], sieve: Sieve) -> None:
    """SourceError where columns are missing (all of them named); a warning for those that nobody asked for."""
    there = {name.strip().lower() for name in table.columns}
    lacking = [name for name in wanted if name.lower() not in there]
    if lacking:
        several = f"{', '.join(lacking[:8])}{' ...' if len(lacking) > 8 else ''}"
        raise SourceError(
            f"{table.name}: {len(lacking)} of {len(wanted)} columns are missing: {several}; there are: "
            f"{', '.join(table.columns)[:200]}. The churn file has PC1 ..., FACTOR1 ..., y and t, separated by commas"
        )
    more = [name for name in table.columns if name.strip().lower() not in {name.lower() for name in wanted}]
    sieve.warn(
        len(more), f"columns of {table.name} are not part of the churn file and left out: {', '.join(more)[:200]}"
    )


def _value(name: str) -> str:
    return f"_{name}"


def _number(name: str) -> pl.Expr:
    """A text as a finite float; null for anything else."""
    number = pl.col(name).cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _sifted(table: str, rows: pl.DataFrame, pcs: Sequence[str], sieve: Sieve) -> pl.DataFrame:
    """The rows whose every cell could be read; the others are set aside with the cells that could not."""
    wrong = {name: unparsed(name, _value(name)) for name in (*pcs, "y", "t")}
    rule = (
        pl.when(too_many_fields())
        .then(pl.lit("too_many_fields"))
        .when(pl.any_horizontal(wrong[name] for name in pcs))
        .then(pl.lit("number_unparseable"))
        .when(wrong["y"])
        .then(pl.lit("label_unknown"))
        .when(wrong["t"])
        .then(pl.lit("treatment_unknown"))
    )
    marked = rows.with_columns(rule.alias("_rule"))
    broken = marked.filter(pl.col("_rule").is_not_null())
    if broken.height:
        cells = [pl.when(is_wrong).then(pl.format(name + "={}", name)) for name, is_wrong in wrong.items()]
        told = broken.with_columns(
            pl.concat_list([*cells, pl.when(too_many_fields()).then(EXTRA)]).list.drop_nulls().list.head(_SHOWN)
            .list.join(", ").alias("wrong")
        )  # fmt: skip
        sieve.set_aside(table, told, pl.col("_rule"), ["wrong"])
    return marked.filter(pl.col("_rule").is_null())
