"""The points system and the course platform of `teomewhy`: every drift of DOMAIN.md section 1 is read here.

Decisions that the domain page leaves open:
- a transaction of a customer that `clientes` lacks is kept, and the customer made known (a transaction is a fact, the
  customer table only a picture of today);
- a line of a transaction that is not there is rejected; a line of an unknown product is kept, without a name;
- a transaction without an origin has the origin `unknown`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from fiel.errors import ProgramError, SourceError
from fiel.program import Program
from fiel.sources.profile import add_profile
from fiel.sources.reading import RawTable, pick_columns, read_csv, read_sqlite, sqlite_tables
from fiel.sources.rules import Sieve, cleaned
from fiel.sources.teomewhy_tables import education, loyalty

DATABASE = "database.db"
LOYALTY, EDUCATION = "loyalty-system", "education-platform"


@dataclass(frozen=True)
class Layout:
    """A source table: our column name -> the spellings that were ever published; some columns may lack."""

    columns: dict[str, tuple[str, ...]]
    optional: tuple[str, ...] = ()


LAYOUTS: dict[str, dict[str, Layout]] = {
    LOYALTY: {
        "clientes": Layout(
            {"customer": ("idCliente",), "balance": ("qtdePontos",), "created": ("DtCriacao",)}, optional=("created",)
        ),
        "transacoes": Layout(
            {
                "event": ("IdTransacao",),
                "customer": ("IdCliente",),
                "time": ("DtCriacao",),
                "points": ("QtdePontos",),
                "origin": ("DescSistemaOrigem",),
            }
        ),
        "transacao_produto": Layout(
            {
                "line": ("idTransacaoProduto",),
                "event": ("IdTransacao",),
                "product": ("IdProduto",),
                "quantity": ("QtdeProduto",),
                "points": ("vlProduto",),
            }
        ),
        "produtos": Layout(
            {
                "product": ("IdProduto",),
                "name": ("DescNomeProduto", "DescProduto"),
                "category": ("DescCategoriaProduto", "DescCateogriaProduto"),
            }
        ),
    },
    EDUCATION: {
        "cursos": Layout({"course": ("descSlugCurso",), "year": ("nrAno",)}),
        "cursos_episodios": Layout({"course": ("descSlugCurso",), "episode": ("nrEp",)}),
        "cursos_episodios_completos": Layout(
            {
                "user": ("idUsuario",),
                "course": ("descSlugCurso",),
                "episode": ("descSlugCursoEpisodio",),
                "time": ("dtCriacao",),
            }
        ),
        "habilidades_usuarios": Layout(
            {
                "id": ("idHabilidadeusuario",),
                "user": ("idUsuario",),
                "skill": ("descNomeHabilidade",),
                "level": ("descNivelHabilidade",),
                "time": ("dtCriacao",),
            }
        ),
        "recompensas_usuarios": Layout(
            {"user": ("idUsuario",), "course": ("idRecompensa",), "time": ("dtRecompensa",)}
        ),
        "usuarios_tmw": Layout({"user": ("idUsuario",), "customer": ("idTMWCliente",)}),
    },
}


def _people(layout: Layout) -> list[str]:
    """Columns that name people, as the source spells them."""
    return [spelled for ours in ("customer", "user") for spelled in layout.columns.get(ours, ())]


def data_sets(program: Program) -> list[str]:
    """Which of the two data sets the program reads; without a `kaggle` entry the loyalty system only."""
    names = [handle.name for handle in program.source.kaggle] or [LOYALTY]
    unknown = [name for name in names if name not in LAYOUTS]
    if unknown or LOYALTY not in names:
        raise ProgramError(
            f"program {program.name}: source.kaggle names {', '.join(names)}; format teomewhy knows {LOYALTY} (needed) "
            f"and {EDUCATION}"
        )
    return names


def wanted_files(program: Program, names: list[str]) -> list[str]:
    """The files of a local or S3 source that are read: database.db where there is one, else the CSV tables.

    Each data set lies in a folder of its name, or everything in one folder. SourceError names the first table that
    lacks and where it was looked for.
    """
    chosen: set[str] = set()
    for data_set in data_sets(program):
        for table in LAYOUTS[data_set]:
            found = _candidates(names, data_set, table)
            if not found:
                raise _no_table(table, data_set, archives=[name for name in names if name.lower().endswith(".zip")])
            chosen.update(found[:1] if _is_database(found[0]) else found)
    return sorted(chosen)


def read(program: Program, folders: dict[str, Path], sieve: Sieve, now: datetime) -> dict[str, pl.DataFrame]:
    """The parsed source tables, rejected rows set aside in `sieve`. `folders`: data set (or `files`) -> its folder.

    `now` (naive UTC): an event after it is wrong.
    """
    raw: dict[str, pl.DataFrame] = {}
    for data_set in data_sets(program):
        folder = folders.get(data_set) or folders["files"]
        for table, layout in LAYOUTS[data_set].items():
            found = _find_table(folder, data_set, table)
            sieve.read[table] = found.rows.height
            picked = pick_columns(found, layout.columns, layout.optional)
            add_profile(sieve, replace(found, name=table), _people(layout))
            raw[table] = picked.with_columns(cleaned(name) for name in layout.columns)
    zone = program.source.time_zone
    parsed = loyalty(raw, sieve, zone, now, program.source.origins)
    if EDUCATION in data_sets(program):
        parsed |= education(raw, sieve, zone, now)
    return parsed


# ---------------------------------------------------------------------------------------------------- finding tables


def _candidates(names: list[str], data_set: str, table: str) -> list[str]:
    """Names of files that can hold the table: database first; the data set's own folder before the common one."""
    lower = {name.lower(): name for name in names}
    places = (f"{data_set}/", "")
    return [lower[place + file] for file in (DATABASE, f"{table}.csv") for place in places if place + file in lower]


def _is_database(name: str) -> bool:
    return name.lower().endswith(DATABASE)


def _find_table(folder: Path, data_set: str, table: str) -> RawTable:
    """The table from a database or a CSV file below `folder`."""
    names = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    candidates = _candidates(names, data_set, table)
    listed: list[str] = []
    for name in candidates:
        path = folder / name
        if not _is_database(name):
            found = read_csv(path)
            return RawTable(found.name, found.rows)
        tables = sqlite_tables(path)
        spelled = next((known for known in tables if known.lower() == table), None)
        if spelled is not None:
            return read_sqlite(path, spelled)
        listed += tables
    raise _no_table(table, data_set, listed)


def _no_table(table: str, data_set: str, listed: Sequence[str] = (), archives: Sequence[str] = ()) -> SourceError:
    there = f" ({DATABASE} holds {', '.join(listed) or 'no table'})" if listed else ""
    there += f". There is {', '.join(archives)}: unpack it there" if archives else ""
    return SourceError(
        f"table {table} of {data_set} is missing: looked for it in {data_set}/{DATABASE}, {DATABASE}, "
        f"{data_set}/{table}.csv and {table}.csv{there}. Fetch the whole data set, or leave {data_set} out of "
        "source.kaggle in the program file"
    )
