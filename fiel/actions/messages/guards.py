"""What no message may say and every message has to say, checked on the text itself, whoever wrote it.

The texts that the brief gives (titles, engagement, offer, call to action, signature) may stand in a message as they
are; everything around them is the writer's own words and has to pass: no placeholder, no product, offer, price or
figure of its own, nothing about churn or risk, the right language. A guard that is too strict costs a rewrite; one that
is too lax costs a customer. So where a rule can only be a rule of thumb (names, goods), it refuses.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from fiel.actions.messages.brief import Brief
from fiel.actions.messages.languages import Words, fold, forbidden_words, language_words
from fiel.actions.messages.patterns import LINK, MONEY, NOT_PRINTED, ODD, PLACEHOLDER, QUOTED, SPACED, WORD
from fiel.actions.messages.speech import language_fault
from fiel.program.messages import Language

GIVEN = "\u25e6"
"""Stands where a given text was: no letter, no digit, no end of a sentence."""

LONGEST_DETAIL = 160
"""Characters of what a guard found: it goes into the files and into the request for another draft."""

GREETING_WORDS = 5
"""A greeting stands among the first words of a message."""


@dataclass(frozen=True)
class Fault:
    """Why a message is refused: the guard's name, and what it found."""

    guard: str
    detail: str

    def __str__(self) -> str:
        return f"{self.guard}: {self.detail[:LONGEST_DETAIL]}"


class Titles:
    """The titles of a catalogue in one language, and the names of the operator's groups, ready to be found in texts.

    A title or a group of one word that the template's own sentences use is not looked for: there the word is no name. A
    title is also found where its words are run together.
    """

    def __init__(self, titles: Iterable[str], language: Language, groups: Iterable[str] = ()) -> None:
        tones = language_words(language).tones.values()
        usual = {word for tone in tones for line in tone.model_dump().values() for word in _words(line)}
        self.groups = Words(group for group in groups if _words(group) and fold(group) not in usual)
        self._by_first: dict[str, list[tuple[str, ...]]] = {}
        for title in titles:
            words = tuple(_words(title))
            if words and not (len(words) == 1 and words[0] in usual):
                self._by_first.setdefault(words[0], []).append(words)
            if len(words) > 1:
                self._by_first.setdefault("".join(words), []).append(("".join(words),))

    def found(self, text: str) -> str | None:
        """The first title in the text, folded; None without one."""
        words = _words(text)
        for position, word in enumerate(words):
            for title in self._by_first.get(word, ()):
                if tuple(words[position : position + len(title)]) == title:
                    return " ".join(title)
        return None


def first_fault(text: str, brief: Brief, titles: Titles) -> Fault | None:
    """The first guard that refuses the text as the message of the brief; None when it may go out.

    `titles` are those of the whole catalogue in the brief's language.
    """
    own = own_words(text, brief)
    checks: tuple[Callable[[], Fault | None], ...] = (
        lambda: _characters(text),
        lambda: _placeholder(text),
        lambda: _length(text, brief),
        lambda: _elements(text, brief),
        lambda: _own_words(own, brief.language, titles),
    )
    return next((fault for check in checks if (fault := check()) is not None), None)


def own_words(text: str, brief: Brief) -> str:
    """The writer's own words: the text with a mark where the brief's given texts stand."""
    own = unicodedata.normalize("NFC", text)
    for given in brief.given:
        own = _exactly(given).sub(GIVEN, own)
    return own


def _characters(text: str) -> Fault | None:
    found = NOT_PRINTED.search(text)
    return Fault("characters", f"character U+{ord(found.group()):04X} is not printed") if found else None


def _placeholder(text: str) -> Fault | None:
    """Read in the given texts too: the program file may hold one that nobody filled in. Titles have none."""
    found = PLACEHOLDER.search(text)
    return Fault("placeholder", f"{_around(text, found)!r} is left") if found else None


def _length(text: str, brief: Brief) -> Fault | None:
    if brief.min_chars <= len(text.strip()) <= brief.max_chars:
        return None
    return Fault("length", f"{len(text.strip())} characters, needs {brief.min_chars} to {brief.max_chars}")


