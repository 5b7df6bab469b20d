"""Life-cycle spans and the daily stage mix of the whole history against one row for each customer and day.

    python -m benchmarks.bench_spans --events 20000000 --customers 400000

Both sides start from the same customer-days and end with the customers in each stage on each day. The peer is Polars
too and makes its rows without a join, from each visit to the next, in buckets of customers so that it fits into memory;
its spans would come on top. Each run is a process of its own; both have to give the same mix. The
limit is a tenth of the peer's time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks import made_up_events
from benchmarks.measured import measured, report
from fiel.features.positions import with_positions
from fiel.features.spans import life_cycle_spans, stage_counts, stage_expr, visits_in_order
from fiel.program import read_program
from fiel.sources.customer_days import collected_customer_days

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = read_program(ROOT / "deployments" / "programs" / "teomewhy.yaml")
FIRST = made_up_events.FIRST_DAY + timedelta(days=1)
LAST = made_up_events.FIRST_DAY + timedelta(days=made_up_events.DAYS)
LIMIT_SHARE = 0.1
BUCKET = 20_000
"""Customers whose days the peer holds together."""


def run_spans(days: Path) -> dict[str, Any]:
    spans = life_cycle_spans(pl.scan_parquet(days), PROGRAM).collect(engine="streaming")
    mix = stage_counts(spans.lazy(), FIRST, LAST).collect(engine="streaming")
    return {"rows": spans.height, "mix": _digest(mix)}


def run_daily(days: Path) -> dict[str, Any]:
    positions, _ = with_positions(pl.scan_parquet(days).select("customer_id", "day"))
    frame = visits_in_order(positions.lazy()).collect(engine="streaming")
    bucket = pl.col("customer_id") // BUCKET
    rows, mixes = 0, []
    for part in frame.with_columns(bucket=bucket).partition_by("bucket", maintain_order=True, include_key=False):
        daily = _each_day(part, LAST)
        rows += daily.height
        mixes.append(daily.group_by("as_of", "stage").agg(customers=pl.len().cast(pl.Int64)))
    mix = pl.concat(mixes).group_by("as_of", "stage").agg(pl.col("customers").sum())
    return {"rows": rows, "mix": _digest(mix)}


def _each_day(visited: pl.DataFrame, last: date) -> pl.DataFrame:
    """A row for each customer and as_of up to `last`: as_of and stage."""
    until = pl.coalesce("next_day", pl.lit(last))
    as_of, day = pl.col("as_of"), pl.col("day")
    age, recency = (as_of - pl.col("first_day")).dt.total_days(), (as_of - day).dt.total_days()
    gap = (day - pl.col("previous_day")).dt.total_days()
    return (
        visited.lazy()
        .select("day", "previous_day", "first_day", as_of=pl.date_ranges(day + pl.duration(days=1), until))
        .explode("as_of")
        .select("as_of", stage=stage_expr(age, recency, gap, PROGRAM.life_cycle))
        .collect()
    )


def _digest(mix: pl.DataFrame) -> str:
    """The mix as one number, and the customer-days in it."""
    counted = mix.filter(pl.col("customers") > 0).sort("as_of", "stage")
    return f"{counted['customers'].sum()}:{counted.hash_rows(seed=1).sum()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--customers", type=int, default=400_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--side", choices=("spans", "daily"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.side:
        report(lambda: {"spans": run_spans, "daily": run_daily}[chosen.side](chosen.folder / "days.parquet"))
        return 0
    with tempfile.TemporaryDirectory() as name:
        made_up_events.write(Path(name), chosen.events, chosen.customers, chosen.seed)
        days = collected_customer_days(pl.scan_parquet(f"{name}/events"), PROGRAM)
        days.write_parquet(f"{name}/days.parquet")
        size = f"{chosen.customers:,} customers, {days.height:,} customer-days, {(LAST - FIRST).days + 1} as_of"
        del days
        found = measured("benchmarks.bench_spans", ("spans", "daily"), chosen.repeats, "--folder", name)
    assert found["spans"]["mix"] == found["daily"]["mix"], "the sides give different stage mixes"
    print(f"daily stage mix of the whole history: {size}; both sides give the same mix")
    print(f"{'side':>8} {'rows made':>13} {'seconds':>8} {'cpu s':>8} {'peak MB':>8}  against daily rows")
    for side, run in found.items():
        ratio = run["seconds"] / found["daily"]["seconds"]
        print(
            f"{side:>8} {run['rows']:>13,} {run['seconds']:>8.2f} {run['cpu_seconds']:>8.2f} {run['peak_mb']:>8,.0f}"
            f"  {ratio:.3f} x"
        )
    return int(found["spans"]["seconds"] > LIMIT_SHARE * found["daily"]["seconds"])


if __name__ == "__main__":
    sys.exit(main())
