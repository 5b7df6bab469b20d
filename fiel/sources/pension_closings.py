"""Closings out of account-quarters: two clients in one account-quarter, or churn 1, each account closed once."""

from __future__ import annotations

import polars as pl

from fiel.sources.reading import ROW
from fiel.sources.rules import Sieve
from fiel.tables import TABLES

_KEY = ["customer_id", "day"]
_CLOSINGS = ("customer_id", "day", "client_id")


def one_row_each(table: str, rows: pl.DataFrame, sieve: Sieve) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row for each account-quarter, sorted, and the account-quarters that are closings.

    Of two clients the one who held the account before stays, else the one with the smaller id. Equal repeats are
    counted; rows of one client that contradict each other are rejects but for the least.
    """
    # Files come by account or by quarter: a sort of what is sorted already costs next to nothing.
    rows = rows.sort([*_KEY, ROW])
    repeated = pl.any_horizontal(
        *(pl.all_horizontal(pl.col(name) == pl.col(name).shift(step) for name in _KEY) for step in (1, -1))
    ).fill_null(value=False)
    flags = rows.select(repeated).to_series()
    by_flag = rows.filter(pl.col("_churn").fill_null(value=False)).select(_KEY)
    several = rows.filter(flags)
    if several.is_empty():
        return rows, by_flag.unique()
    single = rows.select(*_KEY, "client_id").filter(~flags)
    values = [name for name in rows.columns if name not in (*_KEY, "client_id", ROW, "_churn")]
    others = several.select(ROW)
    several = sieve.one_for_each(
        table, several, [*_KEY, "client_id"], ["_churn", *values], [*_KEY, "client_id", "balance", "contributed"]
    )
    by_clients = several.group_by(_KEY).agg(pl.col("client_id").n_unique()).filter(pl.col("client_id") > 1).select(_KEY)
    kept = _kept_client(single, several.select(*_KEY, "client_id", ROW))
    sieve.put_aside(table, "second_client_of_a_closing", several.height - kept.height)
    dropped = others.join(kept, on=ROW, how="anti").get_column(ROW)
    # One copy without the few rows that go: the whole table is large.
    return rows.filter(~pl.col(ROW).is_in(dropped.implode())), pl.concat([by_flag, by_clients]).unique()


def closings_of(
    table: str, rows: pl.DataFrame, closing_keys: pl.DataFrame, sieve: Sieve
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Accounts up to the quarter in which they closed, and the closings (customer_id, day, client_id).

    Rows after a closing are set aside: what is closed is not open again, and nobody closes twice.
    """
    first = closing_keys.group_by("customer_id").agg(pl.col("day").min().alias("_closed"))
    closed = rows.select("customer_id").join(first, on="customer_id", how="left", maintain_order="left")["_closed"]
    closings = rows.filter(rows["day"] == closed).select(_CLOSINGS)
    late = (rows["day"] > closed).fill_null(value=False)
    if late.any():
        sieve.put_aside(table, "rows_after_closing", int(late.sum()))
        rows = rows.filter(~late)
    return rows.select([name for name in TABLES["core_accounts"].declared if name in rows.columns]), closings


def _kept_client(single: pl.DataFrame, several: pl.DataFrame) -> pl.DataFrame:
    """Of account-quarters with several clients (key, client_id, row) the row of who held the account before (`_row`).

    `single` holds key and client_id of the others.
    """
    before = (
        several.select(*_KEY)
        .unique()
        .join(
            single.select("customer_id", pl.col("day").alias("_day"), pl.col("client_id").alias("_before")),
            on="customer_id",
        )
        .filter(pl.col("_day") < pl.col("day"))
        .sort("_day")
        .group_by(_KEY)
        .agg(pl.col("_before").last())
    )
    return (
        several.join(before, on=_KEY, how="left")
        .with_columns((pl.col("client_id") == pl.col("_before")).fill_null(value=False).alias("_held"))
        .sort([*_KEY, "_held", "client_id"], descending=[False, False, True, False], nulls_last=True)
        .unique(_KEY, keep="first", maintain_order=True)
        .select(ROW)
    )
