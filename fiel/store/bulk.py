# ruff: noqa: S608 - statements are made of the store's own table and column names; values are always bound
"""Many rows at once: a table's rows of one set become exactly those of a frame, inside the caller's transaction.

PostgreSQL: a new set by COPY; over a set that is there COPY into a temporary table, removal of the rows that are gone,
then INSERT ... ON CONFLICT DO UPDATE of those that differ. SQLite: the same with `executemany`. Rows that are equal
are not written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import polars as pl
import polars.selectors as cs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

SLICE = 50_000
"""Rows that are turned into text at once: bounds the memory of a load."""

KEY = ("program", "as_of", "customer_id")


def replace_rows(
    connection: Connection,
    table: sa.Table,
    program: str,
    as_of: date,
    columns: Sequence[str],
    pieces: Iterable[pl.DataFrame],
) -> None:
    """Make the table's rows of (program, as_of) those of the pieces: `columns` (customer_id first), one row each."""
    write = _copy if connection.dialect.name == "postgresql" else _execute_many
    write(connection, table, program, as_of, columns, pieces)


def csv_slices(rows: pl.DataFrame) -> Iterable[bytes]:
    """The rows as CSV in pieces: text is quoted, null is nothing, floats keep every bit."""
    for part in rows.iter_slices(SLICE):
        yield part.write_csv(include_header=False, quote_style="non_numeric").encode()


def _copy(
    connection: Connection,
    table: sa.Table,
    program: str,
    as_of: date,
    names: Sequence[str],
    pieces: Iterable[pl.DataFrame],
) -> None:
    keys = {"program": program, "as_of": as_of}
    wanted = sa.text(f"SELECT 1 FROM {table.name} WHERE program = :program AND as_of = :as_of LIMIT 1")
    if connection.execute(wanted, keys).first() is None:
        of_set = [pl.lit(program).alias("program"), pl.lit(as_of).alias("as_of")]
        _copy_to(connection, table.name, [*KEY[:2], *names], (piece.select(*of_set, *names) for piece in pieces))
        return
    incoming, columns = f"incoming_{table.name}", ", ".join(names)
    connection.exec_driver_sql("SET LOCAL work_mem = '64MB'")
    connection.exec_driver_sql(
        f"CREATE TEMP TABLE {incoming} ON COMMIT DROP AS SELECT {columns} FROM {table.name} WITH NO DATA"
    )
    _copy_to(connection, incoming, names, pieces)
    connection.exec_driver_sql(f"CREATE INDEX ON {incoming} (customer_id)")
    connection.exec_driver_sql(f"ANALYZE {incoming}")
    connection.execute(
        sa.text(
            f"DELETE FROM {table.name} AS kept WHERE program = :program AND as_of = :as_of "
            f"AND NOT EXISTS (SELECT FROM {incoming} AS i WHERE i.customer_id = kept.customer_id)"
        ),
        keys,
    )
    values = [name for name in names if name not in KEY]
    before, after = (", ".join(f"{side}.{name}" for name in values) for side in ("kept", "i"))
    # Equal rows are left out before the insert: a conflict would lock, and so write, every one of them.
    connection.execute(
        sa.text(
            f"INSERT INTO {table.name} (program, as_of, {columns}) "
            f"SELECT CAST(:program AS varchar), CAST(:as_of AS date), i.* FROM {incoming} AS i "
            f"LEFT JOIN {table.name} AS kept ON kept.program = :program AND kept.as_of = :as_of "
            f"AND kept.customer_id = i.customer_id "
            f"WHERE kept.customer_id IS NULL OR ({before}) IS DISTINCT FROM ({after}) "
            f"ON CONFLICT (program, as_of, customer_id) DO UPDATE SET "
            + ", ".join(f"{name} = excluded.{name}" for name in values)
        ),
        keys,
    )


def _copy_to(connection: Connection, table: str, names: Sequence[str], pieces: Iterable[pl.DataFrame]) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor().copy(f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT csv)") as copy:
        for piece in pieces:
            for text in csv_slices(piece):
                copy.write(text)


def _execute_many(
    connection: Connection,
    table: sa.Table,
    program: str,
    as_of: date,
    names: Sequence[str],
    pieces: Iterable[pl.DataFrame],
) -> None:
    driver: Any = connection.connection.driver_connection
    keys = (program, as_of.isoformat())
    wanted = f"SELECT customer_id FROM {table.name} WHERE program = ? AND as_of = ?"
    gone = {row[0] for row in driver.execute(wanted, keys)}
    values = [name for name in names if name not in KEY]
    statement = (
        f"INSERT INTO {table.name} (program, as_of, {', '.join(names)}) "
        f"VALUES (?, ?, {', '.join('?' * len(names))}) ON CONFLICT (program, as_of, customer_id) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in values)
        + " WHERE "
        + " OR ".join(f"{table.name}.{name} IS NOT excluded.{name}" for name in values)
    )
    for piece in pieces:
        gone.difference_update(piece.get_column("customer_id"))
        for part in piece.iter_slices(SLICE):
            plain = part.with_columns(cs.date().dt.to_string("%Y-%m-%d"), cs.boolean().cast(pl.Int8))
            driver.executemany(statement, ((*keys, *row) for row in plain.select(names).iter_rows()))
    remove = f"DELETE FROM {table.name} WHERE program = ? AND as_of = ? AND customer_id = ?"
    driver.executemany(remove, ((*keys, customer) for customer in gone))
