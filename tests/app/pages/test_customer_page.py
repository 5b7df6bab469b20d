"""A customer's page in a real browser: the figures of the store, what if as the API says it, script or not."""

from __future__ import annotations

import itertools
import json
import re
import urllib.request
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from app.settings import ServeSettings
from fiel.store import Store
from tests.app import worlds
from tests.app.pages.conftest import Visit
from tests.app.pages.site import BASE, GRANTED, HELD_OUT, ODD, Site
from tests.app.waiting import until
from tests.app.worlds import World

pytestmark = pytest.mark.chromium

Window = Callable[..., Visit]
PAGE = "/p/teomewhy/customers/"
SOMEONE = "c00010"


def score_of(site: Site, customer: str) -> dict[str, Any]:
    return site.published["teomewhy"].filter(pl.col("customer_id") == customer).row(0, named=True)


def tile(page: Any, label: str) -> Any:
    return page.locator(".tile").filter(has=page.locator("dt", has_text=re.compile(f"^{re.escape(label)}$"))).first


@pytest.fixture
def client(site: Site, make_client: Callable[[ServeSettings], TestClient]) -> TestClient:
    return make_client(site.settings)


@pytest.mark.parametrize(
    "options",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark", "locale": "pt-BR"},
        {"viewport": {"width": 360, "height": 740}},
    ],
    ids=["light", "dark, Portuguese", "phone"],
)
def test_the_page_shows_what_the_store_knows_quietly(visit: Window, site: Site, options: dict[str, Any]) -> None:
    window = visit(**options)
    assert window.open(PAGE + SOMEONE).status == 200
    window.draw()
    page, stored, is_pt = window.page, score_of(site, SOMEONE), "locale" in options
    shown = tile(page, "Probabilidade" if is_pt else "Probability").locator(".value")
    assert float(shown.get_attribute("title")) == stored["prob"]
    assert page.locator("h1").inner_text() == f"{'Cliente' if is_pt else 'Customer'} {SOMEONE}"
    assert page.locator(".reasons li").all_inner_texts() == ["ativo em muitos dias" if is_pt else "active on many days"]
    assert page.locator(".intro .stage, .headline .stage").inner_text() == stored["stage"]
    assert page.locator("figure .chart svg").count() == 2
    assert window.fits
    assert window.complaints == []
    assert window.strangers == []


def test_every_chart_can_be_read_as_a_table(visit: Window) -> None:
    window = visit()
    window.open(PAGE + SOMEONE)
    page = window.page
    for name, rows in (("timeline", 4), ("stages", 2)):
        figure = page.locator(f"#figure-{name}")
        figure.locator("summary").click()
        assert figure.locator("tbody tr").count() == rows
        assert len(figure.locator(".chart").get_attribute("aria-label")) > 40
    first = page.locator("#figure-timeline tbody tr").first.locator("td").all_inner_texts()
    assert first == ["2025-09-30", "3", "30 points"]


