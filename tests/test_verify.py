"""`hublet-router verify`: against the router itself, and against HAProxy with the agent."""

import json
import re
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from flows.record import save
from haproxy_stage import haproxy
from harness import Stage, authority
from hublet_router.cli.commands import command_line
from hublet_router.cli.verify import _reason
from hublet_router.redaction.redact_flow import FlowRedactor

EXAMPLES = """
examples:
  - request: {url: "https://api.hubapi.com/x", headers: {authorization: "Bearer pat-eu1-0"}}
    hublet: eu1
  - request: {url: "https://api.hubapi.com/x?hapikey=na1-0"}
    hublet: na1
  - request: {url: "https://api.hubapi.com/x", headers: {authorization: "Bearer pat-na2-0"}}
    refused: unknown-hublet
  - request: {url: "https://other.example/x"}
    refused: foreign-host
  - request: {url: "https://api.hubapi.com/oauth/v1/token", body: "code=eu1-0",
              headers: {content-type: application/x-www-form-urlencoded}}
    hublet: eu1
  - request: {url: "https://api.hubapi.com/y", method: POST}   # it could do something: not sent
    hublet: na1
"""
type Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def table(stage: Stage) -> Path:
    """A table of two regions, each of which names itself."""
    stage.upstream("na1")
    stage.upstream("eu1")
    return stage.table(stage.table_text() + EXAMPLES)


@pytest.fixture
def run(table: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def verify(
        port: int, *words: str, rate: str = "1000", by: Path = table
    ) -> tuple[int, str, str]:
        url = f"http://127.0.0.1:{port}"
        code = command_line(["verify", url, *words, "--table", str(by), "--rate", rate])
        said = capsys.readouterr()
        return code, said.out, said.err

    return verify


def test_the_router_itself_agrees(stage: Stage, run: Run) -> None:
    stage.proxy(hublet_proxy_status=True)
    code, out, said = run(stage.port)
    assert (code, out) == (0, "")
    assert said == "5 requests: 5 as the table says, 1 not sent\n"
    assert len(stage.upstreams["eu1"].requests) == 2
    assert len(stage.upstreams["na1"].requests) == 1


def test_haproxy_with_the_agent_agrees(stage: Stage, table: Path, run: Run) -> None:
    with haproxy(stage, table) as edge:
        edge.agent.shows_status = True
        assert run(edge.port)[::2] == (0, "5 requests: 5 as the table says, 1 not sent\n")


def test_each_difference_is_shown(stage: Stage, table: Path, run: Run) -> None:
    stage.proxy(hublet_proxy_status=True)
    text = table.read_text().replace("^pat-([a-z]{2}[0-9]{1,3})-", "^pat-(na2)-")
    other = table.with_name("other.yaml")
    other.write_text(text.replace("hublet: eu1", "hublet: na1", 1))
    code, out, said = run(stage.port, by=other)
    assert code == 1
    assert out.splitlines() == [
        "the table                         the edge          request",
        "na1 ← legacy (private-app-token)  eu1 ← credential  GET https://api.hubapi.com/x"
        " (example at 28:5)",
    ]
    assert said.startswith("5 requests: 4 as the table says, 1 not, 1 not sent")
    code, out, _ = run(stage.port, "--format", "json", by=other)
    (line,) = map(json.loads, out.splitlines())
    assert line["table"]["hublet"] == "na1"
    assert line["edge"] == {"hublet": "eu1", "reason": "credential", "status": 200}
    assert line["url"] == "https://api.hubapi.com/x"
    code, out, _ = run(stage.port, "--format", "junit", by=other)
    suite = ElementTree.fromstring(out)
    assert (suite.get("tests"), suite.get("failures")) == ("5", "1")
    assert len(suite.findall("testcase/failure")) == 1


def test_a_router_without_proxy_status_is_named_with_the_cure(stage: Stage, run: Run) -> None:
    stage.proxy()
    code, _, said = run(stage.port)
    assert code == 1
    assert "5 requests: 2 as the table says, 3 not" in said
    assert run(stage.port, "--header", "Hublet")[0] == 0
    said = run(stage.upstreams["na1"].port, "--total", "2")[2]
    assert said.startswith("only the first 2 are sent (--total)\n")
    assert said.endswith("or name a header of the Hublets with --header\n")


def test_a_certificate_for_another_name_is_said_in_words() -> None:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] (_ssl.c:1020)")
    error.verify_message = "Hostname mismatch"
    assert _reason(error) == "Hostname mismatch"


