"""Loyalty levels of accounts and the risk against everyone's."""

from __future__ import annotations

import polars as pl
import pytest
from pydantic import ValidationError

from fiel.program.pension import Levels
from fiel.segments.levels import loyalty_level, relative_level

PROBS = pl.DataFrame({"prob": [0.0, 0.2, 0.2000001, 0.8, 0.8000001, 1.0, None]})


def test_loyalty_is_low_below_a_fifth_and_high_from_four_fifths() -> None:
    found = PROBS.select(loyalty_level(pl.col("prob"))).to_series().to_list()
    assert found == ["high", "high", "middle", "middle", "low", "low", None]


def test_a_risk_is_calm_below_half_of_everyones_and_raised_from_twice() -> None:
    probs = pl.DataFrame({"prob": [0.0099, 0.01, 0.0399, 0.04, None]})
    found = probs.select(relative_level(pl.col("prob"), 0.02)).to_series().to_list()
    assert found == ["calm", "usual", "usual", "raised", None]


def test_the_cuts_are_the_programs() -> None:
    cuts = Levels(low_below=0.5, high_from=0.9, calm_below=0.1, raised_from=10)
    found = PROBS.select(loyalty_level(pl.col("prob"), cuts)).to_series().to_list()
    assert found == ["high", "middle", "middle", "low", "low", "low", None]
    assert PROBS.select(relative_level(pl.col("prob"), 0.3, cuts)).to_series()[3] == "usual"


@pytest.mark.parametrize("cuts", [{"low_below": 0.8, "high_from": 0.8}, {"calm_below": 2.0, "raised_from": 1.0}])
def test_cuts_that_do_not_rise_are_refused(cuts: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="low_below has to be below high_from"):
        Levels(**cuts)
