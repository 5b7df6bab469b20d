"""Amounts with their unit, as each language writes them."""

from __future__ import annotations

import math

from fiel.words.catalogue import translate
from fiel.words.figures import MINUS, MISSING, SYMBOLS, number


def money(amount: float | None, unit: str, language: str, digits: int = 0) -> str:
    """An amount in whole units of value: `R$ 1.204`, or `1.204 pontos` where the unit is no currency.

    >>> money(1204, "BRL", "en"), money(-5, "BRL", "pt"), money(1204, "points", "pt"), money(5.9, "GBP", "pt", 2)
    ('R$ 1,204', '−R$ 5', '1.204 pontos', '£ 5,90')
    """
    if amount is None or not math.isfinite(amount):
        return MISSING
    shown = number(abs(amount), language, digits)
    sign = MINUS if amount < 0 and float(f"{abs(amount):.{digits}f}") else ""
    if unit.isupper() and len(unit) == 3:
        return f"{sign}{SYMBOLS.get(unit, unit)} {shown}"
    return f"{sign}{shown} {translate(unit, language)}"
