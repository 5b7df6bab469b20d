"""All activity features of 12 as_of from event and line files: Fiel against DuckDB on the same files in the same run.

    python -m benchmarks.bench_features --events 20000000 --customers 400000

Both sides make customer-days once and features from them, write one Parquet file for each as_of, use two threads, and
have to agree on the sum of every column. Each run is a process of its own, so that peak memory is its own. The limits
at the larger size: no slower than DuckDB, under 3 GB.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from benchmarks import duckdb_features, made_up_events
from benchmarks.measured import measured, report
from fiel.core import Core
from fiel.features.groups import GROUPS
from fiel.features.snapshot import build_group
from fiel.program import read_program
from fiel.sources.customer_days import collected_customer_days

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = read_program(ROOT / "deployments" / "programs" / "teomewhy.yaml")
LIMIT_MB = 3_000


def run_fiel(folder: Path, out: Path) -> None:
    events = pl.scan_parquet(folder / "events")
    days = collected_customer_days(events, PROGRAM)
    known_through = made_up_events.AS_OF_DATES[-1]
    core = Core.of({"customer_days": days}, known_through)
    core.tables["event_lines"] = pl.scan_parquet(folder / "lines")
    for as_of, features in build_group(core, GROUPS["activity"], made_up_events.AS_OF_DATES, PROGRAM):
        features.write_parquet(out / f"{as_of}.parquet")


def run_duckdb(folder: Path, out: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("set threads = 2")
        connection.execute("set preserve_insertion_order = false")
        connection.execute(duckdb_features.customer_days(folder, PROGRAM))
        connection.execute(duckdb_features.line_days(folder, PROGRAM))
        for as_of in made_up_events.AS_OF_DATES:
            query = duckdb_features.features(as_of, PROGRAM)
            connection.execute(f"copy ({query}) to '{out}/{as_of}.parquet' (format parquet, compression zstd)")


def run_side(side: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)

        def result() -> dict[str, Any]:
            {"fiel": run_fiel, "duckdb": run_duckdb}[side](folder, out)
            return {}

        report(result)


def totals(side: str, folder: Path) -> dict[str, float]:
    """Sum of every column over all as_of, of an untimed run."""
    with tempfile.TemporaryDirectory() as name:
        {"fiel": run_fiel, "duckdb": run_duckdb}[side](folder, Path(name))
        numbers = pl.scan_parquet(f"{name}/*.parquet").select(pl.len().alias("rows"), pl.selectors.numeric().sum())
        return numbers.collect(engine="streaming").row(0, named=True)


def agree(folder: Path) -> int:
    """Rows of both sides; AssertionError where they differ in a column's sum."""
    fiel, other = totals("fiel", folder), totals("duckdb", folder)
    different = [name for name in fiel if not math.isclose(fiel[name], other[name], rel_tol=1e-9)]
    assert fiel.keys() == other.keys(), set(fiel) ^ set(other)
    assert not different, [(name, fiel[name], other[name]) for name in different]
    return int(fiel["rows"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--customers", type=int, default=400_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--side", choices=("fiel", "duckdb"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.side:
        run_side(chosen.side, chosen.folder)
        return 0
    times: list[tuple[int, float]] = []
    print(f"{'events':>12} {'side':>8} {'seconds':>8} {'cpu s':>8} {'events/s':>12} {'peak MB':>8}  against DuckDB")
    for share in (10, 1):
        events, customers = chosen.events // share, chosen.customers // share
        with tempfile.TemporaryDirectory() as name:
            made_up_events.write(Path(name), events, customers, chosen.seed)
            rows = agree(Path(name)) if share == 10 else None
            found = measured("benchmarks.bench_features", ("fiel", "duckdb"), chosen.repeats, "--folder", name)
        for side, run in found.items():
            ratio = run["seconds"] / found["duckdb"]["seconds"]
            speed = events / run["seconds"]
            line = f"{events:>12,} {side:>8} {run['seconds']:>8.2f} {run['cpu_seconds']:>8.2f} {speed:>12,.0f}"
            print(f"{line} {run['peak_mb']:>8,.0f}  {ratio:.2f} x", flush=True)
        times.append((events, found["fiel"]["seconds"]))
        if rows is not None:
            print(f"{'':>12} both sides agree on the sum of every column of {rows:,} rows")
    (small, first), (large, last) = times
    growth = f"{last / first:.1f} x the time for {large / small:.0f} x the events"
    print(f"growth from {small:,} to {large:,} events: {growth}")
    return int(last > found["duckdb"]["seconds"] or found["fiel"]["peak_mb"] > LIMIT_MB)


if __name__ == "__main__":
    sys.exit(main())
