"""Made-up data in exactly the formats of the real sources, seeded, any size."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any


def simulator(program: str) -> Callable[..., Any] | None:
    """The function `simulate` of the module named like the program, None where there is no such module.

    It takes the folder to write to and, by keyword, customers, start, end, seed and layout.
    """
    if not program.isidentifier() or find_spec(f"{__name__}.{program}") is None:
        return None
    found: Callable[..., Any] | None = getattr(import_module(f"{__name__}.{program}"), "simulate", None)
    return found
