"""Delivering grants moves no stage, no feature and no label: they are operator events (DOMAIN.md section 0)."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fiel.core import Core
from fiel.features.snapshot import build_snapshots
from fiel.lake import Lake
from fiel.models.labels import outcome
from fiel.program import load_program
from fiel.settings import load_settings
from fiel.sources.ingest import ingest
from tasks.context import opened
from tests.flows.conftest import AS_OF, World


def test_delivered_grants_move_no_stage_feature_or_label(
    in_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened("teomewhy") as context:
        before = Core.open(context.lake)
        paid = context.store.entries("teomewhy", AS_OF)
    assert paid.height > 0

    source = tmp_path / "source"
    shutil.copytree(in_world.source, source)
    _deliver(source / "loyalty-system" / "database.db", paid)
    settings, lake = load_settings(), Lake(str(tmp_path / "lake"), "teomewhy")
    program = load_program("teomewhy", settings)
    ingest(program, lake, settings, str(source))
    after = Core.open(lake)

    grants = after["events"].filter(pl.col("event_id").str.starts_with("grant-")).collect()
    assert grants.height == paid.height
    assert grants["is_operator"].all()
    days = [AS_OF.replace(month=5), AS_OF]
    for (_, left), (_, right) in zip(
        build_snapshots(before, days, program), build_snapshots(after, days, program), strict=True
    ):
        assert_frame_equal(left["feat_snapshot"], right["feat_snapshot"])
    matured = [AS_OF.replace(month=5)]
    assert_frame_equal(outcome(before, matured, program), outcome(after, matured, program))


def _deliver(database: Path, paid: pl.DataFrame) -> None:
    """Write the grants into the source as the points system would: a transaction and a line each, on the last days."""
    with sqlite3.connect(database) as connection:
        for number, row in enumerate(paid.iter_rows(named=True)):
            identity = f"grant-{number}"
            stamp = "2025-06-30 15:00:00.000" if number % 2 else "2025-04-20 15:00:00.000"
            connection.execute(
                "INSERT INTO transacoes (IdTransacao, IdCliente, DtCriacao, QtdePontos, DescSistemaOrigem) "
                "VALUES (?, ?, ?, ?, 'twitch')",
                (identity, row["customer_id"], stamp, row["points"]),
            )
            connection.execute(
                "INSERT INTO transacao_produto (idTransacaoProduto, IdTransacao, IdProduto, QtdeProduto, vlProduto) "
                "VALUES (?, ?, ?, 1, ?)",
                (f"line-{identity}", identity, row["product"], row["points"]),
            )
