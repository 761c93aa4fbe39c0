"""The metrics themselves; this needs prometheus-client, so it is imported only on demand."""

import time
from collections.abc import Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..core.table import Table
from .source import TableSource

DECISION_SECONDS = (2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 5e-4, 1e-3, 1e-2)
FIRST_BYTE_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Router(Protocol):
    """What the metrics look at when somebody asks."""

    table: Table | None
    source: TableSource | None


class Instruments:
    """Every metric of the router, in a registry of its own."""

    def __init__(self, router: Router) -> None:
        self.registry = CollectorRegistry()
        self.in_flight: set[str] = set()
        self.requests = Counter(
            "hublet_requests",
            "Requests by what was decided, and by the class of the answer's status.",
            ("hublet", "reason", "rule", "status"),
            registry=self.registry,
        )
        self.refusals = Counter(
            "hublet_refusals", "Requests that were refused.", ("reason",), registry=self.registry
        )
        self.decision_seconds = Histogram(
            "hublet_decision_seconds",
            "Time to decide.",
            buckets=DECISION_SECONDS,
            registry=self.registry,
        )
        self.first_byte_seconds = Histogram(
            "hublet_upstream_first_byte_seconds",
            "Time from the end of a request to the first byte of its Hublet's answer.",
            ("hublet",),
            buckets=FIRST_BYTE_SECONDS,
            registry=self.registry,
        )
        self.connections = Counter(
            "hublet_upstream_connections",
            "Upstream connections: opened, failed, or reused by a request.",
            ("hublet", "event"),
            registry=self.registry,
        )
        self.registry.register(_Now(self, router))

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)


class _Now(Collector):
    """What is so at the moment."""

    def __init__(self, instruments: Instruments, router: Router) -> None:
        self.instruments = instruments
        self.router = router

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics that are a state, and no count of ours."""
        table, source = self.router.table, self.router.source
        yield GaugeMetricFamily(
            "hublet_requests_in_flight",
            "Requests whose answer has not ended.",
            len(self.instruments.in_flight),
        )
        info = GaugeMetricFamily("hublet_table", "The table in use.", labels=("version",))
        age = GaugeMetricFamily("hublet_table_age_seconds", "Time since the table was read.")
        reads = CounterMetricFamily("hublet_table_reads", "Reads of its file.", labels=("result",))
        if table:
            info.add_metric((table.version,), 1)
        if source:
            age.add_metric((), time.monotonic() - source.read_at)
            reads.add_metric(("good",), source.good)
            reads.add_metric(("bad",), source.bad)
        yield from (info, age, reads)
