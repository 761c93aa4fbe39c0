"""The metrics in Prometheus' own formats."""

import platform
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from mitmproxy.flow import Error
from mitmproxy.test import tflow
from mitmproxy.version import VERSION
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from hublet_router.core.decision import Action, Decision, Reason, refuse
from hublet_router.proxy.addon import HubletRouter
from hublet_router.proxy.observe.counters import Counters
from hublet_router.proxy.observe.measurement import Measurement
from hublet_router.proxy.routing.annotate import Decided
from test_problem import STATUSES

type Families = dict[str, dict[tuple[str, ...], float]]

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"
PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def counters(router: HubletRouter | None = None) -> Counters:
    router = router or HubletRouter()
    return Counters([router.live, *router.metrics.features])


def families(counters: Counters) -> Families:
    text, kind = counters.exposition("*/*")
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    return {
        family.name: {tuple(it.labels.values()): it.value for it in family.samples}
        for family in read_text(text.decode())
    }


def test_every_refusal_is_counted_from_zero_and_there_is_no_created_series() -> None:
    it = counters()
    it.count(tflow.tflow(), Decided(refuse(Reason.CONFLICT), None, 1e-6))
    seen = families(it)
    zeros = {(reason.value,): 0 for reason in STATUSES}
    assert seen["hublet_refusals"] == zeros | {("conflict",): 1}
    assert not any("_created" in name for name in seen)
    assert b"_created" not in it.exposition("application/openmetrics-text")[0]


def test_versions_and_the_process_are_shown() -> None:
    seen = families(counters())
    version = tomllib.loads(PYPROJECT.read_text())["project"]["version"]
    ((labels, value),) = seen["hublet_build_info"].items()
    assert value == 1
    assert set(labels) == {version, VERSION, platform.python_version()}
    assert seen["process_resident_memory_bytes"][()] > 0
    assert seen["process_open_fds"][()] > 0
    assert seen["process_cpu_seconds"][()] > 0


def test_state_of_the_features_is_read_at_each_scrape() -> None:
    router = HubletRouter()
    it = counters(router)
    before = families(it)
    for name in ("hublet_table", "hublet_table_reads", "hublet_table_is_current"):
        assert before[name] == before["hublet_table_age_seconds"] == {}
    live = router.live
    live.table = SimpleNamespace(version="0123456789ab")  # type: ignore[assignment]
    live.path, live.good, live.bad, live.is_current = Path("x"), 3, 1, False
    router.decision_log.file = SimpleNamespace(dropped=7)  # type: ignore[assignment]
    router.misdirected.counts.update({("na1", "eu1"): 2, ("na1", "-"): 1})
    router.shadow.counts["eu1", "credential", "na1", "legacy"] = 4
    it.in_flight.add("a")
    seen = families(it)
    assert seen["hublet_table"] == {("0123456789ab",): 1}
    assert seen["hublet_table_reads"] == {("good",): 3, ("bad",): 1}
    assert seen["hublet_table_is_current"] == {(): 0}
    text = it.exposition("")[0]
    assert b"\nhublet_table_is_current 0.0\n" in text
    assert b'hublet_decision_seconds_bucket{le="2e-06"} 0.0' in text
    assert 0 < seen["hublet_table_age_seconds"][()] < live.read_at
    assert seen["hublet_requests_in_flight"] == {(): 1}
    assert seen["hublet_misdirected"] == {("eu1", "na1"): 2, ("-", "na1"): 1}  # labels are sorted
    assert seen["hublet_shadow_differences"] == {("na1", "legacy", "eu1", "credential"): 4}
    assert seen["hublet_log_lines_dropped"] == {(): 7}


def test_counting_during_a_scrape_does_not_break_it() -> None:
    counts: Counter[tuple[str, ...]] = Counter()

    class Labels(tuple[str, ...]):
        __slots__ = ()

        def __iter__(self) -> Iterator[str]:
            counts["eu1", "-"] += 1
            return super().__iter__()

    counts[Labels(("na1", "eu1"))] = 1
    measurement = Measurement("hublet_x", "counter", "X.", ("sent", "named"), lambda: counts)
    feature = SimpleNamespace(measurements=lambda: iter([measurement]))
    assert families(Counters([feature]))["hublet_x"] == {("eu1", "na1"): 1}
    assert counts["eu1", "-"] > 0


def test_openmetrics_is_served_where_it_is_accepted_and_holds_exemplars() -> None:
    it = counters()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    flow = tflow.tflow()
    flow.request.headers["traceparent"] = f"00-{trace}-00f067aa0ba902b7-01"
    it.count(flow, Decided(refuse(Reason.CONFLICT), None, 1e-6))
    text, kind = it.exposition(OPENMETRICS)
    assert kind.startswith("application/openmetrics-text; version=")
    exemplars = {
        sample.name: sample.exemplar.labels
        for family in read_openmetrics(text.decode())
        for sample in family.samples
        if sample.exemplar
    }
    assert exemplars == {
        "hublet_requests_total": {"trace_id": trace},
        "hublet_decision_seconds_bucket": {"trace_id": trace},
    }


@pytest.mark.parametrize(
    ("hublet", "opened", "ended", "sums", "reused"),
    [
        ("eu1", 1.0, 946681201, ['{hublet="eu1"} 1.0'], {("reused", "eu1"): 1}),
        ("eu1", 9e9, None, ['{hublet="eu1"} 0.0'], {}),
        ("eu1", 9e9, 946681209, ['{hublet="eu1"} 0.0'], {}),
        (None, 1.0, 946681201, ['{hublet="-"} 1.0'], {}),
        ("eu1", None, 946681201, [], {}),
    ],
    ids=["reused", "of an endless body", "before the body's end", "passed", "another addon's"],
)
def test_first_byte_and_reuse_are_counted_for_a_forwarded_answer(
    hublet: str | None,
    opened: float | None,
    ended: float | None,
    sums: list[str],
    reused: dict[tuple[str, ...], float],
) -> None:
    it = counters()
    flow = tflow.tflow(resp=True)
    flow.server_conn.timestamp_start = opened
    flow.request.timestamp_end = ended
    decision = Decision(Action.ROUTE, hublet, None, Reason.CREDENTIAL, "api-key", None)
    it.count(flow, Decided(decision, None, 1e-6))
    flow.response = None  # no answer came
    it.count(flow, Decided(decision, None, 1e-6))
    seen = families(it)
    assert seen["hublet_upstream_connections"] == reused
    assert not any(seen["hublet_refusals"].values())
    assert set(seen["hublet_refusals"]) == {(reason.value,) for reason in STATUSES}
    _, *found = it.exposition("")[0].decode().split("hublet_upstream_first_byte_seconds_sum")
    assert [text.partition("\n")[0] for text in found] == sums


@pytest.mark.parametrize(("error", "status"), [(None, "2xx"), (Error("cut"), "error")])
def test_an_answer_that_is_not_whole_is_counted_as_an_error(
    error: Error | None, status: str
) -> None:
    it = counters()
    flow = tflow.tflow(resp=True)
    flow.error = error
    it.count(flow, Decided(refuse(Reason.CONFLICT), None, 1e-6))
    assert list(families(it)["hublet_requests"]) == [("-", "conflict", "-", status)]
