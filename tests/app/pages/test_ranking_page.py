"""The ranking in a real browser: the order and figures of the store, filters, search, pages, script or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from app.pages.ranking_view import Asked
from app.settings import ServeSettings
from fiel.program import read_program
from fiel.settings import HOME
from tests.app.pages.conftest import Visit
from tests.app.pages.site import DOTS, ODD, Site

pytestmark = pytest.mark.chromium

Window = Callable[..., Visit]
RANKING = "/p/teomewhy/ranking"


def ids(page: Any) -> list[str]:
    found: list[str] = page.locator("table.ranking tbody th a").all_inner_texts()
    return found


def by_prob(site: Site, program: str = "teomewhy") -> pl.DataFrame:
    return site.published[program].sort("prob", "customer_id", descending=True, nulls_last=True)


@pytest.mark.parametrize(
    "options",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark", "locale": "pt-BR"},
        {"viewport": {"width": 360, "height": 740}},
    ],
    ids=["light", "dark, Portuguese", "phone"],
)
def test_the_ranking_shows_the_store_s_order_and_probabilities_quietly(
    visit: Window, site: Site, options: dict[str, Any]
) -> None:
    window = visit(**options)
    assert window.open(f"{RANKING}?size=25").status == 200
    page, wanted = window.page, by_prob(site).head(25)
    assert ids(page) == wanted["customer_id"].to_list()
    shown = page.locator("table.ranking tbody tr td:nth-of-type(1)").all()
    assert [float(cell.get_attribute("title")) for cell in shown] == wanted["prob"].to_list()
    assert page.locator("html").get_attribute("lang") == ("pt-BR" if "locale" in options else "en")
    assert window.fits
    assert window.complaints == []
    assert window.strangers == []


@pytest.mark.parametrize("has_script", [True, False], ids=["with script", "without script"])
def test_pages_lead_through_everyone_and_back(visit: Window, site: Site, has_script: bool) -> None:
    window = visit(java_script_enabled=has_script)
    window.open(f"{RANKING}?size=25")
    page, everyone = window.page, by_prob(site)["customer_id"].to_list()
    found = page.locator(".found")
    assert found.inner_text().startswith("1 to 25 of 60 customers")
    page.click("#page-next")
    found.get_by_text("26 to 50 of 60 customers").wait_for()
    assert ids(page) == everyone[25:50]
    page.click("#page-next")
    found.get_by_text("51 to 60 of 60 customers").wait_for()
    assert ids(page) == everyone[50:]
    assert page.locator("#page-next").count() == 0
    page.click("#page-previous")
    found.get_by_text("26 to 50 of 60 customers").wait_for()
    assert ids(page) == everyone[25:50]
    shared = visit()
    shared.open(page.url.removeprefix(window.address))
    assert ids(shared.page) == everyone[25:50]
    assert window.complaints == []


@pytest.mark.parametrize("has_script", [True, False], ids=["with script", "without script"])
def test_a_heading_sorts_and_turns_the_order_round(visit: Window, site: Site, has_script: bool) -> None:
    window = visit(java_script_enabled=has_script)
    window.open(RANKING)
    page = window.page
    page.click("#sort-customer_id")
    page.locator("th[aria-sort=ascending] #sort-customer_id").wait_for()
    everyone = site.published["teomewhy"]["customer_id"].sort().to_list()
    assert ids(page) == everyone[:50]
    page.click("#sort-customer_id")
    page.locator("th[aria-sort=descending] #sort-customer_id").wait_for()
    assert ids(page) == everyone[::-1][:50]
    assert page.locator("th[aria-sort]").count() == 1
    page.click("#sort-loss_prob")
    page.locator("th[aria-sort=descending] #sort-loss_prob").wait_for()
    leaving = site.published["teomewhy"].filter(pl.col("loss_prob").is_not_null())
    wanted = leaving.sort("loss_prob", "customer_id", descending=True)["customer_id"].to_list()
    assert ids(page)[: len(wanted)] == wanted
    assert "sort=loss_prob" in page.url


def test_filters_and_search_swap_the_table_and_can_be_shared(visit: Window, site: Site) -> None:
    window = visit()
    window.open(RANKING)
    page = window.page
    page.select_option("#stage", "fiel")
    loyal = by_prob(site).filter(pl.col("stage") == "fiel")["customer_id"].to_list()
    page.locator(".found").get_by_text(f"1 to {len(loyal)} of {len(loyal)} customers").wait_for()
    assert ids(page) == loyal
    assert page.url.endswith(f"{RANKING}?stage=fiel")
    page.locator("#live").get_by_text(f"1 to {len(loyal)} of {len(loyal)} customers").wait_for(state="attached")
    page.select_option("#stage", "")
    page.select_option("#scored", "no")
    page.locator(".found").get_by_text("1 to 6 of 6 customers").wait_for()
    page.select_option("#scored", "")
    page.locator(".found").get_by_text("of 60 customers").wait_for()
    page.locator("#search").press_sequentially("c0002")
    page.locator(".found").get_by_text("1 to 10 of 10 customers").wait_for()
    assert sorted(ids(page)) == [f"c{number:05d}" for number in range(20, 30)]
    assert page.url.endswith("?search=c0002")
    assert page.locator("#search").evaluate("field => field === document.activeElement")
    page.click("#ranking-all")
    page.locator(".found").get_by_text("of 60 customers").wait_for()
    assert window.complaints == []


def test_filters_work_without_script(visit: Window, site: Site) -> None:
    window = visit(java_script_enabled=False)
    window.open(RANKING)
    page = window.page
    page.select_option("#stage", "fiel")
    page.select_option("#segment", "80-100")
    page.click("#filters button[type=submit]")
    wanted = by_prob(site).filter(pl.col("stage") == "fiel", pl.col("segment") == "80-100")["customer_id"].to_list()
    assert ids(page) == wanted
    assert page.locator("#stage").input_value() == "fiel"
    page.fill("#search", "nobody")
    page.click("#filters button[type=submit]")
    assert "Nobody fits these filters." in page.locator("#ranking").inner_text()


def test_the_way_back_shows_the_table_that_was_there(visit: Window, site: Site) -> None:
    window = visit()
    window.open(f"{RANKING}?size=25")
    page, everyone = window.page, by_prob(site)["customer_id"].to_list()
    page.click("#page-next")
    page.locator(".found").get_by_text("26 to 50").wait_for()
    page.go_back()
    page.locator(".found").get_by_text("1 to 25").wait_for()
    assert ids(page) == everyone[:25]


@pytest.mark.parametrize("customer", [*ODD, DOTS])
def test_a_row_leads_to_its_customer_whatever_the_id_holds(visit: Window, customer: str) -> None:
    window = visit()
    window.open(f"{RANKING}?size=200")
    window.page.locator("table.ranking tbody th a").get_by_text(customer, exact=True).click()
    window.page.locator("#why").wait_for()
    assert window.page.locator("h1").inner_text() == f"Customer {customer}"
    assert window.complaints == []


@pytest.mark.parametrize(
    ("program", "headings"),
    [
        ("santander", ["Customer", "Unsatisfied", "Expected profit", "Grade"]),
        ("pension", ["Account", "Closing within 3 months", "Loyalty", "Risk against all accounts", "Balance"]),
        ("telecom", ["Customer", "Churn", "Segment", "Risk", "Value"]),
    ],
)
def test_each_program_has_its_own_columns(visit: Window, program: str, headings: list[str]) -> None:
    window = visit()
    window.open(f"/p/{program}/ranking")
    found = window.page.locator("table.ranking thead th").all_inner_texts()
    assert [text.rstrip("▼▲↕").strip() for text in found] == headings
    assert window.page.locator("table.ranking tbody tr").count() == 2


def test_a_download_is_the_filtered_ranking(visit: Window, site: Site) -> None:
    window = visit()
    window.open(f"{RANKING}?stage=fiel")
    with window.page.expect_download() as waiting:
        window.page.click(".export a")
    assert waiting.value.suggested_filename == "fiel-teomewhy-ranking-2025-10-01.csv"
    lines = waiting.value.path().read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + by_prob(site).filter(pl.col("stage") == "fiel").height


class TestWhatAnAddressMeans:
    """No address breaks the page."""

    @pytest.fixture
    def client(self, site: Site, make_client: Callable[[ServeSettings], TestClient]) -> TestClient:
        return make_client(site.settings)

    def test_what_nobody_could_mean_is_left_out(self) -> None:
        program = read_program(HOME / "deployments" / "programs" / "teomewhy.yaml")
        query = {"sort": "drop table", "order": "up", "size": "7", "first": "-3", "scored": "perhaps"}
        assert Asked.of(query, program) == Asked()
        assert Asked.of({"sort": "expected_profit"}, program).sort == "prob"

    @pytest.mark.parametrize("cursor", ["nonsense", "eyJhIjoxfQ", "%00", "x" * 5_000])
    def test_a_cursor_that_means_nothing_leads_to_the_first_page(self, client: TestClient, cursor: str) -> None:
        answer = client.get(RANKING, params={"cursor": cursor} if "%" not in cursor else {"cursor": "\x00"})
        assert answer.status_code in (200, 414)
        if answer.status_code == 200:
            assert "1 to 50 of 60 customers" in answer.text

    def test_htmx_gets_the_table_alone_and_a_clean_address(self, client: TestClient) -> None:
        answer = client.get(f"{RANKING}?stage=fiel&segment=&scored=&search=&size=50", headers={"HX-Request": "true"})
        assert answer.headers["hx-push-url"] == f"{RANKING}?stage=fiel"
        assert answer.text.startswith('<section id="ranking"')
        assert "HX-Request" in answer.headers["vary"]

    def test_markup_in_a_search_stays_text(self, client: TestClient) -> None:
        answer = client.get(RANKING, params={"search": '"><script>alert(1)</script>'})
        assert "<script>alert" not in answer.text

    def test_a_program_without_scores_says_what_to_run(self, client: TestClient) -> None:
        answer = client.get("/p/cdnow/ranking")
        assert answer.status_code == 200
        assert "fiel run loyalty --program cdnow" in answer.text
