"""A community of the real size, simulated once, and its tables as plain frames."""

from dataclasses import dataclass

import polars as pl
import pytest

from fiel.simulate.teomewhy import Simulation, simulate
from fiel.simulate.versions import read_table

REAL_CUSTOMERS = 4_404  # registered by 2025-11-30 in the real clientes


@dataclass(frozen=True)
class Community:
    """Valid rows only, parsed without any code of the pipeline."""

    simulation: Simulation
    events: pl.DataFrame  # customer, at (UTC), points, origin; without operator events
    clients: pl.DataFrame


def valid_events(simulation: Simulation) -> pl.DataFrame:
    """Transactions that parse, once each, without those of the operator."""
    heads = read_table(simulation, "transacoes").select(
        "IdTransacao",
        customer="IdCliente",
        at=pl.col("DtCriacao").str.to_datetime("%Y-%m-%d %H:%M:%S%.3f", strict=False),
        points=pl.col("QtdePontos").cast(pl.Int64, strict=False),
        origin="DescSistemaOrigem",
    )
    products = read_table(simulation, "produtos").filter(
        pl.col("DescCategoriaProduto").is_in(["fiel", "churn_model"])
        | pl.col("DescNomeProduto").str.starts_with("Reembolso")
    )
    operator = read_table(simulation, "transacao_produto").join(products, on="IdProduto", how="semi")
    return heads.drop_nulls().unique("IdTransacao").join(operator, on="IdTransacao", how="anti")


@pytest.fixture(scope="session")
def community(tmp_path_factory: pytest.TempPathFactory) -> Community:
    made = simulate(tmp_path_factory.mktemp("community"), customers=REAL_CUSTOMERS)
    clients = read_table(made, "clientes").drop_nulls("idCliente")
    return Community(made, valid_events(made), clients)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """A few hundred people, both layouts are quick at this size."""
    return simulate(tmp_path_factory.mktemp("small"), customers=400)
