"""Profit: the curve over thresholds, its maximum, and the threshold that theory gives."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiel.actions.economics import expected_profit, maximum_profit, profit_curve, realised_profit, threshold
from fiel.errors import PlanError
from fiel.program import Economics

BANK = Economics(benefit=90, cost=10)
SCORED = pl.DataFrame({"prob": [0.9, 0.5, 0.5, 0.2, 0.05], "label": [1, 1, 0, 0, 0]})


def test_the_curve_treats_customers_of_equal_probability_together() -> None:
    curve = profit_curve(SCORED, BANK)
    assert curve.drop("treated_share").rows() == [
        (float("inf"), 0, 0, 0.0),
        (0.9, 1, 1, 90.0),
        (0.5, 3, 2, 170.0),
        (0.2, 4, 2, 160.0),
        (0.05, 5, 2, 150.0),
    ]
    assert curve["treated_share"].to_list() == pytest.approx([0, 0.2, 0.6, 0.8, 1])


def test_the_maximum_is_the_best_threshold() -> None:
    best = maximum_profit(profit_curve(SCORED, BANK))
    assert (best.threshold, best.treated, best.profit) == (0.5, 3, 170.0)


def test_treating_nobody_is_the_best_when_nobody_is_positive() -> None:
    best = maximum_profit(profit_curve(SCORED.with_columns(label=pl.lit(0)), BANK))
    assert (best.treated, best.profit) == (0, 0.0)


def test_the_theoretical_threshold_is_where_expected_profit_turns_positive() -> None:
    assert threshold(BANK) == 0.1
    frame = pl.DataFrame({"prob": [0.0, 0.1, 1.0]}).select(expected_profit(pl.col("prob"), BANK))
    assert frame["prob"].to_list() == pytest.approx([-10.0, 0.0, 90.0])


def test_realised_profit_treats_above_the_theoretical_threshold() -> None:
    assert realised_profit(SCORED, BANK) == 160.0
    assert realised_profit(SCORED, BANK, at_least=0.5) == 170.0


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=30), st.floats(0, 1))
def test_the_maximum_is_never_below_any_threshold(rows: list[tuple[float, int]], at_least: float) -> None:
    scored = pl.DataFrame(rows, schema={"prob": pl.Float64, "label": pl.Int64}, orient="row")
    best = maximum_profit(profit_curve(scored, BANK))
    assert best.profit >= max(0.0, realised_profit(scored, BANK, at_least))


@pytest.mark.parametrize("scored", [SCORED.clear(), SCORED.with_columns(prob=pl.lit(None, dtype=pl.Float64))])
def test_a_curve_needs_rows_with_probability_and_label(scored: pl.DataFrame) -> None:
    with pytest.raises(PlanError, match="at least one customer"):
        profit_curve(scored, BANK)
