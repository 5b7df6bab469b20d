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
from fiel.simulate.courses import UNLINKED, Study, study, unlinked_users
from fiel.simulate.draws import Draws, Ints
from fiel.simulate.people import Registrations, attendance, course_start, registrations
from fiel.simulate.visits import local_ms, registered_ms, transactions
from fiel.simulate.write import Layout, Writer

EXPORT_MINUTE = 8 * 60  # the export is made at eight in the morning after the last complete day
LEGACY_DAYS = 260  # customers registered earlier have a back-filled DtCriacao
LEGACY_DATE = date(2024, 2, 1)
EARLIEST_START = date(2019, 4, 1)  # before it the local zone had summer time
CHUNK = 50_000


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
    registered: int  # rows of clientes
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
    with Writer(Path(folder), layout) as writer:
        for tables in _parts(world, broken=broken):
            for table, frame in apply_changes(tables, changes).items():
                writer.write(table, frame)
    return Simulation(
        folder=Path(folder), layout=layout, files=writer.files, rows=writer.rows, first_day=start, last_day=end,
        exported_at=_text_of(world.export_ms), seed=seed, customers=customers, registered=writer.rows["clientes"],
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


def _text_of(ms: int) -> str:
    return str(pl.Series([ms]).cast(pl.Datetime("ms")).dt.to_string("%Y-%m-%d %H:%M:%S%.3f")[0])


def _stamp(column: str, *, milliseconds: bool = True) -> pl.Expr:
    """UTC milliseconds as the sources' text."""
    return pl.col(column).cast(pl.Datetime("ms")).dt.to_string("%Y-%m-%d %H:%M:%S" + ("%.3f" if milliseconds else ""))


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
        clients.append(_clients(world, number, uuid, registered, made))
        tables = _transaction_tables(world.draws, made, dict(zip(number.tolist(), uuid, strict=True)))
        if broken and first == 0:
            tables = oddities.break_transactions(world.draws, world.start, world.export_ms, tables)
        yield tables
    yield _whole_tables(world, pl.concat(clients), studies, np.concatenate(users), broken=broken)


def _transaction_tables(draws: Draws, made: pl.DataFrame, uuid: dict[int, str]) -> dict[str, pl.DataFrame]:
    """Tables transacoes and transacao_produto of these transactions."""
    customer, day, slot = (made[name].to_numpy() for name in ("customer", "day", "slot"))
    identified = made.with_columns(
        IdTransacao=pl.Series(draws.uuids("transaction", customer, day, slot), dtype=pl.String),
        IdCliente=pl.Series([uuid[number] for number in customer.tolist()], dtype=pl.String),
    )
    heads = identified.select(
        "IdTransacao",
        "IdCliente",
        DtCriacao=_stamp("at_ms"),
        QtdePontos="points",
        DescSistemaOrigem=pl.when("is_course").then(pl.lit("cursos")).otherwise(pl.lit("twitch")),
    )
    lines = pl.concat(
        identified.filter(pl.col(product) >= 0).select(
            *("customer", "day", "slot", "at_ms", "IdTransacao"),
            product=product,
            quantity=quantity,
            unit=unit,
            nth=pl.lit(nth),
        )
        for nth, (product, quantity, unit) in enumerate(
            [("product", pl.col("quantity"), pl.col("unit")), ("product_2", pl.lit(1, pl.Int64), pl.col("unit_2"))]
        )
    ).sort("at_ms", "customer", "slot", "nth")
    keys = [lines[name].cast(pl.Int64).to_numpy() for name in ("customer", "day", "slot", "nth")]
    ids = [product[0] for product in catalogue.PRODUCTS]
    return {
        "transacoes": heads,
        "transacao_produto": lines.select(
            idTransacaoProduto=pl.Series(draws.uuids("line", *keys), dtype=pl.String),
            IdTransacao="IdTransacao",
            IdProduto=pl.col("product").replace_strict(dict(enumerate(ids)), return_dtype=pl.String),
            QtdeProduto="quantity",
            vlProduto="unit",
        ),
    }


def _clients(world: _World, number: Ints, uuid: list[str], registered: Ints, made: pl.DataFrame) -> pl.DataFrame:
    """Table clientes of these customers, as the export shows them."""
    sums = made.group_by("customer").agg(pl.col("points").sum(), last_ms=pl.col("at_ms").max())
    legacy_until = int(local_ms(np.array([day_number(world.start) + LEGACY_DAYS]), 0)[0])
    backfill = int(local_ms(np.array([day_number(max(world.start, LEGACY_DATE))]), -180)[0])
    mail = world.draws.uniform("person/mail", number) < 0.02
    frame = pl.DataFrame({"customer": number, "idCliente": uuid, "registered": registered, "mail": mail})
    frame = frame.filter(pl.col("registered") < world.export_ms)
    frame = frame.join(sums, on="customer", how="left", maintain_order="left")
    legacy = pl.col("registered") < legacy_until
    created = pl.when(legacy).then(pl.lit(backfill)).otherwise("registered")
    updated = pl.max_horizontal(created, pl.col("last_ms"))
    zero = pl.lit(0, pl.Int64)
    return frame.with_columns(created=created, updated=updated).select(
        "idCliente",
        flEmail=pl.col("mail").cast(pl.Int64),
        flTwitch=(~legacy | (pl.col("last_ms") >= legacy_until).fill_null(False)).cast(pl.Int64),
        flYouTube=zero,
        flBlueSky=zero,
        flInstagram=zero,
        qtdePontos=pl.col("points").fill_null(0),
        DtCriacao=_stamp("created"),
        DtAtualizacao=_stamp("updated"),
    )


def _whole_tables(
    world: _World, clients: pl.DataFrame, studies: list[Study], linked: Ints, *, broken: bool
) -> dict[str, pl.DataFrame]:
    """Table clientes, the catalogues and the course platform."""
    draws, export_ms = world.draws, world.export_ms
    last = date.fromisoformat(_text_of(export_ms)[:10])
    opened = unlinked_users(world.calendar, world.people.scale)
    user = UNLINKED + np.arange(len(opened))
    studies = [*studies, study(draws, world.people, user, opened)]
    everybody = np.concatenate([linked, user])
    name = pl.DataFrame({"user": everybody, "idUsuario": draws.uuids("user", everybody)})
    courses = dict(enumerate(course[0] for course in catalogue.COURSES))

    def gathered(which: str, *order: str) -> pl.DataFrame:
        frames: list[pl.DataFrame] = [getattr(done, which) for done in studies]
        known = pl.concat(frames, how="vertical_relaxed").filter(pl.col("at_ms") < export_ms)
        return known.sort("at_ms", "user", *order).join(name, on="user", how="left", maintain_order="left")

    slug = pl.col("course").replace_strict(courses, return_dtype=pl.String)
    when = _stamp("at_ms", milliseconds=False)
    episodes = gathered("episodes", "course", "episode").select(
        "idUsuario",
        descSlugCurso=slug,
        descSlugCursoEpisodio=pl.format("ep-{}", pl.col("episode").cast(pl.String).str.zfill(2)),
        dtCriacao=when,
    ).with_row_index("idCursoEpisodioCompleto", offset=1)  # fmt: skip
    skills = gathered("skills", "skill").select(
        "idUsuario",
        descNomeHabilidade=pl.col("skill").replace_strict(dict(enumerate(catalogue.SKILLS)), return_dtype=pl.String),
        descNivelHabilidade=pl.col("level").replace_strict(
            dict(enumerate(catalogue.SKILL_LEVELS)), default=None, return_dtype=pl.String
        ),
        dtCriacao=when,
    ).with_row_index("idHabilidadeusuario", offset=1)  # fmt: skip
    rewards = gathered("rewards", "course").select("idUsuario", idRecompensa=slug, dtRecompensa=when)
    links = pl.DataFrame({"idUsuario": draws.uuids("user", linked), "idTMWCliente": draws.uuids("customer", linked)},
                         schema={"idUsuario": pl.String, "idTMWCliente": pl.String})  # fmt: skip
    begun = course_start(draws, world.people, linked)
    known_link = pl.Series(local_ms(begun, 1440) <= export_ms)
    links = links.filter(known_link).filter(pl.col("idTMWCliente").is_in(clients["idCliente"].implode()))
    tables = {
        "clientes": clients,
        "produtos": catalogue.product_table(last),
        **catalogue.course_tables(draws, last),
        "cursos_episodios_completos": episodes,
        **catalogue.skill_tables(),
        "habilidades_usuarios": skills,
        "recompensas_usuarios": rewards,
        "usuarios_tmw": links.sort("idUsuario"),
    }
    return oddities.break_whole_tables(draws, tables) if broken else tables
