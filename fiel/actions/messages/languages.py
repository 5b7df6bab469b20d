"""The languages that messages are written in, as data: words of the template, words that the guards look for.

Lists of words are matched without accents and case; a `*` at the end stands for any ending.

>>> bool(Words(("descont*", "por cento")).found("Um DESCONTO para você")), Words(("free",)).found("freedom")
(True, None)
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, cached_property
from importlib.resources import files

import yaml
from pydantic import Field, StrictStr

from fiel.program.base import Strict
from fiel.program.messages import Tone


class ToneWords(Strict):
    """The template's sentences in one tone. `engagement` has {engagement}, `recommendations` {first} and {second}."""

    greeting: StrictStr
    engagement: StrictStr
    recommendations: StrictStr


class LanguageWords(Strict):
    """One language."""

    name: StrictStr = Field(description="English name, for the prompt.")
    engagement: StrictStr = Field(description="How the engagement is said, with {engagement}.")
    quotes: tuple[StrictStr, StrictStr]
    tones: dict[Tone, ToneWords]
    greetings: tuple[StrictStr, ...] = Field(description="One of them stands in the first line.")
    stop_words: tuple[StrictStr, ...] = Field(description="Words by which the language is told from the others.")
    capitals: tuple[StrictStr, ...] = Field(description="Words that may have a capital inside a sentence.")
    risk_words: tuple[StrictStr, ...] = Field(description="Words that tell of churn, its probability, risk or segment.")
    offer_words: tuple[StrictStr, ...] = Field(description="Words of offers, prices and discounts.")
    goods: tuple[StrictStr, ...] = Field(description="Words for products, outside the titles of the catalogue.")
    numbers: tuple[StrictStr, ...] = Field(description="Figures written out; one and two are words of any sentence.")

    @cached_property
    def greeting_words(self) -> Words:
        """What a first line greets with."""
        return Words(self.greetings)

    @cached_property
    def capital_words(self) -> Words:
        """What may be capitalised inside a sentence."""
        return Words(self.capitals)

    @cached_property
    def stop_set(self) -> frozenset[str]:
        """The stop words, folded."""
        return frozenset(fold(word) for word in self.stop_words)


class Words:
    """A list of words and phrases to look for."""

    def __init__(self, entries: Iterable[str]) -> None:
        parts = [
            re.escape(fold(entry.removesuffix("*"))) + (r"\w*" if entry.endswith("*") else "")
            for entry in sorted(entries, key=len, reverse=True)
        ]
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(parts) or '(?!)'})(?!\w)")

    def found(self, text: str) -> str | None:
        """The first match in the text, folded; None without one."""
        match = self._pattern.search(fold(text))
        return match.group() if match else None


def fold(text: str) -> str:
    """The text without case and accents, blanks as one, apostrophes straight.

    >>> fold("Você  já é  ÚTIL")
    'voce ja e util'
    """
    plain = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())


@cache
def language_words(code: str) -> LanguageWords:
    """The words of the language `code` (pt, es, en, ru)."""
    content = (files("fiel.actions.messages") / "languages" / f"{code}.yaml").read_text(encoding="utf-8")
    return LanguageWords.model_validate(yaml.safe_load(content))


@cache
def forbidden_words(code: str, kind: str) -> Words:
    """`risk_words`, `offer_words`, `goods` or `numbers` of the language; English `risk_words` count everywhere."""
    own, english = getattr(language_words(code), kind), getattr(language_words("en"), kind)
    shared = english if kind == "risk_words" else ()
    return Words({*own, *shared})
