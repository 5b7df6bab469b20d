"""Small shops for tests: purchases and what was taken back of them, hand-made or random from a seed.

They need neither the simulator nor the ingest, so a defect there cannot hide one in the features. A day is an offset
from START, a value is in pence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from fiel.core import Core
from fiel.program import Program, read_program

from .frames import FAR, ROOT, core_of, event, on, table

RETAIL = Program.model_validate(
    read_program(ROOT / "deployments" / "programs" / "retail.yaml").model_dump() | {"incentive": {}}
)
"""The retail program without its policy, so that any feature groups may be asked for."""

Return = tuple[str, int, int | None, int]
"""Customer, day of the return, day of the purchase that it takes back (None: unmatched), value."""


def retail(**changes: Any) -> Program:
    """The retail program with some top-level fields replaced."""
    return Program.model_validate(RETAIL.model_dump() | changes)


def shop(purchases: Mapping[str, Mapping[int, int]], returns: Sequence[Return] = (), known_through: date = FAR) -> Core:
    """A core with one invoice at noon of each given day, worth so much, and these returns (operator events)."""
    bought = [
        event(customer, f"{on(day)} 12:00", value, event_id=f"{customer}-{day}", origin="shop")
        for customer, days in purchases.items()
        for day, value in days.items()
    ]
    cancelled = [
        event(customer, f"{on(day)} 13:00", -value, event_id=f"C{number}", origin="shop", is_operator=True)
        for number, (customer, day, _, value) in enumerate(returns)
    ]
    return core_of(bought + cancelled, known_through, RETAIL, returns=returned(returns))


def returned(returns: Sequence[Return]) -> pl.DataFrame:
    """`core_returns` of these returns."""
    return table(
        "returns",
        [
            {
                "event_id": f"C{number}",
                "line_id": "1",
                "customer_id": customer,
                "day": on(day),
                "purchase_event_id": None if purchase is None else f"{customer}-{purchase}",
                "purchase_day": None if purchase is None else on(purchase),
                "product_id": "lamp",
                "quantity": 1,
                "value": value,
            }
            for number, (customer, day, purchase, value) in enumerate(returns)
        ],
    )


def random_shop(seed: int, customers: int = 300, days: int = 300, returning: bool = True) -> Core:
    """A shop of so many days: some buy often, some once, some stop; purchases are taken back in parts, wholly, twice.

    Rates differ between customers (gamma), after each purchase one in ten stops; a third of the returns match nothing.
    """
    rng = np.random.default_rng(seed)
    purchases: dict[str, dict[int, int]] = {}
    returns: list[Return] = []
    for number in range(customers):
        customer = f"c{number:04d}"
        rate, spend = rng.gamma(0.8, 1 / 30), rng.gamma(4, 2_000)
        day = int(rng.integers(0, days))
        bought = purchases.setdefault(customer, {})
        while day < days:
            bought[day] = int(rng.gamma(5, spend / 5)) + 1
            if returning and rng.random() < 0.25:
                at = day + int(rng.choice([0, 1, 30, 120]))
                match = rng.random() < 0.67
                share = float(rng.choice([0.3, 0.5, 1.0]))
                returns.append((customer, at, day if match else None, round(bought[day] * share)))
                if match and share == 0.5 and rng.random() < 0.5:
                    returns.append((customer, at + 20, day, bought[day] - round(bought[day] * share)))
            if rng.random() < 0.1:
                break
            day += 1 + int(rng.exponential(1 / max(rate, 1e-3)))
    if returning:
        returns.append(("nobody", 5, None, 999))
    return shop(purchases, [found for found in returns if found[1] < days], on(days - 1))
