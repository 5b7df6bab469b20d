"""The next source version of a simulated community: more days, and what a real export changes in hindsight."""

import sqlite3
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from fiel.errors import SettingsError
from fiel.simulate.changes import Change
from fiel.simulate.draws import Draws
from fiel.simulate.teomewhy import Simulation, simulate
from fiel.simulate.write import TABLES


def read_table(simulation: Simulation, table: str) -> pl.DataFrame:
    """A written table with every column as text, whatever the layout."""
    dataset = next(name for name, tables in TABLES.items() if table in tables)
    columns = list(TABLES[dataset][table])
    if simulation.layout == "csv":
        path = simulation.folder / dataset / f"{table}.csv"
        return pl.read_csv(path, separator=";", infer_schema=False)
    database = sqlite3.connect(simulation.folder / dataset / "database.db")
    try:
        texts = ", ".join(f'CAST("{name}" AS TEXT)' for name in columns)
        rows = database.execute(f"SELECT {texts} FROM {table}").fetchall()  # noqa: S608 (names are ours)
    finally:
        database.close()
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def next_version(
    previous: Simulation,
    out: Path,
    *,
    days: int = 1,
    merges: int = 1,
    vanished: int = 1,
    restated: int = 1,
    changed_products: int = 1,
    seed: int | None = None,
) -> Simulation:
    """Writes the same community `days` later to `out`, with what the source changed in hindsight since `previous`.

    `merges` pairs of customers become one (all transactions, the balance and the link move to the older id),
    `vanished` customers leave with all their rows, `restated` transactions come with other points, and
    `changed_products` products get another name. Everything else is as in `previous`, whose own changes stay. The
    changes are the last entries of the result's `changes`. `seed` draws the choices only.
    """
    draws = Draws(previous.seed * 1_000_003 + len(previous.changes) if seed is None else seed)
    changes = _choose(_candidates(previous), draws, merges, vanished, restated, changed_products)
    return simulate(
        out,
        customers=previous.customers,
        start=previous.first_day,
        end=previous.last_day + timedelta(days=days),
        seed=previous.seed,
        layout=previous.layout,
        broken=previous.broken,
        changes=previous.changes + changes,
    )


@dataclass(frozen=True)
class _Candidates:
    customers: list[str]  # with at least two transactions, the oldest first
    transactions: pl.DataFrame  # one line of one unit that earns points
    products: pl.DataFrame  # sold at least once


def _candidates(previous: Simulation) -> _Candidates:
    heads = read_table(previous, "transacoes").filter(pl.col("QtdePontos").str.contains(r"^-?\d+$"))
    heads = heads.unique("IdTransacao", keep="none").filter(pl.col("DtCriacao").str.starts_with("20"))
    lines = read_table(previous, "transacao_produto")
    counts = heads.group_by("IdCliente").len().filter(pl.col("len") >= 2)
    customers = read_table(previous, "clientes").join(counts, left_on="idCliente", right_on="IdCliente",
                                                      how="semi", maintain_order="left")  # fmt: skip
    single = lines.unique("IdTransacao", keep="none").filter(pl.col("QtdeProduto") == "1")
    plain = heads.join(single, on="IdTransacao", how="semi").filter(~pl.col("QtdePontos").str.starts_with("-"))
    plain = plain.join(customers, left_on="IdCliente", right_on="idCliente", how="semi").sort("IdTransacao")
    products = read_table(previous, "produtos").join(lines, on="IdProduto", how="semi").sort("IdProduto")
    return _Candidates(customers["idCliente"].to_list(), plain, products)


def _choose(
    have: _Candidates, draws: Draws, merges: int, vanished: int, restated: int, changed_products: int
) -> tuple[Change, ...]:
    wanted = 2 * merges + vanished
    if wanted > len(have.customers) or changed_products > have.products.height:
        raise SettingsError(
            f"{merges} merges, {vanished} vanished customers and {changed_products} changed products are more than "
            f"the {len(have.customers)} customers and {have.products.height} products hold: ask for fewer"
        )
    turn = np.argsort(draws.uniform("version/customers", np.arange(len(have.customers))))[:wanted].tolist()
    result = []
    for first, second in zip(turn[0 : 2 * merges : 2], turn[1 : 2 * merges : 2], strict=True):
        older, younger = sorted((first, second))
        result.append(Change("merge", have.customers[younger], have.customers[older]))
    gone = [have.customers[place] for place in turn[2 * merges :]]
    result += [Change("vanish", customer) for customer in gone]
    others = have.transactions.filter(~pl.col("IdCliente").is_in([have.customers[place] for place in turn]))
    if restated > others.height:
        raise SettingsError(f"{restated} restated transactions are more than the {others.height} plain ones")
    order = np.argsort(draws.uniform("version/transactions", np.arange(others.height)))[:restated].tolist()
    for place in order:
        row = others.row(place, named=True)
        result.append(Change("restate", row["IdTransacao"], str(int(row["QtdePontos"]) + 7)))
    order = np.argsort(draws.uniform("version/products", np.arange(have.products.height)))[:changed_products].tolist()
    for place in order:
        row = have.products.row(place, named=True)
        result.append(Change("rename", row["IdProduto"], f"{row['DescNomeProduto']} (2)"))
    return tuple(result)
