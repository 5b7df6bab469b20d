"""Accounts of a pension fund as they stood at an as_of: the newest state known before it, of those still open."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from fiel.core import Core
from fiel.features.arithmetic import days_between
from fiel.program import Program
from fiel.program.pension import quarter_start, quarter_start_before
from fiel.tables import TABLES, known_at

NO_STAGE = "none"
"""Stage and value cluster of an account, where the program asks for no life cycle."""

_STATES = [name for name in TABLES["core_accounts"].declared if known_at("core_accounts", name) != "never"]
_OPERATIONS = list(TABLES["core_operations"].declared)


def account_states(core: Core, program: Program) -> pl.LazyFrame:
    """Rows of core_accounts, without what is never a feature, each with the dates between which it is the newest.

    It is the newest state at every as_of with known_from < as_of <= `next_known_from` (empty: no later row).
    `opened` is the day of the account's first row, `closed_known_from` when its closing is known (empty: never).
    """
    same = pl.col("customer_id") == pl.col("customer_id").shift(-1)
    first = pl.col("customer_id").ne_missing(pl.col("customer_id").shift())
    closed = core["closings"].select("customer_id", pl.col("known_from").alias("closed_known_from"))
    return (
        core["accounts"]
        .select(_STATES)
        .sort("customer_id", "day")
        .with_columns(
            next_known_from=pl.when(same).then(pl.col("known_from").shift(-1)),
            opened=pl.when(first).then("day").forward_fill(),
        )
        .join(closed, on="customer_id", how="left")
    )


def operation_states(core: Core, program: Program) -> pl.LazyFrame:
    """Rows of core_operations with a contribution, each with totals so far and the dates in which it is the newest.

    `operations_life` and `operation_sum_life` include the row's own quarter; `next_known_from` as in account_states.
    """
    customer = pl.col("customer_id")
    same = customer == customer.shift(-1)
    first = customer.ne_missing(customer.shift())
    paid = (
        core["operations"]
        .select(_OPERATIONS)
        .filter(pl.col("contributions") > 0)
        .sort("customer_id", "day")
        .with_columns(
            next_known_from=pl.when(same).then(pl.col("known_from").shift(-1)),
            operations_life=pl.col("contributions").cum_sum(),
            operation_sum_life=pl.col("contributed").fill_null(0).cum_sum(),
            _given=pl.col("contributed").is_not_null().cum_sum(),
        )
    )
    # Running sums over the whole sorted frame, less what had run up before the account's first row.
    before = {
        "operations_life": pl.col("operations_life") - pl.col("contributions"),
        "operation_sum_life": pl.col("operation_sum_life") - pl.col("contributed").fill_null(0),
        "_given": pl.col("_given").cast(pl.Int64) - pl.col("contributed").is_not_null().cast(pl.Int64),
    }
    own = {
        name: pl.col(name).cast(pl.Int64) - pl.when(first).then(start).forward_fill() for name, start in before.items()
    }
    return (
        paid.with_columns(**own)
        .with_columns(operation_sum_life=pl.when(pl.col("_given") > 0).then("operation_sum_life"))
        .drop("_given")
    )


def newest(states: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """Of rows with known_from and next_known_from the newest of each account that is known before `as_of`."""
    following = pl.col("next_known_from")
    return states.filter(pl.col("known_from") < as_of, following.is_null() | (following >= as_of))


def open_accounts(states: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """The newest state (account_states) of every account that is open at `as_of`, as far as is known before it.

    One row for each account. An account without a row for some quarters is open until its closing is known.
    """
    closed = pl.col("closed_known_from")
    return newest(states, as_of).filter(closed.is_null() | (closed >= as_of))


def quarterly_base(states: pl.LazyFrame, as_of: date, program: Program) -> pl.LazyFrame:
    """What a snapshot says of every open account beside the groups: all are in the population; no stage, no cluster."""
    none = pl.lit(NO_STAGE)
    stages = {
        "stage": none,
        "next_stage": pl.lit(None, pl.String),
        "next_stage_date": pl.lit(None, pl.Date),
        "stage_after_visit": none,
    }
    return open_accounts(states, as_of).select(
        "customer_id",
        as_of=pl.lit(as_of),
        in_population=pl.lit(value=True),
        value_cluster=none,
        **({} if "life_cycle" in program.features.groups else stages),
    )


def account_age_days() -> pl.Expr:
    """Days from the beginning of the quarter in which an account was opened to as_of, of rows of feat_snapshot.

    >>> rows = pl.DataFrame({"as_of": [date(2022, 10, 1)], "quarters_since_opening": [3]})
    >>> rows.select(account_age_days()).item()
    365
    """
    back = pl.format("-{}mo", 3 * (pl.col("quarters_since_opening") + 1))
    opened = pl.col("as_of").dt.truncate("1q").dt.offset_by(back)
    return days_between(opened, pl.col("as_of")).cast(pl.Int64)


def last_quarter_end(as_of: date, program: Program) -> date:
    """Last day of the newest quarter whose accounts are published before `as_of`."""
    lag = timedelta(days=program.pension.lags.accounts if program.pension is not None else 0)
    end = quarter_start(as_of) - timedelta(days=1)
    while end + lag >= as_of:
        end = quarter_start(end) - timedelta(days=1)
    return end


def quarter_end_before(end: date, quarters: int) -> date:
    """Last day of the quarter `quarters` quarters before the one that ends on `end`."""
    return quarter_start_before(end, quarters - 1) - timedelta(days=1)


def quarters_between(earlier: pl.Expr, later: date) -> pl.Expr:
    """Whole quarters from the quarter of the date `earlier` to that of `later` (Int64)."""
    index = earlier.dt.year().cast(pl.Int64) * 4 + earlier.dt.quarter().cast(pl.Int64)
    return later.year * 4 + (later.month + 2) // 3 - index
