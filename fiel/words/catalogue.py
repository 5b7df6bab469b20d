"""The catalogue of messages: finished English texts recognised by their templates, and said in another language."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, get_args

from fiel.errors import FielError
from fiel.words import figures
from fiel.words.templates import PLACEHOLDER, Template, messages

Language = Literal["en", "pt"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_TEXTS = frozenset({"t", "when", "days", "ago", "ahead", "earned", "spent"})
_VALUES = frozenset({"v", "unit"})

REASON = "reason"
"""Context of the phrases that reasons are made of."""

_NAME = re.compile(r"[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+|[a-z]+\d+|[A-Z]{3}|R\$|\$|£|€")
"""Names of columns (`recency_days`, `var15`), currencies: what people look up as it is."""

_FRAME = re.compile(r"(.+) ((?:raises?|lowers?) it)", re.DOTALL)
"""Every reason of a classifier: what is said of the customer, and what it does to the score."""

LONGEST = 4_000
"""Characters of the longest text whose template is looked for; a longer one has no translation of its own."""

_TAIL = re.compile(r"\d+ days|so far|kept|left out")
"""Parts of a list that say something of the part before them."""

_SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z0-9“(\u2212])")


def checked(language: str) -> str:
    """`language`; FielError for one that is not of `LANGUAGES`."""
    if language not in LANGUAGES:
        raise FielError(f"There is no language {language!r}: choose one of {', '.join(LANGUAGES)}.")
    return language


def translate(text: str, language: str, context: str = "") -> str:
    """`text` in `language`; `text` itself where the catalogue knows no translation, and in English.

    `context` tells messages apart that are the same in English (msgctxt of the catalogue). FielError for a language
    that is not one of `LANGUAGES`.

    >>> translate("as of 2025-09-01, 1,204 customers", "pt")
    'em 2025-09-01, 1.204 clientes'
    """
    found = find(text, language, context)
    return text if found is None else found


def find(text: str, language: str, context: str = "") -> str | None:
    """As `translate`, None where there is no translation: figures and dates always have one."""
    return text if checked(language) == "en" else _found(text, language, context)


def filled(msgid: str, language: str, context: str = "", **values: str) -> str:
    """The message `msgid` in `language` with its placeholders filled by `values`, which are finished texts.

    >>> filled("{n} customers", "pt", n="1.204")
    '1.204 clientes'
    """
    said = msgid
    if checked(language) != "en":
        said = _exact(msgid, language, context) or msgid
    return PLACEHOLDER.sub(lambda match: values.get(match[1] + (match[2] or ""), match[0]), said)


def translate_all(texts: list[str], language: str, context: str = "") -> list[str]:
    """Each text in `language`."""
    return [translate(text, language, context) for text in texts]


def _exact(text: str, language: str, context: str) -> str | None:
    exact = messages(language).exact
    found = exact.get(context, {}).get(text)
    return exact.get("", {}).get(text) if found is None and context else found


@lru_cache(maxsize=20_000)
def _found(text: str, language: str, context: str) -> str | None:
    if not text or not any(letter.isalpha() for letter in text):
        return _figures_in(text, language)
    frame = None if context == REASON else _FRAME.fullmatch(text)
    if frame is not None:
        return _framed(frame[1], frame[2], language)
    said = _exact(text, language, context)
    if said is None and len(text) > LONGEST:
        return None
    if said is None:
        said = figures.localised(text, language) or figures.prose_date(text, language)
    if said is None and _NAME.fullmatch(text):
        said = text
    # Sentences come first: no template is meant to reach from one into another.
    if said is None:
        said = _by_sentence(text, language, context)
    if said is None:
        said = _by_template(text, language, context)
    if said is None and text[:1].isupper():
        lower = _found(text[:1].lower() + text[1:], language, context)
        said = None if lower is None else lower[:1].upper() + lower[1:]
    return said


def _framed(reason: str, frame: str, language: str) -> str | None:
    """A sentence of a reason. It comes before all else, as what a customer's value says may look like anything."""
    said = _found(reason, language, REASON) if len(reason) <= LONGEST else None
    return None if said is None else filled(f"{{reason}} {frame}", language, reason=said)


