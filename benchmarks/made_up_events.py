"""Made-up events and lines of any size as Parquet, seeded: the input that the feature benchmarks share.

Shaped like the real program: about 6.5 events on an active day, heavy-tailed customers, 22 months, ids of 36
characters, one line for nearly every event (some have none or two), 2 % operator events.
"""

from __future__ import annotations

import itertools
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

FIRST_DAY = date(2024, 1, 27)
DAYS = 670
AS_OF_DATES = tuple(date(2024 + month // 12, month % 12 + 1, 1) for month in range(11, 23))
PRODUCTS = (
    ("ChatMessage", "chat", 0.78),
    ("Lista de presença", "present", 0.09),
    ("Presença Streak", "present", 0.04),
    ("Airflow Lover", "lovers", 0.02),
    ("R Lover", "lovers", 0.01),
    ("Resgatar Ponei", "ponei", 0.02),
    ("Troca de Pontos StreamElements", "streamelements", 0.02),
    ("Daily Loot", "rpg", 0.02),
)
EVENTS_PER_DAY = 6.5


def write(folder: Path, events: int, customers: int, seed: int = 7) -> None:
    """Write core_events.parquet (in parts) and core_event_lines.parquet (in parts) of about `events` rows."""
    for name in ("events", "lines"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    customer, day = _active_days(rng, customers, events / EVENTS_PER_DAY)
    mean = events / day.size
    ids = pl.DataFrame({"n": np.arange(customers)}).select(customer_id=_uuid(pl.col("n"), seed)).to_series()
    order = np.argsort(day, kind="stable")
    customer, day = customer[order], day[order]
    edges = np.searchsorted(day, np.arange(0, DAYS + 30, 30))
    for part, (start, stop) in enumerate(itertools.pairwise(edges)):
        if stop > start:
            frame = _events(rng, customer[start:stop], day[start:stop], ids, mean, seed + part)
            frame.drop("product").write_parquet(folder / "events" / f"{part:03}.parquet")
            _lines(rng, frame).write_parquet(folder / "lines" / f"{part:03}.parquet")


def _active_days(rng: np.random.Generator, customers: int, wanted: float) -> tuple[np.ndarray, np.ndarray]:
    """Distinct customer-days, about `wanted`, at least one for each customer."""
    first = (DAYS * rng.beta(1.0, 1.3, customers)).astype(np.int32)
    rate = rng.gamma(0.35, 1.0, customers) + 0.01
    expected = rate * (wanted - customers) / rate.sum()
    count = rng.poisson(np.minimum(expected, (DAYS - first) * 0.9))
    owner = np.repeat(np.arange(customers, dtype=np.int32), count)
    left = DAYS - first[owner]
    offset = (left * rng.beta(0.6, 1.6, owner.size)).astype(np.int32)
    key = np.unique(
        np.concatenate([np.arange(customers) * DAYS + first, owner.astype(np.int64) * DAYS + first[owner] + offset])
    )
    return (key // DAYS).astype(np.int32), (key % DAYS).astype(np.int32)


def _events(
    rng: np.random.Generator, customer: np.ndarray, day: np.ndarray, ids: pl.Series, mean: float, seed: int
) -> pl.DataFrame:
    count = 1 + rng.poisson(mean - 1, customer.size)
    rows = int(count.sum())
    at = np.repeat(day.astype(np.int64), count) * 86_400_000 + rng.integers(3 * 3_600_000, 27 * 3_600_000, rows)
    product = rng.choice(len(PRODUCTS), rows, p=_probabilities())
    value = np.where(product == 6, -rng.integers(1, 20, rows) * 50, rng.integers(1, 51, rows))
    operator = rng.random(rows) < 0.02
    start = pl.lit(FIRST_DAY).cast(pl.Datetime("us"))
    return (
        pl.DataFrame(
            {
                "n": np.arange(rows, dtype=np.int64),
                "customer": np.repeat(customer, count),
                "at": at,
                "value": value.astype(np.int64),
                "is_operator": operator,
                "product": product.astype(np.int32),
            }
        )
        .sample(fraction=1.0, shuffle=True, seed=seed)
        .select(
            event_id=_uuid(pl.col("n"), seed + 1_000),
            customer_id=pl.lit(ids).gather(pl.col("customer")),
            occurred_at=start + pl.duration(milliseconds=pl.col("at"), time_unit="us"),
            day=(start + pl.duration(milliseconds=pl.col("at") - 3 * 3_600_000)).dt.date(),
            value="value",
            origin=pl.lit("twitch"),
            is_operator="is_operator",
            is_live=~pl.col("is_operator"),
            product="product",
        )
    )


def _lines(rng: np.random.Generator, events: pl.DataFrame) -> pl.DataFrame:
    """One line for each event, two for 2 %, none for 1 %."""
    draw = rng.random(events.height)
    lines = pl.Series("lines", np.where(draw < 0.01, 0, np.where(draw < 0.03, 2, 1)))
    names = pl.Series([name for name, _, _ in PRODUCTS])
    categories = pl.Series([category for _, category, _ in PRODUCTS])
    return (
        events.with_columns(line=pl.int_ranges(0, lines))
        .explode("line", empty_as_null=False)
        .drop_nulls("line")
        .select(
            "event_id",
            line_id=pl.col("line").cast(pl.String),
            customer_id="customer_id",
            day="day",
            product_id=pl.col("product").cast(pl.String),
            product_name=pl.lit(names).gather(pl.col("product")),
            category=pl.lit(categories).gather(pl.col("product")),
            quantity=pl.lit(1, pl.Int64),
            value="value",
            is_operator="is_operator",
        )
    )


def _uuid(number: pl.Expr, seed: int) -> pl.Expr:
    """36 characters that are the same for the same number and seed."""
    high, low = number.hash(seed).cast(pl.String).str.zfill(20), number.cast(pl.String).str.zfill(15)
    return pl.concat_str(high, pl.lit("-"), low)


def _probabilities() -> list[float]:
    total = sum(share for _, _, share in PRODUCTS)
    return [share / total for _, _, share in PRODUCTS]
