"""Documents of a pension fund's accounts: what was published before as_of, the level in words, the client's others."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest

from fiel.core import Core
from fiel.serving.customers import Documents, Known
from tests.reports.test_accounts import AS_OF, PROGRAM, core, scores, snapshot

PROBS = [0.01, 0.3, 0.9, 0.03]


def known(fund: Core) -> Known:
    return Known(PROGRAM, AS_OF, fund, pl.LazyFrame(), snapshot().lazy(), scores(PROBS))


def fund(**changes: pl.Expr) -> Core:
    """The fund in which `a`, `d` and `f` are one client's."""
    made = core()
    client = pl.when(pl.col("customer_id").is_in(["a", "d", "f"])).then(pl.lit("one")).otherwise(pl.lit("two"))
    accounts = made["accounts"].with_columns(client_id=client, balance=pl.lit(500, pl.Int64))
    return replace(made, tables=made.tables | {"accounts": accounts.with_columns(**changes)})


def documents(made: Core, chunk: int = 25_000) -> dict[str, dict[str, Any]]:
    rows = pl.concat(list(Documents(known(made), chunk)))
    return {account: json.loads(text) for account, text in rows.select("customer_id", "document").iter_rows()}


@pytest.fixture(scope="module")
def shown() -> dict[str, dict[str, Any]]:
    return documents(fund())


def test_the_level_of_the_next_quarter_has_a_word_and_a_relative_one(shown: dict[str, dict[str, Any]]) -> None:
    levels = {account: document["level"] for account, document in shown.items()}
    assert {account: level["word"] for account, level in levels.items()} == {
        "a": "high", "d": "middle", "e": "low", "f": "high"
    }  # fmt: skip
    assert levels["a"]["relative"] == "calm"
    assert levels["e"]["relative"] == "raised"
    assert levels["d"]["quarter"] == "2022-03-31"
    assert levels["d"]["loyalty"] == 0.7
    assert levels["d"]["base_prob"] == pytest.approx(sum(PROBS) / 4)


def test_contributions_are_listed_by_quarter_as_published_before_as_of(shown: dict[str, dict[str, Any]]) -> None:
    assert shown["d"]["quarters"] == [
        ["2021-06-30", 1, 1_000, 1, 50],
        ["2021-09-30", 1, 1_000, 1, 50],
        ["2021-12-31", 1, 1_000, 1, 50],
    ]
    assert shown["d"]["operations"] == {"contributions": [3, 3_000], "incomes": [3, 150]}


def test_the_client_and_its_other_open_accounts_are_named(shown: dict[str, dict[str, Any]]) -> None:
    assert shown["a"]["client"] == {
        "id": "one", "accounts": [["d", "2021-06-30", 500, "middle"], ["f", "2021-03-31", 500, "high"]]
    }  # fmt: skip
    assert shown["e"]["client"] == {"id": "two"}
    assert shown["a"]["account"] == {"opened": "2021-03-31", "balance": 100}


def test_a_client_of_another_chunk_is_found_too(shown: dict[str, dict[str, Any]]) -> None:
    assert documents(fund(), chunk=1) == shown


def test_what_is_published_later_moves_nothing(shown: dict[str, dict[str, Any]]) -> None:
    later = pl.col("day") > date(2021, 12, 31)
    other = fund(
        client_id=pl.when(later).then(pl.lit("two")).otherwise("client_id"),
        balance=pl.when(later).then(pl.lit(0, pl.Int64)).otherwise("balance"),
    )
    operations = other["operations"].with_columns(contributed=pl.when(later).then(7).otherwise("contributed"))
    assert documents(replace(other, tables=other.tables | {"operations": operations})) == shown
