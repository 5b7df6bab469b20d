from itertools import product

import altair as alt
import polars as pl
import pytest

from fiel.program import STAGES
from fiel.reports import theme
from fiel.reports.charts.base import VIRIDIS_DARK_TO
from fiel.reports.theme import MODES, STAGE_COLOURS, TOKENS, contrast

GROUNDS = ("paper", "panel")
TEXT = ("ink", "muted", "accent", "good", "warning", "bad")


@pytest.mark.parametrize(("mode", "ground", "token"), product(MODES, GROUNDS, TEXT))
def test_text_stands_out_from_its_ground(mode: theme.Mode, ground: str, token: str) -> None:
    assert contrast(TOKENS[token].of(mode), TOKENS[ground].of(mode)) >= theme.TEXT_CONTRAST


@pytest.mark.parametrize(("mode", "ground", "stage"), product(MODES, GROUNDS, STAGES))
def test_marks_of_a_stage_stand_out_from_their_ground(mode: theme.Mode, ground: str, stage: str) -> None:
    assert contrast(STAGE_COLOURS[stage].of(mode), TOKENS[ground].of(mode)) >= theme.MARK_CONTRAST


VIRIDIS = (
    "#440154", "#482475", "#414487", "#355F8D", "#2A788E", "#21918C", "#22A884", "#44BF70", "#7AD151", "#BDDF26",
    "#FDE725",
)  # fmt: skip
"""The scale at 0, .1 … 1, as published with it."""


@pytest.mark.parametrize(("step", "ground"), enumerate(VIRIDIS))
def test_numbers_stand_out_from_every_colour_of_a_heatmap(step: int, ground: str) -> None:
    text = "#000000" if step / 10 > VIRIDIS_DARK_TO else "#FFFFFF"
    assert contrast(text, ground) >= theme.TEXT_CONTRAST


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#FFFFFF", 21.0),
        ("#777777", "#FFFFFF", 4.48),
        ("#FFFFFF", "#767676", 4.54),
        ("#123456", "#123456", 1.0),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)


def test_stages_have_their_colours_in_their_order() -> None:
    assert tuple(STAGE_COLOURS) == STAGES
    assert theme.stage_scale().to_dict()["domain"] == list(STAGES)


def test_no_light_colour_has_two_dark_ones() -> None:
    assert len(theme.dark_twins()) == len(TOKENS) + len(STAGE_COLOURS)
    assert len(set(theme.dark_twins().values())) == len(theme.dark_twins())


def test_dark_mode_recolours_the_chart_and_leaves_its_data() -> None:
    accent = TOKENS["accent"]
    chart = alt.Chart(pl.DataFrame({"x": [1], "id": [accent.light]})).mark_bar(color=accent.light).encode(x="x:Q")
    light, dark = theme.themed_spec(chart), theme.themed_spec(chart, "dark")
    assert light["mark"]["color"] == accent.light
    assert dark["mark"]["color"] == accent.dark
    assert dark["config"]["background"] == TOKENS["paper"].dark
    assert dark["datasets"] == light["datasets"]


def test_the_theme_is_registered_with_altair_and_not_forced_on_others() -> None:
    assert "fiel" in alt.theme.names()
    assert alt.theme.active != "fiel"
    with alt.theme.enable("fiel"):
        assert alt.Chart(pl.DataFrame({"x": [1]})).mark_bar().to_dict()["config"]["font"] == theme.FONT
