"""Features of accounts by calendar quarter: operations, totals rebuilt without the whole-year trap, states, season.

The source's `*_per_year` columns hold the whole calendar year on each of its quarters, so that the first quarter knows
the fourth; nothing here reads them. Year to date and trailing four quarters are added up from the quarters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

import polars as pl

from fiel.core import Core
from fiel.features.accounts import last_quarter_end, newest, open_accounts, quarter_end_before, quarters_between
from fiel.features.arithmetic import days_between, ratio
from fiel.features.derived import derived
from fiel.program import Program

_FLAGS = (
    "has_phone", "has_email", "has_online_account", "has_npo_assignee", "has_ops_assignee", "has_address",
    "has_application",
)  # fmt: skip
_STATES = (
    "payment_type", "gender", "age", "cooperation_days", "balance", "accumulation_period", "payment_period", "scheme",
    "region", "citizen",
)  # fmt: skip


def build(core: Core, as_of_dates: Sequence[date], program: Program) -> pl.LazyFrame:
    """Quarter features, `feat_quarters`: one row for each as_of and account that is open at it. No row order.

    The last quarter (`q1`) is the newest whose accounts are published before as_of; a quarter of the last four without
    a row counts zero operations. Operations are contributions. Amounts are in the program's smallest unit.
    """
    states = derived(core, "account_states", program)
    operations = derived(core, "operation_states", program)
    return pl.concat([_at(states, operations, as_of, program) for as_of in as_of_dates])


def _at(states: pl.LazyFrame, operations: pl.LazyFrame, as_of: date, program: Program) -> pl.LazyFrame:
    last = last_quarter_end(as_of, program)
    ends = [quarter_end_before(last, back) for back in range(4)]
    life = newest(operations, as_of).select(
        "customer_id", "operations_life", "operation_sum_life", "last_contribution_on", _last_operation="day"
    )
    is_ours = pl.col("client_id").is_not_null()
    everyone = (
        open_accounts(states, as_of)
        .with_columns(open_accounts=pl.when(is_ours).then(pl.len().over("client_id")).otherwise(1).cast(pl.Int64))
        .join(_recent_operations(operations, as_of, ends), on="customer_id", how="left")
        .join(_recent_rows(states, as_of, ends), on="customer_id", how="left")
        .join(life, on="customer_id", how="left")
        .with_columns(pl.col("^_n[1-4]$", "^.*_ytd$", "^.*_trailing$", "operations_life").fill_null(0))
    )
    return everyone.select(
        "customer_id",
        pl.lit(as_of).alias("as_of"),
        **_operations(),
        **{f"{name}_ytd": pl.col(f"{name}_ytd") for name in _SUMMED},
        **{f"{name}_q4": pl.col(f"{name}_trailing") for name in _SUMMED},
        operations_life="operations_life",
        operation_sum_life=pl.when(pl.col("operations_life") == 0).then(0).otherwise("operation_sum_life"),
        quarters_since_operation=quarters_between(pl.col("_last_operation"), last),
        days_since_operation=days_between(pl.col("last_contribution_on"), pl.lit(as_of)).cast(pl.Int64),
        quarters_since_opening=quarters_between(pl.col("opened"), last),
        quarters_since_row=quarters_between(pl.col("day"), last),
        **_season(as_of),
        open_accounts="open_accounts",
        **{name: pl.col(name) for name in _STATES},
        days_since_first_contribution=days_between(pl.col("first_contribution_on"), pl.lit(as_of)).cast(pl.Int64),
        **{name: pl.col(name) for name in _FLAGS},
    )


_SUMMED = ("contributions", "contributed", "operated")
"""Columns of the account rows that are added up over the year to date and the last four quarters."""


def _recent_operations(operations: pl.LazyFrame, as_of: date, ends: Sequence[date]) -> pl.LazyFrame:
    """`_n1` to `_n4` and `_sum1` to `_sum4` over the last 1 to 4 quarters, `_min` and `_max` of the last.

    A sum is empty where no amount is given although there are operations.
    """
    day, is_last = pl.col("day"), pl.col("day") == ends[0]
    counts = {f"_n{n}": pl.when(day >= end).then("contributions").otherwise(0).sum() for n, end in enumerate(ends, 1)}
    sums = {f"_sum{n}": pl.when(day >= end).then("contributed").sum() for n, end in enumerate(ends, 1)}
    given = {f"_given{n}": ((day >= end) & pl.col("contributed").is_not_null()).any() for n, end in enumerate(ends, 1)}
    return (
        operations.filter(pl.col("known_from") < as_of, day.is_between(ends[-1], ends[0]))
        .group_by("customer_id")
        .agg(
            **counts,
            **sums,
            **given,
            _min=pl.when(is_last).then("contribution_min").min(),
            _max=pl.when(is_last).then("contribution_max").max(),
        )
    )


def _recent_rows(states: pl.LazyFrame, as_of: date, ends: Sequence[date]) -> pl.LazyFrame:
    """Sums of the account rows over the last four quarters (`_trailing`) and over those of the last one's year."""
    in_year = pl.col("day").dt.year() == ends[0].year
    return (
        states.filter(pl.col("known_from") < as_of, pl.col("day").is_between(ends[-1], ends[0]))
        .group_by("customer_id")
        .agg(
            **{f"{name}_trailing": pl.col(name).sum() for name in _SUMMED},
            **{f"{name}_ytd": pl.when(in_year).then(name).sum() for name in _SUMMED},
        )
    )


def _operations() -> dict[str, pl.Expr]:
    """Operations of the last quarter, and means over the last 2 to 4."""
    sums = {
        n: pl.when(pl.col(f"_n{n}") == 0).then(0).when(pl.col(f"_given{n}")).then(f"_sum{n}").cast(pl.Int64)
        for n in range(1, 5)
    }
    return {
        "operations_q1": pl.col("_n1"),
        "operation_sum_q1": sums[1],
        "operation_min_q1": pl.col("_min"),
        "operation_max_q1": pl.col("_max"),
        "operation_mean_q1": pl.when(pl.col("_n1") > 0).then(ratio(sums[1], pl.col("_n1"))),
        **{f"operations_mean_q{n}": ratio(pl.col(f"_n{n}"), pl.lit(n)) for n in range(2, 5)},
        **{f"operation_sum_mean_q{n}": ratio(sums[n], pl.lit(n)) for n in range(2, 5)},
    }


def _season(as_of: date) -> dict[str, pl.Expr]:
    """The quarter that begins at as_of (or that it lies in) as a point on a circle."""
    angle = 2 * math.pi * ((as_of.month - 1) // 3) / 4
    return {"season_sin": pl.lit(round(math.sin(angle), 12)), "season_cos": pl.lit(round(math.cos(angle), 12))}
