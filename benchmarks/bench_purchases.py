"""The purchase models: fits and predictions, against `lifetimes` on the same customers in the same run.

    python -m benchmarks.bench_purchases [--customers 1000000]

Customers are simulated from the models' story. Small size: 23,570 customers in weeks, 39 weeks at most, at the
published parameters of the CDNOW sample; fitted by Fiel and by lifetimes 0.11.3, and the log likelihood of both results
computed by lifetimes. lifetimes needs older numpy, pandas and scipy than ours, so it gets an environment of its own in
the user's cache folder, made by pip on the first run; where that cannot be made the comparison is skipped, with the
reason. Large size: in days, 373 at most. Times include the checks of the input and the making of unique patterns.
Limits: 20 times as fast as lifetimes to the same likelihood; a fit of a million customers under 2 s; p(alive) and the
expectation of 90 days for a million customers under 1 s.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measured import peak_memory_mb
from fiel.estimators import BGNBD, MBGNBD, GammaGamma, PooledBGNBD, lifetime_value
from fiel.estimators.btyd import PurchaseModel
from tests.estimators.simulated import purchase_times

PEER = ("lifetimes==0.11.3", "numpy==1.23.5", "pandas==1.5.3", "scipy==1.10.1", "autograd==1.5")
SMALL = 23_570
LEAST_RATIO = 20.0
FIT_SECONDS, PREDICT_SECONDS = 2.0, 1.0
REPEATS = 7

History = tuple[np.ndarray, np.ndarray, np.ndarray]


def purchase_days(n: int, seed: int, *, r: float, alpha: float, a: float, b: float, longest: int) -> History:
    """Frequency, recency and T in whole days; purchases of one day are one."""
    rng = np.random.default_rng(seed)
    age = rng.integers(1, longest + 1, n).astype(float)
    (who, when), _ = purchase_times(rng, rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n), age, first_counts=False)
    customer, day = np.divmod(np.unique(who.astype(np.int64) * 1000 + np.ceil(when).astype(np.int64)), 1000)
    recency = np.zeros(n)
    np.maximum.at(recency, customer, day)
    return np.bincount(customer, minlength=n).astype(float), recency, age


def timed(work: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, Any]:
    """Median seconds of `work`, and its last result."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), found


def peer_python() -> Path | str:
    """The interpreter that has lifetimes, or why there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "fiel" / PEER[0].replace("==", "-")
    python = folder / "bin" / "python"
    if (folder / "complete").is_file():
        return python
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEER],
        [str(python), "-c", "import lifetimes"],
    )
    print(f"making an environment for {PEER[0]} ...", flush=True)
    for command in commands:
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
        except subprocess.CalledProcessError as error:
            return (error.stderr.strip() or error.stdout.strip() or str(error)).splitlines()[-1]
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    (folder / "complete").touch()
    return python


def against_lifetimes() -> list[str]:
    """Both sides at the small size; what missed its limit."""
    days = purchase_days(SMALL, 1, r=0.243, alpha=7 * 4.414, a=0.793, b=2.426, longest=7 * 39)
    history = days[0], days[1] / 7, days[2] / 7
    models: tuple[type[PurchaseModel], ...] = (BGNBD, MBGNBD)
    ours = {model.name: timed(lambda model=model: model("weeks").fit(*history), 21) for model in models}
    for name, (seconds, fitted) in ours.items():
        print(f"{SMALL:>9,} customers, weeks   {name:8} fit {1e3 * seconds:8.1f} ms   "
              f"log likelihood {fitted.log_likelihood_:.2f}")  # fmt: skip
    python = peer_python()
    if isinstance(python, str):
        print(f"          lifetimes skipped: {python}")
        return []
    with tempfile.TemporaryDirectory() as name:
        data, parameters = Path(name) / "customers.npz", Path(name) / "ours.json"
        np.savez(data, frequency=history[0], recency=history[1], T=history[2])
        parameters.write_text(json.dumps({key: fitted.parameters_ for key, (_, fitted) in ours.items()}))
        command = [str(python), str(Path(__file__).with_name("lifetimes_side.py")), str(data), str(parameters)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    missed = []
    for key, theirs in json.loads(done.stdout.splitlines()[-1]).items():
        seconds = statistics.median(theirs["seconds"])
        ratio = seconds / ours[key][0]
        print(f"                    lifetimes {key:8} fit {1e3 * seconds:8.1f} ms   {ratio:6.1f} x ours   "
              f"log likelihood {theirs['theirs']:.4f}, ours {theirs['ours']:.4f}")  # fmt: skip
        if ratio < LEAST_RATIO:
            missed.append(f"{key}: {ratio:.1f} times as fast as lifetimes, the limit is {LEAST_RATIO:g}")
        if theirs["ours"] < theirs["theirs"] - 1e-3:
            missed.append(f"{key}: log likelihood {theirs['ours']:.4f} below that of lifetimes")
    return missed


def at_size(customers: int) -> list[str]:
    """Fits and predictions at the large size; what missed its limit."""
    missed = []
    history = purchase_days(customers, 2, r=0.7, alpha=60.0, a=0.8, b=2.5, longest=373)
    fitted: PurchaseModel | None = None
    for model in (MBGNBD, PooledBGNBD, BGNBD):
        seconds, fitted = timed(lambda model=model: model().fit(*history))
        print(f"{customers:>9,} customers, days    {model.name:8} fit {seconds:8.3f} s")
        if seconds > FIT_SECONDS and customers <= 1_000_000:
            missed.append(f"{model.name}: a fit took {seconds:.2f} s, the limit is {FIT_SECONDS:g} s")
    assert fitted is not None
    seconds, _ = timed(lambda: (fitted.alive_prob(*history), fitted.expected_purchases(90, *history)))
    print(f"{'':28}p(alive) and 90-day expectation {seconds:8.3f} s")
    if seconds > PREDICT_SECONDS and customers <= 1_000_000:
        missed.append(f"p(alive) and the expectation took {seconds:.2f} s, the limit is {PREDICT_SECONDS:g} s")
    rng = np.random.default_rng(3)
    mean_value = rng.gamma(6.0, rng.gamma(4.0, 5.0, customers))
    seconds, values = timed(lambda: GammaGamma().fit(history[0], mean_value), 3)
    print(f"{'':28}gamma_gamma fit {seconds:8.3f} s")
    seconds, _ = timed(
        lambda: lifetime_value(fitted, values, *history, mean_value, horizon=365, discount_rate_year=0.1), 3
    )
    print(f"{'':28}lifetime value of a year {seconds:8.3f} s")
    # Times that no two customers share: no patterns to gain from.
    apart = history[0], history[1], history[2] + rng.random(customers)
    seconds, own = timed(lambda: BGNBD().fit(*apart), 1)
    print(f"{customers:>9,} different T          bg_nbd   fit {seconds:8.3f} s")
    seconds, _ = timed(lambda: own.expected_purchases(90, *apart), 1)
    print(f"{'':28}90-day expectation {seconds:8.3f} s")
    return missed


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--customers", type=int, default=1_000_000)
    given = arguments.parse_args()
    missed = against_lifetimes() + at_size(given.customers)
    print(f"peak memory {peak_memory_mb():,.0f} MB")
    if missed:
        raise SystemExit("too slow or too low: " + "; ".join(missed))


if __name__ == "__main__":
    main()
