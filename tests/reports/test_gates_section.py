"""The gates of a promotion as a reader meets them."""

from datetime import date

import polars as pl

from fiel.reports.cards import GATE_SCHEMA
from fiel.reports.charts import About
from fiel.reports.sections.base import Shown
from fiel.reports.sections.gates import gates

JUDGED = About(date(2025, 3, 1), 2_768, what="out-of-time row")


def rows_of(found: list[tuple[str, str, str]]) -> list[tuple[str, ...]]:
    (block,) = gates(pl.DataFrame(found, schema=GATE_SCHEMA, orient="row"), JUDGED)
    assert isinstance(block, Shown)
    return list(block.table.rows)


def test_an_input_that_moved_is_told_by_its_name_in_words() -> None:
    (row,) = rows_of([("PSI of active_days_d28", "warned", "input active_days_d28 has moved: PSI 0.300")])
    assert row == ("PSI of active days, 28 days", "! warned", "active days, 28 days has moved: PSI 0.300")


def test_scores_are_no_feature() -> None:
    (row,) = rows_of([("PSI of scores", "passed", "scores are stable from train to out of time: PSI 0.038")])
    assert row == ("PSI of scores", "✓ passed", "scores are stable from train to out of time: PSI 0.038")


def test_differences_have_real_minus_signs() -> None:
    (row,) = rows_of([("slice_fiel", "failed", "worse than the champion: log loss -0.047 (-0.056 to -0.037)")])
    assert row == ("slice fiel", "✗ failed", "worse than the champion: log loss −0.047 (−0.056 to −0.037)")


def test_where_no_gate_was_needed_there_is_no_table() -> None:
    assert gates(pl.DataFrame(schema=GATE_SCHEMA), JUDGED) == []
