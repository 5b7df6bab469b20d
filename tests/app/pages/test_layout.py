"""The frame of the pages: what a browser may load and keep, colours, menus, errors, signing in."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.pages import layout
from app.pages.assets import assets, static, tokens_css
from app.security.keys import new_key
from app.settings import ServeSettings
from fiel.reports.tokens import STAGE_COLOURS, TOKENS
from fiel.settings import Settings
from fiel.store import Store
from tests.app import worlds
from tests.app.conftest import ADDRESS
from tests.app.pages.conftest import Visit
from tests.app.worlds import World

HTML = {"accept": "text/html"}


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[place : place + 2], 16)) for place in (1, 3, 5))})"


def test_a_file_is_kept_for_good_under_the_address_that_names_its_content(client: TestClient) -> None:
    answer = client.get(static("fiel.css"))
    assert "immutable" in answer.headers["cache-control"]
    assert answer.content == assets()["fiel.css"].content
    assert client.get("/static/fiel.css?v=old").headers["cache-control"] == "no-cache"


def test_a_file_that_a_browser_has_is_not_sent_again(client: TestClient) -> None:
    tag = client.get("/static/fiel.js").headers["etag"]
    answer = client.get("/static/fiel.js", headers={"if-none-match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


def test_a_file_comes_packed_to_who_can_unpack_it() -> None:
    found = assets()["vendor/vega.min.js"]
    assert gzip.decompress(found.packed) == found.content
    assert len(found.packed) < len(found.content) / 2


@pytest.mark.parametrize("name", ["../pages/words.py", "%2e%2e/main.py", "vendor", "nothing.css", "fiel.css/"])
def test_no_other_file_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404


def test_the_style_sheet_holds_every_token_in_both_colours_and_names_no_other() -> None:
    css = tokens_css()
    for name, token in {**TOKENS, **{f"stage-{stage}": token for stage, token in STAGE_COLOURS.items()}}.items():
        assert f"--{name}:{token.light};" in css
        assert f"--{name}:{token.dark};" in css
    for file, found in assets().items():
        if file.endswith(".css") and file != "tokens.css":
            assert re.findall(r"#[0-9A-Fa-f]{3,8}\b(?=[;,) ])", found.content.decode()) == [], file


def test_no_template_has_an_inline_script_or_style() -> None:
    wrong = {}
    for path in sorted(Path(layout.TEMPLATES).glob("*.html")):
        text = path.read_text(encoding="utf-8")
        inline = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>|<style|\sstyle=|\son[a-z]+=", text)
        if inline:
            wrong[path.name] = inline
    assert wrong == {}


def test_htmx_has_no_eval_and_adds_no_styles(client: TestClient) -> None:
    text = client.get("/", headers=HTML).text
    found = re.search(r'name="htmx-config" content="([^"]+)"', text)
    assert found is not None
    config = json.loads(found[1].replace("&#34;", '"'))
    assert (config["allowEval"], config["includeIndicatorStyles"], config["selfRequestsOnly"]) == (False, False, True)


@pytest.mark.parametrize(
    ("path", "status", "todo"),
    [("/nothing", 404, "go to the programs"), ("/p/nothing", 404, "go to the programs")],
)
def test_an_error_is_a_page_that_says_what_to_do(client: TestClient, path: str, status: int, todo: str) -> None:
    answer = client.get(path, headers=HTML)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert todo in answer.text
    assert 'href="/"' in answer.text


def test_an_error_speaks_the_language_of_its_reader(client: TestClient) -> None:
    text = client.get("/nothing", headers={**HTML, "accept-language": "pt-BR"}).text
    assert "Não há nada aqui" in text
    assert "Confira o endereço" in text


def test_a_part_that_fails_answers_its_script_and_not_with_a_page(client: TestClient) -> None:
    answer = client.get("/p/nothing", headers={**HTML, "hx-request": "true"})
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_defect_is_a_page_without_a_trace(own_store: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret-of-the-house")

    monkeypatch.setattr("app.pages.program.key_figures", broken)
    with TestClient(create_app(own_store.serve()), ADDRESS, raise_server_exceptions=False) as client:
        answer = client.get("/p/teomewhy", headers=HTML)
    assert answer.status_code == 500
    assert "secret-of-the-house" not in answer.text
    assert "Traceback" not in answer.text
    assert "request&#39;s id" in answer.text


def test_a_store_that_is_away_is_a_page_that_says_wait(
    tmp_path: Path, make_client: Callable[[ServeSettings], TestClient]
) -> None:
    gone = Settings(FIEL_LAKE=str(tmp_path / "lake"), database_url=f"sqlite:///{tmp_path}/none/store.db")
    answer = make_client(ServeSettings(fiel=gone)).get("/", headers=HTML)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "load the page again" in answer.text


# -- signing in


@pytest.fixture
def locked(own_store: World, make_client: Callable[[ServeSettings], TestClient]) -> tuple[TestClient, str]:
    """A service with one key, for teomewhy alone; the key's text."""
    key = new_key("ana", ("teomewhy",), "the test")
    store = Store(own_store.address)
    store.add_key(key.row)
    store.close()
    return make_client(own_store.serve()), key.text


