"""Colour tokens, stage colours and the Vega-Lite config of every chart, as plain data: no chart library is imported.

Charts are drawn with the light tokens; `recolour` turns a finished specification into its dark twin, token by token,
so that one chart serves both. No light token may therefore have two dark ones (a test holds it). `fiel.reports.theme`
adds what Altair needs; who only reads colours, such as a worker of the service, imports this module.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

Mode = Literal["light", "dark"]
MODES: tuple[Mode, ...] = ("light", "dark")

FONT = "system-ui, sans-serif"


@dataclass(frozen=True)
class Token:
    """One colour, by mode, as #RRGGBB."""

    light: str
    dark: str

    def of(self, mode: Mode) -> str:
        """The colour in `mode`."""
        return self.dark if mode == "dark" else self.light


TOKENS: dict[str, Token] = {
    "paper": Token("#FFFFFF", "#14181C"),
    "panel": Token("#F6F8FA", "#1C2228"),
    "ink": Token("#1B1F23", "#E8ECEF"),
    "muted": Token("#57606A", "#9AA4AE"),
    "line": Token("#D8DEE4", "#2F3740"),
    "accent": Token("#0072B2", "#58B0E8"),
    "good": Token("#00795A", "#3FBF95"),
    "warning": Token("#9A5B00", "#E0A030"),
    "bad": Token("#B3261E", "#F2837B"),
}
"""Grounds (paper, panel), text (ink, muted), rules (line) and meanings (accent, good, warning, bad)."""

STAGE_COLOURS: dict[str, Token] = {
    "curioso": Token("#2F8FCE", "#6CBDF0"),
    "fiel": Token("#008A63", "#2FC18F"),
    "reconquistado": Token("#0B5FA5", "#4A90D9"),
    "reborn": Token("#B5588E", "#DE9BC4"),
    "turista": Token("#B97A00", "#F0B23E"),
    "desencantado": Token("#C84E00", "#EE7B33"),
    "zumbi": Token("#7A808A", "#9AA0A8"),
}
"""Colour of each stage, in the order in which stages are always shown."""


SEQUENTIAL: Literal["viridis"] = "viridis"
DIVERGING = ("#C84E00", "#0072B2")
"""Colours of a loss and of a gain: orange below zero, blue above."""

TEXT_CONTRAST = 4.5
MARK_CONTRAST = 3.0

ROLE_COLOURS: dict[str, str] = {
    "champion": "accent",
    "challenger": "ink",
    "stage rule": "muted",
    "purchase model": "muted",
}
"""Token of each model's role; a shape stands beside it."""

DECISION_COLOURS: dict[str, str] = {"grant": "accent", "held_out": "warning", "excluded": "muted"}
"""Token of each decision of a plan."""


def light(name: str) -> str:
    """The light colour of the token or stage `name`, as charts are drawn with."""
    return (TOKENS.get(name) or STAGE_COLOURS[name]).light


def luminance(colour: str) -> float:
    """Relative luminance of #RRGGBB, 0 black to 1 white (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours #RRGGBB, 1 (none) to 21 (WCAG 2.2).

    >>> round(contrast("#FFFFFF", "#000000"), 1)
    21.0
    """
    lower, upper = sorted((luminance(one), luminance(other)))
    return (upper + 0.05) / (lower + 0.05)


def dark_twins() -> dict[str, str]:
    """Dark colour of every light colour that a chart may use."""
    return {token.light: token.dark for token in (*TOKENS.values(), *STAGE_COLOURS.values())}


def recolour(spec: dict[str, Any], mode: Mode) -> dict[str, Any]:
    """The Vega-Lite specification `spec` (drawn with light tokens) in `mode`; its data stay as they are."""
    if mode == "light":
        return spec
    twins = dark_twins()
    drawn = {key: part for key, part in spec.items() if key != "datasets"}
    text = re.sub(r"#[0-9A-F]{6}", lambda found: twins.get(found.group(), found.group()), json.dumps(drawn))
    dark: dict[str, Any] = json.loads(text)
    return dark | ({"datasets": spec["datasets"]} if "datasets" in spec else {})


def config() -> dict[str, Any]:
    """The Vega-Lite config of every chart, in the light tokens."""
    ink, muted, line = light("ink"), light("muted"), light("line")
    return {
        "background": light("paper"),
        "font": FONT,
        "padding": 4,
        "view": {"stroke": None, "continuousHeight": 260, "discreteHeight": {"step": 28}},
        "title": {
            "anchor": "start",
            "color": ink,
            "subtitleColor": muted,
            "fontSize": 16,
            "subtitleFontSize": 12,
            "fontWeight": 600,
            "subtitlePadding": 4,
            "offset": 16,
        },
        "axis": {
            "domainColor": line,
            "gridColor": line,
            "tickColor": line,
            "labelColor": muted,
            "titleColor": muted,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": 400,
            "titlePadding": 8,
            "labelPadding": 4,
            "labelLimit": 160,
        },
        "axisX": {"grid": False, "labelOverlap": "greedy", "labelSeparation": 8},
        "axisY": {"domain": False, "ticks": False},
        "legend": {
            "labelColor": ink,
            "titleColor": muted,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": 400,
            "orient": "top",
            "direction": "horizontal",
            "columnPadding": 12,
            "titleLimit": 400,
            "symbolSize": 80,
        },
        "text": {"color": ink, "fontSize": 12},
        "line": {"strokeWidth": 2, "color": light("accent")},
        "rule": {"color": muted},
        "bar": {"color": light("accent")},
        "point": {"filled": True, "size": 64, "color": light("accent")},
        "area": {"color": light("accent")},
        "rect": {"color": light("accent")},
    }
