"""Simulates the `pension` fund in its source's own files: accounts by quarter, operations, schemes, outside facts.

Accounts close with a hazard that reads the outside facts (`pension_lives`), and the files have the traps of the real
ones (`pension_rows`): whole-year totals on every quarter, columns that know the account's end, two client rows in the
quarter of a closing. Everything is made up; no row, rate or place of the real files is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np

from fiel.errors import SettingsError
from fiel.simulate.draws import Draws
from fiel.simulate.pension_facts import FACTS_FROM, facts, write_facts
from fiel.simulate.pension_lives import NEVER, Lives, lives
from fiel.simulate.pension_rows import rows, scheme_rows

Layout = Literal["csv"]
ACCOUNTS_FILE, OPERATIONS_FILE, SCHEMES_FILE = "account_quarters.csv", "transactions.csv", "schemes.csv"
DEMO_CUSTOMERS = 4_000
DEMO_SPAN = date(1993, 4, 1), date(2023, 3, 31)
"""Accounts and years of a demo: those of the real fund."""
CHUNK = 10_000
"""Accounts whose rows are in memory at a time."""


@dataclass(frozen=True)
class Simulation:
    """A written fund: where it is and what it holds."""

    folder: Path
    files: tuple[Path, ...]
    accounts: int
    account_quarters: int  # closings with their second row counted twice
    operations: int
    closings: int
    first_quarter: str
    last_quarter: str
    seed: int
    lives: Lives

    def __str__(self) -> str:
        return (
            f"{self.accounts:,} accounts, {self.account_quarters:,} account-quarters, {self.operations:,} operations "
            f"and {self.closings:,} closings from {self.first_quarter} to {self.last_quarter} (seed {self.seed}) in "
            f"{self.folder}"
        )


def simulate(
    folder: Path,
    *,
    customers: int = 5_000,
    start: date = date(1993, 4, 1),
    end: date = date(2023, 3, 31),
    seed: int = 7,
    layout: Layout = "csv",
) -> Simulation:
    """Write a simulated fund of `customers` accounts into `folder`, from the quarter of `start` to that of `end`.

    An account has about 17 rows, so 212,000 make about 3.6 million. The outside facts begin in 1993Q2 whatever `start`
    is. SettingsError: no accounts, another layout than csv, or an impossible span.
    """
    if customers < 1:
        raise SettingsError(f"customers is {customers}: simulate at least 1 account")
    if layout != "csv":
        raise SettingsError(f"layout {layout!r}: pension is written as csv")
    first, last = _index(start), _index(end)
    if first < FACTS_FROM or first + 8 > last:
        raise SettingsError(f"start {start} and end {end}: simulate two years or more, from 1993-04-01 at the earliest")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    draws = Draws(seed)
    found = facts(draws, last)
    made = lives(draws, found, customers, first, last)
    written = [0, 0]
    with (folder / ACCOUNTS_FILE).open("wb") as accounts, (folder / OPERATIONS_FILE).open("wb") as operations:
        for begin in range(0, customers, CHUNK):
            part = rows(draws, found, made, np.arange(begin, min(begin + CHUNK, customers)), last)
            part.accounts.write_csv(accounts, include_header=begin == 0)
            part.operations.write_csv(operations, include_header=begin == 0, separator=";")
            written[0] += part.accounts.height
            written[1] += part.operations.height
    scheme_rows(made).write_csv(folder / SCHEMES_FILE, separator=";")
    files = [folder / name for name in (ACCOUNTS_FILE, OPERATIONS_FILE, SCHEMES_FILE)]
    return Simulation(
        folder=folder,
        files=(*files, *write_facts(folder, found)),
        accounts=customers,
        account_quarters=written[0],
        operations=written[1],
        closings=int((made.closed < NEVER).sum()),
        first_quarter=_spelled(first),
        last_quarter=_spelled(last),
        seed=seed,
        lives=made,
    )


def _index(day: date) -> int:
    return day.year * 4 + (day.month - 1) // 3


def _spelled(quarter: int) -> str:
    return f"{quarter // 4}Q{quarter % 4 + 1}"
