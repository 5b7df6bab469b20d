"""How long the simulator takes, at two sizes in one run: `python benchmarks/bench_simulate.py [--sizes 5000,50000]`.

Prints seconds, rows and memory of the streaming community, the ratio of the two times, and the fast event generator.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter


def _measure(kind: str, size: int, folder: str) -> tuple[float, int, float]:
    """Seconds, rows and peak memory in GB of one run; each runs in a process of its own."""
    began = perf_counter()
    if kind == "community":
        from fiel.simulate.teomewhy import simulate

        rows = sum(simulate(Path(folder), customers=size).rows.values())
    else:
        from fiel.simulate.events import write_events_parquet

        write_events_parquet(Path(folder), customers=max(1, size // 50), days=669, events=size)
        rows = size
    return perf_counter() - began, rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _run(kind: str, size: int) -> float:
    with tempfile.TemporaryDirectory() as folder, get_context("spawn").Pool(1) as pool:
        seconds, rows, memory = pool.apply(_measure, (kind, size, folder))
        written = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6
    unit = "customers" if kind == "community" else "events"
    print(f"{size:>11,} {unit:<9} {seconds:7.1f} s  {rows:>12,} rows  {rows / seconds:>10,.0f} rows/s  "
          f"{memory:5.2f} GB peak  {written:8,.0f} MB written", flush=True)  # fmt: skip
    return float(seconds)


def main() -> None:
    """Runs the sizes and prints one line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="5000,50000", help="customers, by comma")
    parser.add_argument("--events", default="2000000,20000000", help="events of the fast generator, by comma")
    wanted = parser.parse_args()
    for kind, text in (("community", wanted.sizes), ("events", wanted.events)):
        sizes = [int(size) for size in text.split(",") if size]
        seconds = [_run(kind, size) for size in sizes]
        for size, took in zip(sizes[1:], seconds[1:], strict=True):
            print(f"{size / sizes[0]:.0f} times the size took {took / seconds[0]:.1f} times as long", flush=True)


if __name__ == "__main__":
    main()
