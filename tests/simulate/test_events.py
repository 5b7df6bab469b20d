"""The fast generator gives exactly what is asked for, in the columns of core_events."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fiel.errors import SettingsError
from fiel.simulate import events
from fiel.simulate.events import simulate_events, write_events_parquet


@pytest.mark.parametrize(("customers", "days", "number"), [(1, 1, 1), (50, 30, 7), (2_000, 600, 100_000)])
def test_it_has_the_events_asked_for(customers: int, days: int, number: int) -> None:
    frame = simulate_events(customers, days, number, 3)
    assert dict(frame.schema) == events.SCHEMA
    assert frame.height == number
    assert frame["event_id"].is_unique().all()
    assert frame.null_count().sum_horizontal().item() == 0
    assert frame["customer_id"].n_unique() <= customers
    local = frame["occurred_at"].dt.date()
    assert local.min() >= date(2024, 2, 1)  # type: ignore[operator]
    assert (local.max() - date(2024, 2, 1)).days < days  # type: ignore[operator]


def test_it_is_sorted_by_customer_and_time() -> None:
    frame = simulate_events(500, 200, 20_000)
    assert frame.equals(frame.sort("customer_id", "occurred_at", maintain_order=True))


def test_activity_is_uneven_and_in_sessions() -> None:
    frame = simulate_events(2_000, 600, 100_000).with_columns(day=pl.col("occurred_at").dt.date())
    counts = frame.group_by("customer_id").agg(pl.len(), days=pl.col("day").n_unique())
    top = counts.sort("len", descending=True).head(counts.height // 10)["len"].sum()
    assert 0.4 < top / frame.height < 0.8
    assert 2 < frame.height / counts["days"].sum() < 15
    assert frame.filter(pl.col("day").dt.weekday() > 5).height < 0.02 * frame.height


def test_files_hold_the_events_of_the_frame_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "CHUNK_EVENTS", 5_000)
    files = write_events_parquet(tmp_path, customers=1_000, days=300, events=30_000)
    assert len(files) > 3
    assert pl.scan_parquet(files).collect().equals(simulate_events(1_000, 300, 30_000))


def test_the_seed_decides() -> None:
    assert simulate_events(100, 60, 2_000, 1).equals(simulate_events(100, 60, 2_000, 1))
    assert not simulate_events(100, 60, 2_000, 1).equals(simulate_events(100, 60, 2_000, 2))


def test_a_size_of_zero_is_refused() -> None:
    with pytest.raises(SettingsError, match="events 0"):
        simulate_events(10, 10, 0)