def test_an_edge_that_does_not_answer_is_an_error(run: Run, table: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    code, out, said = run(port, "--total", "2")
    assert code == 2
    assert out.count("error: Connection refused") == 1
    assert "1 request: 0 as the table says, 1 without an answer" in said
    code, out, _ = run(port, "--total", "1", "--format", "junit")
    assert ElementTree.fromstring(out).get("failures") == "1"


@pytest.mark.parametrize(
    "url", ["127.0.0.1", "ftp://a", "http://", "http://a:x", "http://a/path", "http://a:99999"]
)
def test_a_url_that_is_none_is_a_sentence(
    url: str, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(["verify", url, "--table", str(table)]) == 2
    assert "write URL as http(s)://host[:port]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--rate", "0"], "write URL as http(s)://host[:port], and --rate and --total over 0"),
        (["--rate", "nan"], "write URL as http(s)://host[:port], and --rate and --total over 0"),
        (["--total", "0"], "write URL as http(s)://host[:port], and --rate and --total over 0"),
        (["--ca", "none.pem"], "--ca: none.pem cannot be read: No such file or directory; name a"),
    ],
)
def test_options_that_cannot_be(
    words: list[str], sentence: str, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(["verify", "https://127.0.0.1:1", "--table", str(table), *words]) == 2
    assert capsys.readouterr().err.startswith(f"hublet-router verify: {sentence}")


type Recorded = tuple[str, str, dict[str | bytes, str | bytes]]


def recording(folder: Path, *requests: Recorded) -> Path:
    flows = []
    for method, url, fields in requests:
        flow = tflow.tflow(req=http.Request.make(method, url, b"", fields))
        flow.request.headers.insert(0, "host", "api.hubapi.com")
        flows.append(flow)
    return save(flows, folder / "flows")


REAL = "pat-eu1-12345678-1234-4abc-9def-123456789abc"
FLOWS: tuple[Recorded, ...] = (
    ("GET", "https://api.hubapi.com/crm", {"Authorization": f"Bearer {REAL}", "Api_Version": "v3"}),
    ("DELETE", "https://api.hubapi.com/crm", {"authorization": f"Bearer {REAL}"}),
    ("POST", "https://api.hubapi.com/anonymous", {}),
)


def test_recorded_requests_are_sent_with_other_credentials(
    stage: Stage, run: Run, tmp_path: Path
) -> None:
    stage.proxy(hublet_proxy_status=True)
    code, _, said = run(stage.port, str(recording(tmp_path, *FLOWS)))
    assert code == 0
    assert "7 requests: 7 as the table says, 2 not sent" in said
    arrived = b"".join(raw for it in stage.upstreams.values() for raw in it.requests)
    assert b"DELETE /crm" in arrived
    assert b"/anonymous" not in arrived
    assert arrived.count(b"Bearer pat-eu1-") == 3
    assert re.search(rb"\nAuthorization: Bearer \S+\r\nApi_Version: ", arrived)
    assert REAL.encode() not in arrived


def test_real_credentials_are_sent_on_demand_where_they_change_nothing(
    stage: Stage, run: Run, tmp_path: Path
) -> None:
    stage.proxy(hublet_proxy_status=True)
    code, _, said = run(stage.port, str(recording(tmp_path, *FLOWS)), "--as-recorded")
    assert code == 0
    assert "6 requests: 6 as the table says, 3 not sent" in said
    arrived = b"".join(raw for it in stage.upstreams.values() for raw in it.requests)
    assert f"\nAuthorization: Bearer {REAL}\r\nApi_Version: v3\r\n".encode() in arrived
    assert b"DELETE" not in arrived


def test_what_cannot_be_sent_is_left_out_and_said(
    stage: Stage, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.proxy(hublet_proxy_status=True)
    odd = str(recording(tmp_path, ("G(T", "https://api.hubapi.com/crm", {})))
    assert "5 as the table says, 2 not sent" in run(stage.port, odd, "--as-recorded")[2]
    monkeypatch.setattr(FlowRedactor, "redacted", lambda self, flow: None)
    assert " would be decided differently once redacted\n" in run(stage.port, odd)[2]


def test_where_nothing_is_sent_nothing_is_verified(
    stage: Stage, run: Run, table: Path, tmp_path: Path
) -> None:
    stage.proxy(hublet_proxy_status=True)
    bare = table.with_name("bare.yaml")
    bare.write_text(table.read_text().partition("examples:")[0])
    flows = str(recording(tmp_path, FLOWS[2]))
    said = "nothing was sent: give the table examples, or name recordings, that may be sent"
    assert run(stage.port, by=bare) == (2, "", f"hublet-router verify: {said}\n")
    code, out, err = run(stage.port, flows, by=bare)
    assert (code, out) == (2, "")
    assert err.endswith(f"hublet-router verify: {said}\n")


def test_the_rate_is_bounded(stage: Stage, run: Run) -> None:
    stage.proxy(hublet_proxy_status=True)
    begun = time.monotonic()
    assert run(stage.port, "--total", "4", rate="10")[0] == 0
    assert time.monotonic() - begun >= 0.3


def test_tls_asks_for_the_hosts_name(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    edge = stage.upstream("edge", "api.hubapi.com", "127.0.0.1")
    stage.upstreams.pop("edge")
    stage.upstream("na1")
    stage.upstream("eu1")
    table = stage.table(stage.table_text() + EXAMPLES)
    words = ["--table", str(table), "--rate=1000", "--ca", str(authority()), "--header=Hublet"]
    assert command_line(["verify", f"https://127.0.0.1:{edge.port}", *words]) == 1
    assert set(edge.server_names) == {"api.hubapi.com", None}
    assert b"host: other.example\r\n" in b"".join(edge.requests)
    assert edge.server
    stage.loop.call_soon_threadsafe(edge.server.close)
