"""A customer's page and the API where another model is champion than the one that scored the published set."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from app.settings import ServeSettings
from fiel.store import Store
from tests.app import worlds
from tests.app.worlds import World

HTML = {"accept": "text/html"}
LABEL = "of the published score, version 3"


class Tiles(HTMLParser):
    """The tiles of a page: label to (exact value, note)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self._label, self._tag, self._exact = "", "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        if tag == "dd":
            self._exact = dict(attrs).get("title") or ""

    def handle_data(self, data: str) -> None:
        if self._tag == "dt" and data.strip():
            self._label = data.strip()
            self.found.setdefault(self._label, [])
        elif self._tag == "dd" and data.strip():
            self.found.setdefault(self._label, []).append(self._exact or data.strip())
            self._exact = ""


@pytest.fixture
def rolled_back(own_store: World, make_client: Callable[[ServeSettings], TestClient]) -> TestClient:
    """A service whose champion is version 4, over scores of version 3."""
    store = Store(own_store.address)
    worlds.promote(store, "teomewhy", worlds.another_model("4", iterations=4), action="rollback")
    store.close()
    return make_client(own_store.serve())


def page(client: TestClient, customer: str) -> str:
    answer = client.get(f"/p/teomewhy/customers/{customer}", headers=HTML)
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(
    ("is_fiel", "label", "name"), [(True, "Chance of losing", "loss_prob"), (False, "Chance of winning", "gain_prob")]
)
def test_the_chance_beside_the_probability_is_of_the_same_model_on_the_page_and_in_the_api(
    rolled_back: TestClient, own_store: World, is_fiel: bool, label: str, name: str
) -> None:
    stages = pl.col("stage") == "fiel" if is_fiel else pl.col("stage") == "turista"
    customer = own_store.snapshot.filter(stages)["customer_id"][0]
    tiles = Tiles(page(rolled_back, customer)).found
    score: dict[str, Any] = rolled_back.get(f"/v1/teomewhy/customers/{customer}").json()["score"]
    assert float(tiles["Probability"][0]) == score["prob"]
    assert float(tiles[label][0]) == score[name] == (1 - score["prob"] if is_fiel else score["prob"])


def test_what_rests_on_the_published_score_says_so(rolled_back: TestClient, own_store: World) -> None:
    notes = Tiles(page(rolled_back, own_store.customers[0])).found
    assert any(LABEL in text for text in notes["Value at stake"])
    assert not any(LABEL in text for text in notes["Probability"])


def test_nothing_is_said_of_a_published_score_that_is_the_one_shown(client: TestClient, served_store: World) -> None:
    text = page(client, served_store.customers[0])
    assert "Value at stake" in text
    assert LABEL not in text
