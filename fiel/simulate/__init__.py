"""Made-up data in exactly the formats of the real sources, seeded, any size."""

from collections.abc import Callable
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from typing import Any

DEMO_CUSTOMERS = 5_000
DEMO_SPAN = date(2024, 1, 1), date(2025, 10, 31)


def simulator(program: str) -> Callable[..., Any] | None:
    """The function `simulate` of the module named like the program, None where there is no such module.

    It takes the folder to write to and, by keyword, customers, start, end, seed and layout.
    """
    if not program.isidentifier() or find_spec(f"{__name__}.{program}") is None:
        return None
    found: Callable[..., Any] | None = getattr(import_module(f"{__name__}.{program}"), "simulate", None)
    return found


def demo_span(program: str) -> tuple[date, date]:
    """First and last day of a demo of the program: its simulator's DEMO_SPAN, else 22 months that end before a break.

    A demo has to end where there is something to pay.
    """
    if simulator(program) is None:
        return DEMO_SPAN
    first, last = getattr(import_module(f"{__name__}.{program}"), "DEMO_SPAN", DEMO_SPAN)
    return first, last


def demo_customers(program: str) -> int:
    """How many customers a demo of the program needs: its simulator's DEMO_CUSTOMERS, else 5,000."""
    if simulator(program) is None:
        return DEMO_CUSTOMERS
    return int(getattr(import_module(f"{__name__}.{program}"), "DEMO_CUSTOMERS", DEMO_CUSTOMERS))
