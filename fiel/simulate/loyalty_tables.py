"""The tables of the points system, from what people did: transacoes, transacao_produto and clientes."""

from datetime import date

import numpy as np
import polars as pl

from fiel.simulate import catalogue
from fiel.simulate.calendar import day_number
from fiel.simulate.draws import Draws, Ints
from fiel.simulate.visits import local_ms

LEGACY_DAYS = 260  # customers registered earlier have a back-filled DtCriacao
LEGACY_DATE = date(2024, 2, 1)


def stamp_text(ms: int) -> str:
    """UTC milliseconds as the loyalty system's text."""
    return str(pl.Series([ms]).cast(pl.Datetime("ms")).dt.to_string("%Y-%m-%d %H:%M:%S%.3f")[0])


def stamp(column: str, *, milliseconds: bool = True) -> pl.Expr:
    """UTC milliseconds as the sources' text."""
    return pl.col(column).cast(pl.Datetime("ms")).dt.to_string("%Y-%m-%d %H:%M:%S" + ("%.3f" if milliseconds else ""))


def transaction_tables(draws: Draws, made: pl.DataFrame, uuid: dict[int, str]) -> dict[str, pl.DataFrame]:
    """Tables transacoes and transacao_produto of these transactions."""
    customer, day, slot = (made[name].to_numpy() for name in ("customer", "day", "slot"))
    identified = made.with_columns(
        IdTransacao=pl.Series(draws.uuids("transaction", customer, day, slot), dtype=pl.String),
        IdCliente=pl.Series([uuid[number] for number in customer.tolist()], dtype=pl.String),
    )
    heads = identified.select(
        "IdTransacao",
        "IdCliente",
        DtCriacao=stamp("at_ms"),
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


def client_table(
    draws: Draws, start: date, export_ms: int, number: Ints, uuid: list[str], registered: Ints, made: pl.DataFrame
) -> pl.DataFrame:
    """Table clientes of these customers, as the export shows them; `made` are their transactions until then."""
    sums = made.group_by("customer").agg(pl.col("points").sum(), last_ms=pl.col("at_ms").max())
    legacy_until = int(local_ms(np.array([day_number(start) + LEGACY_DAYS]), 0)[0])
    backfill = int(local_ms(np.array([day_number(max(start, LEGACY_DATE))]), -180)[0])
    mail = draws.uniform("person/mail", number) < 0.02
    frame = pl.DataFrame({"customer": number, "idCliente": uuid, "registered": registered, "mail": mail})
    frame = frame.filter(pl.col("registered") < export_ms)
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
        DtCriacao=stamp("created"),
        DtAtualizacao=stamp("updated"),
    )
