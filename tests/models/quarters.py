"""Small quarterly programs and closed accounts for the tests of the learning part."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from fiel.core import Core
from fiel.program import Program
from fiel.program.pension import quarter_end

YEAR = {"name": "closing_year", "kind": "closed", "horizon_months": 12, "exclude_stages": []}


def program(observed_until: str | None = "2022Q3", lag: int = 0, **fields: Any) -> Program:
    """A pension fund that predicts closings in the next quarter, and, as a further target, in the next year."""
    content: dict[str, Any] = {
        "name": "fund",
        "title": "A fund",
        "source": {"format": "pension"},
        "pension": {"observed_until": observed_until, "lags": {"accounts": lag}},
        "features": {"groups": ["quarters"], "windows": [91], "frequency_window": 91},
        "target": {**YEAR, "name": "closing", "horizon_months": 3},
        "more_targets": [YEAR],
        "training": {"cadence": "quarter", "valid_cohorts": 2, "oot_cohorts": 2, "threads": 1, "search_trials": 0},
    }
    return Program.model_validate(content | fields)


def core(accounts: dict[str, tuple[list[str], str | None]], known_through: date = date(2023, 3, 31)) -> Core:
    """Accounts by name: the quarters that they have a row in, and the quarter in which they were closed."""
    rows = [(name, quarter_end(quarter)) for name, (quarters, _) in accounts.items() for quarter in quarters]
    closed = [(name, quarter_end(quarter)) for name, (_, quarter) in accounts.items() if quarter is not None]
    schema = {"customer_id": pl.String, "day": pl.Date}
    frames = {name: pl.DataFrame(found, schema, orient="row") for name, found in (("a", rows), ("c", closed))}
    days = frames["a"].with_columns(value_earned=pl.lit(0))
    return Core.of({"accounts": frames["a"], "closings": frames["c"], "customer_days": days}, known_through)
