"""Two minutes of mixed load, and the store killed under load: what leaks, what is answered, how it recovers.

    python -m benchmarks.bench_soak [--seconds 120] [--customers 20000]

One worker over a private PostgreSQL. The mix: customers read and recomputed by id, scores by features, what-if,
the ranking page and a customer's page, at 150 requests a second. Memory, open files and threads of the worker are
compared between the end of the first quarter and the end; the limit is 10 % more memory, and not one file or thread
more than a pool may hold. Then the database is stopped for four seconds under the same load and started again: every
answer has to be 200 or a 503 that says so, and within five seconds after the start all of them 200.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import httpx

from app.security.keys import new_key
from benchmarks import served_world
from benchmarks.bench_serving import Server, asked_rows, serving
from benchmarks.load import Request, open_loop
from fiel.store import Store
from tests.postgres import PostgresServer

RATE = 150.0
GROWTH = 1.10
SPARE = 12
RECOVERY_SECONDS = 5.0
AWAY_SECONDS = 4.0


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=120)
    arguments.add_argument("--customers", type=int, default=20_000)
    given = arguments.parse_args()
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="fiel-soak-")))
        database = held.enter_context(PostgresServer())
        address = database.database()
        store = Store(address)
        served_world.publish(store, given.customers, 200)
        key = new_key("benchmark", ("*",), "the benchmark")
        store.add_key(key.row)
        store.close()
        headers = (("Authorization", f"Bearer {key.text}"), ("Content-Type", "application/json"))
        requests = mixed(asked_rows(address), headers)
        environment = os.environ | {"FIEL_LAKE": str(folder / "lake"), "FIEL_DATABASE_URL": address}
        command = [sys.executable, "-m", "flows.cli", "serve", "--port", "0"]
        service = held.enter_context(serving(command, environment, "/ready", folder / "service.log"))
        missed = soak(service, requests, given.seconds) + away(service, database, requests, headers)
    if missed:
        raise SystemExit("; ".join(missed))


def mixed(rows: list[tuple[str, dict[str, object]]], headers: tuple[tuple[str, str], ...]) -> list[Request]:
    """The mix, in turns: twelve look-ups and scores to one question of the others."""
    program, found = served_world.PROGRAM, []
    html = (headers[0], ("Accept", "text/html"))
    for place, (name, values) in enumerate(rows):
        body = json.dumps({"customers": [name]}).encode()
        found += [
            Request("GET", f"/v1/{program}/customers/{name}", headers),
            Request("POST", f"/v1/{program}/score", headers, body),
        ]
        if place % 6 == 0:
            features = {"stage": values["stage"], "active_days_d28": values["active_days_d28"]}
            given = json.dumps({"customers": [{"features": features}]}).encode()
            asked = json.dumps({"customer_id": name, "changes": {"active_days_d28": 20}}).encode()
            found += [
                Request("POST", f"/v1/{program}/score", headers, given),
                Request("POST", f"/v1/{program}/what-if", headers, asked),
                Request("GET", f"/p/{program}/ranking", html),
                Request("GET", f"/p/{program}/customers/{name}", html),
            ]
    return found


def soak(service: Server, requests: list[Request], seconds: float) -> list[str]:
    """Load for `seconds`; what grew."""
    states: list[tuple[float, int, int]] = []

    def watch() -> None:
        for share in (0.25, 1.0):
            time.sleep(max(0.0, began + share * seconds - 1 - time.perf_counter()))
            states.append(state(service))

    began = time.perf_counter()
    watcher = threading.Thread(target=watch)
    watcher.start()
    found = open_loop(service.address, requests, per_second=RATE, seconds=seconds)
    watcher.join()
    (memory, files, threads), (later, more_files, more_threads) = states
    statuses = dict(found.statuses)
    print(f"{seconds:.0f} s at {RATE:.0f} a second: {statuses}, p50 {found.quantile(0.5):.1f} ms, "
          f"p99 {found.quantile(0.99):.1f} ms")  # fmt: skip
    print(f"  memory {memory:.0f} MB -> {later:.0f} MB, open files {files} -> {more_files}, "
          f"threads {threads} -> {more_threads}")  # fmt: skip
    missed = [] if set(statuses) == {200} else [f"answers {statuses}"]
    if later > GROWTH * memory:
        missed.append(f"memory grew from {memory:.0f} to {later:.0f} MB")
    if more_files > files + SPARE or more_threads > threads + SPARE:
        missed.append(f"files {files} -> {more_files}, threads {threads} -> {more_threads}")
    return missed


def away(
    service: Server, database: PostgresServer, requests: list[Request], headers: tuple[tuple[str, str], ...]
) -> list[str]:
    """The database stopped and started again under load; what was answered otherwise than it should."""
    stopped: list[float] = []

    def interrupt() -> None:
        time.sleep(2)
        database.stop()
        stopped.append(time.perf_counter())
        time.sleep(AWAY_SECONDS)
        database.start()
        stopped.append(time.perf_counter())

    breaker = threading.Thread(target=interrupt)
    breaker.start()
    during = open_loop(service.address, requests, per_second=RATE, seconds=2 + AWAY_SECONDS + 2)
    breaker.join()
    recovered = wait_until_well(service, headers, stopped[1])
    after = open_loop(service.address, requests, per_second=RATE, seconds=5)
    gone, slowest = stopped[1] - stopped[0], max(during.milliseconds)
    print(f"  store away for {gone:.1f} s: {dict(during.statuses)}, slowest {slowest:.0f} ms; "
          f"well again {recovered:.1f} s after its start; then {dict(after.statuses)}")  # fmt: skip
    missed = (
        [] if set(during.statuses) <= {200, 503} and during.statuses[503] else [f"away: {Counter(during.statuses)}"]
    )
    if set(after.statuses) != {200}:
        missed.append(f"after: {dict(after.statuses)}")
    if recovered > RECOVERY_SECONDS:
        missed.append(f"well again only after {recovered:.1f} s")
    return missed


def wait_until_well(service: Server, headers: tuple[tuple[str, str], ...], since: float) -> float:
    """Seconds from `since` until `/ready` is 200 again."""
    with httpx.Client(headers=dict(headers)) as client:
        while client.get(f"{service.address}/ready").status_code != 200 and time.perf_counter() - since < 60:
            time.sleep(0.05)
    return time.perf_counter() - since


def state(service: Server) -> tuple[float, int, int]:
    """Memory (MB), open files and threads of the worker."""
    process = Path(f"/proc/{service.process.pid}")
    return service.memory_mb(), len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))


if __name__ == "__main__":
    main()
