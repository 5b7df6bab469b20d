"""The files look like Kaggle's, oddities included, and a later end continues the same history."""

import sqlite3
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fiel.errors import SettingsError
from fiel.simulate import simulator
from fiel.simulate.teomewhy import Simulation, simulate
from fiel.simulate.versions import read_table
from fiel.simulate.write import TABLES
from tests.simulate.conftest import Community

ALL_TABLES = [table for tables in TABLES.values() for table in tables]
STAMPS = {
    "clientes": ("DtCriacao", 23),
    "transacoes": ("DtCriacao", 23),
    "cursos_episodios_completos": ("dtCriacao", 19),
    "habilidades_usuarios": ("dtCriacao", 19),
    "recompensas_usuarios": ("dtRecompensa", 19),
}


@pytest.mark.real_data
def test_tables_and_columns_are_those_of_the_real_files(real_data: Path, small: Simulation) -> None:
    for dataset in TABLES:
        for path in sorted((real_data / "teomewhy" / dataset).glob("*.csv")):
            header = path.read_text(encoding="utf-8").splitlines()[0].split(";")
            assert read_table(small, path.stem).columns == header, path.stem


@pytest.mark.real_data
def test_the_product_catalogue_is_the_real_one(real_data: Path, small: Simulation) -> None:
    real = pl.read_csv(real_data / "teomewhy/loyalty-system/produtos.csv", separator=";", infer_schema=False)
    assert read_table(small, "produtos").sort("IdProduto").equals(real.sort("IdProduto"))


@pytest.mark.parametrize("table", STAMPS)
def test_stamps_are_text_of_one_length_and_not_after_the_export(community: Community, table: str) -> None:
    column, length = STAMPS[table]
    stamps = read_table(community.simulation, table)[column].drop_nulls()
    odd = stamps.filter(~stamps.str.contains(r"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})?$"))
    assert len(odd) <= 1
    assert stamps.filter(stamps.str.starts_with("20")).str.len_chars().unique().to_list() == [length]
    assert stamps.filter(stamps.str.starts_with("20")).max() <= community.simulation.exported_at  # type: ignore[operator]


def test_the_export_holds_a_few_events_of_the_morning_after(community: Community) -> None:
    local = community.events["at"].dt.offset_by("-3h").dt.date()
    assert local.max() == community.simulation.last_day + timedelta(days=1)
    assert 1 <= (local > community.simulation.last_day).sum() <= 5
    assert local.min() == community.simulation.first_day


def test_every_day_has_an_event_even_without_a_stream(community: Community) -> None:
    local = community.events["at"].dt.offset_by("-3h").dt.date()
    everyday = pl.date_range(community.simulation.first_day + timedelta(days=2), community.simulation.last_day,
                             eager=True)  # fmt: skip
    assert set(everyday) <= set(local.unique())


def test_old_customers_have_a_back_filled_creation_date(community: Community) -> None:
    created = community.clients["DtCriacao"]
    filled = community.clients.filter(created == "2024-02-01 00:00:00.000")
    assert 0.25 < filled.height / community.clients.height < 0.45  # 1,600 of 4,494
    first = community.events.group_by("customer").agg(pl.col("at").min())
    later = filled.join(first.filter(pl.col("at") > pl.datetime(2024, 6, 1)), left_on="idCliente", right_on="customer")
    assert later.height > 50
    assert created.min() == "2024-02-01 00:00:00.000"


def test_balances_are_the_sum_of_the_transactions_and_never_negative(small: Simulation) -> None:
    heads = read_table(small, "transacoes").unique("IdTransacao").with_columns(
        points=pl.col("QtdePontos").cast(pl.Int64, strict=False)
    )  # fmt: skip
    broken = heads.filter(
        pl.col("points").is_null()
        | ~pl.col("DtCriacao").str.starts_with("20").fill_null(False)
        | pl.col("IdCliente").is_null()
    )
    sums = heads.join(broken, on="IdTransacao", how="anti").group_by("IdCliente").agg(pl.col("points").sum())
    clients = read_table(small, "clientes").with_columns(pl.col("qtdePontos").cast(pl.Int64))
    both = clients.join(sums, left_on="idCliente", right_on="IdCliente", how="left").with_columns(
        pl.col("points").fill_null(0)
    )
    assert both.filter(pl.col("points") != pl.col("qtdePontos")).is_empty()
    assert clients["qtdePontos"].min() >= 0  # type: ignore[operator]


def test_points_are_the_sum_of_the_lines_where_there_are_any(small: Simulation) -> None:
    lines = read_table(small, "transacao_produto").unique("idTransacaoProduto")
    sums = lines.group_by("IdTransacao").agg(
        points=(pl.col("QtdeProduto").cast(pl.Int64) * pl.col("vlProduto").cast(pl.Int64)).sum()
    )
    both = read_table(small, "transacoes").join(sums, on="IdTransacao")
    assert both.filter(pl.col("QtdePontos") != pl.col("points").cast(pl.String)).is_empty()


