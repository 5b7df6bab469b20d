"""Prefect on one machine: server, work pool, deployments, worker, in one terminal. Ctrl-C ends all of them.

`make serve-prefect`, or `python -m deployments.serve [--port 4200] [--worker-only]`. With --worker-only the server
runs elsewhere (PREFECT_API_URL), as in compose.yaml.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from fiel.settings import load_settings

POOL = "fiel"
READY_SECONDS = 180


def main() -> int:
    """Start what is asked for and wait until a person or one of the processes ends it; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=4200, help="port of Prefect's UI and API (default 4200)")
    parser.add_argument("--worker-only", action="store_true", help="the server runs elsewhere (PREFECT_API_URL)")
    chosen = parser.parse_args()
    environment = dict(os.environ)
    home = load_settings().home
    environment["FIEL_HOME"] = str(home)
    if not chosen.worker_only:
        environment["PREFECT_API_URL"] = f"http://127.0.0.1:{chosen.port}/api"
        environment["PREFECT_SERVER_UI_API_URL"] = "/api"
    os.environ.update(environment)
    from deployments.reconcile import reconcile  # Prefect takes its server's address when it is imported

    processes: list[subprocess.Popen[bytes]] = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if not chosen.worker_only:
            _say("starting Prefect's server")
            server = ["server", "start", "--host", "127.0.0.1", "--port", str(chosen.port)]
            processes.append(_start(server, environment, home, quiet=True))
        _wait_for_server(environment["PREFECT_API_URL"], processes)
        _say("creating the work pool and deploying prefect.yaml")
        _run(["--no-prompt", "work-pool", "create", POOL, "--type", "process", "--overwrite"], environment, home)
        _run(["--no-prompt", "deploy", "--all"], environment, home)
        for line in reconcile(home / "prefect.yaml"):
            _say(line)
        processes.append(_start(["worker", "start", "--pool", POOL, "--type", "process"], environment, home))
        _say(f"ready: {environment['PREFECT_API_URL'].removesuffix('/api')} (Ctrl-C ends server and worker)")
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(processes)


def _start(words: list[str], environment: dict[str, str], home: Path, quiet: bool = False) -> subprocess.Popen[bytes]:
    """A Prefect command in a process group of its own."""
    out = subprocess.DEVNULL if quiet else None
    return subprocess.Popen([_prefect(), *words], cwd=home, env=environment, stdout=out, start_new_session=True)


def _run(words: list[str], environment: dict[str, str], home: Path) -> None:
    """A Prefect command to its end; a failure shows what it printed."""
    done = subprocess.run(
        [_prefect(), *words], cwd=home, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"prefect {' '.join(words)} failed:\n{done.stdout}\n{done.stderr}")


def _prefect() -> str:
    return str(Path(sys.executable).with_name("prefect"))


def _wait_for_server(api: str, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if any(process.poll() is not None for process in processes):
            raise SystemExit("Prefect's server ended while it started: is the port in use? Choose another with --port")
        try:
            if httpx.get(f"{api}/health", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass  # not up yet: asked again until the deadline
        time.sleep(0.5)
    raise SystemExit(f"Prefect's server at {api} did not answer within {READY_SECONDS} seconds")


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in reversed(processes):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
    for process in reversed(processes):
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _say(text: str) -> None:
    print(f"fiel: {text}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
