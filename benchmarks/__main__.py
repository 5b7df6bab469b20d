"""Every benchmark, one after the other: `python -m benchmarks`, or `make bench`. Ends non-zero if a limit is missed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    names = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    failed = []
    for name in names:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0:
            failed.append(name)
    print(
        f"\n{len(names) - len(failed)} of {len(names)} benchmarks within their limits"
        + "".join(f", not {f}" for f in failed)
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
