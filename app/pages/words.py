"""The words and numbers of the pages, in English and Portuguese.

Templates and modules write English, as `_("Ranking")` or, with values, `_("%(count)s customers", count=…)`; the
catalogue `app/words/pt.po` (gettext, keyed by the English text) holds the Portuguese. A module that names a text before
it knows who reads it marks it with `N_("…")`. A test fails for a marked text that the catalogue lacks.

What the reports and the reasons say has its own catalogue (`fiel.words`), which is asked for what this one lacks.
Numbers keep the formats of `fiel.reports.format`, in the signs of the language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

from babel.messages.pofile import read_po
from starlette.requests import Request

from fiel import words
from fiel.reports import format as fmt

Language = Literal["en", "pt"]

LANGUAGES: dict[Language, str] = {"en": "English", "pt": "Português"}
"""Languages of the pages, each named in itself."""

TAGS: dict[Language, str] = {"en": "en", "pt": "pt-BR"}
"""What `<html lang>` says."""

COOKIE = "fiel_language"

CATALOGUE = Path(__file__).resolve().parent.parent / "words" / "pt.po"

_SWAPPED = str.maketrans(",.", ".,")


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def N_(text: str) -> str:  # noqa: N802  # gettext's own name for it
    """`text` unchanged: marks it for the catalogue."""
    return text


RUN = N_("run %(id)s")


@cache
def catalogue() -> dict[str, str]:
    """Portuguese of every English text in the catalogue."""
    with CATALOGUE.open("rb") as file:
        found = read_po(file, locale="pt_BR")
    return {str(message.id): str(message.string) for message in found if message.id and message.string}


def translate(text: str, language: Language, **values: Any) -> str:
    """The English `text` in `language`, with `values` put in for its `%(name)s`; an unknown text stays English."""
    if language == "en" or not text:
        found = text
    else:
        found = catalogue().get(text) or (text if values else words.translate(text, language))
    return found % values if values else found


def said(text: Any, language: Language) -> str:
    """A text of the store, which is one string or one for each language (`{"en": …, "pt": …}`), in `language`."""
    if isinstance(text, Mapping):
        text = text.get(language) or text.get("en") or next(iter(text.values()), "")
        return "" if text is None else str(text)
    return "" if text is None else translate(str(text), language)


def language_of(request: Request) -> Language:
    """The language that a reader asks for: `?lang=`, the cookie, what the browser prefers, English."""
    for asked in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if asked in LANGUAGES:
            return "pt" if asked == "pt" else "en"
    return preferred(request.headers.get("accept-language", ""))


def preferred(header: str) -> Language:
    """The language that an Accept-Language `header` puts first among ours.

    >>> preferred("pt-BR,pt;q=0.9,en;q=0.8"), preferred("de, en;q=0.7, pt;q=0.3"), preferred("")
    ('pt', 'en', 'en')
    """
    found: list[tuple[float, Language]] = []
    for place, part in enumerate(header.split(",")[:20]):
        tag, _, weight = part.partition(";q=")
        name = tag.strip().lower().partition("-")[0]
        if name in ("en", "pt"):
            try:
                order = float(weight or 1)
            except ValueError:
                continue
            found.append((order - place / 1000, "pt" if name == "pt" else "en"))
    return max(found)[1] if found else "en"


def localised(shown: str, language: Language) -> str:
    """A formatted English number in the signs of `language`.

    >>> localised("R$ 18,660.5", "pt"), localised("12.4 %", "pt")
    ('R$ 18.660,5', '12,4%')
    """
    return shown.replace(" %", "%").translate(_SWAPPED) if language == "pt" else shown


def number(value: float | None, language: Language, of: str = "whole") -> str:
    """A number in a format of `fiel.reports.format`.

    `of` is whole, ratio, measure, percent, exact_percent, or signed_ and one of whole, ratio, measure, percent, points.

    >>> number(1204, "en"), number(0.1238, "pt", "percent"), number(None, "pt")
    ('1,204', '12,4%', '–')
    """
    show = {
        "whole": fmt.whole,
        "ratio": fmt.ratio,
        "measure": fmt.measure,
        "percent": fmt.percent,
        "exact_percent": fmt.exact_percent,
        "signed_whole": fmt.signed_whole,
        "signed_ratio": fmt.signed_ratio,
        "signed_measure": fmt.signed_measure,
        "signed_percent": fmt.signed_percent,
        "signed_points": fmt.signed_points,
    }[of]
    shown = localised(show(value), language)
    return shown.replace("percentage points", "pontos percentuais") if language == "pt" else shown


def is_zero(shown: str) -> bool:
    """Whether a number that was shown is zero as people read it.

    >>> is_zero("+0 %"), is_zero("0,0 pontos"), is_zero("−0.06 percentage points")
    (True, True, False)
    """
    return not any(digit in shown for digit in "123456789")


def units(value: float | None, unit: str, language: Language) -> str:
    """A number of whole units, as `1,204 points` or `R$ 1,204`; the unit's word is translated.

    >>> units(1204, "points", "pt"), units(1204, "BRL", "pt"), units(-5, "GBP", "en")
    ('1.204 pontos', 'R$ 1.204', '−£ 5')
    """
    shown = localised(fmt.units(value, unit), language)
    if fmt.is_currency(unit) or not shown.endswith(unit):
        return shown
    return f"{shown.removesuffix(unit)}{translate(unit, language)}"


def actor(name: str, language: Language) -> str:
    """Who did something: a person's name as it is, a run by the beginning of its id.

    >>> actor("cd822d32-7f6a-4630-a9ca-150a9412f455", "en"), actor("Ana", "pt")
    ('run cd822d32', 'Ana')
    """
    return translate(RUN, language, id=name[:8]) if _UUID.fullmatch(name) else name


def prose_date(value: date | str | None, language: Language) -> str:
    """A date in prose.

    >>> prose_date("2025-09-01", "en"), prose_date(date(2025, 9, 1), "pt")
    ('1 September 2025', '1º de setembro de 2025')
    """
    if value is None:
        return fmt.MISSING
    when = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    return words.date_in_words(when, language)


def minute(value: datetime | str | None) -> str:
    """An instant to the minute, as `2025-09-01 14:05`; it is in UTC, and who shows it says so."""
    if value is None:
        return fmt.MISSING
    return (value if isinstance(value, str) else value.isoformat())[:16].replace("T", " ")


def day(value: date | datetime | str | None) -> str:
    """A date in tables, as `2025-09-01`."""
    if value is None:
        return fmt.MISSING
    return value[:10] if isinstance(value, str) else value.isoformat()[:10]
