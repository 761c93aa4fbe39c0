"""Flows that mitmproxy loads: HAR as the command line reads it, each with the host that it had."""

import io
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.exceptions import FlowReadException
from mitmproxy.flow import Flow
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowReader, FlowWriter
from mitmproxy.master import Master
from mitmproxy.test import tflow

import forked
from flows.record import SHIPPED, shipped_table
from harness import Stage, authority, confdir, token
from hublet_router.proxy.engine import loaded_flows
from hublet_router.proxy.engine.loaded_flows import read_flows
from synthetic import private_app_token
from test_files import HAR
from test_flows import decision, mitmdump, routed_by
from test_har import PRODUCERS, with_request

PLAIN: Callable[[Master, Flow], Coroutine[None, None, None]] = Master.load_flow
COMPLETE: dict[str, Any] = HAR["log"]["entries"][0]


def har(*entries: object) -> bytes:
    return json.dumps({"log": {"entries": entries}}).encode()


def of_http2(hublet: str) -> dict[str, Any]:
    """An entry that mitmproxy's own reader takes, too, but without its host."""
    headers = [{"name": "authorization", "value": f"Bearer {private_app_token(hublet)}"}]
    asked = {**COMPLETE["request"], "httpVersion": "http/2.0", "headers": headers}
    return {**COMPLETE, "request": asked}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FlowReader, "stream", read_flows)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FlowReader, "stream", loaded_flows._plain_stream)


def read(raw: bytes) -> list[HTTPFlow]:
    return [flow for flow in FlowReader(io.BytesIO(raw)).stream() if isinstance(flow, HTTPFlow)]


@pytest.mark.usefixtures("installed")
def test_every_producer_is_read() -> None:
    assert len(read(har(*[entry for entry, _ in PRODUCERS.values()]))) == len(PRODUCERS)


@pytest.mark.usefixtures("installed")
def test_what_is_left_out_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert len(read(har(COMPLETE, {}, COMPLETE))) == 2
    assert caplog.messages == ["entry 2 is left out: it has no request"]


@pytest.mark.usefixtures("installed")
def test_what_is_no_har_is_refused_as_mitmproxy_does(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(FlowReadException, match=r"has no log\.entries"):
        read(b'{"log": {}}')
    assert caplog.messages == ["not a HAR file: it has no log.entries"]
    with pytest.raises(FlowReadException, match="Invalid data format"):
        read(b"no flows")


@pytest.mark.usefixtures("installed")
def test_flow_files_are_read_as_ever() -> None:
    file = io.BytesIO()
    FlowWriter(file).add(tflow.tflow())
    assert len(read(file.getvalue())) == 1


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("name", ["Insomnia", "Firefox", "Fiddler", "har-to-k6"])
def test_it_is_needed(name: str) -> None:
    """When this fails, mitmproxy reads what it refused."""
    with pytest.raises(FlowReadException):
        read(har(PRODUCERS[name][0]))


@pytest.mark.usefixtures("plain")
def test_its_own_reader_gives_http2_no_host() -> None:
    """When this fails, mitmproxy has cured it."""
    (flow,) = read(har(of_http2("eu1")))
    assert flow.request.host_header is None


def test_a_har_file_gets_its_decisions(tmp_path: Path) -> None:
    path = tmp_path / "x.har"
    path.write_bytes(har(of_http2("eu1"), with_request("data:x"), PRODUCERS["Insomnia"][0]))
    flows = mitmdump(tmp_path, "-r", path, *routed_by(SHIPPED))
    assert [decision(flow)[0] for flow in flows] == ["eu1", "eu1"]


@pytest.mark.parametrize("tool", ["mitmdump", "run"])
def test_a_client_replay_of_a_har_file_goes_where_its_credentials_say(
    tool: str, stage: Stage, tmp_path: Path
) -> None:
    """`hublet-router run` replays also what mitmproxy reads, and refuses, before any script."""
    table = stage.table(shipped_table(stage))
    path = tmp_path / "x.har"
    more = [PRODUCERS["Insomnia"][0]] if tool == "run" else []
    path.write_bytes(har(of_http2("eu1"), of_http2("na1"), *more))
    starts = ["hublet-router", "run"] if tool == "run" else ["mitmdump", *routed_by(table)[:2]]
    process = forked.run(
        *starts, "-n", "-C", path, "--set", f"hublets={table}", "--set", f"confdir={confdir()}",
        "--set", f"ssl_verify_upstream_trusted_ca={authority()}", cwd=tmp_path,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout + process.stderr
    arrived = {name: len(it.requests) for name, it in stage.upstreams.items() if it.requests}
    assert arrived == {"eu1": 1 + len(more), "na1": 1}
    host = b"\r\nHost: api.hubapi.com\r\n"
    assert all(host in raw for it in stage.upstreams.values() for raw in it.requests)


def test_a_server_replay_of_a_har_file_answers_for_the_hublet(stage: Stage, tmp_path: Path) -> None:
    """The port is that of the upstream by then."""
    stage.table(shipped_table(stage))
    recording = tmp_path / "x.har"
    entry = of_http2("eu1")
    entry["request"]["queryString"] = [{"name": "page", "value": "2"}]  # in this list alone
    recording.write_bytes(har({**entry, "response": {**COMPLETE["response"], "status": 418}}))
    stage.proxy(server_replay=[str(recording)], server_replay_ignore_port=True)
    token = f"Authorization: Bearer {private_app_token('eu1')}"
    target = COMPLETE["request"]["url"].partition(".com")[2] + "?page=2"
    for path, status in {target: 418, "/other": 200}.items():
        assert stage.get(path, token).status == status
    assert stage.arrivals()["eu1"] == 1


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "mitmproxy's"])
def test_a_flow_keeps_the_host_that_it_had(stage: Stage, is_ours: bool) -> None:
    """When this fails, mitmproxy leaves the host as it is: use that."""
    stage.regions("eu1")
    stage.proxy()
    flow = tflow.tflow()
    flow.live = False
    flow.request.host_header = "api.hubapi.com"
    flow.request.headers["authorization"] = token("eu1")[1]
    master = stage.master
    assert master
    stage.call(master.load_flow(flow) if is_ours else PLAIN(master, flow))
    expected = ("api.hubapi.com", "eu1") if is_ours else ("unrouted.invalid:443", None)
    assert (flow.request.host_header, flow.metadata.get("hublet")) == expected
