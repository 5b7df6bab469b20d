"""Simulates the `teomewhy` community in Kaggle's own files: same tables, columns, formats and oddities.

The shape is fitted to the published month-ends and daily actives (DOMAIN.md section 1); no real row is used. The same
community (seed, customers, start) simulated to a later end has the same history up to the earlier one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from fiel.errors import SettingsError
from fiel.simulate import catalogue, oddities
from fiel.simulate.calendar import REFERENCE_DAYS, Calendar, day_number, make_calendar
from fiel.simulate.changes import Change, apply_changes
from fiel.simulate.course_tables import link_table, study_tables
from fiel.simulate.courses import UNLINKED, Study, study, unlinked_users
from fiel.simulate.draws import Draws, Ints
from fiel.simulate.loyalty_tables import client_table, stamp_text, transaction_tables
from fiel.simulate.people import Registrations, attendance, course_start, registrations
from fiel.simulate.visits import local_ms, registered_ms, transactions
from fiel.simulate.write import Layout, Writer

EXPORT_MINUTE = 8 * 60  # the export is made at eight in the morning after the last complete day
EARLIEST_START = date(2019, 4, 1)  # before it the local zone had summer time
CHUNK = 10_000  # customers whose transactions are made and written at once


@dataclass(frozen=True)
class Simulation:
    """A written community: where it is and what it holds."""

    folder: Path
    layout: Layout
    files: tuple[Path, ...]
    rows: dict[str, int]  # by table
    first_day: date
    last_day: date  # the last complete local day
    exported_at: str  # UTC; nothing in the files is later
    seed: int
    customers: int  # asked for: people who register in the first 669 days
    registered: int  # customers in clientes
    broken: bool
    changes: tuple[Change, ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.registered:,} customers and {self.rows['transacoes']:,} transactions from {self.first_day} to "
            f"{self.last_day} (seed {self.seed}) in {self.folder}"
        )


@dataclass(frozen=True)
class _World:
    draws: Draws
    calendar: Calendar
    people: Registrations
    start: date
    export_ms: int


def simulate(
    folder: Path,
    *,
    customers: int = 5_000,
    start: date = date(2024, 2, 1),
    end: date = date(2025, 11, 30),
    seed: int = 7,
    layout: Layout = "sqlite",
    broken: bool = True,
    changes: tuple[Change, ...] = (),
) -> Simulation:
    """Writes a simulated community to `folder/loyalty-system` and `folder/education-platform`.

    `customers` people register in the first 669 days (2024-02-01 to 2025-11-30): an earlier end holds those who came
    until then, a later one more. `end` is the last complete day in America/Sao_Paulo; the export is made the next
    morning, so the files hold a few events of that day. `layout` "sqlite" writes `database.db`, "csv" one
    `;`-separated file for each table. `broken` adds a handful of broken rows; `changes` are applied last.
    """
    if customers < 1:
        raise SettingsError(f"customers is {customers}: simulate at least 1")
    if not EARLIEST_START <= start <= end:
        raise SettingsError(f"start {start} and end {end}: start must not be after end nor before {EARLIEST_START}")
    world = _world(customers, start, end, seed)
    registered = 0
    with Writer(Path(folder), layout) as writer:
        for tables in _parts(world, broken=broken):
            for table, frame in apply_changes(tables, changes).items():
                writer.write(table, frame)
                registered += frame["idCliente"].count() if table == "clientes" else 0
    return Simulation(
        folder=Path(folder), layout=layout, files=writer.files, rows=writer.rows, first_day=start, last_day=end,
        exported_at=stamp_text(world.export_ms), seed=seed, customers=customers, registered=registered,
        broken=broken, changes=changes,
    )  # fmt: skip


def _world(customers: int, start: date, end: date, seed: int) -> _World:
    draws = Draws(seed)
    after = end + timedelta(days=1)
    sunday = after + timedelta(days=6 - after.weekday())  # whole weeks, so that a later end changes nothing
    calendar = make_calendar(draws, start, max(sunday, start + timedelta(days=REFERENCE_DAYS)))
    people = registrations(draws, calendar, customers).until(day_number(sunday))
    calendar = calendar.until(sunday)
    export_ms = int(local_ms(np.array([day_number(after)]), EXPORT_MINUTE)[0])
    return _World(draws, calendar, people, start, export_ms)


def _parts(world: _World, *, broken: bool) -> Iterator[dict[str, pl.DataFrame]]:
    """The tables in parts: transactions by chunk of customers, everything else once at the end."""
    clients: list[pl.DataFrame] = []
    studies: list[Study] = []
    users: list[Ints] = []
    for first in range(0, len(world.people), CHUNK):
        number = np.arange(first, min(first + CHUNK, len(world.people)))
        begins = course_start(world.draws, world.people, number)
        opens = begins >= 0
        users.append(number[opens])
        studies.append(study(world.draws, world.people, number[opens], begins[opens]))
        visits = attendance(world.draws, world.calendar, world.people, number, begins, owls=first == 0)
        made = transactions(world.draws, world.calendar, world.people, visits, studies[-1].points)
        first_ms = np.full(len(number), -1, dtype=np.int64)
        starts = made.group_by("customer").agg(pl.col("at_ms").min())
        first_ms[starts["customer"].to_numpy() - first] = starts["at_ms"].to_numpy()
        registered = registered_ms(world.draws, world.people, number, first_ms)
        made = made.filter(pl.col("at_ms") < world.export_ms).sort("at_ms", "customer", "slot")
        uuid = world.draws.uuids("customer", number)
        clients.append(client_table(world.draws, world.start, world.export_ms, number, uuid, registered, made))
        del visits, starts
        tables = transaction_tables(world.draws, made, dict(zip(number.tolist(), uuid, strict=True)))
        if broken and first == 0:
            tables = oddities.break_transactions(world.draws, world.start, world.export_ms, tables)
        del made
        yield tables
        del tables
    opened = unlinked_users(world.calendar, world.people.scale)
    for first in range(0, len(opened), CHUNK):
        some = opened[first : first + CHUNK]
        studies.append(study(world.draws, world.people, UNLINKED + first + np.arange(len(some)), some))
    for table, frame in study_tables(world.draws, studies, world.export_ms):
        yield {table: oddities.break_study(table, frame) if broken else frame}
    yield _whole_tables(world, pl.concat(clients), np.concatenate(users), broken=broken)


def _whole_tables(world: _World, clients: pl.DataFrame, linked: Ints, *, broken: bool) -> dict[str, pl.DataFrame]:
    """Table clientes, the links and the catalogues."""
    last = date.fromisoformat(stamp_text(world.export_ms)[:10])
    return {
        "clientes": oddities.break_clients(clients) if broken else clients,
        "usuarios_tmw": link_table(world.draws, world.people, linked, clients["idCliente"], world.export_ms),
        "produtos": catalogue.product_table(last),
        **catalogue.course_tables(world.draws, last),
        **catalogue.skill_tables(),
    }
