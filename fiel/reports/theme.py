"""The Altair theme of charts; colours, the config and the contrast that they keep come from `fiel.reports.tokens`."""

from __future__ import annotations

from typing import Any

import altair as alt

from fiel.program import STAGES
from fiel.reports.tokens import (
    DECISION_COLOURS,
    DIVERGING,
    FONT,
    MARK_CONTRAST,
    MODES,
    ROLE_COLOURS,
    SEQUENTIAL,
    STAGE_COLOURS,
    TEXT_CONTRAST,
    TOKENS,
    Mode,
    Token,
    config,
    contrast,
    dark_twins,
    light,
    luminance,
    recolour,
)

__all__ = [
    "DECISION_COLOURS",
    "DIVERGING",
    "FONT",
    "MARK_CONTRAST",
    "MODES",
    "ROLE_COLOURS",
    "SEQUENTIAL",
    "STAGE_COLOURS",
    "TEXT_CONTRAST",
    "TOKENS",
    "Mode",
    "Token",
    "bare_spec",
    "config",
    "contrast",
    "dark_twins",
    "light",
    "luminance",
    "recolour",
    "stage_scale",
    "themed_spec",
]


def stage_scale() -> alt.Scale:
    """The colour scale of stages: their order and their colours."""
    return alt.Scale(domain=list(STAGES), range=[STAGE_COLOURS[stage].light for stage in STAGES])


@alt.theme.register("fiel", enable=False)
def _fiel() -> alt.theme.ThemeConfig:
    """The theme under Altair's own name for it: `with alt.theme.enable("fiel")`."""
    return {"config": config()}  # type: ignore[typeddict-item]


def bare_spec(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """The specification of `chart` without a config, in the light tokens (a page adds the config once for all)."""
    with alt.theme.enable("none"):
        return chart.to_dict()


def themed_spec(chart: alt.TopLevelMixin, mode: Mode = "light", width: int | None = None) -> dict[str, Any]:
    """The complete specification of `chart` in `mode`; `width` in pixels replaces a width that follows its frame."""
    spec = bare_spec(chart) | {"config": config()}
    if width is not None and spec.get("width") == "container":
        spec["width"] = width
    return recolour(spec, mode)
