"""Attribute features of an undated program: the source's columns, sentinels as missing, and how many are zero.

Everything here is of one row alone: no customer's features move with another customer's row or with any label. What is
fitted (which columns are constant or repeat another) is found where the training rows are known: fiel.models.columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl

from fiel.core import Core
from fiel.errors import ProgramError
from fiel.features.arithmetic import ratio
from fiel.program import Program
from fiel.tables import TABLES

NO_STAGE = "none"
"""The stage, and the value cluster, of every customer of an undated program."""


def build(core: Core, as_of_dates: Sequence[date], program: Program) -> pl.LazyFrame:
    """Attribute features, `feat_attributes`: one row for each customer of core_attributes and as_of.

    `x_…` are the source's numbers, empty where the source wrote one of `attributes.sentinels`; `c_…` its text levels;
    `zero_count` is how many of the numbers are exactly 0 (never the id or the label, which are no attributes). Then
    the sums and counts of the program's families of columns, and its differences and ratios of two columns.
    ProgramError names a column or a family that the table does not have.
    """
    attributes = core["attributes"]
    names = attributes.collect_schema().names()
    numbers = [name for name in names if name.startswith("x_")]
    texts = [name for name in names if name.startswith("c_")]
    sentinels = list(program.attributes.sentinels)
    known = [
        pl.when(~pl.col(name).is_in(sentinels)).then(pl.col(name)).alias(name) if sentinels else pl.col(name)
        for name in numbers
    ]
    zeros = pl.sum_horizontal(pl.lit(0, pl.Int64), *((pl.col(name) == 0).cast(pl.Int64) for name in numbers))
    counted = [zeros.cast(pl.Int64).alias("zero_count")] if program.attributes.zero_count else []
    rows = attributes.select("customer_id", *known, *texts, *counted)
    if not counted:
        rows = rows.with_columns(zero_count=pl.lit(None, pl.Int64))
    rows = rows.with_columns(**_of_families(numbers, program), **_of_pairs(numbers, program))
    dated = [rows.select("customer_id", pl.lit(day).alias("as_of"), pl.exclude("customer_id")) for day in as_of_dates]
    return pl.concat(dated)


def _of_families(numbers: Sequence[str], program: Program) -> dict[str, pl.Expr]:
    """For each family of columns the sum of what is known, and how many are known and not 0."""
    found: dict[str, pl.Expr] = {}
    for family in program.attributes.families:
        members = sorted(name for name in numbers if name.startswith(f"x_{family}"))
        if not members:
            raise _unknown(program, "families", f"no column begins with {family}")
        found[f"sum_{family}"] = pl.sum_horizontal(members)
        found[f"nonzero_{family}"] = pl.sum_horizontal((pl.col(name) != 0).cast(pl.Int64) for name in members)
    return found


def _of_pairs(numbers: Sequence[str], program: Program) -> dict[str, pl.Expr]:
    """The differences and ratios of two columns."""
    rules = program.attributes
    for field in ("differences", "ratios"):
        lacking = [name for pair in getattr(rules, field) for name in pair if f"x_{name}" not in numbers]
        if lacking:
            raise _unknown(program, field, f"the table has no column {lacking[0]}")
    found = {
        f"difference_{one}_less_{other}": pl.col(f"x_{one}") - pl.col(f"x_{other}") for one, other in rules.differences
    }
    for one, other in rules.ratios:
        below = pl.when(pl.col(f"x_{other}") != 0).then(f"x_{other}")
        found[f"ratio_{one}_over_{other}"] = ratio(pl.col(f"x_{one}"), below)
    return found


def _unknown(program: Program, field: str, what: str) -> ProgramError:
    return ProgramError(
        f"program {program.name}, field `attributes.{field}`: {what}: names are those of the source's header in small "
        "letters"
    )


def undated_base(core: Core, as_of: date) -> pl.LazyFrame:
    """What a snapshot of dated events says of everyone, for a program that has none: no stage, all in the population.

    One row for each customer of core_attributes.
    """
    return core["attributes"].select(
        "customer_id",
        as_of=pl.lit(as_of),
        in_population=pl.lit(value=True),
        stage=pl.lit(NO_STAGE),
        next_stage=pl.lit(None, pl.String),
        next_stage_date=pl.lit(None, pl.Date),
        stage_after_visit=pl.lit(NO_STAGE),
        value_cluster=pl.lit(NO_STAGE),
    )


def undated_snapshots(
    core: Core, as_of_dates: Sequence[date], frames: dict[str, pl.LazyFrame]
) -> Iterator[tuple[date, dict[str, pl.DataFrame]]]:
    """Yield each as_of with its tables by name: the groups' `frames` (by table name) and `feat_snapshot`."""
    for as_of in sorted(set(as_of_dates)):
        core.check_as_of(as_of)
        tables = {
            name: frame.filter(pl.col("as_of") == as_of).sort("customer_id").collect() for name, frame in frames.items()
        }
        snapshot = undated_base(core, as_of).sort("customer_id").collect()
        for frame in tables.values():
            snapshot = snapshot.join(frame, on=["customer_id", "as_of"], how="left", maintain_order="left")
        tables["feat_snapshot"] = snapshot
        for name, frame in tables.items():
            TABLES[name].check(frame.schema)
        yield as_of, tables
