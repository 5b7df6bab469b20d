"""Later source versions: merged and vanished customers, restated transactions, renamed products."""

from dataclasses import dataclass
from typing import Literal

import polars as pl


@dataclass(frozen=True)
class Change:
    """Something that a later version shows otherwise."""

    kind: Literal["merge", "vanish", "restate", "rename"]
    id: str  # the customer that goes, the transaction or the product
    to: str = ""  # merge: the surviving customer; restate: the new points; rename: the new name


def _of(changes: tuple[Change, ...], kind: str) -> dict[str, str]:
    return {change.id: change.to for change in changes if change.kind == kind}


def _survivors(changes: tuple[Change, ...]) -> dict[str, str]:
    """Each merged customer and the one it ends up in, over any number of merges."""
    merged = _of(changes, "merge")
    result = {}
    for gone in merged:
        to = merged[gone]
        while to in merged:
            to = merged[to]
        result[gone] = to
    return result


def apply_changes(tables: dict[str, pl.DataFrame], changes: tuple[Change, ...]) -> dict[str, pl.DataFrame]:
    """The tables as a version with these changes shows them.

    transacoes and transacao_produto have to be in one call together, and so have clientes and usuarios_tmw. A merged
    customer's transactions, balance and link move to the survivor; a vanished customer leaves no row anywhere.
    """
    if not changes:
        return tables
    result = dict(tables)
    survivor, vanished = _survivors(changes), list(_of(changes, "vanish"))
    if "transacoes" in result:
        result |= _changed_transactions(result["transacoes"], result["transacao_produto"], changes)
    if "clientes" in result:
        kept = result["clientes"].with_row_index("order").filter(~pl.col("idCliente").is_in(vanished).fill_null(False))
        target = pl.col("idCliente").replace(survivor)
        same = pl.when(pl.col("idCliente").is_null()).then(pl.format("row {}", "order")).otherwise(target)
        balance = pl.col("qtdePontos").sum().over(same)
        updated = pl.col("DtAtualizacao").max().over(same)
        gone = pl.col("idCliente").is_in(list(survivor)).fill_null(False)
        result["clientes"] = kept.with_columns(qtdePontos=balance, DtAtualizacao=updated).filter(~gone).drop("order")
        links = result["usuarios_tmw"].filter(~pl.col("idTMWCliente").is_in(vanished))
        moved = links.with_columns(
            was=pl.col("idTMWCliente").is_in(list(survivor)), idTMWCliente=pl.col("idTMWCliente").replace(survivor)
        )
        kept_links = moved.sort("was", "idUsuario").unique("idTMWCliente", keep="first", maintain_order=True)
        result["usuarios_tmw"] = kept_links.drop("was").sort("idUsuario")
    if "produtos" in result:
        name = pl.col("IdProduto").replace_strict(_of(changes, "rename"), default=pl.col("DescNomeProduto"))
        result["produtos"] = result["produtos"].with_columns(DescNomeProduto=name)
    return result


def _changed_transactions(
    heads: pl.DataFrame, lines: pl.DataFrame, changes: tuple[Change, ...]
) -> dict[str, pl.DataFrame]:
    survivor, vanished, restated = _survivors(changes), list(_of(changes, "vanish")), _of(changes, "restate")
    gone = heads.filter(pl.col("IdCliente").is_in(vanished)).select("IdTransacao")
    heads = heads.filter(~pl.col("IdCliente").is_in(vanished).fill_null(False))
    lines = lines.join(gone, on="IdTransacao", how="anti", maintain_order="left")
    points = pl.col("QtdePontos")
    if restated:
        kind = heads.schema["QtdePontos"]
        new = pl.Series(list(restated.values())).cast(kind)
        points = pl.col("IdTransacao").replace_strict(list(restated), new, default=points, return_dtype=kind)
        unit = pl.col("IdTransacao").replace_strict(list(restated), new.cast(lines.schema["vlProduto"]),
                                                    default=pl.col("vlProduto"))  # fmt: skip
        lines = lines.with_columns(vlProduto=unit)
    heads = heads.with_columns(IdCliente=pl.col("IdCliente").replace(survivor), QtdePontos=points)
    return {"transacoes": heads, "transacao_produto": lines}
