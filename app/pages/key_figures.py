"""The key figures of a program as people read them: value with its unit, change with its sign, exact value on hover."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.pages import words
from app.pages.words import N_, Language

Tone = Literal["plain", "good", "bad"]

GOOD_WHEN_UP = frozenset(
    {"monthly_active", "mean_daily_active", "new", "fiel", "fiel_share", "customers", "contributed", "contributors",
     "expected_gains", "expected_profit", "engagement"}
)  # fmt: skip
BAD_WHEN_UP = frozenset({"expected_losses", "at_risk", "closing_rate"})
"""Keys whose change is coloured; an arrow and a sign say the same without colour."""

BETWEEN = N_("%(low)s to %(high)s")
WAS = N_("was %(before)s")


@dataclass(frozen=True)
class KeyFigure:
    """One key figure: label, value, change against the previous date, interval; all as text in one language."""

    key: str
    label: str
    value: str
    exact: str
    change: str
    direction: int
    tone: Tone
    before: str
    interval: str


def key_figures(overview: Mapping[str, Any], language: Language) -> list[KeyFigure]:
    """The key figures of the part `overview`, in its order."""
    currency = str(overview.get("currency") or overview.get("unit") or "")
    return [_figure(figure, currency, language) for figure in overview.get("key_figures", ())]


def _figure(figure: Mapping[str, Any], currency: str, language: Language) -> KeyFigure:
    kind, value, before = figure["kind"], figure.get("value"), figure.get("before")
    change, direction = _change(value, before, kind, language)
    low, high = figure.get("low"), figure.get("high")
    label = words.said(figure["label"], language)
    return KeyFigure(
        key=figure["key"],
        label=label[:1].upper() + label[1:],
        value=shown(value, kind, currency, language),
        exact="" if value is None or not _is_rounded(value, kind) else words.localised(f"{value:,.10g}", language),
        change=change,
        direction=direction,
        tone=_tone(figure["key"], direction),
        before="" if before is None else words.translate(WAS, language, before=shown(before, kind, currency, language)),
        interval=""
        if low is None or high is None
        else words.translate(
            BETWEEN,
            language,
            low=shown(low, kind, currency, language),
            high=shown(high, kind, currency, language),
        ),
    )


def shown(value: float | None, kind: str, currency: str, language: Language) -> str:
    """A value by its kind: count, mean, share, or money (whole units of `currency`).

    >>> shown(1204, "count", "", "en"), shown(0.1238, "share", "", "pt"), shown(1204.4, "money", "BRL", "pt")
    ('1,204', '12,4%', 'R$ 1.204')
    """
    if kind == "money":
        return words.units(value, currency, language)
    return words.number(value, language, {"share": "percent", "mean": "ratio"}.get(kind, "whole"))


def _is_rounded(value: float, kind: str) -> bool:
    return kind in ("share", "mean") or not float(value).is_integer()


def _change(value: float | None, before: float | None, kind: str, language: Language) -> tuple[str, int]:
    """Change with its sign: shares in percentage points, else relative, with the difference where there was nothing.

    A change that is zero as it is shown has no direction.
    """
    if value is None or before is None or not math.isfinite(value) or not math.isfinite(before):
        return "", 0
    difference = value - before
    if kind == "share":
        changed, form = difference, "signed_points"
    elif before == 0:
        changed, form = difference, "signed_whole"
    else:
        changed, form = difference / abs(before), "signed_percent"
    change = words.number(changed, language, form)
    if words.is_zero(change):
        return words.number(0.0, language, form), 0
    return change, 1 if difference > 0 else -1


def _tone(key: str, direction: int) -> Tone:
    if direction == 0 or key not in GOOD_WHEN_UP | BAD_WHEN_UP:
        return "plain"
    return "good" if (direction > 0) == (key in GOOD_WHEN_UP) else "bad"