def token_in(text: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert found is not None
    return found[1]


def signed_in(client: TestClient, key: str, back: str = "/") -> Any:
    form = client.get("/sign-in", params={"next": back}, headers=HTML).text
    return client.post("/sign-in", data={"csrf_token": token_in(form), "key": key, "next": back}, headers=HTML)


def test_who_has_no_session_signs_in_and_comes_back(locked: tuple[TestClient, str]) -> None:
    client, key = locked
    sent = client.get("/p/teomewhy?lang=pt", headers=HTML)
    assert sent.headers["location"] == "/sign-in?next=/p/teomewhy%3Flang%3Dpt"
    answer = signed_in(client, key, "/p/teomewhy?lang=pt")
    assert (answer.status_code, answer.headers["location"]) == (303, "/p/teomewhy?lang=pt")
    assert key not in answer.headers["set-cookie"]
    assert client.get("/p/teomewhy", headers=HTML).status_code == 200


def test_a_wrong_key_is_told_and_starts_nothing(locked: tuple[TestClient, str]) -> None:
    client, _ = locked
    answer = signed_in(client, "fiel_0_wrong")
    assert answer.status_code == 401
    assert "not valid" in answer.text
    assert "fiel_session" not in answer.headers.get("set-cookie", "")
    assert "fiel_0_wrong" not in answer.text


def test_a_form_without_its_token_is_refused(locked: tuple[TestClient, str]) -> None:
    client, key = locked
    answer = client.post("/sign-in", data={"key": key}, headers=HTML)
    assert answer.status_code == 403
    assert "Load the page again and send its form from there." in answer.text
    assert "Ask the operator" not in answer.text
    assert "fiel_session" not in answer.headers.get("set-cookie", "")


def test_a_program_out_of_scope_is_neither_shown_nor_listed(locked: tuple[TestClient, str]) -> None:
    client, key = locked
    signed_in(client, key)
    refused = client.get("/p/retail", headers=HTML)
    assert refused.status_code == 403
    assert refused.text.count("Ask the operator") == 1
    assert "send its form" not in refused.text
    listed = client.get("/", headers=HTML).text
    assert "/p/teomewhy" in listed
    assert "/p/retail" not in listed


def test_signing_out_ends_the_session(locked: tuple[TestClient, str]) -> None:
    client, key = locked
    signed_in(client, key)
    page = client.get("/", headers=HTML).text
    answer = client.post("/sign-out", data={"csrf_token": token_in(page)}, headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert client.get("/", headers=HTML).headers["location"] == "/sign-in"


def test_signing_in_leads_to_no_other_site(locked: tuple[TestClient, str]) -> None:
    client, key = locked
    assert signed_in(client, key, "//evil.example").headers["location"] == "/"


# -- in a browser


@pytest.mark.chromium
@pytest.mark.parametrize(
    ("device", "chosen", "ground"),
    [
        ("light", None, TOKENS["paper"].light),
        ("dark", None, TOKENS["paper"].dark),
        ("light", "Dark", TOKENS["paper"].dark),
        ("dark", "Light", TOKENS["paper"].light),
    ],
)
def test_colours_follow_the_device_until_the_reader_chooses(
    visit_house: Callable[..., Visit], device: str, chosen: str | None, ground: str
) -> None:
    visit = visit_house(color_scheme=device)
    visit.open("/")
    if chosen:
        visit.page.locator("details.menu.right summary").click()
        visit.page.get_by_role("link", name=chosen, exact=True).click()
        visit.page.wait_for_load_state("load")
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == rgb(ground)
    assert visit.complaints == []


@pytest.mark.chromium
def test_the_keyboard_skips_to_the_content_opens_a_menu_and_closes_it(visit_house: Callable[..., Visit]) -> None:
    visit = visit_house()
    visit.open("/p/made_up")
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "content"
    summary = visit.page.locator("details.menu summary").first
    summary.focus()
    visit.page.keyboard.press("Enter")
    assert visit.page.get_by_role("link", name="Club without a plan").is_visible()
    visit.page.keyboard.press("Escape")
    assert not visit.page.get_by_role("link", name="Club without a plan").is_visible()
    assert visit.page.evaluate("document.activeElement.tagName") == "SUMMARY"


@pytest.mark.chromium
def test_every_control_shows_where_the_keyboard_is(visit_house: Callable[..., Visit]) -> None:
    visit = visit_house()
    visit.open("/")
    outlines = set()
    for _ in range(12):
        visit.page.keyboard.press("Tab")
        outlines.add(visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
    assert outlines == {"solid"}


@pytest.mark.chromium
def test_programs_are_listed_with_key_figures_champion_and_age(visit_house: Callable[..., Visit]) -> None:
    visit = visit_house()
    visit.open("/")
    card = visit.page.locator("article", has=visit.page.get_by_role("heading", name="Made-up club"))
    text = card.inner_text()
    assert "Active in 28 days" in text
    assert "2025-03-01" in text
    assert "version 3" in text
    assert "older than the limit" in text
    assert "simulated data" in text
    assert "fiel run loyalty --program empty" in visit.page.locator("main").inner_text()
    assert visit.strangers == []
    assert visit.complaints == []


def test_a_set_without_parts_counts_as_not_published(
    own_store: World, make_client: Callable[[ServeSettings], TestClient]
) -> None:
    model = own_store.models["retail"]
    bare = replace(worlds.publication("retail", model, own_store.snapshot, worlds.AS_OF), parts={})
    store = Store(own_store.address)
    store.publish(bare)
    store.close()
    text = make_client(own_store.serve()).get("/p/retail", headers=HTML).text
    assert "fiel run loyalty --program retail" in text


@pytest.mark.parametrize(("has_keys", "says"), [(False, "No key was made yet"), (True, "Every request but those to")])
def test_the_description_of_the_api_is_linked_and_says_whether_keys_are_asked_for(
    own_store: World, make_client: Callable[[ServeSettings], TestClient], has_keys: bool, says: str
) -> None:
    headers = dict(HTML)
    if has_keys:
        made = new_key("shop", ("*",), "test")
        store = Store(own_store.address)
        store.add_key(made.row)
        store.close()
        headers["authorization"] = f"Bearer {made.text}"
    client = make_client(own_store.serve())
    assert '<a href="/docs">' in client.get("/", headers=headers).text
    assert says in client.get("/docs", headers=headers).text


def test_only_a_page_with_charts_speaks_of_them(client: TestClient, served_store: World) -> None:
    hint = "Point to a chart"
    assert hint in client.get(f"/p/teomewhy/customers/{served_store.customers[0]}", headers=HTML).text
    assert hint not in client.get("/p/teomewhy/ranking", headers=HTML).text
