"""Runs the sides of a benchmark in processes of their own and prints medians, peak memory and ratios."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fiel.settings import HOME


def report(result: Callable[[], dict[str, Any]]) -> None:
    """Run `result` in this process and print its time, its peak memory and what it returned, as JSON."""
    start, start_cpu = time.perf_counter(), time.process_time()
    content = result()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mb": peak_memory_mb(), **content}))


def peak_memory_mb() -> float:
    """Largest resident memory of this process (VmHWM: getrusage would also count the parent before exec)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def measured(module: str, sides: tuple[str, ...], repeats: int, *arguments: str) -> dict[str, dict[str, Any]]:
    """Each side's median seconds (wall and processor), largest peak memory (MB) and last result.

    Sides take turns within each repeat, so that both meet the same weather.
    """
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for _ in range(repeats):
        for side in sides:
            command = [sys.executable, "-m", module, "--side", side, *arguments]
            done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HOME)
            runs[side].append(json.loads(done.stdout.splitlines()[-1]))
    return {
        side: found[-1]
        | {
            "seconds": statistics.median(run["seconds"] for run in found),
            "cpu_seconds": statistics.median(run["cpu_seconds"] for run in found),
            "peak_mb": max(run["peak_mb"] for run in found),
        }
        for side, found in runs.items()
    }
