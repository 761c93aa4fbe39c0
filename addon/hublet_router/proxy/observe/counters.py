"""What Prometheus reads: what is counted of requests and connections, and what features offer.

This needs prometheus-client, an extra of the package, so it is imported only on demand.
"""

import platform
from collections.abc import Iterable, Iterator
from functools import cache

from mitmproxy import http
from mitmproxy.version import VERSION
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from ... import __version__
from ...core.decision import NONE, Action
from ...core.problem import ANSWERS
from ...core.request import Request
from ...flows.requests import request_head
from ...flows.trace import trace_id
from ..routing.annotate import Decided
from ..routing.proxy_status import is_forwarded
from .measurement import Measured, Measurement

DECISION_SECONDS = (2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 5e-4, 1e-3, 1e-2)
FIRST_BYTE_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

type Exemplar = dict[str, str] | None


class Counters:
    """Every metric of the router, in a registry of its own.

    Each label is a value of the table or of this package; no credential can make one.
    """

    def __init__(self, features: Iterable[Measured]) -> None:
        disable_created_metrics()  # a second series for each, which says when it began
        registry = self.registry = CollectorRegistry()
        self.in_flight: set[str] = set()
        self.requests = Counter(
            "hublet_requests",
            "Requests whose answer has ended, by what was decided; `status` is a class such as"
            " `2xx`, or `error` where no whole answer came.",
            ["hublet", "reason", "rule", "status"],
            registry=registry,
        )
        self.refusals = Counter(
            "hublet_refusals", "Requests that were refused.", ["reason"], registry=registry
        )
        for reason in ANSWERS:  # from 0, so that an alert sees the first one too
            self.refusals.labels(reason.value)
        self.decision_seconds = Histogram(
            "hublet_decision_seconds",
            "Time to decide.",
            buckets=DECISION_SECONDS,
            registry=registry,
        )
        self.first_byte_seconds = Histogram(
            "hublet_upstream_first_byte_seconds",
            "Time from the end of a request to the first byte of its Hublet's answer.",
            ["hublet"],
            buckets=FIRST_BYTE_SECONDS,
            registry=registry,
        )
        self.connections = Counter(
            "hublet_upstream_connections",
            "Upstream connections: `opened`, `failed` (TLS included), or `reused` by a request.",
            ["hublet", "event"],
            registry=registry,
        )
        self.requests_in_flight = Gauge(
            "hublet_requests_in_flight", "Requests whose answer has not ended.", registry=registry
        )
        self.requests_in_flight.set_function(lambda: len(self.in_flight))
        self.build = Gauge(
            "hublet_build_info",
            "1, with the versions of the router, mitmproxy and Python.",
            ["version", "mitmproxy", "python"],
            registry=registry,
        )
        self.build.labels(__version__, VERSION, platform.python_version()).set(1)
        ProcessCollector(registry=registry)
        # Each child is looked up for every request, which takes the library longer than to count.
        self._requests = cache(self.requests.labels)
        self._first_byte_seconds = cache(self.first_byte_seconds.labels)
        self._connections = cache(self.connections.labels)
        for feature in features:
            for measurement in feature.measurements():
                registry.register(_Reader(measurement))

    def count(self, flow: http.HTTPFlow, decided: Decided) -> None:
        """Count a request whose answer has ended, or will not come."""
        decision, response = decided.decision, flow.response
        hublet = decision.hublet or NONE
        status = f"{response.status_code // 100}xx" if response and not flow.error else "error"
        exemplar = self.count_decision(decided, decided.request or request_head(flow), status)
        if response and is_forwarded(flow, decision):
            answered = response.timestamp_start
            asked = flow.request.timestamp_end or answered  # an answer need not wait for its body
            self._first_byte_seconds(hublet).observe(max(answered - asked, 0), exemplar)
            opened = flow.server_conn.timestamp_start
            if decision.hublet and opened and opened < flow.request.timestamp_start:
                self._connections(hublet, "reused").inc()

    def count_decision(self, decided: Decided, request: Request, status: str) -> Exemplar:
        """Count a decision by the class of the answer's status; return the trace as an exemplar."""
        decision = decided.decision
        reason, rule = decision.reason.value, decision.credential or NONE
        trace = trace_id(request)
        exemplar = {"trace_id": trace} if trace else None
        self._requests(decision.hublet or NONE, reason, rule, status).inc(exemplar=exemplar)
        self.decision_seconds.observe(decided.seconds, exemplar)
        if decision.action is Action.REFUSE:
            self.refusals.labels(reason).inc()
        return exemplar

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return everything, and its content type: OpenMetrics, with exemplars, where accepted."""
        encode, kind = choose_encoder(accept)
        return encode(self.registry), kind


class _Reader(Collector):
    """Reads a measurement at each scrape, in the thread of the endpoint."""

    def __init__(self, measurement: Measurement) -> None:
        self.measurement = measurement

    def collect(self) -> Iterator[Metric]:
        """Yield the metric with its values of now."""
        it = self.measurement
        kind: type[CounterMetricFamily | GaugeMetricFamily]
        kind = CounterMetricFamily if it.kind == "counter" else GaugeMetricFamily
        family = kind(it.name, it.meaning, labels=it.labels)
        for labels, value in dict(it.samples()).items():  # a copy: the event loop counts on
            family.add_metric(labels, value)
        yield family
