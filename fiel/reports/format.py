"""Numbers and dates as people read them (LOOK.md): thousands separated, units always, signs on differences."""

from __future__ import annotations

import math
import re
from datetime import date

from fiel.program import Value

MISSING = "–"
"""Shown where there is no value."""

MINUS = "\u2212"

LEAST_SHARE = 0.001
"""Shares below are shown as `< 0.1 %`: nobody decides on the digits behind."""

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_CURRENCIES = {"BRL": "R$", "USD": "$", "GBP": "£", "EUR": "€"}


def _missing(number: float | None) -> bool:
    return number is None or not math.isfinite(number)


def _minus(text: str) -> str:
    return text.replace("-", MINUS)


def whole(number: float | None) -> str:
    """A count, whole, thousands separated.

    >>> whole(1204)
    '1,204'
    """
    if _missing(number):
        return MISSING
    assert number is not None
    return _minus(f"{round(number):,}")


def counted(number: float | None, one: str, many: str | None = None) -> str:
    """A count and what is counted.

    >>> counted(1, "customer"), counted(1204, "customer"), counted(28, "day")
    ('1 customer', '1,204 customers', '28 days')
    """
    return f"{whole(number)} {one if number == 1 else many or one + 's'}"


def ratio(number: float | None) -> str:
    """A ratio with at most three significant figures; whole from 100 on.

    >>> ratio(0.8264), ratio(0.83), ratio(12.345), ratio(1234.4), ratio(0.00012345)
    ('0.826', '0.83', '12.3', '1,234', '0.000123')
    """
    if _missing(number):
        return MISSING
    assert number is not None
    if number == 0:
        return "0"
    if abs(number) >= 99.95:
        return whole(number)
    decimals = max(0, 2 - math.floor(math.log10(abs(number))))
    text = f"{number:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return _minus("0" if text in ("-0", "") else text)


def measure(number: float | None) -> str:
    """A measure such as AUC or log loss, to three decimals, so that a column of them lines up; whole from 100 on.

    >>> measure(0.7439), measure(0.66), measure(-0.00177), measure(3280.4)
    ('0.744', '0.660', '−0.002', '3,280')
    """
    if number is None or _missing(number) or abs(number) >= 10:
        return ratio(number)
    text = f"{number:.3f}"
    return _minus(text.lstrip("-") if float(text) == 0 else text)


def signed_measure(number: float | None) -> str:
    """A difference of measures, with its sign.

    >>> signed_measure(0.00773), signed_measure(-0.0002)
    ('+0.008', '−0.000')
    """
    return signed(measure(number), number)


def percent(share: float | None) -> str:
    """A share of one as a percentage, to a tenth of a per cent; what is within a tenth of 0 or 1 is said to be so.

    Whole percentages (settings, mostly) have no tenth.

    >>> percent(0.1238), percent(0.6403), percent(0.3), percent(1), percent(0)
    ('12.4 %', '64.0 %', '30 %', '100 %', '0 %')
    >>> percent(0.00034), percent(0.99966)
    ('< 0.1 %', '> 99.9 %')
    """
    if _missing(share):
        return MISSING
    assert share is not None
    if is_least(share):
        return f"< {100 * LEAST_SHARE:.1f} %"
    if 1 - LEAST_SHARE < share < 1:
        return f"> {100 * (1 - LEAST_SHARE):.1f} %"
    return f"{_tenths(100 * share)} %"


def _tenths(number: float) -> str:
    """A number to a tenth; whole ones without it.

    >>> _tenths(64.03), _tenths(30.000000000000004), _tenths(-0.02)
    ('64.0', '30', '0.0')
    """
    is_whole = abs(number - round(number)) < 1e-9
    text = f"{number:.0f}" if is_whole else f"{number:.1f}"
    return _minus(text.lstrip("-") if float(text) == 0 else text)


def exact_percent(share: float | None) -> str:
    """A share of one as a percentage with three significant figures, however small.

    >>> exact_percent(0.000060894)
    '0.00609 %'
    """
    return MISSING if _missing(share) else f"{ratio(100 * (share or 0.0))} %"


def is_least(share: float | None) -> bool:
    """Whether a share is above 0 and too small for `percent` to give its digits."""
    return share is not None and 0 < share < LEAST_SHARE


def is_coarse(share: float | None) -> bool:
    """Whether `percent` keeps fewer than two figures of a share: its exact value is worth a hover."""
    return share is not None and (0 < share < 10 * LEAST_SHARE or 1 - LEAST_SHARE < share < 1)


def signed(text: str, number: float | None) -> str:
    """The formatted absolute value `text` of `number` with the sign of `number`."""
    if _missing(number) or number == 0:
        return text
    assert number is not None
    return f"{'+' if number > 0 else MINUS}{text.removeprefix(MINUS)}"


def signed_whole(number: float | None) -> str:
    """A difference of counts, with its sign.

    >>> signed_whole(1204), signed_whole(0)
    ('+1,204', '0')
    """
    return signed(whole(number), number if _missing(number) else round(number or 0))


