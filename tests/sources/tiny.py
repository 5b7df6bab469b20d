"""A points system of four customers and twelve transactions, written in any of the layouts that were ever published."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Rows = list[list[str | None]]
Tables = dict[str, tuple[list[str], Rows]]

CATEGORIES = {
    "chat": "chat",
    "present": "present",
    "streamelements": "streamelements",
    "rpg": "rpg",
    "espada": "rpg",
    "churn_model": "churn_model",
    "fiel": "fiel",
}

LOYALTY: Tables = {
    "clientes": (
        [
            "idCliente",
            "flEmail",
            "flTwitch",
            "flYouTube",
            "flBlueSky",
            "flInstagram",
            "qtdePontos",
            "DtCriacao",
            "DtAtualizacao",
        ],
        [
            ["ana", "0", "1", "0", "0", "0", "60", "2024-02-01 00:00:00.000", "2026-02-01 10:00:00.000"],
            ["bia", "0", "1", "0", "0", "0", "52", "2024-02-01 00:00:00.000", "2026-02-01 10:00:00.000"],
            ["caio", "0", "1", "0", "0", "0", "3", "2026-01-10 12:00:00.000", "2026-02-01 10:00:00.000"],
            ["duda", "0", "1", "0", "0", "0", "0", "", ""],
        ],
    ),
    "transacoes": (
        ["IdTransacao", "IdCliente", "DtCriacao", "QtdePontos", "DescSistemaOrigem"],
        [
            ["t01", "ana", "2026-01-05 13:00:00.100", "1", "twitch"],
            ["t02", "ana", "2026-01-05 15:30:00.100", "50", "twitch"],
            ["t03", "ana", "2026-01-06 02:59:59.999", "1", "twitch"],  # still 5 January in Sao Paulo
            ["t04", "ana", "2026-01-06 03:00:00.000", "1", "twitch"],  # midnight of 6 January there
            ["t05", "bia", "2026-01-10 12:00:00.000", "50", "twitch"],
            ["t06", "bia", "2026-01-12 12:00:00.000", "-100", "twitch"],
            ["t07", "bia", "2026-01-12 12:05:00.000", "100", "twitch"],  # a refund: an operator event
            ["t08", "caio", "2026-01-20 21:00:00.000", "1", "twitch"],
            ["t09", "caio", "2026-01-21 21:00:00.000", "2", "cursos"],
            ["t10", "ana", "2026-01-25 12:00:00.000", "7", "twitch"],
            ["t11", "bia", "2026-01-26 12:00:00.000", "2", "twitch"],
            ["t12", "bia", "2026-02-01 12:00:00.000", "1", "twitch"],
        ],
    ),
    "transacao_produto": (
        ["idTransacaoProduto", "IdTransacao", "IdProduto", "QtdeProduto", "vlProduto"],
        [
            ["l01", "t01", "5", "1", "1"],
            ["l02", "t02", "11", "1", "50"],
            ["l03", "t03", "5", "1", "1"],
            ["l04", "t04", "5", "1", "1"],
            ["l05", "t05", "11", "1", "50"],
            ["l06", "t06", "17", "1", "-100"],
            ["l07", "t07", "14", "1", "100"],
            ["l08", "t08", "5", "1", "1"],
            ["l10", "t10", "001 - Espada Longa", "1", "7"],
            ["l11", "t11", "5", "2", "1"],
        ],
    ),
    "produtos": (
        ["IdProduto", "DescNomeProduto", "DescDescricaoProduto", "DescCategoriaProduto"],
        [
            ["5", "ChatMessage", "", "chat"],
            ["11", "Lista de presença", 'uma por dia,\nao vivo; "sempre"', "present"],
            ["14", "Reembolso: Troca de Pontos StreamElements", "", "streamelements"],
            ["17", "Troca de Pontos StreamElements", "", "streamelements"],
            ["001 - Espada Longa", "Espada Longa", "", "espada"],
        ],
    ),
}

EDUCATION: Tables = {
    "cursos": (
        ["descSlugCurso", "descCurso", "descDescricao", "nrAno"],
        [["sql-2025", "SQL", "primeira linha\nsegunda; linha", "2025"], ["python-2024", "Python", "", "2024"]],
    ),
    "cursos_episodios": (
        ["descSlugCurso", "nrEp", "descEpisodio", "descYoutubeID"],
        [["sql-2025", str(number), f"Dia {number}", "x"] for number in range(4)]
        + [["python-2024", str(number), f"Dia {number}", "x"] for number in (1, 2)],
    ),
    "cursos_episodios_completos": (
        ["idCursoEpisodioCompleto", "idUsuario", "descSlugCurso", "descSlugCursoEpisodio", "dtCriacao"],
        [
            ["1", "user-ana", "sql-2025", "ep-02", "2025-03-01 12:00:00"],
            ["2", "user-ana", "sql-2025", "ep-00", "2025-04-01 12:00:00"],
            ["3", "user-ana", "sql-2025", "ep-02", "2025-05-01 12:00:00"],  # finished again
            ["4", "user-bia", "python-2024", "ep-01", "2025-06-01 12:00:00"],
        ],
    ),
    "habilidades_usuarios": (
        ["idHabilidadeusuario", "idUsuario", "descNomeHabilidade", "descNivelHabilidade", "dtCriacao"],
        [
            ["1", "user-ana", "SQL", "02. Iniciante", "2025-03-02 12:00:00"],
            ["2", "user-bia", "ETL", "", "2025-03-03 12:00:00"],
        ],
    ),
    "recompensas_usuarios": (
        ["idUsuario", "idRecompensa", "dtRecompensa"],
        [["user-ana", "sql-2025", "2025-08-05 00:33:41"]],
    ),
    "usuarios_tmw": (["idUsuario", "idTMWCliente"], [["user-ana", "ana"], ["user-caio", "caio"], ["user-none", ""]]),
}

Change = Callable[[list[str], Rows], tuple[list[str], Rows]]


def write(
    folder: Path,
    *,
    layout: str = "csv",
    separator: str = ";",
    quoting: int = csv.QUOTE_MINIMAL,
    courses: bool = False,
    flat: bool = False,
    changes: Mapping[str, Change] | None = None,
    leave_out: Sequence[str] = (),
) -> Path:
    """Write the tables; `changes` maps a table to a function of (header, rows), `layout` is csv or sqlite."""
    sets = {"loyalty-system": LOYALTY} | ({"education-platform": EDUCATION} if courses else {})
    for name, tables in sets.items():
        place = folder if flat else folder / name
        place.mkdir(parents=True, exist_ok=True)
        for table, (header, rows) in tables.items():
            if table in leave_out:
                continue
            changed = (changes or {}).get(table, lambda header, rows: (header, rows))
            found = changed(list(header), [list(row) for row in rows])
            if layout == "csv":
                _write_csv(place / f"{table}.csv", *found, separator, quoting)
            else:
                _write_sqlite(place / "database.db", table, *found)
    return folder


def _write_csv(path: Path, header: list[str], rows: Rows, separator: str, quoting: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target, delimiter=separator, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]
        writer.writerows([header, *rows])


def _write_sqlite(path: Path, table: str, header: list[str], rows: Rows) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE {table} ({', '.join(header)})")
    places = ", ".join("?" * len(header))
    connection.executemany(
        f"INSERT INTO {table} VALUES ({places})", [[None if v == "" else v for v in row] for row in rows]
    )
    connection.commit()
    connection.close()


def row(number: int, **values: str | None) -> Change:
    """A change that sets columns of one row (the first being 1)."""

    def change(header: list[str], rows: Rows) -> tuple[list[str], Rows]:
        for name, value in values.items():
            rows[number - 1][header.index(name)] = value
        return header, rows

    return change


def add(*new: list[str | None]) -> Change:
    """A change that adds rows."""
    return lambda header, rows: (header, [*rows, *new])


def drop(*keys: str) -> Change:
    """A change that takes away the rows with these first columns."""
    return lambda header, rows: (header, [row for row in rows if row[0] not in keys])


def rename(**names: str) -> Change:
    """A change that renames columns."""
    return lambda header, rows: ([names.get(name, name) for name in header], rows)


def each(column: str, value: Callable[[str], str | None]) -> Change:
    """A change that rewrites one column."""

    def change(header: list[str], rows: Rows) -> tuple[list[str], Rows]:
        place = header.index(column)
        for line in rows:
            line[place] = value(line[place] or "")
        return header, rows

    return change


def after(*changes: Change) -> Change:
    """Several changes, one after another."""

    def change(header: list[str], rows: Rows) -> tuple[list[str], Rows]:
        for one in changes:
            header, rows = one(header, rows)
        return header, rows

    return change
