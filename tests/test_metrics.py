"""What the metrics count of real traffic."""

import sys
from pathlib import Path

import pytest
from mitmproxy.exceptions import OptionsError
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from harness import API, Stage, bearer, request, wait_for
from test_metrics_server import fetch


@pytest.fixture
def port(stage: Stage) -> int:
    """The port of the metrics of a proxy with two regions."""
    stage.regions("na1", "eu1", certified=[API])
    stage.proxy(hublet_metrics=":0")
    return stage.metrics_port


def counted(port: int, name: str) -> dict[tuple[str, ...], float]:
    """The samples of one name, by their labels in the order of the alphabet."""
    _, text = fetch(port, "/metrics")
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def refused(port: int) -> dict[tuple[str, ...], float]:
    return {k: v for k, v in counted(port, "hublet_refusals_total").items() if v}


def test_requests_are_counted_by_what_was_decided(stage: Stage, port: int) -> None:
    with stage.client() as client:
        for _ in range(3):
            client.get("/", bearer("eu1"))
        client.get("/?hapikey=demo")
        client.get("/", bearer("zz9"))
    wait_for(lambda: sum(counted(port, "hublet_requests_total").values()) == 5)
    assert counted(port, "hublet_requests_total") == {
        ("eu1", "credential", "private-app-token", "2xx"): 3,
        ("na1", "legacy", "api-key", "2xx"): 1,
        ("-", "unknown-hublet", "private-app-token", "4xx"): 1,
    }
    assert refused(port) == {("unknown-hublet",): 1}
    assert counted(port, "hublet_decision_seconds_count") == {(): 5}
    assert counted(port, "hublet_upstream_first_byte_seconds_count") == {("eu1",): 3, ("na1",): 1}
    assert counted(port, "hublet_upstream_connections_total") == {
        ("opened", "eu1"): 1,
        ("reused", "eu1"): 2,
        ("opened", "na1"): 1,
    }
    assert counted(port, "hublet_requests_in_flight") == {(): 0}
    assert counted(port, "hublet_table_reads_total") == {("good",): 1, ("bad",): 0}


def test_a_request_is_in_flight_until_its_answer_has_ended(stage: Stage, port: int) -> None:
    raw = request("POST", "/", bearer("eu1"), body=b"body")
    with stage.client() as client:
        client.socket.sendall(raw[:-1])
        wait_for(lambda: counted(port, "hublet_requests_in_flight") == {(): 1})
        client.send(raw[-1:])
        wait_for(lambda: counted(port, "hublet_requests_in_flight") == {(): 0})


def test_a_client_that_leaves_before_its_body_has_come_is_no_longer_in_flight(
    stage: Stage, port: int
) -> None:
    with stage.client() as client:
        client.socket.sendall(request("POST", "/oauth/v1/token", body=b"code=eu1-0")[:-1])
        wait_for(lambda: counted(port, "hublet_requests_in_flight") == {(): 1})
    wait_for(lambda: counted(port, "hublet_requests_in_flight") == {(): 0})


def test_failures_are_counted_by_hublet(stage: Stage, port: int) -> None:
    eu1 = stage.upstreams["eu1"]
    assert eu1.server
    stage.loop.call_soon_threadsafe(eu1.server.close)
    assert stage.get("/", bearer("eu1")).status == 502
    stage.upstream("eu1", "elsewhere.example", port=eu1.port)
    assert stage.get("/", bearer("eu1")).status == 502
    labels = ("eu1", "credential", "private-app-token", "error")
    wait_for(lambda: counted(port, "hublet_requests_total") == {labels: 2})
    assert counted(port, "hublet_upstream_connections_total") == {
        ("failed", "eu1"): 2,
        ("opened", "eu1"): 1,
    }


def test_connections_of_a_hublet_that_a_reload_brought_are_counted(stage: Stage, port: int) -> None:
    stage.get("/", bearer("eu1"))
    stage.upstream("ap1", API)
    stage.table()
    stage.command("hublet.reload")
    stage.get("/", bearer("ap1"))
    assert counted(port, "hublet_upstream_connections_total") == {
        ("opened", "eu1"): 1,
        ("opened", "ap1"): 1,
    }


