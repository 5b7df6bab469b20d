"""The file of messages (`pt.po`): exact texts, and templates by which finished texts are recognised."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from fiel.words import figures

PLACEHOLDER = re.compile(r"\{([a-z]+)([0-9_][a-z0-9_]*)?\}")

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


@dataclass(frozen=True)
class Template:
    """One message with placeholders: how it is recognised, and how it is said."""

    pattern: re.Pattern[str]
    literal: str
    said: str
    weight: int


class Messages:
    """The messages of one language: by context exact texts, and templates, the most telling first."""

    def __init__(self, catalog: Catalog) -> None:
        self.exact: dict[str, dict[str, str]] = {}
        self.templates: dict[str, list[Template]] = {}
        for message in catalog:
            msgid, said, context = message.id, message.string, message.context or ""
            if not msgid or not said or not isinstance(msgid, str) or not isinstance(said, str):
                continue
            # A text with placeholders is also looked up as it stands: templates are filled by who knows the values.
            self.exact.setdefault(context, {})[msgid] = said
            if PLACEHOLDER.search(msgid):
                self.templates.setdefault(context, []).append(_template(msgid, said))
        for found in self.templates.values():
            found.sort(key=lambda template: -template.weight)


def _template(msgid: str, said: str) -> Template:
    shape, literals, start, seen = "", [], 0, set()
    for match in PLACEHOLDER.finditer(msgid):
        literals.append(msgid[start : match.start()])
        name = match[1] + (match[2] or "")
        part = f"(?P={name})" if name in seen else f"(?P<{name}>{_KINDS.get(match[1], _ANY)})"
        shape += re.escape(literals[-1]) + part
        seen.add(name)
        start = match.end()
    literals.append(msgid[start:])
    pattern = re.compile(shape + re.escape(literals[-1]), re.DOTALL)
    return Template(pattern, max(literals, key=len), said, sum(map(len, literals)))


@cache
def messages(language: str) -> Messages:
    """The messages of `language`, read once."""
    with (resources.files("fiel.words") / f"{language}.po").open("rb") as file:
        return Messages(read_po(file, locale=language))
