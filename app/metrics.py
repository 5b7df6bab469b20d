"""What is counted where things happen, for Prometheus; `app.scrape` tells it, with what the service knows.

With several workers each writes its own files, and a scrape of any worker adds them up.
"""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)

_BUCKETS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
disable_created_metrics()  # type: ignore[no-untyped-call]  # a further series for each, which nobody reads
_COUNTED = CollectorRegistry()

REQUESTS = Counter(
    "fiel_requests", "Requests by route template and status.", ("method", "route", "status"), registry=_COUNTED
)
SECONDS = Histogram(
    "fiel_request_seconds",
    "Time from a request's head to the last byte of its answer.",
    ("route",),
    buckets=_BUCKETS,
    registry=_COUNTED,
)
REFUSED = Counter("fiel_refused", "Requests refused before any route, by reason.", ("reason",), registry=_COUNTED)
UNEXPECTED = Counter(
    "fiel_unexpected_errors", "Requests that a defect of ours ended, by kind.", ("kind",), registry=_COUNTED
)
STORE_ERRORS = Counter("fiel_store_errors", "Times that the store could not be used.", registry=_COUNTED)
SCORES = Counter(
    "fiel_scores",
    "Scores answered, by program, model version and basis.",
    ("program", "version", "basis"),
    registry=_COUNTED,
)
SERVED_QUEUE = Gauge(
    "fiel_served_queue", "Answers that wait to be written to the log of answers.", multiprocess_mode="livesum",
    registry=_COUNTED,
)  # fmt: skip
SERVED_DROPPED = Counter(
    "fiel_served_dropped", "Answers that were not logged because the queue was full.", registry=_COUNTED
)

_children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    key = (method, route, status)
    found = _children.get(key)
    if found is None:
        found = _children[key] = (REQUESTS.labels(method, route, str(status)), SECONDS.labels(route))
    found[0].inc()
    found[1].observe(seconds)


def counted() -> bytes:
    """What was counted, of all workers together."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(_COUNTED)
    _forget_the_dead(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)


def _forget_the_dead(folder: Path) -> None:
    """Drop the states of workers that are gone (their counts stay): a killed one could not do it itself."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            multiprocess.mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
