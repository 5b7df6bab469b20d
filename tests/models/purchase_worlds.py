"""Purchase histories made up by the models' own story, and small cores from lists of purchases."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from fiel.core import Core
from fiel.program import Program, read_program
from fiel.settings import HOME

START = date(2024, 1, 1)


def day(number: int) -> date:
    """The day with this number, START being 0."""
    return START + timedelta(days=number)


def program(**purchases: Any) -> Program:
    """A program without returns, with the given purchase fields."""
    found = read_program(HOME / "deployments" / "programs" / "cdnow.yaml")
    return found.model_copy(update={"purchases": found.purchases.model_copy(update=purchases)})


def core_of(
    purchases: list[tuple[str, int, int]],
    returns: list[tuple[str, int, int | None, int]] | None = None,
    known_through: int = 2_000,
) -> Core:
    """A core from purchases (customer, day number, value) and returns (customer, day, purchase day, value)."""
    days = pl.DataFrame(
        [(customer, day(number), value) for customer, number, value in purchases],
        schema={"customer_id": pl.String, "day": pl.Date, "value_earned": pl.Int64},
        orient="row",
    )
    taken = pl.DataFrame(
        [(who, day(at), None if of is None else day(of), value) for who, at, of, value in returns or []],
        schema={"customer_id": pl.String, "day": pl.Date, "purchase_day": pl.Date, "value": pl.Int64},
        orient="row",
    )
    return Core.of({"customer_days": days, "returns": taken}, day(known_through))


def bg_nbd_purchases(
    customers: int, days: int, r: float, alpha: float, a: float, b: float, joins_within: int, seed: int
) -> list[tuple[str, int, int]]:
    """Purchase days of customers who buy and drop out by the BG/NBD story, event by event; alpha in days.

    First purchases fall evenly into the first `joins_within` days; a second purchase of a day is none.
    """
    rng = np.random.default_rng(seed)
    found = []
    for number in range(customers):
        name = f"c{number:05d}"
        rate, drop_out = rng.gamma(r, 1 / alpha), rng.beta(a, b)
        at = float(rng.integers(0, joins_within))
        bought = {int(at)}
        while True:
            at += rng.exponential(1 / rate)
            if at >= days:
                break
            bought.add(int(at))
            if rng.random() < drop_out:
                break
        found += [(name, number_of_day, 100) for number_of_day in sorted(bought)]
    return found
