"""The handful of broken rows that real files have: dates that do not parse, lines without a transaction, duplicates.

Each broken row belongs to a day of its own, so a later end keeps the earlier ones. They stay far below 1 % of a table.
"""

from datetime import date

import numpy as np
import polars as pl

from fiel.simulate.calendar import day_number
from fiel.simulate.draws import Draws
from fiel.simulate.visits import local_ms

_LEAST_ROWS = 800  # a table has one broken row for so many rows at most
_FIRST_DAY, _APART_DAYS = 20, 23
_SORTS = ("date", "customer", "points", "duplicate", "orphan line", "duplicate line", "empty date")


def _texts(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with all columns as text, as a broken row has to be written."""
    return frame.with_columns(pl.all().cast(pl.String))


def break_transactions(
    draws: Draws, start: date, export_ms: int, tables: dict[str, pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    """Tables transacoes and transacao_produto with a few broken rows added; all columns become text."""
    heads, lines = _texts(tables["transacoes"]), _texts(tables["transacao_produto"])
    if not heads.height or not lines.height:
        return tables
    extra_heads, extra_lines = [], []
    for number, sort in enumerate(_SORTS):
        day = day_number(start) + _FIRST_DAY + _APART_DAYS * number
        at_ms = int(local_ms(np.array([day]), 700 + number)[0])
        stamp = str(pl.Series([at_ms]).cast(pl.Datetime("ms")).dt.to_string("%Y-%m-%d %H:%M:%S%.3f")[0])
        before = heads.filter(pl.col("DtCriacao") < stamp)
        if at_ms >= export_ms or before.height < _LEAST_ROWS * (number + 1):
            break
        victim = before.tail(1).row(0, named=True)
        line = lines.filter(pl.col("IdTransacao") == victim["IdTransacao"]).head(1)
        row = {
            "IdTransacao": draws.uuids("broken", number)[0],
            "IdCliente": victim["IdCliente"],
            "DtCriacao": stamp,
            "QtdePontos": "1",
            "DescSistemaOrigem": "twitch",
        }
        broken_line = {
            "idTransacaoProduto": draws.uuids("broken line", number)[0],
            "IdTransacao": draws.uuids("no such transaction", number)[0],
            "IdProduto": "5",
            "QtdeProduto": "1",
            "vlProduto": "1",
        }
        match sort:
            case "date":
                extra_heads.append(row | {"DtCriacao": f"31/02/{stamp[:4]} 10:00"})
            case "empty date":
                extra_heads.append(row | {"DtCriacao": None})
            case "customer":
                extra_heads.append(row | {"IdCliente": None})
            case "points":
                extra_heads.append(row | {"QtdePontos": "dez"})
            case "duplicate":
                extra_heads.append(victim)
            case "orphan line":
                extra_lines.append(broken_line)
            case "duplicate line" if line.height:
                extra_lines.append(line.row(0, named=True))
    return {
        "transacoes": pl.concat([heads, pl.DataFrame(extra_heads, schema=heads.schema)]),
        "transacao_produto": pl.concat([lines, pl.DataFrame(extra_lines, schema=lines.schema)]),
    }


def break_clients(clients: pl.DataFrame) -> pl.DataFrame:
    """Table clientes with one row without an id."""
    if clients.height < _LEAST_ROWS:
        return clients
    return pl.concat(
        [clients, clients.head(1).with_columns(idCliente=pl.lit(None, pl.String), qtdePontos=pl.lit(0, pl.Int64))]
    )


def break_study(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The first part of the finished episodes with one row that does not say which episode."""
    serial = "idCursoEpisodioCompleto"
    if table != "cursos_episodios_completos" or frame.height < _LEAST_ROWS or frame[serial][0] != 1:
        return frame
    unnumbered = frame.slice(_LEAST_ROWS - 1, 1).with_columns(
        pl.lit(0, frame.schema[serial]).alias(serial), descSlugCursoEpisodio=pl.lit("ep-")
    )
    return pl.concat([frame, unnumbered])