def test_law_4_a_hostile_token_makes_no_label(stage: Stage, port: int) -> None:
    with stage.client() as client:
        for number in range(30):
            client.get("/", f"Authorization: Bearer pat-x{number % 10}{number}-secret")
            client.get("/", host=f"h{number}.example.com")
    wait_for(lambda: sum(counted(port, "hublet_requests_total").values()) == 60)
    assert len(counted(port, "hublet_requests_total")) <= 4
    assert "secret" not in fetch(port, "/metrics")[1]
    assert "example.com" not in fetch(port, "/metrics")[1]


def test_a_trace_is_an_exemplar_and_a_hostile_one_is_nothing(stage: Stage, port: int) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with stage.client() as client:
        client.get("/", bearer("eu1"), f"traceparent: 00-{trace}-00f067aa0ba902b7-01")
        client.get("/", bearer("zz9"), 'traceparent: 00-x"} 1 # {trace_id="injected')
    wait_for(lambda: sum(counted(port, "hublet_requests_total").values()) == 2)
    _, text = fetch(port, "/metrics", Accept="application/openmetrics-text")
    exemplars = {
        sample.name: sample.exemplar.labels
        for family in read_openmetrics(text)
        for sample in family.samples
        if sample.exemplar
    }
    assert exemplars == {
        name: {"trace_id": trace}
        for name in (
            "hublet_requests_total",
            "hublet_decision_seconds_bucket",
            "hublet_upstream_first_byte_seconds_bucket",
        )
    }
    assert "injected" not in text


def test_a_host_that_passes_has_no_hublet(stage: Stage) -> None:
    stage.upstream("na1")
    stage.table(stage.table_text(more="policy: {foreign: pass}"))
    other = stage.upstream("other")
    stage.proxy(mode="regular", hublet_metrics=":0")
    with stage.client() as client:
        for _ in range(2):
            client.get(f"{other.url}/", host=f"127.0.0.1:{other.port}")
    passed = {("-", "foreign-host", "-", "2xx"): 2.0}
    wait_for(lambda: counted(stage.metrics_port, "hublet_requests_total") == passed)
    assert counted(stage.metrics_port, "hublet_upstream_connections_total") == {}


def test_lines_that_the_log_dropped_are_counted(stage: Stage, port: int, tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to("/dev/full")
    stage.set_option(hublet_log=str(tmp_path / "log"))
    stage.get("/", bearer("eu1"))
    wait_for(lambda: counted(port, "hublet_log_lines_dropped_total") == {(): 1})


def test_it_is_ready_when_it_has_a_table(stage: Stage, port: int) -> None:
    wait_for(lambda: fetch(port, "/readyz") == (200, "ok\n"))  # the start may still go on
    stage.router.live.table = None
    assert fetch(port, "/readyz") == (503, "no table\n")
    assert fetch(port, "/healthz")[0] == 200
    assert stage.get("/", bearer("eu1")).status == 503
    wait_for(lambda: refused(port) == {("no-table",): 1})


def test_it_can_be_switched_off_and_on_and_counts_on(stage: Stage, port: int) -> None:
    with stage.client() as client:
        client.get("/", bearer("eu1"))
        stage.set_option(hublet_metrics=None)
        client.get("/", bearer("eu1"))
    stage.set_option(hublet_metrics=":0")
    wait_for(lambda: sum(counted(stage.metrics_port, "hublet_requests_total").values()) == 2)


def test_without_the_package_it_is_a_sentence(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.regions("na1")
    stage.proxy()
    monkeypatch.setitem(sys.modules, "hublet_router.proxy.observe.counters", None)
    with pytest.raises(OptionsError, match="hublet_metrics needs prometheus-client, and it is not"):
        stage.set_option(hublet_metrics=":0")
    assert stage.get("/", bearer("na1")).status == 200


def test_a_port_that_is_taken_is_a_sentence_and_nothing_else(stage: Stage, taken: int) -> None:
    stage.regions("na1")
    stage.proxy()
    with pytest.raises(OptionsError, match=f"hublet_metrics cannot listen at :{taken}: Address"):
        stage.set_option(hublet_metrics=f":{taken}")
    assert stage.get("/", bearer("na1")).status == 200
