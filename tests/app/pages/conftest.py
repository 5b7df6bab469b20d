"""The pages in a real browser: a real server on a free loopback port, headless Chromium, and what it complained of."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import uvicorn

from app.main import create_app
from app.settings import ServeSettings
from tests.app.pages import house as houses
from tests.app.pages import site as sites
from tests.app.pages.house import House
from tests.app.pages.site import Site

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

DRAWN = "html[data-charts=drawn], html[data-charts=none]"


@dataclass
class Visit:
    """An open page, what it asked for and what it complained about."""

    address: str
    page: Any
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Any:
        """Open `path`; gives the answer."""
        answer = self.page.goto(self.address + path)
        self.page.wait_for_load_state("load")
        return answer

    def draw(self) -> None:
        """Draw every chart, also those out of view."""
        self.page.evaluate("window.fiel.drawAll()")
        self.page.locator(DRAWN).wait_for(state="attached", timeout=60_000)

    @property
    def strangers(self) -> list[str]:
        """Requests to other hosts."""
        return [address for address in self.asked if not address.startswith((self.address, "data:", "blob:"))]

    @property
    def fits(self) -> bool:
        """Whether nothing is wider than the window."""
        found: bool = self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        return found


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A published store with all programs, which tests only read."""
    return sites.publish(tmp_path_factory.mktemp("site"))


@contextmanager
def running(settings: ServeSettings) -> Iterator[str]:
    """Address of a server with the settings, on a free port of loopback; stopped at the end."""
    server = uvicorn.Server(uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server did not start within 30 seconds"
        thread.join(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="package")
def address(site: Site) -> Iterator[str]:
    """Address of a server over `site`."""
    with running(site.settings) as found:
        yield found


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A published store with the parts of a program's pages, which tests only read."""
    return houses.publish(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="package")
def house_address(house: House) -> Iterator[str]:
    """Address of a server over `house`."""
    with running(house.serve()) as found:
        yield found


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Any]:
    """One headless Chromium for the pages; closed with them, because it keeps an event loop in this thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Callable[..., Visit]]:
    """Opens a window on `site`: `visit(viewport=…, color_scheme=…, java_script_enabled=…)`; closed after the test."""
    with ExitStack() as windows:
        yield partial(_window, browser, address, windows)


@pytest.fixture
def visit_house(browser: Any, house_address: str) -> Iterator[Callable[..., Visit]]:
    """As `visit`, on `house`."""
    with ExitStack() as windows:
        yield partial(_window, browser, house_address, windows)


def _window(browser: Any, address: str, windows: ExitStack, **options: Any) -> Visit:
    context = browser.new_context(**{"locale": "en-GB", "timezone_id": "America/Sao_Paulo", **options})
    windows.callback(context.close)
    found = Visit(address, context.new_page())
    found.page.on("request", lambda request: found.asked.append(request.url))
    found.page.on("console", lambda message: found.complaints.append(message.text))
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    return found