def signed_ratio(number: float | None) -> str:
    """A difference of ratios, with its sign."""
    return signed(ratio(number), number)


def signed_percent(share: float | None) -> str:
    """A relative change or a difference of shares, as a percentage with its sign, to a tenth of a per cent.

    >>> signed_percent(0.0665), signed_percent(-0.011), signed_percent(0.00021)
    ('+6.7 %', '−1.1 %', '+0.0 %')
    """
    return MISSING if _missing(share) else f"{signed(_tenths(100 * abs(share or 0.0)), share)} %"


def signed_points(share: float | None) -> str:
    """A difference of shares of one in percentage points, to a tenth of a point; to a hundredth where that is all.

    >>> signed_points(0.0479), signed_points(0.05), signed_points(-0.000572), signed_points(0.0000669)
    ('+4.8 percentage points', '+5 percentage points', '−0.06 percentage points', '+0.01 percentage points')
    """
    if _missing(share):
        return MISSING
    points = 100 * (share or 0.0)
    shown = _tenths(abs(points)) if abs(points) >= 100 * LEAST_SHARE else ratio(round(abs(points), 2))
    return f"{signed(shown, points if float(shown) else 0.0)} percentage points"


def is_currency(unit: str) -> bool:
    """Whether a unit of value is a currency: three capital letters."""
    return unit.isupper() and len(unit) == 3


def interval(low: float | None, high: float | None, of: str = "ratio") -> str:
    """An interval, as `0.84 to 0.88`; `of` is ratio, measure, percent or whole."""
    if _missing(low) or _missing(high):
        return MISSING
    show = {"ratio": ratio, "measure": measure, "percent": percent, "whole": whole}[of]
    return f"{show(low)} to {show(high)}"


def with_interval(number: float | None, low: float | None, high: float | None, of: str = "ratio") -> str:
    """A value and its interval, as `0.86 (0.84 to 0.88)`; without an interval the value alone."""
    show = {"ratio": ratio, "measure": measure, "percent": percent, "whole": whole}[of]
    between = interval(low, high, of)
    return show(number) if between == MISSING else f"{show(number)} ({between})"


def difference(number: float | None, low: float | None, high: float | None) -> str:
    """A difference of measures with its sign and its interval, as `+0.012 (+0.003 to +0.021)`."""
    if _missing(low) or _missing(high):
        return signed_measure(number)
    return f"{signed_measure(number)} ({signed_measure(low)} to {signed_measure(high)})"


def value(amount: float | None, unit: Value) -> str:
    """An amount of the program's value, given in its smallest unit, as `1,204 points` or `GBP 18,660`.

    >>> value(1204, Value()), value(1866000, Value(unit="GBP", scale=100))
    ('1,204 points', '£ 18,660')
    """
    if _missing(amount):
        return MISSING
    return units((amount or 0) / unit.scale, unit.unit)


def units(number: float | None, unit: str) -> str:
    """A number of whole units, as `1,204 points`; three capital letters are a currency.

    >>> units(1204, "points"), units(1204, "BRL"), units(-5, "BRL"), units(None, "points")
    ('1,204 points', 'R$ 1,204', '−R$ 5', '–')
    """
    if _missing(number):
        return MISSING
    if is_currency(unit):
        shown = whole(number)
        sign = MINUS if shown.startswith(MINUS) else ""
        return f"{sign}{_CURRENCIES.get(unit, unit)} {shown.removeprefix(MINUS)}"
    return f"{whole(number)} {unit}"


def signed_units(number: float, unit: str) -> str:
    """A number of whole units with its sign.

    >>> signed_units(100, "points"), signed_units(-5, "GBP")
    ('+100 points', '−£ 5')
    """
    return signed(units(abs(number), unit), number)


def money(amount: float | None, currency: str) -> str:
    """An amount of money, whole.

    >>> money(18660, "BRL"), money(-16101.4, "BRL")
    ('R$ 18,660', '−R$ 16,101')
    """
    return units(amount, currency)


def day(when: date | None) -> str:
    """A date in tables, as `2025-09-01`."""
    return MISSING if when is None else when.isoformat()


def day_in_words(when: date) -> str:
    """A date in prose.

    >>> day_in_words(date(2025, 9, 1))
    '1 September 2025'
    """
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def words(code: str | None) -> str:
    """A code such as `not_in_population` as words."""
    return MISSING if not code else code.replace("_", " ")


def typeset(text: str | None) -> str:
    """A sentence made elsewhere, with real minus signs before its numbers (dates and hyphens stay).

    >>> typeset("log loss -0.047 (-0.056 to -0.037) on 2011-09-01, out-of-time")
    'log loss −0.047 (−0.056 to −0.037) on 2011-09-01, out-of-time'
    """
    return MISSING if not text else re.sub(r"(?<![\w-])-(?=[\d.])", MINUS, text)


def listed(parts: list[str]) -> str:
    """Several parts as one phrase.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
