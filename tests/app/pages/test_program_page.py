"""The page of a program: the figures that were published, charts that come when they are seen, the champion's card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.pages.key_figures import key_figures
from app.pages.parts import PartsCache, parts_of
from app.pages.warm import warm_up
from app.pages.words import number
from app.service import Service
from app.settings import ServeSettings
from fiel.reports.tokens import STAGE_COLOURS
from fiel.store import Store
from tests.app.conftest import ADDRESS
from tests.app.pages import house as houses
from tests.app.pages.conftest import Visit
from tests.app.pages.house import House

HTML = {"accept": "text/html"}
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}


@pytest.fixture(scope="module")
def pages(house: House) -> Any:
    with TestClient(create_app(house.serve()), ADDRESS, follow_redirects=False) as client:
        yield client


def part(house: House, name: str) -> Any:
    return house.published.parts[name]


@pytest.mark.chromium
@pytest.mark.parametrize(
    "options",
    [
        {"viewport": {"width": 1200, "height": 900}},
        {"viewport": {"width": 1200, "height": 900}, "color_scheme": "dark"},
        {**PHONE, "locale": "pt-BR"},
    ],
    ids=["light", "dark", "phone in Portuguese"],
)
def test_it_draws_every_chart_quietly_from_this_server_alone(
    visit_house: Callable[..., Visit], house: House, options: dict[str, Any]
) -> None:
    visit = visit_house(**options)
    visit.open("/p/made_up")
    visit.draw()
    expected = [figure for figure in part(house, "figures") if figure["group"] != "money"]
    assert visit.page.locator(".chart").count() == len(expected)
    assert visit.page.locator(".chart svg").count() == len(expected)
    assert visit.fits
    assert visit.strangers == []
    assert visit.complaints == []


@pytest.mark.chromium
def test_charts_are_drawn_in_the_colours_and_the_numbers_of_the_reader(visit_house: Callable[..., Visit]) -> None:
    visit = visit_house(color_scheme="dark", locale="pt-BR")
    visit.open("/p/made_up")
    visit.draw()
    stages = visit.page.locator("#figure-stages svg")
    assert stages.locator(f"path[fill='{STAGE_COLOURS['zumbi'].dark}']").count() > 0
    assert stages.locator(f"path[fill='{STAGE_COLOURS['zumbi'].light}']").count() == 0
    shares = [text for text in stages.locator("text").all_text_contents() if text.endswith("%)")]
    assert len(shares) == len(STAGE_COLOURS)
    assert any("," in text for text in shares)
    assert not any("." in text for text in shares)


@pytest.mark.chromium
def test_key_figures_are_the_published_ones_with_their_change(visit_house: Callable[..., Visit], house: House) -> None:
    visit = visit_house()
    visit.open("/p/made_up")
    tiles = visit.page.locator("#now .tile")
    published = part(house, "overview")["key_figures"]
    assert tiles.count() == len(published)
    for tile, figure in zip(tiles.all(), key_figures(part(house, "overview"), "en"), strict=True):
        text = tile.inner_text()
        assert figure.value in text
        assert figure.change in text.replace("\xa0", " ")
    assert number(published[0]["value"], "en") in tiles.first.inner_text()


@pytest.mark.chromium
def test_a_table_stands_below_its_chart_when_it_is_asked_for(visit_house: Callable[..., Visit], house: House) -> None:
    visit = visit_house()
    visit.open("/p/made_up")
    figure = visit.page.locator("#figure-transitions")
    figure.get_by_role("link", name="Show as a table").click()
    table = figure.locator("table")
    table.wait_for()
    found = next(item for item in part(house, "figures") if item["name"] == "transitions")["table"]["en"]
    assert table.locator("tbody tr").count() == len(found["rows"])
    assert table.locator("thead th").all_inner_texts() == [column["title"] for column in found["columns"]]
    visit.page.locator("#live", has_text="Table shown").wait_for(state="attached")
    assert visit.complaints == []


@pytest.mark.chromium
def test_a_part_that_cannot_be_had_is_told_aloud(visit_house: Callable[..., Visit]) -> None:
    visit = visit_house()
    visit.open("/p/made_up")
    problem = {"status": 503, "content_type": "application/problem+json", "body": '{"detail": "The store is away."}'}
    visit.page.route("**/figures/mix", lambda route: route.fulfill(**problem))
    visit.page.locator("#figure-mix").get_by_role("link", name="Show as a table").click()
    visit.page.get_by_role("alert").wait_for()
    assert visit.page.get_by_role("alert").inner_text() == "The store is away."


@pytest.mark.chromium
def test_a_chart_that_cannot_be_drawn_leads_to_its_table(visit_house: Callable[..., Visit]) -> None:
    visit = visit_house()
    visit.page.route("**/figures/mix.json", lambda route: route.fulfill(status=503, body="{}"))
    visit.open("/p/made_up")
    visit.page.evaluate("window.fiel.drawAll()")
    visit.page.locator("#figure-mix .chart[data-drawn=failed]").wait_for()
    assert "could not be drawn" in visit.page.locator("#figure-mix .chart").inner_text()
    assert visit.page.locator("#figure-mix").get_by_role("link", name="Show as a table").is_visible()
    visit.page.locator("#figure-stages .chart[data-drawn=yes]").wait_for()


@pytest.mark.chromium
def test_without_scripts_the_figures_and_their_tables_are_still_there(visit_house: Callable[..., Visit]) -> None:
    visit = visit_house(java_script_enabled=False)
    visit.open("/p/made_up")
    assert visit.page.locator("#now .tile").count() > 5
    visit.page.locator("#figure-stages").get_by_role("link", name="Show as a table").click()
    assert visit.page.locator("table").get_by_text("desencantado").is_visible()


@pytest.mark.chromium
def test_a_screen_reader_finds_landmarks_headings_and_descriptions(
    visit_house: Callable[..., Visit], house: House
) -> None:
    visit = visit_house()
    visit.open("/p/made_up")
    visit.draw()
    page = visit.page
    assert page.get_by_role("main").count() == 1
    assert page.get_by_role("banner").count() == 1
    assert page.get_by_role("contentinfo").count() == 1
    assert page.get_by_role("heading", level=1).all_inner_texts() == ["Made-up club"]
    levels = [int(name[1]) for name in page.eval_on_selector_all("h1,h2,h3,h4", "all => all.map(e => e.tagName)")]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    mix = next(item for item in part(house, "figures") if item["name"] == "mix")
    assert mix["description"]["en"] in (page.locator("#figure-mix .chart").get_attribute("aria-label") or "")
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("section:not([aria-labelledby])").count() == 0
    identifiers = page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(identifiers) == len(set(identifiers))


def test_the_page_says_its_date_and_that_its_data_are_made_up(pages: TestClient) -> None:
    text = pages.get("/p/made_up", headers=HTML).text
    assert 'as of <time datetime="2025-03-01"' in text
    assert "Simulated data." in text


def test_old_scores_are_told(pages: TestClient) -> None:
    assert "the limit of this program is 10" in pages.get("/p/made_up", headers=HTML).text


def test_a_program_without_a_set_says_what_to_run(pages: TestClient) -> None:
    text = pages.get("/p/empty", headers=HTML).text
    assert "fiel run loyalty --program empty" in text


@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_specification_is_that_of_the_language(pages: TestClient, house: House, language: str) -> None:
    answer = pages.get(f"/p/made_up/figures/mix.json?lang={language}")
    figure = next(item for item in part(house, "figures") if item["name"] == "mix")
    assert answer.json() == figure["spec"][language]


@pytest.mark.parametrize("path", ["/p/made_up/figures/nothing", "/p/made_up/figures/nothing.json"])
def test_an_unknown_figure_is_not_found(pages: TestClient, path: str) -> None:
    assert pages.get(path, headers=HTML).status_code == 404


def test_a_figure_has_a_page_of_its_own(pages: TestClient) -> None:
    text = pages.get("/p/made_up/figures/mix", headers=HTML).text
    assert "<h1>Customers by stage over time</h1>" in text
    assert "<table>" in text


def test_the_champion_says_since_when_by_whom_and_why(pages: TestClient) -> None:
    text = pages.get("/p/made_up", headers=HTML).text
    assert "Champion: version 3" in text
    assert "2025-03-01 07:00" in text
    assert "promoted by run cd822d32" in text
    assert "Version 3 replaces version 2" in text
    assert "first champion" in text


def test_a_promotion_after_the_publication_shows_at_once(tmp_path: Any) -> None:
    own = houses.publish(tmp_path)
    with TestClient(create_app(own.serve()), ADDRESS) as client:
        assert "Champion: version 3" in client.get("/p/made_up", headers=HTML).text
        store = Store(own.settings.store_url)
        newest = store.promotions("made_up")[-1]
        store.append_promotion(
            replace(newest, at=datetime(2025, 3, 9, tzinfo=UTC), action="rollback", from_version="3", to_version="2",
                    digest="d1", fingerprint="f3", reason="Version 2 again, by hand")
        )  # fmt: skip
        store.close()
        text = client.get("/p/made_up", headers=HTML).text
    assert "Champion: version 2" in text
    assert "Version 2 again, by hand" in text
    assert "The champion changed after these scores were published" in text


def test_parts_are_read_once_for_each_publication(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service.of(ServeSettings(fiel=house.settings))
    asked: list[str] = []
    part_of = service.reader.part

    def counted(program: str, name: str) -> Any:
        asked.append(name)
        return part_of(program, name)

    monkeypatch.setattr(service.reader, "part", counted)
    cache = PartsCache()
    first, second = cache.of(service, "made_up"), cache.of(service, "made_up")
    assert first is second
    assert sorted(asked) == ["champion", "figures", "overview", "rewards"]
    service.reader.close()


def test_a_worker_reads_what_pages_need_before_they_are_asked_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service.of(house.serve())
    warm_up(service).join(60)
    asked: list[str] = []
    monkeypatch.setattr(service.reader, "part", lambda program, name: asked.append(name))
    found = parts_of(service, "made_up")
    assert found is not None
    assert len(found.figures) == len(part(house, "figures"))
    assert asked == []
    service.reader.close()


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ({"kind": "count", "value": 90.0, "before": 100.0}, ("90", "−10 %", -1, "plain")),
        ({"kind": "share", "value": 0.5, "before": 0.45}, ("50 %", "+5 percentage points", 1, "plain")),
        ({"kind": "money", "value": 1204.0, "before": None}, ("R$ 1,204", "", 0, "plain")),
        ({"kind": "count", "value": 3.0, "before": 0.0}, ("3", "+3", 1, "plain")),
        ({"kind": "mean", "value": None, "before": 1.0}, ("–", "", 0, "plain")),
        ({"key": "at_risk", "kind": "count", "value": 2.0, "before": 1.0}, ("2", "+100 %", 1, "bad")),
        ({"key": "monthly_active", "kind": "count", "value": 2.0, "before": 1.0}, ("2", "+100 %", 1, "good")),
        (
            {"key": "fiel_share", "kind": "share", "value": 0.5, "before": 0.50000001},
            ("50 %", "0 percentage points", 0, "plain"),
        ),
        ({"key": "customers", "kind": "count", "value": 99999, "before": 100000}, ("99,999", "0 %", 0, "plain")),
    ],
)
def test_a_change_has_its_sign_its_unit_and_its_meaning(figure: dict[str, Any], expected: tuple[Any, ...]) -> None:
    overview = {"currency": "BRL", "key_figures": [{"key": "k", "label": "label", **figure}]}
    (found,) = key_figures(overview, "en")
    assert (found.value, found.change, found.direction, found.tone) == expected
