"""Rare outcomes among very many rows: keep every positive and a share of the negatives, and correct for it.

Dropping negatives at random shifts the log odds of every row by the same number and changes nothing else (King and
Zeng 2001), so the shift is taken back. Which rows stay follows from customer, date and seed alone, so drawing twice is
drawing once.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from fiel.models.calibration import Sigmoid
from fiel.models.parts import uniform


def sampled(rows: pl.DataFrame, negatives_kept: float, seed: int) -> pl.DataFrame:
    """The rows (customer_id, as_of, label …) with the outcome, and the drawn share of the others, in their order.

    >>> rows = pl.DataFrame({"customer_id": ["a", "b"], "as_of": [None, None], "label": [1, 1]})
    >>> sampled(rows, 0.1, seed=1).height
    2
    """
    if negatives_kept >= 1 or rows.is_empty():
        return rows
    return rows.filter((pl.col("label") == 1) | drawn(rows, negatives_kept, seed))


def drawn(rows: pl.DataFrame, share: float, seed: int) -> pl.Series:
    """Whether each row of `rows` (customer_id, as_of) is in the share, in their order."""
    customers = rows.select(pl.col("customer_id").unique().sort())["customer_id"]
    numbers = pl.DataFrame({"customer_id": customers, "_number": uniform(customers, f"sample {seed}")})
    placed = rows.select("customer_id", "as_of").join(numbers, on="customer_id", how="left", maintain_order="left")
    days = placed["as_of"].cast(pl.Int32).fill_null(0).to_numpy().astype(np.float64)
    # A different share of the customers at each date: their numbers are moved along by multiples of the golden ratio.
    moved = (placed["_number"].to_numpy() + days * ((math.sqrt(5) - 1) / 2)) % 1.0
    return pl.Series("drawn", moved < share)


def prior_correction(negatives_kept: float) -> Sigmoid:
    """What takes back the shift of the log odds that keeping this share of the negatives makes.

    >>> round(prior_correction(0.5).bias, 3)
    -0.693
    """
    return Sigmoid(1.0, math.log(negatives_kept), "correction for the negatives that were not drawn")