def test_transactions_have_no_line_one_or_several(community: Community) -> None:
    heads = read_table(community.simulation, "transacoes")
    lines = read_table(community.simulation, "transacao_produto").group_by("IdTransacao").len()
    counts = heads.join(lines, on="IdTransacao", how="left")["len"].fill_null(0).value_counts()
    assert dict(counts.iter_rows()).keys() >= {0, 1, 2}


def test_spends_streaks_exchanges_and_operator_events_occur(community: Community) -> None:
    names = read_table(community.simulation, "transacao_produto").join(
        read_table(community.simulation, "produtos"), on="IdProduto", how="left"
    )
    sold = dict(names["DescNomeProduto"].fill_null("none").value_counts().iter_rows())
    for name in ("ChatMessage", "Lista de presença", "Presença Streak", "Daily Loot", "Resgatar Ponei", "Torta",
                 "Troca de Pontos StreamElements", "Airflow Lover", "join failed",
                 "Venda de Item: 22 - Espada Longa (250)"):  # fmt: skip
        assert sold.get(name, 0) >= 10, name
    operator = sum(sold.get(name, 0) for name in ("Churn_2pp", "Churn_5pp", "Churn_10pp"))
    refunds = sold.get("Reembolso: Troca de Pontos StreamElements", 0)
    assert refunds >= 3
    assert 20 <= operator + refunds < 0.01 * names.height
    assert set(community.events["origin"]) == {"twitch", "cursos"}


def test_a_quarter_of_the_customers_never_come_to_a_stream(community: Community) -> None:
    live = community.events.filter(pl.col("origin") == "twitch")["customer"].unique().implode()
    share = 1 - community.clients["idCliente"].is_in(live).mean()  # type: ignore[operator]
    assert 0.20 < share < 0.30  # 1,136 of 4,494
    course_only = community.events.filter(~pl.col("customer").is_in(live))["customer"].n_unique()
    assert 50 < course_only < 0.08 * community.clients.height


def test_course_users_are_linked_or_not_in_real_proportions(community: Community) -> None:
    made = community.simulation
    links = read_table(made, "usuarios_tmw")
    assert 0.24 < links.height / community.clients.height < 0.33  # 1,279 for 4,494
    assert links["idUsuario"].is_unique().all()
    assert links["idTMWCliente"].is_unique().all()
    assert links["idTMWCliente"].is_in(community.clients["idCliente"].implode()).all()
    used = ("cursos_episodios_completos", "habilidades_usuarios", "recompensas_usuarios")
    users = pl.concat(read_table(made, table).select("idUsuario") for table in used)
    linked = users.unique().join(links, on="idUsuario", how="semi").height / users["idUsuario"].n_unique()
    assert 0.25 < linked < 0.45  # 976 of 2,919
    silent = links.join(users, on="idUsuario", how="anti").height / links.height
    assert 0.15 < silent < 0.55  # 303 of 1,279
    episodes = read_table(made, "cursos_episodios_completos")
    assert 13_000 < episodes.height < 28_000  # 19,875
    assert 25_000 < read_table(made, "habilidades_usuarios").height < 50_000  # 37,491
    assert 150 < read_table(made, "recompensas_usuarios").height < 600  # 292
    assert episodes["dtCriacao"].min() >= "2025-02-04"  # type: ignore[operator]


def test_episodes_that_were_finished_exist(community: Community) -> None:
    known = read_table(community.simulation, "cursos_episodios").select(
        "descSlugCurso", descSlugCursoEpisodio=pl.format("ep-{}", pl.col("nrEp").str.zfill(2))
    )
    finished = read_table(community.simulation, "cursos_episodios_completos")
    unknown = finished.join(known, on=["descSlugCurso", "descSlugCursoEpisodio"], how="anti")
    assert unknown["descSlugCursoEpisodio"].to_list() == ["ep-"]  # the broken row


def test_broken_rows_are_a_handful(community: Community, tmp_path: Path) -> None:
    made = community.simulation
    heads, lines = read_table(made, "transacoes"), read_table(made, "transacao_produto")
    broken = {
        "date": heads.filter(pl.col("DtCriacao").str.contains("/")).height,
        "empty date": heads["DtCriacao"].null_count(),
        "customer": heads["IdCliente"].null_count(),
        "points": heads.filter(pl.col("QtdePontos") == "dez").height,
        "duplicate": heads.height - heads["IdTransacao"].n_unique(),
        "orphan line": lines.join(heads, on="IdTransacao", how="anti").height,
        "duplicate line": lines.height - lines["idTransacaoProduto"].n_unique(),
        "client": read_table(made, "clientes")["idCliente"].null_count(),
    }
    assert broken == dict.fromkeys(broken, 1)
    assert sum(broken.values()) < 0.001 * heads.height
    whole = simulate(tmp_path, customers=400, end=date(2024, 12, 31), broken=False)
    clean = read_table(whole, "transacoes")
    assert clean["IdTransacao"].is_unique().all()
    assert clean.null_count().sum_horizontal().item() == 0


