"""The metrics themselves; this needs prometheus-client, so it is imported only on demand."""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import NamedTuple, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.metrics import disable_created_metrics
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from ..core.table import Table
from .log import DecisionLog
from .misdirected import Misdirection
from .refusal import ANSWERS
from .shadow import Shadow
from .source import TableSource

DECISION_SECONDS = (2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 5e-4, 1e-3, 1e-2)
FIRST_BYTE_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
PLAIN = "text/plain; version=0.0.4; charset=utf-8"

type Family = GaugeMetricFamily | CounterMetricFamily
type Kind = type[GaugeMetricFamily] | type[CounterMetricFamily]
type Look = Callable[[], Mapping[tuple[str, ...], float]]
"""Returns what is so now: numbers, by the values of their labels."""


class Router(Protocol):
    """What the metrics look at when somebody asks."""

    table: Table | None
    source: TableSource | None
    decision_log: DecisionLog
    misdirection: Misdirection
    shadow: Shadow


class Row(NamedTuple):
    """What an operator has to know of a metric."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()


class Instruments:
    """Every metric of the router, in a registry of its own; `listed` describes each."""

    def __init__(self, router: Router) -> None:
        disable_created_metrics()  # a second series for each, which Prometheus does not use
        self.registry = CollectorRegistry()
        self.listed: list[Row] = []
        self.in_flight: set[str] = set()
        self.requests = self._counter(
            "hublet_requests",
            "Requests whose answer has ended, by what was decided; `status` is a class such as"
            " `2xx`, or `error` where no whole answer came.",
            "hublet", "reason", "rule", "status",
        )  # fmt: skip
        self.refusals = self._counter("hublet_refusals", "Requests that were refused.", "reason")
        for reason in ANSWERS:  # at 0 from the start: an alert sees the first of them, too
            self.refusals(reason.value)
        self.decision_seconds = self._histogram(
            "hublet_decision_seconds", "Time to decide.", DECISION_SECONDS
        )
        first_byte_seconds = self._histogram(
            "hublet_upstream_first_byte_seconds",
            "Time from the end of a request to the first byte of its Hublet's answer.",
            FIRST_BYTE_SECONDS,
            "hublet",
        )
        self.first_byte_seconds = cache(first_byte_seconds.labels)
        self.connections = self._counter(
            "hublet_upstream_connections",
            "Upstream connections: `opened`, `failed` (TLS included), or `reused` by a request.",
            "hublet", "event",
        )  # fmt: skip
        self._state(
            GaugeMetricFamily,
            "hublet_requests_in_flight",
            "Requests whose answer has not ended.",
            lambda: {(): len(self.in_flight)},
        )
        self._state(
            GaugeMetricFamily,
            "hublet_table",
            "1 for the table in use; nothing where there is none.",
            lambda: {(table.version,): 1} if (table := router.table) else {},
            "version",
        )
        self._state(
            GaugeMetricFamily,
            "hublet_table_age_seconds",
            "Time since the table was read.",
            lambda: {(): time.monotonic() - it.read_at} if (it := router.source) else {},
        )
        self._state(
            GaugeMetricFamily,
            "hublet_table_is_current",
            "1, or 0 while its file is bad and the last good table goes on.",
            lambda: {(): it.is_current} if (it := router.source) else {},
        )
        self._state(
            CounterMetricFamily,
            "hublet_table_reads",
            "Reads of its file: `good` or `bad`.",
            lambda: {("good",): it.good, ("bad",): it.bad} if (it := router.source) else {},
            "result",
        )
        self._state(
            CounterMetricFamily,
            "hublet_log_lines_dropped",
            "Lines that the decision log lost to its disk; nothing without a log.",
            lambda: {(): file.dropped} if (file := router.decision_log.file) else {},
        )
        self._state(
            CounterMetricFamily,
            "hublet_misdirected",
            "Answers that told of a wrong Hublet: which was `sent` the request, and which the"
            " answer `named`; `migrating` is 477, `-` none that the table lists.",
            lambda: router.misdirection.counts,
            "sent", "named",
        )  # fmt: skip
        self._state(
            CounterMetricFamily,
            "hublet_shadow_differences",
            "Requests that the candidate of `hublet_shadow` would decide otherwise.",
            lambda: router.shadow.counts,
            "hublet", "reason", "candidate", "candidate_reason",
        )  # fmt: skip

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return everything, and its content type: OpenMetrics, with exemplars, where accepted."""
        if "application/openmetrics-text" in accept:
            return openmetrics.generate_latest(self.registry), openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(self.registry), PLAIN

    def _counter(self, name: str, meaning: str, *labels: str) -> Callable[..., Counter]:
        """Return what finds the counter of some labels, each time after the first at once."""
        self.listed.append(Row(f"{name}_total", "counter", labels, meaning))
        return cache(Counter(name, meaning, labels, registry=self.registry).labels)

    def _histogram(
        self, name: str, meaning: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        self.listed.append(Row(name, "histogram", labels, meaning, buckets))
        return Histogram(name, meaning, labels, buckets=buckets, registry=self.registry)

    def _state(self, kind: Kind, name: str, meaning: str, look: Look, *labels: str) -> None:
        family = kind(name, meaning, labels=labels)
        total = "_total" if family.type == "counter" else ""
        self.listed.append(Row(name + total, family.type, labels, meaning))
        self.registry.register(_State(lambda: kind(name, meaning, labels=labels), look))


class _State(Collector):
    """A metric that is looked at when somebody asks, and no count of ours."""

    def __init__(self, empty: Callable[[], Family], look: Look) -> None:
        self.empty = empty
        self.look = look

    def collect(self) -> Iterator[Metric]:
        """Yield the metric with what is so now."""
        family = self.empty()
        for labels, value in dict(self.look()).items():  # a copy: the event loop counts on
            family.add_metric(labels, value)
        yield family
