"""The metrics themselves; this needs prometheus-client, so it is imported only on demand."""

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any, NamedTuple, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from ...core.table import Table
from ..live_table import TableSource
from ..routing.refusal import ANSWERS
from .decision_log import DecisionLog
from .misdirected import MisdirectedAnswers
from .shadow import Shadow

DECISION_SECONDS = (2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 5e-4, 1e-3, 1e-2)
FIRST_BYTE_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
PLAIN = "text/plain; version=0.0.4; charset=utf-8"

type Family = GaugeMetricFamily | CounterMetricFamily | HistogramMetricFamily
type Kind = type[GaugeMetricFamily] | type[CounterMetricFamily] | type[HistogramMetricFamily]
type Labels = tuple[str, ...]
type Look = Callable[[], Iterable[tuple[Any, ...]]]
"""Returns what is so now: what `add_metric` of the family takes, for each set of labels."""


class Router(Protocol):
    """What the metrics look at when somebody asks."""

    table: Table | None
    source: TableSource | None
    decision_log: DecisionLog
    misdirection: MisdirectedAnswers
    shadow: Shadow


class Row(NamedTuple):
    """What an operator has to know of a metric."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()


class Counts(Counter[Labels]):
    """Numbers by the values of their labels, each with the last trace that it was counted for.

    This and `Histogram` are prometheus-client's, at a fourth of the work for a request: nobody
    waits for a lock, or looks for a child.
    """

    def __init__(self) -> None:
        super().__init__()
        self.exemplars: dict[Labels, Exemplar] = {}

    def count(self, labels: Labels, trace: str | None) -> None:
        """Count one more."""
        self[labels] += 1
        if trace:
            self.exemplars[labels] = Exemplar({"trace_id": trace}, 1, time.time())

    def samples(self) -> Iterator[tuple[Any, ...]]:
        """Yield what a family of counters takes."""
        for labels, number in dict(self).items():  # a copy: the event loop counts on
            yield labels, number, None, None, self.exemplars.get(labels)


class Histogram:
    """How many observations there were in each bucket, and the last trace of each."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = (*bounds, float("inf"))
        self.numbers = [0] * len(self.bounds)
        self.sum = 0.0
        self.exemplars: list[Exemplar | None] = [None] * len(self.bounds)

    def observe(self, amount: float, trace: str | None) -> None:
        """Observe one more, which a bound includes."""
        at = bisect_left(self.bounds, amount)
        self.numbers[at] += 1
        self.sum += amount
        if trace:
            self.exemplars[at] = Exemplar({"trace_id": trace}, amount, time.time())

    def sample(self, *labels: str) -> tuple[Any, ...]:
        """Return what a family of histograms takes."""
        bounds, numbers = map(floatToGoString, self.bounds), accumulate(self.numbers)
        return labels, list(zip(bounds, numbers, self.exemplars, strict=True)), self.sum


