"""Named segments: every cell of the grid, and defects of the data."""

from __future__ import annotations

import io

import polars as pl
import pytest

from fiel.errors import SegmentError
from fiel.features.rfm_segments import GRID, SEGMENTS, segment_cells, segment_expr, segment_grid

DOMAIN = {
    5: ["new", "potential_loyal", "potential_loyal", "champions", "champions"],
    4: ["promising", "potential_loyal", "potential_loyal", "loyal", "loyal"],
    3: ["about_to_sleep", "need_attention", "need_attention", "loyal", "loyal"],
    2: ["hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"],
    1: ["lost", "hibernating", "at_risk", "at_risk", "cannot_lose"],
}
"""The grid of the domain page: recency score, then the segments at frequency scores 1 to 5."""


@pytest.mark.parametrize("r", range(1, 6))
def test_every_cell_has_the_segment_of_the_domain_page(r: int) -> None:
    cells = pl.DataFrame({"r": [r] * 5, "f": range(1, 6)})
    assert cells.select(segment_expr(pl.col("r"), pl.col("f"))).to_series().to_list() == DOMAIN[r]


def test_the_segments_are_told_from_the_best_to_the_worst() -> None:
    assert SEGMENTS == (
        "champions", "loyal", "potential_loyal", "new", "promising", "need_attention", "about_to_sleep", "cannot_lose",
        "at_risk", "hibernating", "lost",
    )  # fmt: skip


def test_scores_that_are_none_have_no_segment() -> None:
    cells = pl.DataFrame({"r": [0, 6, None, 3], "f": [3, 3, 3, None]})
    assert cells.select(segment_expr(pl.col("r"), pl.col("f"))).to_series().is_null().all()


def test_every_segment_says_what_to_do() -> None:
    assert GRID["what_to_do"].n_unique() == GRID["title"].n_unique() == len(SEGMENTS)
    assert segment_cells().height == 25


HEADER = "order,segment,r_from,r_to,f_from,f_to,title,what_to_do\n"
ALL = "1,all,1,5,1,5,All,Nothing.\n"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,a,1,5,1,4,A,Do.\n", "no segment for R1 F5, R2 F5, R3 F5, R4 F5, R5 F5"),
        ("1,a,1,5,1,6,A,Do.\n", r"row 2 \(a\): f_from 1, f_to 6"),
        ("1,a,3,2,1,5,A,Do.\n", r"row 2 \(a\): r_from 3, r_to 2"),
        (ALL + "2,b,1,1,1,1,B,Do.\n", "b has no cell left"),
        ("1,b,1,1,1,1,B,Do.\n" + ALL, "order 1 stands twice"),
        ("2,all,1,1,1,1,B,Do.\n" + ALL, "segment all stands twice"),
        ("1,a,1,5,1,5,,Do.\n", "row 2: title is empty"),
        ("1,a,one,5,1,5,A,Do.\n", "cannot be read"),
        ("", "no segment for R1 F1"),
    ],
)
def test_a_defect_of_the_grid_is_named(rows: str, message: str) -> None:
    with pytest.raises(SegmentError, match=message):
        segment_grid(io.BytesIO((HEADER + rows).encode()))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SegmentError, match="column what_to_do is missing"):
        segment_grid(io.BytesIO(b"order,segment,r_from,r_to,f_from,f_to,title\n1,a,1,5,1,5,A\n"))


def test_the_first_row_that_matches_wins() -> None:
    grid = segment_grid(io.BytesIO((HEADER + "2,corner,1,1,1,1,Corner,Do.\n" + ALL).encode()))
    cells = segment_cells(grid)
    assert cells.filter(segment="corner").select("r_score", "f_score").rows() == [(1, 1)]
    assert cells.filter(segment="all").height == 24