def _elements(text: str, brief: Brief) -> Fault | None:
    lines = [line.strip() for line in unicodedata.normalize("NFC", text).strip().splitlines()]
    whole = "\n".join(lines)
    needed = {"title": brief.titles, "engagement": (brief.engagement,), "call to action": (brief.call_to_action,)}
    if brief.offer:
        needed["offer"] = (brief.offer,)
    for what, texts in needed.items():
        for given in texts:
            if not _holds(whole, given):
                return Fault("elements", f"the {what} {given!r} is not there as given")
    if not language_words(brief.language).greeting_words.found(" ".join(lines[0].split()[:GREETING_WORDS])):
        return Fault("elements", "the first line does not begin with a greeting")
    if lines[-1] != unicodedata.normalize("NFC", brief.signature):
        return Fault("elements", f"the last line is not the signature {brief.signature!r}")
    return None


@lru_cache(maxsize=1_024)
def _own_words(own: str, language: Language, titles: Titles) -> Fault | None:
    """What is wrong with the writer's own words. They are the same in most messages of the template."""
    checks: tuple[Callable[[], Fault | None], ...] = (
        lambda: _language(own, language),
        lambda: _risk(own, language, titles),
        lambda: _figures(own, language),
        lambda: _offers(own, language),
        lambda: _links(own),
        lambda: _signs(own),
        lambda: _products(own, language, titles),
    )
    return next((fault for check in checks if (fault := check()) is not None), None)


def _signs(own: str) -> Fault | None:
    found = ODD.search(own) or SPACED.search(own)
    return Fault("characters", f"{found.group().strip()!r} is not how a sentence is written") if found else None


def _language(own: str, language: Language) -> Fault | None:
    found = language_fault(own, language)
    return Fault("language", found) if found else None


def _risk(own: str, language: Language, titles: Titles) -> Fault | None:
    found = _forbidden(own, language, "risk_words") or titles.groups.found(own)
    return Fault("risk", f"{found!r} tells of churn, risk or a group") if found else None


def _figures(own: str, language: Language) -> Fault | None:
    digits = re.search(r"\d[\d.,]*", own) or next((re.search(re.escape(c), own) for c in own if c.isnumeric()), None)
    found = digits.group() if digits else _forbidden(own, language, "numbers")
    return Fault("figures", f"{found!r} is not the customer's own figure") if found else None


def _offers(own: str, language: Language) -> Fault | None:
    money = MONEY.search(own)
    found = money.group() if money else _forbidden(own, language, "offer_words")
    return Fault("offers", f"{found!r} promises something that is not among the offers") if found else None


def _links(own: str) -> Fault | None:
    found = LINK.search(own)
    return Fault("links", f"{found.group()!r} leads somewhere that was not given") if found else None


def _products(own: str, language: Language, titles: Titles) -> Fault | None:
    for match in QUOTED.finditer(own):
        quoted = match.group(1) or match.group(2) or ""
        if WORD.search(quoted):
            return Fault("products", f"{quoted.strip()!r} is not one of the two products")
    other = titles.found(own) or _forbidden(own, language, "goods") or _name(own, language)
    return Fault("products", f"{other!r} is not one of the two products") if other else None


def _forbidden(own: str, language: Language, kind: str) -> str | None:
    """A forbidden word, also one with a hyphen inside (dis-count)."""
    words = forbidden_words(language, kind)
    return words.found(own) or words.found(re.sub(r"(?<=\w)[-‐‑–](?=\w)", "", own))


def _name(own: str, language: Language) -> str | None:
    """A word that reads as a name: a capital inside a sentence, or inside a word."""
    may = language_words(language).capital_words
    for match in WORD.finditer(own):
        word = match.group()
        is_odd = any(letter.isupper() for letter in word[1:])
        if not is_odd and (not word[0].isupper() or _starts_sentence(own[: match.start()])):
            continue
        if may.found(word) is None:
            return word
    return None


def _starts_sentence(before: str) -> bool:
    """Whether a word after `before` is the first of a sentence or a line."""
    plain = before.rstrip(" \t\"'“”«»„‹›()¡¿–—-•*")
    return not plain or plain[-1] in ".!?…:\n" or not (plain[-1].isalnum() or plain[-1] in f",;{GIVEN}")


def _holds(text: str, given: str) -> bool:
    return _exactly(given).search(text) is not None


@lru_cache(maxsize=4_096)
def _exactly(given: str) -> re.Pattern[str]:
    """The given text as it stands, and not as a part of a longer word or number."""
    exact = re.escape(unicodedata.normalize("NFC", given))
    return re.compile(rf"(?<![\w.,−-]){exact}(?![\w%‰]|[.,]\d)")


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", fold(text))


def _around(text: str, match: re.Match[str]) -> str:
    return text[max(0, match.start() - 10) : match.end() + 15].strip()
