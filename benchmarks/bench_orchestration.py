"""What Prefect costs: a `loyalty` run against a running server, against the same functions called directly.

    python -m benchmarks.bench_orchestration [--customers 5000] [--repeats 5]

Both sides work on the same simulated source, each in a lake of its own and in a fresh process for every run; only the
call is timed, not the imports. The first run computes everything, the repeats find everything done, so that their
difference is Prefect's. The limit is 5 s.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import httpx

LIMIT_SECONDS = 5.0
SIDES = ("direct", "prefect")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--source")
    given = parser.parse_args()
    if given.side:
        print(json.dumps({"seconds": _timed(given.side, given.source)}))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _simulate(root / "source", given.customers)
        server, api = _server(root)
        try:
            runs = {side: [_run(side, root, api) for _ in range(given.repeats + 1)] for side in SIDES}
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)
    again = {side: statistics.median(found[1:]) for side, found in runs.items()}
    print(f"loyalty, {given.customers:,} customers, a running Prefect server")
    for side in SIDES:
        print(f"  {side:<8} first run {runs[side][0]:6.1f} s   again (median of {given.repeats}) {again[side]:6.2f} s")
    cost = again["prefect"] - again["direct"]
    print(
        f"  Prefect costs {cost:.2f} s a run (limit {LIMIT_SECONDS:.0f} s), {again['prefect'] / again['direct']:.2f} x"
    )
    sys.exit(cost > LIMIT_SECONDS)


def _timed(side: str, source: str) -> float:
    """Seconds of one run in this process."""
    if side == "prefect":
        from flows.loyalty import loyalty

        start = time.perf_counter()
        loyalty(program="teomewhy", as_of="latest", source=source)
        return time.perf_counter() - start
    from prefect.logging import disable_run_logger

    from flows import loyalty as chain

    start = time.perf_counter()
    with disable_run_logger():
        _direct(chain, source)
    return time.perf_counter() - start


def _direct(chain: object, source: str) -> None:
    """The flow's own steps, each task's function called without Prefect."""
    names = ("ingest_source", "resolve_as_of", "cohort_dates", "build_features", "build_segments",
             "validate_purchase_models", "train_challenger", "promote_challenger", "score_customers",
             "find_disagreements", "measure_quality", "finish_last_cycle", "plan_cycle", "cycle_is_due",
             "apply_cycle", "write_report")  # fmt: skip
    call = {name: getattr(chain, name).fn for name in names}
    program = "teomewhy"
    call["ingest_source"](program, source)
    day: date = call["resolve_as_of"](program, "latest")
    call["build_features"](program, [*call["cohort_dates"](program, day), day])
    call["build_segments"](program, day)
    call["validate_purchase_models"](program, day)
    trained = call["train_challenger"](program, day)
    call["promote_challenger"](program, day, trained["version"], None)
    call["score_customers"](program, day, "granted")
    call["find_disagreements"](program, day)
    call["measure_quality"](program)
    call["finish_last_cycle"](program)
    call["plan_cycle"](program, day)
    if call["cycle_is_due"](program, day):
        call["apply_cycle"](program, day)
    call["write_report"](program, day)


def _run(side: str, root: Path, api: str) -> float:
    environment = os.environ | {
        "FIEL_LAKE": str(root / side / "lake"),
        "PREFECT_HOME": str(root / "prefect"),
        "PREFECT_API_URL": api,
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "benchmarks.bench_orchestration", "--side", side, "--source", str(root / "source")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


def _server(root: Path) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"PREFECT_HOME": str(root / "prefect"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    command = [str(Path(sys.executable).with_name("prefect")), "server", "start", "--port", str(port)]
    server = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    api = f"http://127.0.0.1:{port}/api"
    for _ in range(240):
        try:
            if httpx.get(f"{api}/health", timeout=2).status_code == 200:
                return server, api
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    os.killpg(server.pid, signal.SIGKILL)
    raise SystemExit("Prefect's server did not start within two minutes")


def _simulate(folder: Path, customers: int) -> None:
    from fiel.simulate.teomewhy import simulate

    simulate(folder, customers=customers, end=date(2025, 10, 31))


if __name__ == "__main__":
    main()
