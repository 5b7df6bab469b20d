"""A pension fund's quarterly accounts (DOMAIN.md section 3): files to parsed tables and core tables.

An account is a customer. Its contributions of a quarter are one event on the quarter's last day, the incomes that the
fund credited another one (of origin `income`, which the program lists as an operator event): a quarter is the finest
step of the source's states, and of every as_of. An account-quarter with two clients, or with churn 1, is a closing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from fiel.errors import SourceError
from fiel.program import Program
from fiel.program.pension import DelimitedFile, PensionFiles
from fiel.sources.context import read_context
from fiel.sources.delimited import Delimited, add_delimited_profile, find_file, scan_delimited
from fiel.sources.files import Wanted
from fiel.sources.pension_closings import closings_of, one_row_each
from fiel.sources.pension_columns import PRIVATE
from fiel.sources.pension_tables import account_rows, one_of_each, operation_quarters
from fiel.sources.rules import Sieve
from fiel.tables import TABLES

CONTRIBUTION_ORIGIN, INCOME_ORIGIN = "contribution", "income"
"""Origins of the events of an account: what the client paid, what the fund credited."""

_STATES = (
    "has_phone", "has_email", "has_online_account", "has_npo_assignee", "has_ops_assignee", "has_address",
    "has_application",
)  # fmt: skip
"""States that an export may have stamped as of its own day."""
_ENOUGH = 1_000
"""Pairs of neighbouring rows of one account from which a state that never changes is told."""

CORE = ("core_accounts", "core_closings", "core_operations", "core_context", "core_places")
"""The core tables that this format fills itself."""


def wanted_files(program: Program) -> Wanted:
    """Chooses the files that pension.files names, postcodes and rates among them."""

    def wanted(names: list[str]) -> list[str]:
        return sorted(set(_names(program.quarterly.files, names).values()))

    return wanted


def read(program: Program, folders: dict[str, Path], sieve: Sieve, now: datetime) -> dict[str, pl.DataFrame]:
    """Parsed events and customers, and this format's own core tables under their names (CORE).

    `now` (naive UTC): a quarter that is not over by then is rejected. SourceError: a file or a column is missing, or a
    column is there that nobody declared.
    """
    folder = next(iter(folders.values()))
    source = _Files(program, folder, sieve, now.date())
    accounts, closings = _accounts(source)
    operations = operation_quarters(source.open("operations"), sieve, program.value.scale, source.today)
    _warn(accounts, operations, sieve)
    lag = pl.lit(timedelta(days=program.quarterly.lags.accounts))
    known_from = (pl.col("day") + lag).cast(pl.Date).alias("known_from")
    own = {
        "core_accounts": accounts.with_columns(known_from),
        "core_closings": closings.with_columns(known_from),
        "core_operations": operations.with_columns(known_from),
        **read_context(program, source.paths, sieve),
    }
    own = {name: frame.select(list(TABLES[name].declared)) for name, frame in own.items()}
    return {"events": _events(operations), "customers": _customers(accounts, operations), **own}


@dataclass(frozen=True)
class _Files:
    """The files of a version, opened one by one."""

    program: Program
    folder: Path
    sieve: Sieve
    today: date

    @property
    def paths(self) -> dict[str, Path]:
        """Paths by field of pension.files; those that the program says are not there lack."""
        names = [path.relative_to(self.folder).as_posix() for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return {field: self.folder / name for field, name in _names(self.program.quarterly.files, names).items()}

    def has(self, field: str) -> bool:
        """Whether the program says that there is such a file."""
        return field in self.paths

    def open(self, field: str) -> Delimited:
        """One file, profiled as it came."""
        wanted: DelimitedFile = getattr(self.program.quarterly.files, field)
        table = scan_delimited(self.paths[field], wanted)
        add_delimited_profile(self.sieve, table, [name for name in table.columns if name.lower() in PRIVATE])
        return table


def _names(files: PensionFiles, names: Sequence[str]) -> dict[str, str]:
    """The file of each field of pension.files that the program has."""
    wanted = {field: getattr(files, field) for field in PensionFiles.model_fields}
    return {field: find_file(names, file, field) for field, file in wanted.items() if file is not None}


def _accounts(source: _Files) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Accounts by quarter, sorted, and the closings."""
    table, sieve = source.open("accounts"), source.sieve
    # No name holds a table of an earlier step: at most two of them are in memory at a time.
    rows, closing_keys = one_row_each(table.name, _rows(source, table), sieve)
    rows, closings = closings_of(table.name, rows, closing_keys, sieve)
    scheme = pl.Series("scheme", [None], pl.String).new_from_index(0, rows.height)
    if source.has("schemes"):
        schemes = source.open("schemes")
        found = one_of_each(schemes, sieve, ("customer_id", "npo_accnt_id"), {"scheme": ("accnt_pnsn_schm", "code")})
        own = found.select("customer_id", "scheme")
        scheme = rows.select("customer_id").join(own, on="customer_id", how="left", maintain_order="left")["scheme"]
    return _past_first_contribution(rows.with_columns(scheme)), closings


