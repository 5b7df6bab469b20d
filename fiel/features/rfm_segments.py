"""Named segments over recency and frequency scores, as data.

The grid is `rfm_segments.csv` (DOMAIN.md section 5): each row a rectangle of scores, in the order in which they are
tried; `order` runs from the best segment to the worst. It is checked when it is loaded: all 25 cells have a segment,
and each segment has a cell.

>>> cells = pl.DataFrame({"r": [5, 4, 4, 1, 1, 2], "f": [5, 5, 1, 5, 1, 1]})
>>> cells.select(segment_expr(pl.col("r"), pl.col("f"))).to_series().to_list()
['champions', 'loyal', 'promising', 'cannot_lose', 'lost', 'hibernating']
"""

from __future__ import annotations

from importlib.resources import files
from typing import IO

import polars as pl

from fiel.errors import SegmentError

SCORES = range(1, 6)
"""Recency, frequency and monetary scores, 1 the lowest."""

_WHOLE = ("order", "r_from", "r_to", "f_from", "f_to")
_WORDS = ("segment", "title", "what_to_do")


def segment_grid(source: IO[bytes] | None = None) -> pl.DataFrame:
    """The segments in the order in which they are tried: order, segment, r_from, r_to, f_from, f_to, title, what_to_do.

    `source` is a CSV in that layout; ours without one. SegmentError where a column is missing or unreadable, a
    rectangle is empty or leaves the grid, a name or an order stands twice, a cell of the grid has no segment, or a
    segment has no cell that is not taken by one before it.
    """
    if source is None:
        with (files("fiel.features") / "rfm_segments.csv").open("rb") as ours:
            return segment_grid(ours)
    grid = _read(source)
    for row, entry in enumerate(grid.iter_rows(named=True), start=2):
        for score in ("r", "f"):
            low, high = entry[f"{score}_from"], entry[f"{score}_to"]
            if not 1 <= low <= high <= 5:
                raise SegmentError(
                    f"RFM segments, row {row} ({entry['segment']}): {score}_from {low}, {score}_to {high}; "
                    "needs 1 <= from <= to <= 5"
                )
    for column in ("order", "segment"):
        twice = grid.filter(pl.col(column).is_duplicated())[column].to_list()
        if twice:
            raise SegmentError(f"RFM segments: {column} {twice[0]} stands twice; each segment is one row")
    cells = segment_cells(grid)
    bare = cells.filter(pl.col("segment").is_null())
    if not bare.is_empty():
        names = ", ".join(f"R{r} F{f}" for r, f in bare.select("r_score", "f_score").iter_rows())
        raise SegmentError(f"RFM segments: no segment for {names}; widen a row or add one")
    hidden = [name for name in grid["segment"] if name not in set(cells["segment"])]
    if hidden:
        raise SegmentError(f"RFM segments: {hidden[0]} has no cell left, rows before it take them all; move it up")
    return grid


def _read(source: IO[bytes]) -> pl.DataFrame:
    kinds: dict[str, pl.DataType] = {**dict.fromkeys(_WHOLE, pl.Int64()), **dict.fromkeys(_WORDS, pl.String())}
    try:
        table = pl.read_csv(source.read(), schema_overrides=kinds)
    except pl.exceptions.PolarsError as error:
        raise SegmentError(f"RFM segments cannot be read: {error}") from error
    missing = [column for column in kinds if column not in table.columns]
    if missing:
        raise SegmentError(f"RFM segments: column {missing[0]} is missing")
    for column in kinds:
        empty = table[column].is_null().arg_true()
        if len(empty):
            raise SegmentError(f"RFM segments, row {empty[0] + 2}: {column} is empty")
    return table.select("order", "segment", *_WHOLE[1:], "title", "what_to_do")


def segment_cells(grid: pl.DataFrame | None = None) -> pl.DataFrame:
    """One row for each of the 25 cells: r_score, f_score, segment (null where the grid has none)."""
    scores = pl.Series(SCORES, dtype=pl.Int64)
    return (
        pl.DataFrame({"r_score": scores})
        .join(pl.DataFrame({"f_score": scores}), how="cross")
        .with_columns(
            _first_match(pl.col("r_score"), pl.col("f_score"), GRID if grid is None else grid).alias("segment")
        )
    )


def segment_expr(r: pl.Expr, f: pl.Expr) -> pl.Expr:
    """Segment (String, one of `SEGMENTS`) of recency score `r` and frequency score `f`, both 1 to 5; null outside."""
    return _first_match(r, f, GRID)


def _first_match(r: pl.Expr, f: pl.Expr, grid: pl.DataFrame) -> pl.Expr:
    matches = [
        pl.when(r.is_between(entry["r_from"], entry["r_to"]) & f.is_between(entry["f_from"], entry["f_to"])).then(
            pl.lit(entry["segment"])
        )
        for entry in grid.iter_rows(named=True)
    ]
    return pl.coalesce(*matches, pl.lit(None, pl.String))


GRID = segment_grid()
"""The checked segments, in the order in which they are tried."""

SEGMENTS: tuple[str, ...] = tuple(GRID.sort("order")["segment"])
"""The segments from the best to the worst."""
