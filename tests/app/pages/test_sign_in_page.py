"""Signing in with a key in a real browser: cookies, tokens and headers as browsers really send them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.security.keys import NewKey, new_key
from fiel.store import Store
from tests.app import worlds
from tests.app.pages.conftest import Visit, _window, running
from tests.app.waiting import until
from tests.app.worlds import World


@pytest.fixture
def locked(served_store: World, tmp_path: Path, browser: Any) -> Iterator[tuple[Visit, Store, NewKey]]:
    """A window on a service with one key, which opens teomewhy."""
    world = worlds.copied(served_store, tmp_path)
    store, key = Store(world.address), new_key("shop", ("teomewhy",), "test")
    store.add_key(key.row)
    with running(world.serve()) as address, ExitStack() as windows:
        yield _window(browser, address, windows), store, key
    store.close()


@pytest.mark.chromium
def test_a_person_signs_in_looks_around_and_signs_out(locked: tuple[Visit, Store, NewKey]) -> None:
    visit, _, key = locked
    page = visit.page
    visit.open("/p/teomewhy/ranking?stage=fiel")
    assert "/sign-in" in page.url
    page.get_by_label("API key").fill("fiel_wrong_key")
    page.get_by_role("button", name="Sign in").click()
    assert page.get_by_role("alert").is_visible()
    visit.complaints.clear()  # the browser notes the 401 of the wrong key

    page.get_by_label("API key").fill(key.text)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/p/teomewhy/ranking?stage=fiel")
    (cookie,) = [found for found in page.context.cookies() if found["name"] == "fiel_session"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert page.evaluate("document.cookie") == ""
    assert visit.open(f"/p/teomewhy/customers/{worlds.customers()['customer_id'][0]}").status == 200
    assert visit.complaints == []
    assert visit.strangers == []

    other = visit.open("/p/retail")
    assert other.status == 403
    visit.open("/")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    assert visit.open("/p/teomewhy").url.endswith("/sign-in?next=/p/teomewhy")


@pytest.mark.chromium
def test_revoking_the_key_ends_an_open_window(locked: tuple[Visit, Store, NewKey]) -> None:
    visit, store, key = locked
    page = visit.page
    visit.open("/sign-in")
    page.get_by_label("API key").fill(key.text)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(visit.address + "/")
    store.revoke_key(key.row.key_id, datetime.now(UTC))
    until(lambda: "/sign-in" in visit.open("/p/teomewhy").url)


@pytest.mark.chromium
def test_a_page_of_another_site_cannot_send_a_form_with_the_session(
    locked: tuple[Visit, Store, NewKey], browser: Any
) -> None:
    visit, _, key = locked
    page = visit.page
    visit.open("/sign-in")
    page.get_by_label("API key").fill(key.text)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(visit.address + "/")
    evil = page.context.new_page()
    evil.set_content(f'<form id="f" method="post" action="{visit.address}/sign-out"><button>win</button></form>')
    with evil.expect_response("**/sign-out") as answered:
        evil.get_by_role("button", name="win").click()
    assert answered.value.status == 303  # the strict cookie did not come along: a stranger is asked to sign in
    assert answered.value.headers["location"].startswith("/sign-in?")
    assert "fiel_session" not in answered.value.headers.get("set-cookie", "")
    assert visit.open("/p/teomewhy").status == 200
    assert "/sign-in" not in page.url