def _rows(source: _Files, table: Delimited) -> pl.DataFrame:
    """Account-quarters as the file has them, client, gender and age filled in from files of their own."""
    sieve = source.sieve
    rows = account_rows(table, sieve, source.program.value.scale, source.today)
    if rows.is_empty():
        raise SourceError(
            f"{table.name}: no account-quarter is left to work with ({sieve.read[table.name]:,} rows read): are "
            "its columns those of DOMAIN.md section 3? Mend the file, or pension.files.accounts"
        )
    if source.has("clients"):
        held = one_of_each(
            source.open("clients"), sieve, ("customer_id", "npo_account_id"), {"_is": ("client_id", "text")}
        )
        rows = _filled(rows, held.rename({"_is": "client_id"}), "customer_id", ["client_id"])
    if source.has("people"):
        columns = {"gender": ("gender", "gender"), "age": ("age", "whole")}
        people = one_of_each(source.open("people"), sieve, ("client_id", "client_id"), columns)
        rows = _filled(rows, people, "client_id", ["gender", "age"])
    return rows


def _filled(rows: pl.DataFrame, more: pl.DataFrame, key: str, columns: list[str]) -> pl.DataFrame:
    """`rows` with empty `columns` filled from `more` by `key`."""
    renamed = more.select(key, *(pl.col(name).alias(f"_{name}") for name in columns))
    return (
        rows.join(renamed, on=key, how="left", maintain_order="left")
        .with_columns(pl.coalesce(name, f"_{name}").alias(name) for name in columns)
        .drop(f"_{name}" for name in columns)
    )


def _past_first_contribution(accounts: pl.DataFrame) -> pl.DataFrame:
    """A first contribution that is still to come was not known in the quarter: empty there."""
    first = pl.col("first_contribution_on")
    return accounts.with_columns(pl.when(first <= pl.col("day")).then(first).alias("first_contribution_on"))


def _events(operations: pl.DataFrame) -> pl.DataFrame:
    """Two events at most for each account and quarter: what the client paid, and what the fund credited."""
    found = []
    for origin, count, value in (
        (CONTRIBUTION_ORIGIN, "contributions", "contributed"),
        (INCOME_ORIGIN, "incomes", "income"),
    ):
        there = operations.filter(pl.col(count) > 0)
        quarter = pl.format("{}Q{}", pl.col("day").dt.year(), pl.col("day").dt.quarter())
        found.append(
            there.select(
                pl.concat_str("customer_id", quarter, pl.lit(origin), separator="/").alias("event_id"),
                "customer_id",
                (pl.col("day").cast(pl.Datetime("us")) + pl.duration(hours=12)).alias("occurred_at"),
                pl.col(value).fill_null(0).alias("value"),
                pl.lit(origin).alias("origin"),
            )
        )
    return pl.concat(found)


def _customers(accounts: pl.DataFrame, operations: pl.DataFrame) -> pl.DataFrame:
    """Every account, with or without an operation."""
    ids = pl.concat([accounts.select("customer_id"), operations.select("customer_id")]).unique()
    return ids.with_columns(
        pl.lit(None, pl.Datetime("us")).alias("source_created_at"), pl.lit(None, pl.Int64).alias("balance_points")
    )


def _warn(accounts: pl.DataFrame, operations: pl.DataFrame, sieve: Sieve) -> None:
    """What is kept but a person should know: operations without an account, and stamps of the export."""
    known = accounts.select("customer_id").unique()
    unknown = operations.join(known, on="customer_id", how="anti")
    sieve.warn(unknown.height, "account-quarters have operations, but their account has no row at all (kept as events)")
    if (accounts.height - known.height) < _ENOUGH:
        return
    same = pl.col("customer_id") == pl.col("customer_id").shift()
    moved = accounts.select((pl.col(name).ne_missing(pl.col(name).shift()) & same).any() for name in _STATES).row(0)
    stamps = [
        name
        for name, moves in zip(_STATES, moved, strict=True)
        if not moves and accounts.get_column(name).drop_nulls().n_unique() > 1
    ]
    if stamps:
        sieve.warnings.append(
            f"{', '.join(stamps)} of core_accounts never change within an account: they look like stamps of the day of "
            "the export and not like states of a quarter; put them into features.never unless you know better"
        )
