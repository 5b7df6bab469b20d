"""The words of the pages: every marked text is in the catalogue, and languages are chosen as readers ask for them."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from fastapi.testclient import TestClient

import app
from app.pages.words import CATALOGUE, catalogue, said, translate

ROOT = Path(app.__file__).parent
KEYWORDS = {"_": None, "N_": None, "counted": (2, 3)}
METHODS = [("templates/**.html", "jinja2"), ("pages/**.py", "python")]


def marked() -> Iterator[tuple[str, str]]:
    """Every text that a template or a page module marks, with its file."""
    for file, _, texts, _, _ in extract_from_dir(str(ROOT), method_map=METHODS, keywords=KEYWORDS):
        for text in (texts,) if isinstance(texts, str) else texts:
            yield text, file


def test_every_marked_text_is_in_the_catalogue() -> None:
    texts = list(marked())
    assert len(texts) > 200, "the extraction found too little to prove anything"
    assert sorted({f"{file}: {text}" for text, file in texts if not catalogue().get(text)}) == []


def test_a_translation_has_the_values_of_its_text() -> None:
    names = re.compile(r"%\((\w+)\)s")
    wrong = {
        text: found
        for text, found in catalogue().items()
        if sorted(names.findall(text)) != sorted(names.findall(found))
    }
    assert wrong == {}


def test_the_catalogue_says_nothing_twice() -> None:
    identifiers = re.findall(r'^msgid "(.+)"$', CATALOGUE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted({text for text in identifiers if identifiers.count(text) > 1}) == []
    with CATALOGUE.open("rb") as file:
        assert not any(message.fuzzy for message in read_po(file) if message.id)


def test_no_template_says_something_that_is_not_marked() -> None:
    """Letters outside of tags, markup comments and expressions are marked texts, or the words below."""
    known = {"Fiel", "UTC", "SHA"}
    found = {}
    for path in sorted((ROOT / "templates").glob("*.html")):
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        text = re.sub(r"<(code|script|style|svg)\b.*?</\1>", " ", text, flags=re.DOTALL).replace("&nbsp;", " ")
        spoken = " ".join(re.findall(r'(?:aria-label|title|placeholder|alt)="([^"]*)"', text))
        words = set(re.findall(r"[^\W\d_]{3,}", re.sub(r"<[^>]*>", " ", text) + spoken)) - known
        if words:
            found[path.name] = sorted(words)
    assert found == {}


@pytest.mark.parametrize(
    ("query", "cookie", "header", "expected"),
    [
        ("?lang=pt", "en", "en", "pt-BR"),
        ("", "pt", "en-GB", "pt-BR"),
        ("", None, "pt-BR,pt;q=0.9,en;q=0.8", "pt-BR"),
        ("", None, "de,en;q=0.5", "en"),
        ("?lang=xx", None, "", "en"),
    ],
    ids=["address", "cookie", "browser", "other languages", "an unknown one"],
)
def test_the_language_is_the_one_asked_for_last(
    client: TestClient, query: str, cookie: str | None, header: str, expected: str
) -> None:
    headers = {"accept": "text/html", "accept-language": header}
    if cookie:
        headers["cookie"] = f"fiel_language={cookie}"
    answer = client.get(f"/{query}", headers=headers)
    assert f'<html lang="{expected}">' in answer.text
    assert answer.headers["content-language"] == expected


def test_a_choice_of_language_is_kept_and_leads_back(client: TestClient) -> None:
    answer = client.get("/language?set=pt&next=/p/teomewhy%3Fx%3D1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/p/teomewhy?x=1")
    assert "fiel_language=pt" in answer.headers["set-cookie"]
    assert "HttpOnly" in answer.headers["set-cookie"]


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"])
@pytest.mark.parametrize("choice", ["/language?set=pt", "/theme?set=dark"])
def test_a_choice_leads_to_no_other_site(client: TestClient, choice: str, elsewhere: str) -> None:
    assert client.get(choice, params={"next": elsewhere}).headers["location"] == "/"


def test_a_text_of_the_store_is_said_in_the_language_of_the_reader() -> None:
    text = {"en": "customers", "pt": "clientes"}
    assert (said(text, "en"), said(text, "pt"), said(None, "pt")) == ("customers", "clientes", "")


def test_an_unknown_text_stays_as_it_is() -> None:
    text = "".join(reversed(string.ascii_lowercase))
    assert translate(text, "pt") == text
