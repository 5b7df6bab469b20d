"""Many events quickly, in the columns of core_events that a source gives: for benchmarks, not for realism.

Activity is uneven (a few customers have most events), lies on weekdays and in sessions, as in a points program.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from fiel.errors import SettingsError
from fiel.simulate.calendar import day_number

CHUNK_EVENTS = 2_000_000
_EVENTS_PER_DAY = 7
_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US
SCHEMA = {
    "event_id": pl.String,
    "customer_id": pl.String,
    "occurred_at": pl.Datetime("us"),
    "value": pl.Int64,
    "origin": pl.String,
}


def _chunks(customers: int, days: int, events: int, seed: int, start: date) -> Iterator[pl.DataFrame]:
    if min(customers, days, events) < 1:
        raise SettingsError(f"customers {customers}, days {days}, events {events}: each must be at least 1")
    weight = np.random.default_rng([seed, 0]).lognormal(0.0, 1.6, customers)
    until = np.floor(np.cumsum(weight) / weight.sum() * events + 1e-6).astype(np.int64)
    until[-1] = events
    bounds = np.searchsorted(until, np.arange(CHUNK_EVENTS, events + CHUNK_EVENTS, CHUNK_EVENTS))
    first = 0
    for number, last in enumerate(np.unique(np.minimum(bounds + 1, customers)).tolist(), start=1):
        before = int(until[first - 1]) if first else 0
        if int(until[last - 1]) > before:
            counts = np.diff(until[first:last], prepend=before)
            yield _chunk(np.random.default_rng([seed, number]), first, before, counts, days, start)
        first = last


def _chunk(
    rng: np.random.Generator, first: int, before: int, counts: np.ndarray, days: int, start: date
) -> pl.DataFrame:
    """The events of the customers from number `first` on, by customer and time."""
    sessions = np.maximum(1, counts // _EVENTS_PER_DAY + (counts > 0))
    joined = (days * rng.random(len(counts)) ** 1.3).astype(np.int64)
    span = np.minimum(np.exp(rng.normal(4.0, 1.3, len(counts))) + 2 * sessions, days - joined)
    owner = np.repeat(np.arange(len(counts)), sessions)
    day = joined[owner] + (rng.random(len(owner)) * span[owner]).astype(np.int64)
    weekday = (day_number(start) + day + 3) % 7
    day = np.where((weekday >= 5) & (day >= 2), day - (weekday - 4), day)
    arrival = 12 * 3600 + rng.integers(0, 2 * 3600, len(owner))
    who = np.repeat(np.arange(len(counts)), counts)
    offset = np.cumsum(sessions) - sessions
    session = offset[who] + (rng.random(len(who)) * sessions[who]).astype(np.int64)
    second = arrival[session] + (rng.random(len(who)) ** 2 * 5400).astype(np.int64)
    at = (day_number(start) + day[session]) * _DAY_US + second * _SECOND_US + rng.integers(0, 1000, len(who)) * 1000
    kind = rng.random(len(who))
    value = np.select([kind < 0.15, kind < 0.17, kind < 0.20], [50, 100, -10 * rng.integers(1, 50, len(who))], 1)
    frame = pl.DataFrame({"customer": first + who, "occurred_at": at, "value": value, "course": kind > 0.98})
    return frame.sort("customer", "occurred_at").select(
        event_id=pl.int_range(before, before + pl.len()).cast(pl.String).str.zfill(10),
        customer_id=pl.lit("c") + pl.col("customer").cast(pl.String).str.zfill(8),
        occurred_at=pl.col("occurred_at").cast(pl.Datetime("us")),
        value=pl.col("value").cast(pl.Int64),
        origin=pl.when("course").then(pl.lit("cursos")).otherwise(pl.lit("twitch")),
    )


def simulate_events(
    customers: int, days: int, events: int, seed: int = 7, *, start: date = date(2024, 2, 1)
) -> pl.DataFrame:
    """Exactly `events` events of up to `customers` customers on `days` days from `start`, in UTC.

    Columns: event_id, customer_id, occurred_at (naive UTC), value (points), origin (twitch, cursos), by customer and
    time. A customer may have none.
    """
    return pl.concat(list(_chunks(customers, days, events, seed, start)), rechunk=True)


def write_events_parquet(
    folder: Path, *, customers: int, days: int, events: int, seed: int = 7, start: date = date(2024, 2, 1)
) -> list[Path]:
    """Writes the events of `simulate_events` to `folder/part-NNNN.parquet` in bounded memory and returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, frame in enumerate(_chunks(customers, days, events, seed, start)):
        files.append(folder / f"part-{number:04}.parquet")
        frame.write_parquet(files[-1], compression="lz4")
    return files
