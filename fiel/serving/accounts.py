"""What the service shows of an account of a pension fund: a customer of such a program is an account (DOMAIN.md 3).

Keys of the document, all cut at as_of by the day on which each fact was published:

- `client`: `id`, and `accounts`: the client's other open accounts as [account, opened, balance, level].
- `account`: `opened` (first quarter), `balance`, `payment_type`, `scheme`.
- `quarters`: [last day of the quarter, contributions, contributed, incomes, income] of every quarter that has an
  operation, at most QUARTERS_LISTED, newest last.
- `operations`: {"contributions": [number, sum], "incomes": [number, sum]}: the two types of operations, of all time.
- `level`: for the next quarter `quarter` (its last day), `prob` (of closing), `loyalty` = 1 - prob, `word` (low,
  middle, high), `relative` (calm, usual, raised) against `base_prob`, the mean of all scored accounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import polars as pl

from fiel.core import Core
from fiel.program import Program
from fiel.program.pension import Levels
from fiel.segments.levels import loyalty_level, relative_level
from fiel.serving.json_text import json_array, json_list, json_object, json_object_of, json_value

QUARTERS_LISTED = 80
"""Quarters with an operation that are listed: twenty years of every quarter."""

OTHERS_LISTED = 20
"""Other accounts of a client that are listed."""


def account_fields(
    core: Core,
    program: Program,
    as_of: date,
    snapshot: pl.DataFrame,
    scores: pl.DataFrame,
    every: pl.DataFrame,
    here: pl.Expr,
) -> Iterator[pl.DataFrame]:
    """Frames of customer_id and columns of JSON text, each column a key of the document, for the accounts of `here`.

    `snapshot` and `scores` are those of the accounts, `every` is `open_accounts`.
    """
    known = pl.col("known_from") < as_of
    base = float(every["prob"].mean() or 0.0)  # type: ignore[arg-type]
    levels = program.quarterly.levels
    yield _level(scores, base, program, as_of)
    operations = core["operations"].filter(here, known).collect().sort("customer_id", "day")
    row = json_array([pl.col(name) for name in ("day", "contributions", "contributed", "incomes", "income")])
    yield (
        operations.group_by("customer_id", maintain_order=True)
        .tail(QUARTERS_LISTED)
        .group_by("customer_id", maintain_order=True)
        .agg(quarters=json_list(row))
    )
    totals = operations.group_by("customer_id", maintain_order=True).agg(
        pl.col("contributions", "contributed", "incomes", "income").sum()
    )
    kinds = {
        "contributions": json_array([pl.col("contributions"), pl.col("contributed")]),
        "incomes": json_array([pl.col("incomes"), pl.col("income")]),
    }
    yield totals.select("customer_id", operations=json_object_of(kinds))
    yield _account(every.filter(here), snapshot)
    yield _client(every, levels, here)


def open_accounts(core: Core, as_of: date, scores: pl.DataFrame) -> pl.DataFrame:
    """Every account that is open at as_of (those in `scores`): customer_id, client_id, opened, balance, prob.

    Sorted by account. `opened` is the last day of the quarter of its first row; client and balance are the newest.
    """
    return (
        core["accounts"]
        .filter(pl.col("known_from") < as_of)
        .select("customer_id", "client_id", "day", "balance")
        .sort("customer_id", "day")
        .group_by("customer_id", maintain_order=True)
        .agg(pl.col("client_id").last(), opened=pl.col("day").min(), balance=pl.col("balance").last())
        .join(scores.lazy().select("customer_id", "prob"), on="customer_id", maintain_order="left")
        .collect()
    )


def _level(scores: pl.DataFrame, base: float, program: Program, as_of: date) -> pl.DataFrame:
    levels = program.quarterly.levels
    last = program.target.ends(as_of) - timedelta(days=1)
    prob = pl.col("prob")
    told = json_object(
        quarter=pl.lit(last),
        prob=prob,
        loyalty=(1 - prob).round(12),
        word=loyalty_level(prob, levels),
        relative=relative_level(prob, base, levels),
        base_prob=pl.lit(base),
    )
    return scores.filter(prob.is_not_null()).select("customer_id", level=told)


def _account(accounts: pl.DataFrame, snapshot: pl.DataFrame) -> pl.DataFrame:
    opened = accounts.select("customer_id", "opened")
    facts = [name for name in ("balance", "payment_type", "scheme") if name in snapshot.columns]
    found = snapshot.select("customer_id", *facts).join(opened, on="customer_id", how="left")
    told = json_object(opened=pl.col("opened"), **{name: pl.col(name) for name in facts})
    return found.select("customer_id", account=told)


def _client(every: pl.DataFrame, levels: Levels, here: pl.Expr) -> pl.DataFrame:
    """The client of each account of `here`, and the client's other accounts that are open at as_of."""
    mine = every.filter(here).select("customer_id", "client_id")
    others = every.join(mine.select("client_id").unique(), on="client_id", how="semi").select(
        "client_id",
        other_id="customer_id",
        row=json_array(
            [pl.col("customer_id"), pl.col("opened"), pl.col("balance"), loyalty_level(pl.col("prob"), levels)]
        ),
    )
    beside = (
        mine.join(others, on="client_id")
        .filter(pl.col("other_id") != pl.col("customer_id"))
        .sort("customer_id", "other_id")
        .group_by("customer_id", maintain_order=True)
        .agg(accounts=json_list(pl.col("row").head(OTHERS_LISTED)))
    )
    told = json_object_of({"id": json_value(pl.col("client_id")), "accounts": pl.col("accounts")})
    return mine.join(beside, on="customer_id", how="left").select("customer_id", client=told)
