"""Core tables from a few words, for the tests of the feature groups."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import strategies as st

from fiel.core import Core
from fiel.program import Program, read_program
from fiel.sources.customer_days import customer_days
from fiel.tables import TABLES

ROOT = Path(__file__).resolve().parents[2]
TEOMEWHY = read_program(ROOT / "deployments" / "programs" / "teomewhy.yaml")
START = date(2025, 1, 1)
FAR = date(2030, 1, 1)

histories = st.dictionaries(
    st.sampled_from(["ana", "bia", "caio", "davi"]),
    st.sets(st.integers(0, 90), min_size=1, max_size=12),
    min_size=1,
    max_size=4,
)
"""Customers and the offsets, from START, of their active days."""


def on(offset: int) -> date:
    return START + timedelta(days=offset)


def program(**changes: Any) -> Program:
    """The teomewhy program with some top-level fields replaced."""
    return Program.model_validate(TEOMEWHY.model_dump() | changes)


def table(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """A core table (name without `core_`) from partial rows; columns that are not given are null."""
    declared = TABLES[f"core_{name}"].declared
    return pl.DataFrame(
        [{column: row.get(column) for column in declared} for row in rows], schema=declared, orient="row"
    )


def event(customer: str, local: str, value: int = 1, **more: Any) -> dict[str, Any]:
    """An event at local time `YYYY-MM-DD HH:MM[:SS]` in São Paulo."""
    at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("America/Sao_Paulo"))
    return {
        "customer_id": customer,
        "occurred_at": at.astimezone(ZoneInfo("UTC")).replace(tzinfo=None),
        "day": at.date(),
        "value": value,
        "origin": "twitch",
        "is_operator": False,
        "is_live": True,
    } | more


def core_of(
    events: list[dict[str, Any]], known_through: date = FAR, program: Program = TEOMEWHY, **tables: pl.DataFrame
) -> Core:
    """A Core of these events (ids are given to those without), its customer-days made by the product's function."""
    numbered = [{"event_id": f"e{number}"} | row for number, row in enumerate(events)]
    frame = table("events", numbered)
    days = customer_days(frame.lazy(), program).collect()
    return Core.of({"events": frame, "customer_days": days} | tables, known_through)


def history_core(history: dict[str, set[int]], known_through: date = FAR) -> Core:
    """A Core with one event at noon on each of the given days."""
    return core_of(
        [event(customer, f"{on(offset)} 12:00") for customer, days in history.items() for offset in sorted(days)],
        known_through,
    )


def line(event_id: str, customer: str, day: date, product: str, category: str = "chat", **more: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "line_id": f"{event_id}-{product}",
        "customer_id": customer,
        "day": day,
        "product_name": product,
        "category": category,
        "is_operator": False,
    } | more


def rows(frame: pl.LazyFrame | pl.DataFrame, *columns: str) -> dict[Any, Any]:
    """Values by customer; a single column gives plain values, several give tuples."""
    collected = frame.lazy().select("customer_id", *columns).collect()
    found = {row[0]: row[1:] for row in collected.iter_rows()}
    assert len(found) == collected.height, "a customer has more than one row"
    return {customer: values[0] if len(columns) == 1 else values for customer, values in found.items()}
