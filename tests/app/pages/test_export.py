"""The exported ranking: the whole of it, exact, and nothing in it that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date

import polars as pl
import pytest
from fastapi.testclient import TestClient

from app.pages import export
from app.settings import ServeSettings
from fiel.errors import StoreUnavailableError
from tests.app.pages.site import ODD, Site


@pytest.fixture
def client(site: Site, make_client: Callable[[ServeSettings], TestClient]) -> TestClient:
    return make_client(site.settings)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_export_is_the_whole_ranking_with_exact_values_in_its_order(client: TestClient, site: Site) -> None:
    answer = client.get("/p/teomewhy/ranking.csv")
    found = rows_of(answer.text)
    scores = site.published["teomewhy"].sort("prob", "customer_id", descending=True, nulls_last=True)
    assert [row["customer_id"].removeprefix("'") for row in found] == scores["customer_id"].to_list()
    assert [float(row["prob"]) if row["prob"] else None for row in found] == scores["prob"].to_list()
    assert {row["as_of"] for row in found} == {"2025-10-01"}
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="fiel-teomewhy-ranking-2025-10-01.csv"'


def test_the_export_keeps_to_the_filters_and_the_order(client: TestClient, site: Site) -> None:
    answer = client.get("/p/teomewhy/ranking.csv?stage=fiel&segment=80-100&sort=customer_id&scored=yes")
    wanted = site.published["teomewhy"].filter(
        pl.col("stage") == "fiel", pl.col("segment") == "80-100", pl.col("prob").is_not_null()
    )
    assert [row["customer_id"] for row in rows_of(answer.text)] == wanted["customer_id"].sort().to_list()
    assert wanted.height > 1


def test_a_formula_becomes_a_text_and_other_ids_stay(client: TestClient) -> None:
    found = {row["customer_id"] for row in rows_of(client.get("/p/teomewhy/ranking.csv").text)}
    assert "'=1+1" in found
    assert {one for one in ODD if one != "=1+1"} <= found


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+cmd", "'+cmd"),
        ("-cmd", "'-cmd"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("＝1+1", "'＝1+1"),
        ("-12.5", "-12.5"),
        ("c-1", "c-1"),
        ("", ""),
    ],
)
def test_a_cell_that_would_be_run_is_made_harmless(given: str, written: str) -> None:
    assert export.cell(given) == written


def test_reasons_are_said_in_the_reader_s_language() -> None:
    chunk = [{"customer_id": "a", "reason_1": "being fiel now raises it", "reason_2": None}]
    text = b"".join(export.lines([chunk], date(2025, 10, 1), "pt")).decode()
    assert [(row["reason_1"], row["reason_2"]) for row in rows_of(text)] == [
        ("estar agora no estágio fiel aumenta a chance", "")
    ]


def test_a_store_that_fails_at_the_first_rows_fails_before_the_answer_begins() -> None:
    def chunks() -> object:
        raise StoreUnavailableError("the store is away", retry_after=2)
        yield []

    with pytest.raises(StoreUnavailableError):
        export.begun(export.lines(chunks(), None))  # type: ignore[arg-type]


def test_a_program_without_scores_has_nothing_to_export(client: TestClient) -> None:
    answer = client.get("/p/cdnow/ranking.csv")
    assert answer.status_code == 404
    assert "fiel run loyalty --program cdnow" in answer.text