def test_the_products_of_2026_appear_with_2026(tmp_path: Path) -> None:
    made = simulate(tmp_path, customers=300, start=date(2025, 6, 1), end=date(2026, 3, 31))
    catalogue, lines = read_table(made, "produtos"), read_table(made, "transacao_produto")
    ids = set(catalogue["IdProduto"])
    assert {"001 - Espada Longa", "fiel-score-0.1", "fiel-score-0.25", "fiel-score-0.5", "fiel-score-0.75",
            "fiel-score-1"} <= ids  # fmt: skip
    assert {"espada", "armadura", "botas", "cajado", "chapeu", "adaga"} <= set(catalogue["DescCategoriaProduto"])
    assert set(lines["IdProduto"]) <= ids
    grants = lines.filter(pl.col("IdProduto").str.starts_with("fiel-score")).join(
        read_table(made, "transacoes"), on="IdTransacao"
    )
    assert grants.height > 100
    assert grants["DtCriacao"].min() >= "2026-01-05"  # type: ignore[operator]


def test_both_layouts_hold_the_same_rows(tmp_path: Path, small: Simulation) -> None:
    texts = simulate(tmp_path, customers=400, layout="csv")
    assert texts.rows == small.rows
    assert sorted(path.stem for path in texts.files) == sorted(ALL_TABLES)
    for table in ALL_TABLES:
        assert read_table(texts, table).equals(read_table(small, table)), table


def test_sqlite_columns_have_the_types_of_the_sources(small: Simulation) -> None:
    for path in small.files:
        with sqlite3.connect(path) as database:
            for table, columns in TABLES[path.parent.name].items():
                found = {row[1]: row[2] for row in database.execute(f"PRAGMA table_info({table})")}
                assert found == columns
    assert small.rows == {table: read_table(small, table).height for table in ALL_TABLES}


def test_the_same_seed_writes_the_same_and_another_seed_does_not(tmp_path: Path, small: Simulation) -> None:
    again = simulate(tmp_path / "again", customers=400)
    other = simulate(tmp_path / "other", customers=400, seed=8)
    for table in ("clientes", "transacoes", "transacao_produto", "habilidades_usuarios"):
        assert read_table(again, table).equals(read_table(small, table))
        assert not read_table(other, table).equals(read_table(small, table))


GROWING = {
    "transacoes": "DtCriacao", "cursos_episodios_completos": "dtCriacao", "habilidades_usuarios": "dtCriacao",
    "recompensas_usuarios": "dtRecompensa",
}  # fmt: skip


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.dates(date(2024, 1, 20), date(2025, 5, 1)), length=st.integers(1, 300), more=st.integers(1, 120),
       seed=st.integers(0, 1000))  # fmt: skip
def test_a_later_end_continues_the_same_history(
    tmp_path_factory: pytest.TempPathFactory, start: date, length: int, more: int, seed: int
) -> None:
    end = start + timedelta(days=length)
    folder = tmp_path_factory.mktemp("pair")
    early, late = (
        simulate(folder / str(last), customers=150, start=start, end=last, seed=seed)
        for last in (end, end + timedelta(days=more))
    )
    for table, stamp in GROWING.items():
        # a broken row without a date that parses has no place in time, and serial numbers of the broken row shift none
        cut = read_table(late, table).filter(pl.col(stamp) < early.exported_at).sort(stamp, pl.all())
        known = read_table(early, table).filter(pl.col(stamp) < early.exported_at).sort(stamp, pl.all())
        assert cut.equals(known), table
    old = read_table(early, "clientes").select("idCliente", "DtCriacao")
    assert read_table(late, "clientes").select("idCliente", "DtCriacao").head(old.height).equals(old)
    lines = read_table(late, "transacao_produto").join(read_table(early, "transacoes"), on="IdTransacao", how="semi")
    assert lines.sort(pl.all()).equals(
        read_table(early, "transacao_produto")
        .join(read_table(early, "transacoes"), on="IdTransacao", how="semi")
        .sort(pl.all())
    )
    links = read_table(early, "usuarios_tmw")
    assert links.join(read_table(late, "usuarios_tmw"), on=links.columns, how="anti").is_empty()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"customers": 0}, "customers"), ({"end": date(2024, 1, 1)}, "end"), ({"start": date(2018, 1, 1)}, "2019-04-01")],
)
def test_a_wrong_request_says_what_is_wrong(tmp_path: Path, wrong: dict[str, int], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        simulate(tmp_path, **wrong)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("customers", [1, 3, 40])
def test_tiny_communities_work(tmp_path: Path, customers: int) -> None:
    made = simulate(tmp_path, customers=customers, end=date(2024, 3, 10))
    assert made.rows["transacoes"] > 0
    assert made.registered >= 1


def test_a_failed_write_leaves_the_earlier_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = simulate(tmp_path, customers=40, end=date(2024, 3, 10))
    before = [path.read_bytes() for path in made.files]
    monkeypatch.setattr("fiel.simulate.teomewhy.transactions", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        simulate(tmp_path, customers=50, end=date(2024, 3, 10))
    assert [path.read_bytes() for path in made.files] == before
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(made.files)


@pytest.mark.parametrize(
    ("program", "found"), [("teomewhy", simulate), ("no_such_program", None), ("../teomewhy", None)]
)
def test_a_program_finds_its_simulator_by_name(program: str, found: object) -> None:
    assert simulator(program) is found