def asked_of_the_api(address: str, customer: str, changes: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps({"customer_id": customer, "changes": changes}).encode()
    request = urllib.request.Request(
        f"{address}/v1/teomewhy/what-if", body, {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@pytest.mark.parametrize("has_script", [True, False], ids=["with script", "without script"])
def test_what_if_says_what_the_api_says(visit: Window, site: Site, address: str, has_script: bool) -> None:
    window = visit(java_script_enabled=has_script)
    window.open(PAGE + SOMEONE)
    page = window.page
    field = page.get_by_label("active days, 28 days").and_(page.locator("input[type=number]"))
    field.fill("2")
    if not has_script:
        page.click("form.what-if button[type=submit]")
    scores = page.locator(".scores dd")
    scores.first.wait_for()
    said = asked_of_the_api(address, SOMEONE, {"active_days_d28": 2})
    shown = [float(scores.nth(place).get_attribute("title")) for place in (0, 1)]
    assert shown == [said["prob_before"], said["prob_after"]]
    assert shown[0] != shown[1]
    assert "2 active days in the last 28 days" in page.locator(".by-reason").inner_text()
    assert field.input_value() == "2"
    page.click("form.what-if [data-reset]")
    page.locator("#what-if-answer").get_by_text(
        "Nothing was changed." if has_script else "The answer stands"
    ).wait_for()
    now = site.world.snapshot.filter(pl.col("customer_id") == SOMEONE)["active_days_d28"].item()
    assert field.input_value() == str(now)
    assert window.complaints == []


def test_sliders_follow_the_keyboard_and_reset_goes_back(visit: Window) -> None:
    window = visit()
    window.open(PAGE + SOMEONE)
    page = window.page
    number = page.get_by_label("active days, 28 days").and_(page.locator("input[type=number]"))
    now = number.input_value()
    slider = page.get_by_label("active days, 28 days").and_(page.locator("input[type=range]"))
    slider.focus()
    page.keyboard.press("Home")
    assert number.input_value() == slider.get_attribute("min")
    page.locator(".scores dd").first.wait_for()
    page.locator("#live", has_text="The score would be ").wait_for(state="attached")
    page.click("form.what-if [data-reset]")
    page.locator("#what-if-answer").get_by_text("Nothing was changed.").wait_for()
    assert number.input_value() == now
    assert window.complaints == []


def test_a_field_that_cannot_be_read_is_named(client: TestClient) -> None:
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(PAGE + SOMEONE).text)
    assert token
    form = {"csrf_token": token[1], "feature.active_days_d28": "many", "feature.stage": "nowhere"}
    answer = client.post(PAGE + SOMEONE, data=form)
    assert answer.status_code == 422
    assert "active days, 28 days: write a number" in answer.text
    assert "stage now: choose one of the list" in answer.text
    assert 'value="many"' in answer.text


def test_a_form_from_elsewhere_is_refused(client: TestClient) -> None:
    answer = client.post(PAGE + SOMEONE, data={"feature.active_days_d28": "2"})
    assert answer.status_code == 403


@pytest.mark.parametrize("customer", ["nobody", "a/b/c", "<script>alert(1)</script>", "x" * 300, "%00", "日本"])
def test_an_unknown_id_says_what_to_do(client: TestClient, customer: str) -> None:
    from urllib.parse import quote

    path = customer if customer == "%00" else quote(customer, safe="")
    answer = client.get(PAGE + path)
    assert answer.status_code == 404
    assert "Nobody has this id" in answer.text
    assert "/p/teomewhy/ranking" in answer.text
    assert "<script>alert" not in answer.text


def test_an_id_in_the_query_leads_to_its_page(client: TestClient) -> None:
    answer = client.get("/p/teomewhy/customers", params={"id": ODD[0]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/p/teomewhy/customers/a%2Fb%20c")


def test_nobody_outside_the_population_gets_a_probability(visit: Window) -> None:
    window = visit()
    window.open(PAGE + "c00059")
    page = window.page
    assert tile(page, "Probability").count() == 0
    assert "outside its population" in page.locator("main").inner_text()
    assert page.locator("form.what-if").count() == 0
    assert page.locator(".reasons").count() == 0


def test_grants_come_live_from_the_ledger(visit: Window) -> None:
    window = visit()
    window.open(PAGE + GRANTED)
    row = window.page.locator("#rewards ~ .stack tbody tr").first.locator("td").all_inner_texts()
    assert row[:4] == ["2025-10-01", "grant", "fiel-score-1", "+100"]
    window.open(PAGE + HELD_OUT)
    assert "belongs to the comparison group of season 2026" in window.page.locator("main").inner_text()


@pytest.mark.parametrize(
    ("customer", "answer", "profit"), [("7", "Yes, apply it", "R$ 30.00"), ("8", "No, leave it", "−R$ 5.00")]
)
def test_the_bank_s_page_answers_whether_to_apply_the_promotion(
    visit: Window, customer: str, answer: str, profit: str
) -> None:
    window = visit()
    window.open(f"/p/santander/customers/{customer}")
    box = window.page.locator(".promotion").inner_text().replace("\u00a0", " ")
    for part in (answer, profit, "treat above 10 %", "R$ 90", "R$ 10"):
        assert part in box
    assert window.complaints == []


def test_an_account_s_page_shows_its_level_quarters_operations_and_the_client_s_accounts(visit: Window) -> None:
    window = visit()
    window.open("/p/pension/customers/A1")
    window.draw()
    page = window.page
    levels = page.locator(".level")
    assert levels.nth(0).locator(".word").inner_text() == "low"
    assert "2023Q2" in levels.nth(0).inner_text()
    assert "bad" in levels.nth(0).get_attribute("class").split()
    assert levels.nth(1).locator(".word").inner_text() == "raised"
    assert "30 times the mean of 3 %" in levels.nth(1).inner_text().replace("\u00a0", " ")
    page.locator("#figure-quarters summary").click()
    rows = [row.locator("td").all_inner_texts() for row in page.locator("#figure-quarters tbody tr").all()]
    assert [row[0] for row in rows] == ["2023Q1", "2022Q4", "2022Q3", "2022Q2", "2022Q1"]
    assert rows[-1][1:] == ["2", "RUB 1,500"]
    assert rows[0][1:] == ["0", "RUB 0"]
    operations = page.locator("main").inner_text()
    assert "contribution\t3\tRUB 2,000" in operations
    assert "income credited by the fund\t1\tRUB 7" in operations
    page.locator("a.id").get_by_text("A2").click()
    page.locator(".level .word").first.get_by_text("high").wait_for()
    assert window.complaints == []


def test_an_operator_s_customer_shows_engagement_risk_and_the_message(visit: Window) -> None:
    window = visit()
    window.open("/p/telecom/customers/1")
    page = window.page
    text = page.locator("main").inner_text()
    assert "critical" in page.locator(".headline").inner_text()
    assert tile(page, "Engagement").locator(".value").inner_text() == "41.5"
    message = page.locator(".message")
    assert message.get_attribute("lang") == "es"
    assert message.inner_text() == "Hola:\nGracias por <seguir> con nosotros."
    assert "warning signs · es · written by the model, first draft" in text
    assert window.complaints == []


def test_a_probability_of_models_that_had_not_seen_the_customer_is_kept_and_said(visit: Window, site: Site) -> None:
    window = visit()
    window.open("/p/santander/customers/7")
    page = window.page
    assert float(tile(page, "Probability").locator(".value").get_attribute("title")) == 0.4
    assert "From models that had not seen this customer" in page.locator("main").inner_text()
    assert BASE not in site.published["santander"]["prob"].to_list()


def test_a_promotion_reaches_the_page_with_a_new_probability_and_its_own_reasons(
    own_store: World, make_client: Callable[[ServeSettings], TestClient]
) -> None:
    client = make_client(own_store.serve())
    before = client.get(PAGE + SOMEONE).text
    assert "active on many days" in before
    store = Store(own_store.address)
    worlds.promote(store, "teomewhy", worlds.another_model("4", 12))
    store.close()
    until(lambda: "by the model in service, version 4." in client.get(PAGE + SOMEONE).text)
    after = client.get(PAGE + SOMEONE).text
    assert "active on many days" not in after
    assert re.search(r'<ol class="reasons"><li>[^<]+ (raises?|lowers?) it</li>', after)


@pytest.mark.parametrize("path", [PAGE + SOMEONE, "/p/pension/customers/A1", "/p/teomewhy/ranking"])
def test_everything_that_can_be_used_has_a_name_and_headings_do_not_jump(visit: Window, path: str) -> None:
    window = visit()
    window.open(path)
    window.page.locator("main").wait_for()
    nameless = window.page.evaluate(
        """() => [...document.querySelectorAll("main a, main button, main input:not([type=hidden]), main select")]
            .filter(one => !(one.textContent.trim() || one.ariaLabel || (one.labels && one.labels.length)))
            .map(one => one.outerHTML)"""
    )
    assert nameless == []
    tags = window.page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(heading => heading.tagName)")
    levels = [int(tag[1]) for tag in tags]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
