"""The whole `retail` chain on the real Online Retail file, in a fresh lake, and again with everything done.

    python -m benchmarks.bench_retail [--source FOLDER] [--repeats 3]

Each run is the command itself, `fiel run loyalty --program retail`, in a process of its own with the temporary Prefect
server that it starts where none runs. The file is not part of Fiel (docs/retail.md says where it comes from): FOLDER is
`online_retail` under FIEL_REAL_DATA where that is set, and without it the benchmark is skipped. Limits of the first
run: 60 s and 2 GB. The second run is the peer: what the command costs when there is nothing left to compute.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_SECONDS, LIMIT_MB = 60.0, 2_000.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    source: Path | None = given.source
    if source is None and "FIEL_REAL_DATA" in os.environ:
        source = Path(os.environ["FIEL_REAL_DATA"]) / "online_retail"
    if source is None or not source.is_dir():
        print("skipped: no real file; give --source or set FIEL_REAL_DATA")
        return
    runs = [_first_and_again(source) for _ in range(given.repeats)]
    first = statistics.median(run[0][0] for run in runs)
    again = statistics.median(run[1][0] for run in runs)
    peak = max(run[0][1] for run in runs)
    print(f"loyalty for retail on {source.name}, median of {given.repeats}")
    print(f"  first run {first:6.1f} s   peak memory {peak:,.0f} MB")
    print(f"  again     {again:6.1f} s   {first / again:.1f} x less")
    sys.exit(first > LIMIT_SECONDS or peak > LIMIT_MB)


def _first_and_again(source: Path) -> list[tuple[float, float]]:
    """Seconds and peak memory (MB) of the command in a fresh lake, twice."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environment |= {"FIEL_LAKE": f"{folder}/lake", "PREFECT_HOME": f"{folder}/prefect"}
        return [_run(source, environment) for _ in range(2)]


def _run(source: Path, environment: dict[str, str]) -> tuple[float, float]:
    fiel = Path(sys.executable).with_name("fiel")
    start = time.perf_counter()
    with subprocess.Popen(
        [str(fiel), "run", "loyalty", "--program", "retail", "--source", str(source)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as command:
        peak = 0.0
        while command.poll() is None:
            peak = max(peak, _peak_mb(command.pid))
            time.sleep(0.1)
    if command.returncode != 0:
        raise SystemExit(f"the run ended with {command.returncode}")
    return time.perf_counter() - start, peak


def _peak_mb(pid: int) -> float:
    """Largest resident memory of a running process so far (VmHWM); 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


if __name__ == "__main__":
    main()
