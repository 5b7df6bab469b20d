"""The real files go through the same code: real customers, products and course tables, Online Retail, CDNOW."""

from __future__ import annotations

import csv
import shutil
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import polars as pl
import pytest

from fiel.lake import Lake
from fiel.program import load_program
from fiel.settings import Settings
from fiel.sources.ingest import IngestSummary, ingest

pytestmark = pytest.mark.real_data


def ingested(name: str, source: Path, folder: Path) -> tuple[IngestSummary, Lake]:
    settings = Settings()
    lake = Lake(str(folder / "lake"), name)
    return ingest(load_program(name, settings), lake, settings, str(source), now=datetime(2026, 3, 1)), lake


@pytest.fixture(scope="module")
def community(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[IngestSummary, Lake]:
    """The real tables of both data sets, with one made-up visit for each real customer."""
    folder = tmp_path_factory.mktemp("community")
    source = folder / "source"
    shutil.copytree(real_data / "teomewhy" / "loyalty-system", source / "loyalty-system", copy_function=shutil.copyfile)
    shutil.copytree(
        real_data / "teomewhy" / "education-platform", source / "education-platform", copy_function=shutil.copyfile
    )
    for made in (source, source / "loyalty-system", source / "education-platform"):
        made.chmod(0o755)
    with (source / "loyalty-system" / "clientes.csv").open(encoding="utf-8") as clients:
        ids = [row["idCliente"] for row in csv.DictReader(clients, delimiter=";")]
    with (source / "loyalty-system" / "transacoes.csv").open("w", encoding="utf-8") as visits:
        visits.write("IdTransacao;IdCliente;DtCriacao;QtdePontos;DescSistemaOrigem\n")
        visits.writelines(f"t{n};{name};2025-12-{1 + n % 14:02} 15:00:00.000;1;twitch\n" for n, name in enumerate(ids))
    with (source / "loyalty-system" / "transacao_produto.csv").open("w", encoding="utf-8") as lines:
        lines.write("idTransacaoProduto;IdTransacao;IdProduto;QtdeProduto;vlProduto\n")
        lines.writelines(f"l{n};t{n};{1 + n % 41};1;1\n" for n in range(len(ids)))
    return ingested("teomewhy", source, folder)


def test_no_real_row_is_rejected(community: tuple[IngestSummary, Lake]) -> None:
    assert community[0].rejected_by_rule == {}
    assert community[0].warnings == []


def test_every_real_row_is_kept_or_counted(community: tuple[IngestSummary, Lake]) -> None:
    summary, lake = community
    kept = {name: lake.read(f"core_{name}").height for name in ("customers", "products", "skills", "rewards", "links")}
    assert kept == {"customers": 4_494, "products": 41, "skills": 37_491, "rewards": 292, "links": 1_279}
    assert lake.read("core_completions").height + summary.counts["repeated_completions"] == 19_875


def test_episode_zero_of_a_real_course_is_an_episode(community: tuple[IngestSummary, Lake]) -> None:
    episodes = community[1].read("core_course_episodes")
    assert episodes.height == 272
    assert episodes.filter(pl.col("course_slug") == "sql-2025").get_column("episode").to_list() == list(range(30))


def test_real_courses_are_known_from_their_first_completions(community: tuple[IngestSummary, Lake]) -> None:
    episodes = community[1].read("core_course_episodes")
    old = episodes.filter(pl.col("course_slug").str.ends_with("-2024") | (pl.col("course_slug") == "sql-2020"))
    assert set(old.get_column("known_from")) == {date(2025, 2, 4)}
    done = community[1].read("core_completions").group_by("course_slug", "episode").agg(pl.col("day").min())
    both = episodes.join(done, on=["course_slug", "episode"])
    assert both.filter(pl.col("known_from") > pl.col("day")).is_empty()


def test_the_real_catalogue_names_the_operator_events(community: tuple[IngestSummary, Lake]) -> None:
    lines = community[1].read("core_event_lines").filter("is_operator")
    assert set(lines.get_column("product_name")) == {
        "Churn_10pp",
        "Churn_2pp",
        "Churn_5pp",
        "Reembolso: Troca de Pontos StreamElements",
    }


@pytest.fixture(scope="module")
def retail(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[IngestSummary, Lake]:
    return ingested("online_retail", real_data / "online_retail", tmp_path_factory.mktemp("retail"))


def test_every_row_of_online_retail_is_kept_or_set_aside(retail: tuple[IngestSummary, Lake]) -> None:
    summary, lake = retail
    assert summary.counts["rows_read"] == 541_909
    assert summary.counts["dropped_missing_customer"] == 135_080
    assert lake.read("core_event_lines").height == 541_909 - 135_080
    assert summary.rejected_by_rule == {}


def test_online_retail_has_its_customers_and_invoices(retail: tuple[IngestSummary, Lake]) -> None:
    summary, lake = retail
    assert lake.read("core_customers").height == 4_372
    assert "17850" in lake.read("core_customers").get_column("customer_id")  # stored as the float 17850.0
    assert lake.read("core_events").height == 22_190
    assert (summary.first_day, summary.known_through) == (date(2010, 12, 1), date(2011, 12, 8))


def test_online_retail_sums_to_the_penny(retail: tuple[IngestSummary, Lake], real_data: Path) -> None:
    rows = pl.read_parquet(real_data / "online_retail" / "online_retail.parquet").drop_nulls("CustomerID")
    some = rows.filter(pl.col("InvoiceNo").is_in(["536365", "536367", "C536379", "581587"]))
    expected: dict[str, int] = {}
    for invoice, price, number in some.select("InvoiceNo", "UnitPrice", "Quantity").iter_rows():
        pence = (Decimal(str(price)) * number * 100).to_integral_value(ROUND_HALF_EVEN)
        expected[invoice] = expected.get(invoice, 0) + int(pence)
    events = retail[1].read("core_events").filter(pl.col("event_id").is_in(list(expected)))
    assert dict(events.select("event_id", "value").iter_rows()) == expected
    total = (rows.get_column("UnitPrice") * rows.get_column("Quantity")).sum() * 100
    assert retail[1].read("core_events").get_column("value").sum() == pytest.approx(total, abs=500)


def test_a_cancellation_is_an_event_of_negative_value(retail: tuple[IngestSummary, Lake]) -> None:
    cancelled = retail[1].read("core_events").filter(pl.col("event_id").str.starts_with("C"))
    assert cancelled.height == 3_654
    assert cancelled.filter(pl.col("value") > 0).is_empty()


def test_cdnow_is_whole(real_data: Path, tmp_path: Path) -> None:
    summary, lake = ingested("cdnow", real_data / "cdnow", tmp_path)
    events = lake.read("core_events")
    assert summary.counts["rows_read"] == events.height == 6_919
    assert lake.read("core_customers").height == 2_357
    assert (summary.first_day, summary.known_through) == (date(1997, 1, 1), date(1998, 6, 30))
    first = events.filter(pl.col("customer_id") == "00004").get_column("value").to_list()
    assert first == [2933, 2973, 1496, 2648]