class Instruments:
    """Every metric of the router, in a registry of its own; `listed` describes each."""

    def __init__(self, router: Router) -> None:
        self.registry = CollectorRegistry()
        self.listed: list[Row] = []
        self.in_flight: set[str] = set()
        self.requests = Counts()
        self.refusals: Counter[Labels] = Counter({(reason.value,): 0 for reason in ANSWERS})
        self.decision_seconds = Histogram(DECISION_SECONDS)
        self.first_byte_seconds: defaultdict[str, Histogram] = defaultdict(
            lambda: Histogram(FIRST_BYTE_SECONDS)
        )
        self.connections: Counter[Labels] = Counter()
        self._state(
            CounterMetricFamily,
            "hublet_requests",
            "Requests whose answer has ended, by what was decided; `status` is a class such as"
            " `2xx`, or `error` where no whole answer came.",
            self.requests.samples,
            "hublet", "reason", "rule", "status",
        )  # fmt: skip
        self._state(  # at 0 from the start: an alert sees the first refusal, too
            CounterMetricFamily,
            "hublet_refusals",
            "Requests that were refused.",
            lambda: _numbers(self.refusals),
            "reason",
        )
        self._state(
            HistogramMetricFamily,
            "hublet_decision_seconds",
            "Time to decide.",
            lambda: [self.decision_seconds.sample()],
            buckets=DECISION_SECONDS,
        )
        self._state(
            HistogramMetricFamily,
            "hublet_upstream_first_byte_seconds",
            "Time from the end of a request to the first byte of its Hublet's answer.",
            lambda: [seen.sample(it) for it, seen in dict(self.first_byte_seconds).items()],
            "hublet",
            buckets=FIRST_BYTE_SECONDS,
        )
        self._state(
            CounterMetricFamily,
            "hublet_upstream_connections",
            "Upstream connections: `opened`, `failed` (TLS included), or `reused` by a request.",
            lambda: _numbers(self.connections),
            "hublet", "event",
        )  # fmt: skip
        self._state(
            GaugeMetricFamily,
            "hublet_requests_in_flight",
            "Requests whose answer has not ended.",
            lambda: [((), len(self.in_flight))],
        )
        self._state(
            GaugeMetricFamily,
            "hublet_table",
            "1 for the table in use; nothing where there is none.",
            lambda: [((table.version,), 1)] if (table := router.table) else [],
            "version",
        )
        self._state(
            GaugeMetricFamily,
            "hublet_table_age_seconds",
            "Time since the table was read.",
            lambda: [((), time.monotonic() - it.read_at)] if (it := router.source) else [],
        )
        self._state(
            GaugeMetricFamily,
            "hublet_table_is_current",
            "1, or 0 while its file is bad and the last good table goes on.",
            lambda: [((), it.is_current)] if (it := router.source) else [],
        )
        self._state(
            CounterMetricFamily,
            "hublet_table_reads",
            "Reads of its file: `good` or `bad`.",
            lambda: [(("good",), it.good), (("bad",), it.bad)] if (it := router.source) else [],
            "result",
        )
        self._state(
            CounterMetricFamily,
            "hublet_log_lines_dropped",
            "Lines that the decision log lost to its disk; nothing without a log.",
            lambda: [((), file.dropped)] if (file := router.decision_log.file) else [],
        )
        self._state(
            CounterMetricFamily,
            "hublet_misdirected",
            "Answers that told of a wrong Hublet: which was `sent` the request, and which the"
            " answer `named`; `migrating` is 477, `-` none that the table lists.",
            lambda: _numbers(router.misdirection.counts),
            "sent", "named",
        )  # fmt: skip
        self._state(
            CounterMetricFamily,
            "hublet_shadow_differences",
            "Requests that the candidate of `hublet_shadow` would decide otherwise.",
            lambda: _numbers(router.shadow.counts),
            "hublet", "reason", "candidate", "candidate_reason",
        )  # fmt: skip

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return everything, and its content type: OpenMetrics, with exemplars, where accepted."""
        if "application/openmetrics-text" in accept:
            return openmetrics.generate_latest(self.registry), openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(self.registry), PLAIN

    def _state(
        self,
        kind: Kind,
        name: str,
        meaning: str,
        look: Look,
        *labels: str,
        buckets: tuple[float, ...] = (),
    ) -> None:
        family = kind(name, meaning, labels=labels)
        total = "_total" if family.type == "counter" else ""
        self.listed.append(Row(name + total, family.type, labels, meaning, buckets))
        self.registry.register(_State(lambda: kind(name, meaning, labels=labels), look))


class _State(Collector):
    """A metric that is looked at when somebody asks."""

    def __init__(self, empty: Callable[[], Family], look: Look) -> None:
        self.empty = empty
        self.look = look

    def collect(self) -> Iterator[Metric]:
        """Yield the metric with what is so now."""
        family = self.empty()
        for sample in self.look():
            family.add_metric(*sample)
        yield family


def _numbers(counts: Mapping[Labels, float]) -> Iterable[tuple[Labels, float]]:
    return dict(counts).items()  # a copy: the event loop counts on
