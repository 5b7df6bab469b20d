"""The report in a real browser: it draws without a network, follows the colours asked for, and fits a phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fiel.reports.data import ReportData
from fiel.reports.page import render_report
from fiel.reports.theme import TOKENS

pytestmark = pytest.mark.chromium

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
DRAWN = "html[data-charts=drawn], html[data-charts=failed]"


@dataclass
class Visit:
    """An open page and what it asked for and complained about."""

    page: Any
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: Path) -> None:
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.locator(DRAWN).wait_for(state="attached", timeout=60_000)

    def ground(self) -> str:
        found: str = self.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return found


@pytest.fixture(scope="module")
def file(report: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_report(report), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def visit(browser: Any, request: pytest.FixtureRequest) -> Iterator[Visit]:
    context = browser.new_context(timezone_id="America/Sao_Paulo", **getattr(request, "param", {}))
    yield Visit(context.new_page())
    context.close()


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[place : place + 2], 16)) for place in (1, 3, 5))})"


@pytest.mark.parametrize(
    "visit",
    [
        {"viewport": {"width": 1200, "height": 900}, "color_scheme": "light"},
        {"viewport": {"width": 1200, "height": 900}, "color_scheme": "dark"},
        {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
    ],
    indirect=True,
    ids=["light", "dark", "phone"],
)
def test_it_draws_every_chart_quietly_from_the_file_alone(visit: Visit, file: Path, report: ReportData) -> None:
    visit.open(file)
    page = visit.page
    assert visit.complaints == []
    assert visit.asked == [file.as_uri()]
    frames = page.locator(".chart").count()
    assert frames >= 20
    assert page.locator(".chart svg").count() == frames
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    active = int(report.daily["monthly_active"].to_list()[-1])
    assert f"{active:,} customers" in page.locator(".tile").first.inner_text()
    # The axes of a browser west of Greenwich show the days of the data.
    assert page.locator("#figure-dropping svg").get_by_text("2025-03-02").count() == 1


@pytest.mark.parametrize(
    "visit",
    [
        {"viewport": {"width": 1200, "height": 900}, "color_scheme": "dark"},
        {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
    ],
    indirect=True,
    ids=["dark", "phone"],
)
def test_the_pages_of_a_shop_are_drawn_quietly_too(visit: Visit, shop: ReportData, tmp_path: Path) -> None:
    path = tmp_path / "shop.html"
    path.write_text(render_report(shop), encoding="utf-8")
    visit.open(path)
    page = visit.page
    assert visit.complaints == []
    assert visit.asked == [path.as_uri()]
    assert page.locator(".chart svg").count() == page.locator(".chart").count() >= 40
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.locator("#figure-rfm-grid svg").get_by_text("Cannot lose").count() >= 2
    assert page.locator("#figure-histories .mark-area path").count() == 6


@pytest.mark.parametrize("visit", [{"color_scheme": "light"}], indirect=True)
def test_it_follows_a_change_to_dark_and_back(visit: Visit, file: Path) -> None:
    visit.open(file)
    seen = []
    for mode in ("light", "dark", "light"):
        visit.page.emulate_media(color_scheme=mode)
        bar = f"#figure-gains .mark-rect path[fill='{TOKENS['accent'].of(mode)}']"  # type: ignore[arg-type]
        visit.page.locator(bar).first.wait_for(timeout=60_000)
        seen.append(visit.ground())
    assert seen == [rgb(TOKENS["paper"].light), rgb(TOKENS["paper"].dark), rgb(TOKENS["paper"].light)]
    assert visit.complaints == []


def test_a_drawn_chart_keeps_its_description_for_a_screen_reader(visit: Visit, file: Path) -> None:
    visit.open(file)
    frames = visit.page.locator(".chart")
    labels = [frame.get_attribute("aria-label") or "" for frame in frames.all()]
    assert all(len(label) > 40 for label in labels)
    assert {frame.get_attribute("role") for frame in frames.all()} == {"img"}


@pytest.mark.parametrize("visit", [{"java_script_enabled": False}], indirect=True)
def test_without_scripts_the_figures_are_still_there(visit: Visit, file: Path) -> None:
    visit.page.goto(file.as_uri())
    summary = visit.page.locator("#figure-stages summary")
    summary.click()
    assert visit.page.locator("#figure-stages table").get_by_text("desencantado").is_visible()


def test_an_empty_report_draws_too(visit: Visit, empty_report: ReportData, tmp_path: Path) -> None:
    path = tmp_path / "empty.html"
    path.write_text(render_report(empty_report), encoding="utf-8")
    visit.open(path)
    assert visit.complaints == []
    assert visit.page.evaluate("document.documentElement.dataset.charts") == "drawn"


def test_pointing_at_a_bar_shows_the_exact_value(visit: Visit, file: Path) -> None:
    visit.open(file)
    visit.page.locator("#figure-gains .mark-rect path").first.hover()
    tip = visit.page.locator("#chart-tip.visible")
    tip.wait_for()
    assert "decile" in tip.inner_text()
