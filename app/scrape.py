"""What Prometheus reads: what was counted, of all workers, and what the service knows at the moment of the scrape."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from app.metrics import counted
from app.service import Service

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(service: Service) -> bytes:
    """All metrics in Prometheus' text format."""
    known = CollectorRegistry()
    known.register(_Known(service))
    return counted() + generate_latest(known)


class _Known(Collector):
    """What the service knows at this moment; the same in every worker."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily(
            "fiel_model_info",
            "The models in service: always 1.",
            labels=("program", "target", "version", "kind", "digest"),
        )
        state = self._service.state()
        for found in state.models:
            info.add_metric((found.program, found.target, found.version, found.kind, found.digest[:12]), 1)
        yield info
        age = GaugeMetricFamily(
            "fiel_score_age_seconds", "Time since the as_of of a program's scores.", labels=("program",)
        )
        today = datetime.now(UTC)
        for program in state.programs:
            if program.as_of is not None:
                midnight = datetime.combine(program.as_of, datetime.min.time(), UTC)
                age.add_metric((program.name,), (today - midnight).total_seconds())
        yield age
        refused = GaugeMetricFamily("fiel_model_problems", "Models that were refused; the one before stays in service.")
        refused.add_metric((), len(state.problems))
        yield refused
        yield GaugeMetricFamily("fiel_store_up", "Whether the store can be read.", value=float(state.is_store_up))