def _figures_in(text: str, language: str) -> str:
    """A text without a letter: its figures as the language writes them; days and periods stay."""
    if re.fullmatch(figures.DAY, text):
        return text
    return re.sub(
        rf"{figures.DAY}|{figures.PERCENT}|{figures.NUMBER}",
        lambda match: match[0] if re.fullmatch(figures.DAY, match[0]) else figures.localised(match[0], language) or "",
        text,
    )


def _by_template(text: str, language: str, context: str) -> str | None:
    templates = messages(language).templates
    for name in dict.fromkeys((context, "")):
        for template in templates.get(name, ()):
            if template.literal not in text:
                continue
            match = template.pattern.fullmatch(text)
            said = None if match is None else _completed(template, match, language, context)
            if said is not None:
                return said
    return None


def _completed(template: Template, match: re.Match[str], language: str, context: str) -> str | None:
    """The template's translation with the values of `match`; None where one of them has no translation."""
    values = {}
    for name, value in match.groupdict().items():
        said = _value(re.match("[a-z]+", name)[0], value, language, context)  # type: ignore[index]
        if said is None:
            return None
        values[name] = said
    said = template.said
    symbol = figures.SYMBOLS.get(values.get("unit", ""))
    if symbol:  # money: the symbol stands before the amount
        said = said.replace("{v} {unit}", f"{symbol} {{v}}")
    return PLACEHOLDER.sub(lambda found: values.get(found[1] + (found[2] or ""), found[0]), said)


def _value(kind: str, value: str, language: str, context: str) -> str | None:
    if kind in ("n", "p"):
        return figures.localised(value, language)
    if kind in ("d", "month"):
        return figures.prose_date(value, language) or value
    if kind == "q":
        return figures.localised(value, language)
    if kind == "m":
        return _amount(value, language)
    if kind == "l":
        return _listed(value, language, context)
    if kind == REASON:
        return _found(value, language, REASON)
    if kind in _TEXTS:
        return _found(value, language, context)
    if kind in _VALUES:
        return figures.localised(value, language) or _exact(value, language, context) or value
    return value


def _amount(value: str, language: str) -> str | None:
    shown = figures.localised(value, language)
    if shown is not None:
        return shown
    number, _, unit = value.partition(" ")
    said = _exact(unit, language, "")
    return None if said is None else f"{figures.localised(number, language)} {said}"


def _listed(value: str, language: str, context: str) -> str | None:
    """`a, b and c`, each with a translation of its own; a name inside which no translation is found is not split."""
    whole = _found(value, language, context)
    if whole is not None:
        return whole
    head, joined, last = value.rpartition(" and ")
    parts = [*head.split(", "), last] if joined else [last]
    said = [_found(part, language, context) for part in _merged(parts, language, context)]
    if any(part is None for part in said):
        return None
    texts = [part for part in said if part is not None]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} e {texts[-1]}"


def _merged(parts: list[str], language: str, context: str) -> list[str]:
    """Parts that belong to the one before, put together again (`active days, 28 days`; `calendar −0.03 %, kept`)."""
    found: list[str] = []
    for part in parts:
        is_tail = bool(_TAIL.fullmatch(part)) or _found(part, language, context) is None
        if found and is_tail and _found(f"{found[-1]}, {part}", language, context) is not None:
            found[-1] = f"{found[-1]}, {part}"
        else:
            found.append(part)
    return found


def _by_sentence(text: str, language: str, context: str) -> str | None:
    parts = _SENTENCE.split(text)
    if len(parts) == 1:
        return None
    said = [_found(part, language, context) for part in parts]
    return None if any(part is None for part in said) else " ".join(part or "" for part in said)
