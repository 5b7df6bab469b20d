"""Numbers, shares, money and dates as each language writes them."""

from __future__ import annotations

import math
import re
from datetime import date

MISSING = "–"
"""Shown where there is no value."""

MINUS = "\u2212"

SYMBOLS = {"BRL": "R$", "USD": "$", "GBP": "£", "EUR": "€"}
"""How currencies are written before their amounts; others by their code."""

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
NUMBER = rf"[+\u2212-]?(?:{_DIGITS}|\.\d+)"
"""A number as English texts of Fiel write it: thousands by commas, decimals by a point."""

PERCENT = rf"(?:[<>] )?{NUMBER} ?%"
CURRENCY = rf"(?:[+\u2212-]?(?:R\$|\$|£|€|[A-Z]{{3}}) {_DIGITS})"
QUARTER = r"\d{4}Q[1-4]"
DAY = r"\d{4}-\d\d(?:-\d\d)?"

_FIGURE = re.compile(rf"{NUMBER}|{PERCENT}|{CURRENCY}|{QUARTER}|{MISSING}")
_SWAPPED = str.maketrans(",.", ".,")

_MONTHS = {
    "en": ("January", "February", "March", "April", "May", "June",
           "July", "August", "September", "October", "November", "December"),
    "pt": ("janeiro", "fevereiro", "março", "abril", "maio", "junho",
           "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"),
}  # fmt: skip


def localised(figure: str, language: str) -> str | None:
    """A finished English figure (a number, a share, money, a quarter) in `language`; None for any other text.

    >>> localised("1,204.5", "pt"), localised("12.4 %", "pt"), localised("R$ 18,660", "pt"), localised("2017Q4", "pt")
    ('1.204,5', '12,4%', 'R$ 18.660', '2017T4')
    >>> localised("fiel", "pt") is None
    True
    """
    if not _FIGURE.fullmatch(figure):
        return None
    return figure if language == "en" else _portuguese(figure)


def _portuguese(figure: str) -> str:
    if re.fullmatch(QUARTER, figure):
        return figure.replace("Q", "T")
    # `.5` of a legend is `0,5`: no decimal stands without its zero in Portuguese.
    whole = re.sub(r"(?<!\d)\.(?=\d)", "0.", figure)
    return whole.replace(" %", "%").translate(_SWAPPED)


def number(value: float | None, language: str, digits: int | None = None) -> str:
    """A number: counts whole, other numbers with three significant figures, or with `digits` decimals; `–` for none.

    >>> number(1204, "en"), number(1204, "pt"), number(0.8264, "pt"), number(12.5, "pt", 2), number(None, "pt")
    ('1,204', '1.204', '0,826', '12,50', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if digits is not None:
        text = f"{value:,.{digits}f}"
    elif isinstance(value, int) or abs(value) >= 99.95 or value == 0:
        text = f"{round(value):,}"
    else:
        text = f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return _said(text.replace("-", MINUS), language)


def percent(share: float | None, language: str, digits: int = 1) -> str:
    """A share of one as a percentage to a tenth (or `digits` decimals); whole ones without it.

    >>> percent(0.1238, "en"), percent(0.1238, "pt"), percent(0.3, "pt"), percent(0.0002, "pt")
    ('12.4 %', '12,4%', '30%', '< 0,1%')
    """
    if share is None or not math.isfinite(share):
        return MISSING
    least = 10.0**-digits
    per_cent = 100 * share
    if 0 < per_cent < least or 100 - least < per_cent < 100:
        sign, bound = ("<", least) if per_cent < 50 else (">", 100 - least)
        return _said(f"{sign} {bound:.{digits}f} %", language)
    is_whole = abs(per_cent - round(per_cent)) < 1e-9
    return _said(f"{per_cent:.{0 if is_whole else digits}f} %".replace("-", MINUS), language)


def date_in_words(when: date, language: str) -> str:
    """A date in prose.

    >>> date_in_words(date(2025, 9, 1), "en"), date_in_words(date(2025, 9, 1), "pt")
    ('1 September 2025', '1º de setembro de 2025')
    """
    month = _MONTHS["en" if language == "en" else "pt"][when.month - 1]
    if language == "en":
        return f"{when.day} {month} {when.year}"
    return f"{when.day}{'º' if when.day == 1 else ''} de {month} de {when.year}"


def prose_date(text: str, language: str) -> str | None:
    """`1 September 2025` or `September 2025` in `language`; None for any other text.

    >>> prose_date("1 September 2025", "pt"), prose_date("September 2025", "pt")
    ('1º de setembro de 2025', 'setembro de 2025')
    """
    match = re.fullmatch(rf"(?:(\d{{1,2}}) )?({'|'.join(_MONTHS['en'])}) (\d{{4}})", text)
    if match is None:
        return None
    when = date(int(match[3]), _MONTHS["en"].index(match[2]) + 1, int(match[1] or 1))
    if match[1]:
        return date_in_words(when, language)
    return text if language == "en" else f"{_MONTHS['pt'][when.month - 1]} de {when.year}"


def _said(text: str, language: str) -> str:
    return text if language == "en" else _portuguese(text)
