"""A later version continues the community and changes what real exports change in hindsight."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from fiel.errors import SettingsError
from fiel.simulate.changes import Change
from fiel.simulate.teomewhy import Simulation
from fiel.simulate.versions import next_version, read_table


@pytest.fixture(scope="module")
def later(small: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    return next_version(small, tmp_path_factory.mktemp("later"), days=3, merges=2, vanished=2, restated=3)


def _of(made: Simulation, kind: str) -> list[Change]:
    return [change for change in made.changes if change.kind == kind]


def _customers_of(made: Simulation) -> pl.DataFrame:
    heads = read_table(made, "transacoes")
    return heads.unique("IdTransacao").select("IdTransacao", "IdCliente").drop_nulls()


def test_the_version_is_days_later_and_has_the_changes_asked_for(small: Simulation, later: Simulation) -> None:
    assert later.last_day == small.last_day + timedelta(days=3)
    assert [len(_of(later, kind)) for kind in ("merge", "vanish", "restate", "rename")] == [2, 2, 3, 1]
    assert later.rows["transacoes"] > small.rows["transacoes"] - 1000


def test_a_merge_moves_all_transactions_to_the_older_customer(small: Simulation, later: Simulation) -> None:
    before, after = _customers_of(small), _customers_of(later)
    order = read_table(small, "clientes")["idCliente"].to_list()
    for change in _of(later, "merge"):
        assert order.index(change.to) < order.index(change.id)
        moved = before.filter(pl.col("IdCliente") == change.id)
        assert moved.height >= 2
        assert set(moved.join(after, on="IdTransacao")["IdCliente_right"]) == {change.to}
        assert moved.join(after, on="IdTransacao", how="anti").is_empty()
        assert change.id not in read_table(later, "clientes")["idCliente"].to_list()
        assert change.id not in read_table(later, "usuarios_tmw")["idTMWCliente"].to_list()


def test_a_survivor_has_both_balances(later: Simulation) -> None:
    heads = read_table(later, "transacoes").unique("IdTransacao").filter(pl.col("DtCriacao").str.starts_with("20"))
    sums = heads.group_by("IdCliente").agg(pl.col("QtdePontos").cast(pl.Int64, strict=False).sum())
    restated = {row for change in _of(later, "restate") for row in
                heads.filter(pl.col("IdTransacao") == change.id)["IdCliente"]}  # fmt: skip
    both = read_table(later, "clientes").join(sums, left_on="idCliente", right_on="IdCliente")
    wrong = both.filter(pl.col("qtdePontos").cast(pl.Int64) != pl.col("QtdePontos"))
    assert set(wrong["idCliente"]) <= restated
    for change in _of(later, "merge"):
        assert both.filter(pl.col("idCliente") == change.to).height == 1


def test_a_vanished_customer_leaves_no_row(small: Simulation, later: Simulation) -> None:
    for change in _of(later, "vanish"):
        theirs = _customers_of(small).filter(pl.col("IdCliente") == change.id)
        assert theirs.height >= 2
        lines = read_table(later, "transacao_produto")
        assert lines.join(theirs, on="IdTransacao", how="semi").is_empty()
        assert _customers_of(later).filter(pl.col("IdCliente") == change.id).is_empty()
        assert change.id not in read_table(later, "clientes")["idCliente"].to_list()
        assert change.id not in read_table(later, "usuarios_tmw")["idTMWCliente"].to_list()


def test_a_restated_transaction_has_its_id_and_other_points(small: Simulation, later: Simulation) -> None:
    for change in _of(later, "restate"):
        old = read_table(small, "transacoes").row(by_predicate=pl.col("IdTransacao") == change.id, named=True)
        new = read_table(later, "transacoes").row(by_predicate=pl.col("IdTransacao") == change.id, named=True)
        line = read_table(later, "transacao_produto").row(by_predicate=pl.col("IdTransacao") == change.id, named=True)
        assert int(new["QtdePontos"]) == int(old["QtdePontos"]) + 7 == int(line["vlProduto"])
        assert {**new, "QtdePontos": ""} == {**old, "QtdePontos": ""}


def test_a_changed_product_keeps_its_id(small: Simulation, later: Simulation) -> None:
    (change,) = _of(later, "rename")
    old, new = read_table(small, "produtos"), read_table(later, "produtos")
    assert old["IdProduto"].equals(new["IdProduto"])
    assert new.filter(new["DescNomeProduto"] != old["DescNomeProduto"])["IdProduto"].to_list() == [change.id]


def test_nothing_else_changes(small: Simulation, later: Simulation) -> None:
    touched = {change.id for change in later.changes}
    old = read_table(small, "transacoes").drop_nulls()
    old = old.filter(~pl.col("IdCliente").is_in(touched), ~pl.col("IdTransacao").is_in(touched))
    assert old.join(read_table(later, "transacoes"), on=old.columns, how="anti").is_empty()


def test_changes_stay_in_the_versions_after(small: Simulation, later: Simulation, tmp_path: Path) -> None:
    third = next_version(later, tmp_path, merges=2)
    assert third.changes[: len(later.changes)] == later.changes
    assert len(third.changes) > len(later.changes)
    clients = read_table(third, "clientes")["idCliente"].to_list()
    assert not {change.id for change in third.changes if change.kind in ("merge", "vanish")} & set(clients)
    before, after = _customers_of(later), _customers_of(third)
    gone = {change.id: change.to for change in third.changes if change.kind == "merge"}
    vanished = {change.id for change in third.changes if change.kind == "vanish"}
    expected = before.filter(~pl.col("IdCliente").is_in(vanished)).with_columns(pl.col("IdCliente").replace(gone))
    assert expected.join(after, on=expected.columns, how="anti").is_empty()


def test_a_version_without_changes_only_grows(small: Simulation, tmp_path: Path) -> None:
    plain = next_version(small, tmp_path, merges=0, vanished=0, restated=0, changed_products=0)
    assert plain.changes == ()
    old, new = read_table(small, "transacoes"), read_table(plain, "transacoes")
    assert old.drop_nulls().join(new, on=old.columns, how="anti").is_empty()
    assert new.height > old.height


def test_the_csv_layout_shows_the_same_version(small: Simulation, later: Simulation, tmp_path: Path) -> None:
    from fiel.simulate.teomewhy import simulate

    texts = simulate(tmp_path, customers=400, end=later.last_day, layout="csv", changes=later.changes)
    for table in later.rows:
        assert read_table(texts, table).equals(read_table(later, table)), table


def test_too_many_changes_are_refused(small: Simulation, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ask for fewer"):
        next_version(small, tmp_path, merges=1000)
