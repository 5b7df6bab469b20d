"""The catalogue of messages: finished English texts recognised by their templates, and said in another language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Literal, get_args

import polars as pl
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from fiel.errors import FielError
from fiel.words import figures

Language = Literal["en", "pt"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_PLACEHOLDER = re.compile(r"\{([a-z]+)([0-9_][a-z0-9_]*)?\}")

_KINDS = {
    "n": figures.NUMBER,
    "p": figures.PERCENT,
    "m": rf"(?:{figures.CURRENCY}|{figures.NUMBER} [a-z]+)",
    "d": rf"(?:{figures.DAY}|\d{{1,2}} [A-Z][a-z]+ \d{{4}})",
    "q": figures.QUARTER,
    "month": r"[A-Z][a-z]+ \d{4}",
    "x": r"\S+",
    "unit": r"\S+",
    "when": r"(?:in the last (?:\d+ days|quarter|\d+ quarters)|since joining)",
    "days": r"(?:last (?:\d+ days|quarter|\d+ quarters)|days since joining)",
    "ago": r"\d+ days ago",
    "ahead": r"the next \d+ days",
    "earned": r"(?:earned|bought for)",
    "spent": r"(?:spent|cancelled or returned)",
}
"""Placeholders for a number, a percentage, an amount with its unit, a day, a quarter, a month: `{n}`, `{n2}`. `{x}` is
one word that stays as it is: a stage, a column, a version. The others are the marks of the phrases of reasons."""

_ANY = r".+?"
"""The other placeholders: `{t}` is a text that has a translation of its own, `{l}` a list of such, `{reason}` what a
reason begins with; `{name}` and others stay as they are. In phrases `{when}` and its like are texts, `{v}` a value
and `{unit}` a unit, which stay where the catalogue does not know them."""

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


@dataclass(frozen=True)
class _Template:
    """One message with placeholders: how it is recognised, and how it is said."""

    pattern: re.Pattern[str]
    literal: str
    said: str
    weight: int


class _Catalogue:
    """The messages of one language: by context exact texts, and templates, the most telling first."""

    def __init__(self, catalog: Catalog) -> None:
        self.exact: dict[str, dict[str, str]] = {}
        self.templates: dict[str, list[_Template]] = {}
        for message in catalog:
            msgid, said, context = message.id, message.string, message.context or ""
            if not msgid or not said or not isinstance(msgid, str) or not isinstance(said, str):
                continue
            # A text with placeholders is also looked up as it stands: templates are filled by who knows the values.
            self.exact.setdefault(context, {})[msgid] = said
            if _PLACEHOLDER.search(msgid):
                self.templates.setdefault(context, []).append(_template(msgid, said))
        for found in self.templates.values():
            found.sort(key=lambda template: -template.weight)


def _template(msgid: str, said: str) -> _Template:
    shape, literals, start, seen = "", [], 0, set()
    for match in _PLACEHOLDER.finditer(msgid):
        literals.append(msgid[start : match.start()])
        name = match[1] + (match[2] or "")
        part = f"(?P={name})" if name in seen else f"(?P<{name}>{_KINDS.get(match[1], _ANY)})"
        shape += re.escape(literals[-1]) + part
        seen.add(name)
        start = match.end()
    literals.append(msgid[start:])
    pattern = re.compile(shape + re.escape(literals[-1]), re.DOTALL)
    return _Template(pattern, max(literals, key=len), said, sum(map(len, literals)))


@cache
def _catalogue(language: str) -> _Catalogue:
    with (resources.files("fiel.words") / f"{language}.po").open("rb") as file:
        return _Catalogue(read_po(file, locale=language))


def _checked(language: str) -> str:
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
    return text if _checked(language) == "en" else _found(text, language, context)


def filled(msgid: str, language: str, context: str = "", **values: str) -> str:
    """The message `msgid` in `language` with its placeholders filled by `values`, which are finished texts.

    >>> filled("{n} customers", "pt", n="1.204")
    '1.204 clientes'
    """
    said = msgid
    if _checked(language) != "en":
        said = _exact(msgid, language, context) or msgid
    return _PLACEHOLDER.sub(lambda match: values.get(match[1] + (match[2] or ""), match[0]), said)


def translate_all(texts: list[str], language: str, context: str = "") -> list[str]:
    """Each text in `language`."""
    return [translate(text, language, context) for text in texts]


def _exact(text: str, language: str, context: str) -> str | None:
    exact = _catalogue(language).exact
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
    templates = _catalogue(language).templates
    for name in dict.fromkeys((context, "")):
        for template in templates.get(name, ()):
            if template.literal not in text:
                continue
            match = template.pattern.fullmatch(text)
            said = None if match is None else _completed(template, match, language, context)
            if said is not None:
                return said
    return None


def _completed(template: _Template, match: re.Match[str], language: str, context: str) -> str | None:
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
    return _PLACEHOLDER.sub(lambda found: values.get(found[1] + (found[2] or ""), found[0]), said)


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


_MARKS = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")


def translate_series(texts: pl.Series, language: str, context: str = "") -> pl.Series:
    """Each text of a long column in `language`, in its order; null stays null.

    Texts that differ in their numbers only are recognised once: the numbers are taken out, and put back as the
    language writes them.
    """
    if _checked(language) == "en" or texts.is_empty():
        return texts
    unique = texts.drop_nulls().unique(maintain_order=True)
    shapes = unique.str.replace_all(_MARKS.pattern, "#")
    frame = pl.DataFrame({"text": unique, "shape": shapes})
    said = [_of_shape(part["text"], language, context) for part in frame.partition_by("shape", maintain_order=True)]
    known = pl.concat(said) if said else pl.DataFrame(schema={"text": pl.String, "said": pl.String})
    joined = texts.to_frame("text").join(known, on="text", how="left", maintain_order="left")
    return joined["said"].alias(texts.name)


def _of_shape(texts: pl.Series, language: str, context: str) -> pl.DataFrame:
    """The columns text and said of `texts`, which differ in their numbers only."""
    first: str = texts[0]
    parts = _shape_said(first, language, context) if texts.len() > 1 else None
    if parts is None:
        return pl.DataFrame({"text": texts, "said": translate_all(texts.to_list(), language, context)},
                            schema={"text": pl.String, "said": pl.String})  # fmt: skip
    numbers = pl.col("text").str.extract_all(_MARKS.pattern)
    pieces = [
        pl.lit(part)
        if isinstance(part, str)
        else numbers.list.get(part).str.replace_all(",", "\x00", literal=True).str.replace_all(".", ",", literal=True)
        .str.replace_all("\x00", ".", literal=True)
        for part in parts
    ]  # fmt: skip
    return texts.to_frame("text").with_columns(said=pl.concat_str(pieces))


def _shape_said(text: str, language: str, context: str) -> list[str | int] | None:
    """The translation of `text` as literals and positions of its numbers; None where that cannot be told."""
    marks = _MARKS.findall(text)
    stand_ins = [str(7_000_001 + 11 * place) for place in range(len(marks))]
    given = iter(stand_ins)
    said = find(_MARKS.sub(lambda _: next(given), text), language, context)
    if said is None or any(said.count(mark) != 1 for mark in stand_ins):
        return None
    pieces = re.split(f"({'|'.join(stand_ins)})", said) if stand_ins else [said]
    parts = [stand_ins.index(piece) if piece in stand_ins else piece for piece in pieces]
    # A number may belong to the message (`of 5`): then the stand-ins were understood otherwise.
    shown = [figures.localised(mark, language) or mark for mark in marks]
    again = "".join(part if isinstance(part, str) else shown[part] for part in parts)
    return parts if again == find(text, language, context) else None
