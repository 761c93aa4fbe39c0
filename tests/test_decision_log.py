"""The decision log, as an operator reads it."""

import asyncio
import json
import re
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.exceptions import OptionsError
from mitmproxy.flow import Error
from mitmproxy.test import tflow

from harness import Stage, bearer, read_request, request, wait_for
from hublet_router.analysis.harmless import known_words
from hublet_router.analysis.masking import mask_host, mask_method, mask_path
from hublet_router.core.decision import Reason, refuse
from hublet_router.core.request import Request
from hublet_router.proxy.observe.decision_log import line as line_of
from hublet_router.proxy.routing.annotate import Decided
from hublet_router.tablefile import loads
from test_start import TABLE

MANUAL = (Path(__file__).parents[1] / "addon" / "docs" / "operating.md").read_text()
SHOWN = list(json.loads(MANUAL.partition("```json\n")[2].partition("```")[0]))
SECRET = "00000000-0000-0000-0000-000000000000"


def lines(path: Path, count: int) -> list[dict[str, Any]]:
    """Wait for that many lines, and return them."""
    wait_for(lambda: path.exists() and len(path.read_text().splitlines()) == count)
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def log(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    stage.regions("na1", "eu1")
    path = tmp_path / "decisions.jsonl"
    monkeypatch.setenv("HOME", str(tmp_path))
    stage.proxy(hublet_log="~/decisions.jsonl")
    return path


def test_a_routed_request_is_a_line(stage: Stage, log: Path) -> None:
    stage.send(request("POST", "/a/b?c=d", bearer("eu1"), body=b"body"))
    (line,) = lines(log, 1)
    assert list(line) == SHOWN
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.pop("time"))
    assert re.fullmatch("[0-9a-f]{12}", line.pop("fingerprint"))
    assert 0 < line.pop("first_byte_seconds") <= line.pop("seconds")
    assert line.pop("decision_seconds") > 0
    flow = stage.seen.flows[0]
    assert line == {
        "flow": flow.id,
        "trace": None,
        "domain": "api.hubapi.com",
        "method": "POST",
        "path": "/a/***",
        "action": "route",
        "hublet": "eu1",
        "upstream": stage.upstreams["eu1"].url,
        "reason": "credential",
        "credential": "private-app-token",
        "table": flow.metadata["hublet_table"],
        "named": None,
        "accounts": [],
        "status": 200,
        "answered_by": "hublet",
        "misdirected": None,
        "error": None,
        "request_bytes": 4,
        "response_bytes": 3,
    }


def test_a_refusal_and_a_failure_are_lines_too(stage: Stage, log: Path) -> None:
    eu1 = stage.upstreams["eu1"]
    assert eu1.server
    stage.loop.call_soon_threadsafe(eu1.server.close)
    with stage.client() as client:
        client.get("/", bearer("zz9"))
        client.get("/", host="api.example.com")
        client.get("/", bearer("eu1"))
    refused, foreign, failed = lines(log, 3)
    assert (refused["status"], refused["reason"]) == (421, "unknown-hublet")
    assert refused["hublet"] is None
    assert refused["answered_by"] == "router"
    assert (foreign["reason"], foreign["domain"]) == ("foreign-host", "api.example.com")
    assert foreign["fingerprint"] is None
    assert (failed["status"], failed["hublet"], failed["answered_by"]) == (None, "eu1", "router")
    assert failed["seconds"] > 0
    assert failed["error"] == "[Errno 111] Connect call failed ('127.0.0.1', 0)".replace(
        "0)", f"{eu1.port})"
    )


def test_an_answer_that_breaks_off_was_its_hublets(stage: Stage, log: Path) -> None:
    async def breaks_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader, bytearray())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await writer.drain()

    stage.upstreams["eu1"].behaviour = breaks_off
    with stage.client() as client, pytest.raises(IncompleteRead):
        client.get("/", bearer("eu1"))
    (line,) = lines(log, 1)
    assert (line["status"], line["answered_by"]) == (200, "hublet")
    assert line["error"]
    assert line["seconds"] > 0


def test_answer_of_a_host_that_passes_is_from_upstream(stage: Stage, tmp_path: Path) -> None:
    na1 = stage.upstream("na1")
    stage.table(stage.table_text(more="policy: {foreign: pass}"))
    other = stage.upstream("other")
    stage.proxy(mode="regular", hublet_log=str(tmp_path / "log"))
    stage.get(f"{other.url}/", host=f"127.0.0.1:{other.port}")
    (line,) = lines(tmp_path / "log", 1)
    assert (line["action"], line["answered_by"]) == ("pass", "upstream")
    assert na1.connections == []


def test_a_trace_is_named_and_passes_untouched(stage: Stage, log: Path) -> None:
    field = "TraceParent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with stage.client() as client:
        client.get("/", bearer("eu1"), field, "tracestate: a=1,b=2")
        client.get("/", bearer("eu1"), 'traceparent: 00-4bf92f", "status": 200, "x": "')
    named, hostile = lines(log, 2)
    assert named["trace"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert hostile["trace"] is None
    assert '4bf92f"' not in log.read_text()
    first, _ = stage.upstreams["eu1"].requests
    assert first == request("GET", "/", bearer("eu1"), field, "tracestate: a=1,b=2")


def test_law_4_a_credential_is_a_fingerprint(stage: Stage, log: Path) -> None:
    with stage.client() as client:
        client.get("/", bearer("eu1"))
        client.get("/", bearer("eu1"))
        client.get("/", bearer("na1"))
        client.get(f"/?hapikey=eu1-{SECRET}")
        client.get(f"/?hapikey=eu1-{SECRET}", "Authorization: Bearer garbage")
        client.get("/", host=f"user:{SECRET}@api.hubapi.com")
    first, again, other, key, both, userinfo = lines(log, 6)
    assert both["fingerprint"] == key["fingerprint"]
    assert first["fingerprint"] == again["fingerprint"] != other["fingerprint"]
    assert key["fingerprint"] not in {first["fingerprint"], other["fingerprint"]}
    assert userinfo["domain"] == "api.hubapi.com"
    assert "0000-0000" not in log.read_text()


def test_law_4_a_path_is_masked_where_its_rule_did_not_apply(stage: Stage, tmp_path: Path) -> None:
    stage.upstream("eu1")
    rule = (
        '  - {name: key-in-path, paths: "^/v1/", in: {path: "/keys/([^/]+)"},'
        ' hublet: {regex: "^(eu1)-"}}\n'
    )
    stage.table(stage.table_text() + rule)
    log = tmp_path / "decisions.jsonl"
    stage.proxy(hublet_log=str(log))
    stage.get(f"/v2/keys/eu1-{SECRET}")
    (line,) = lines(log, 1)
    assert (line["reason"], line["path"]) == ("anonymous", "/v2/keys/***")


def test_the_domain_is_what_was_asked_for_also_of_an_explicit_proxy(
    stage: Stage, tmp_path: Path
) -> None:
    stage.upstream("eu1")
    stage.table(stage.table_text().replace("127.0.0.1", "localhost"))  # a name, as upstreams have
    path = tmp_path / "decisions.jsonl"
    stage.proxy(mode="regular", hublet_log=str(path))
    stage.send(request("GET", "http://api.hubapi.com/", bearer("eu1")))
    (line,) = lines(path, 1)
    assert (line["hublet"], line["domain"]) == ("eu1", "api.hubapi.com")


def test_the_size_of_a_streamed_body_is_what_its_head_said_or_what_came(
    stage: Stage, log: Path
) -> None:
    with stage.client() as client:
        client.send(request("POST", "/", bearer("eu1"), body=b"x" * 100_000))
        chunked = request("PUT", "/", bearer("eu1"), "Transfer-Encoding: chunked")
        client.send(chunked + b"186a0\r\n" + b"x" * 100_000 + b"\r\n0\r\n\r\n")
    known, unknown = lines(log, 2)
    assert known["request_bytes"] == 100_000
    assert unknown["request_bytes"] == 100_000


def test_no_text_of_a_credential_loses_its_line(stage: Stage, log: Path) -> None:
    body = rb'{"encodedOAuthRefreshToken": "\ud800"}'
    stage.send(request("POST", "/localdevauth/v1/auth/refresh", body=body))
    (line,) = lines(log, 1)
    assert line["reason"] == "legacy"
    assert re.fullmatch("[0-9a-f]{12}", line["fingerprint"])


def test_without_a_table_there_is_no_fingerprint(stage: Stage, log: Path) -> None:
    router = stage.router
    router.live.table = None
    stage.get("/oauth/v1/refresh-tokens/eu1-0", bearer("eu1"))
    (line,) = lines(log, 1)
    assert (line["reason"], line["table"], line["fingerprint"]) == ("no-table", None, None)
    assert line["path"] == "/oauth/v1/refresh-tokens/***"


def test_a_file_that_cannot_be_opened_leaves_the_old_one(
    stage: Stage, log: Path, tmp_path: Path
) -> None:
    with pytest.raises(OptionsError, match=r"hublet_log: .* cannot be written: No such file"):
        stage.set_option(hublet_log=str(tmp_path / "nowhere" / "log"))
    stage.get("/", bearer("eu1"))
    lines(log, 1)
    stage.set_option(hublet_log=None)
    stage.get("/", bearer("eu1"))
    assert len(lines(log, 1)) == 1


def test_lines_that_wait_are_written_before_the_file_is_closed(stage: Stage, log: Path) -> None:
    with stage.client() as client:
        client.get("/", bearer("eu1"))
        wait_for(lambda: stage.seen.flows)
        stage.set_option(hublet_log=None)
        assert len(log.read_text().splitlines()) == 1


def test_a_line_that_cannot_be_made_is_the_only_one_that_is_lost(
    stage: Stage, log: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = iter(["1", "", "3"])

    def line(*_: object, **__: object) -> str:
        if not (text := next(made)):
            raise ValueError("no line")
        return text

    monkeypatch.setattr("hublet_router.proxy.observe.decision_log.line", line)
    with stage.client() as client:
        for _ in range(3):
            client.get("/", bearer("eu1"))
    wait_for(lambda: log.exists() and log.read_text() == "1\n3\n")
    assert "Addon error: (bytes withheld)" in caplog.text
    caplog.clear()


@given(text=st.text(), error=st.text(), flow_id=st.text())
def test_whatever_a_request_says_it_is_one_line_of_json(
    text: str, error: str, flow_id: str
) -> None:
    flow = tflow.tflow(resp=True)
    flow.id, flow.error = flow_id, Error(error)
    hosts = (f"{text}.example",)
    request = Request(text, hosts, f"/{text}", (("traceparent", text),))
    table = loads(TABLE.replace("PORT", "9").encode())
    said = line_of(flow, Decided.now(table, request))
    assert len(said.splitlines()) == 1
    read = json.loads(said)
    assert list(read) == SHOWN
    assert (read["flow"], read["method"]) == (flow_id, mask_method(text))
    assert read["domain"] == (request.host and mask_host(request.host))
    assert read["path"] == mask_path(request, known_words(table))
    assert (read["trace"], read["error"]) == (None, error.partition(":")[0])


def test_times_and_sizes_are_those_of_the_flow() -> None:
    flow = tflow.tflow(resp=True)
    assert flow.response
    started = flow.request.timestamp_start
    flow.response.timestamp_start, flow.response.timestamp_end = started + 1.5, started + 2.5
    del flow.request.headers["content-length"]
    flow.response.data.content = None
    flow.response.headers["content-length"] = "x"
    flow.client_conn.peername = None  # type: ignore[assignment]  # of a HAR file
    decided = Decided(refuse(Reason.CONFLICT), None, 0.25)
    said = json.loads(line_of(flow, decided, names_client=True))
    assert (said["decision_seconds"], said["first_byte_seconds"], said["seconds"]) == (
        0.25,
        1.5,
        2.5,
    )
    assert (said["request_bytes"], said["response_bytes"]) == (7, None)
    assert (said["method"], said["client"]) == ("GET", None)


def test_a_credential_that_cannot_be_read_has_no_fingerprint() -> None:
    table = loads(TABLE.replace("PORT", "9").encode())
    request = Request("GET", ("api.hubapi.com",), "/eu1", (("authorization", "Bearer a b"),))
    said = json.loads(line_of(tflow.tflow(), Decided.now(table, request)))
    assert (said["reason"], said["credential"]) == ("unreadable", "private-app-token")
    assert (said["fingerprint"], said["path"]) == (None, "/eu1")


@pytest.mark.parametrize(
    ("target", "host"), [("/" + "\xff" * 60_000, ""), ("/a" * 30_000, ""), ("/", "\xff" * 60_000)]
)
def test_the_line_of_a_huge_request_is_short(target: str, host: str) -> None:
    table = loads(TABLE.replace("PORT", "9").encode())
    request = Request("GET", (host or "a" * 60_000,), target)
    written = line_of(tflow.tflow(), Decided.now(table, request))
    assert len(written) < 3000


def test_a_file_that_was_moved_away_is_opened_anew_at_once(
    stage: Stage, log: Path, tmp_path: Path
) -> None:
    log.rename(tmp_path / "decisions.1")
    stage.router.decision_log.reopen()
    wait_for(log.exists)
    stage.set_option(hublet_log=None)
    stage.router.decision_log.reopen()


def test_a_full_disk_delays_and_fails_nothing(
    stage: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage.regions("na1")
    (tmp_path / "log").symlink_to("/dev/full")
    stage.proxy(hublet_log=str(tmp_path / "log"))
    with stage.client() as client:
        assert client.get("/", bearer("na1")).status == 200
        assert client.get("/", bearer("na1")).status == 200
    wait_for(lambda: "cannot be written: No space left on device" in caplog.text)


def test_the_client_is_named_only_if_that_is_asked_for(stage: Stage, log: Path) -> None:
    with stage.client() as client:
        client.get("/", bearer("eu1"))
        lines(log, 1)
        file = stage.router.decision_log.file
        stage.set_option(hublet_log_client=True)
        assert stage.router.decision_log.file is file
        client.get("/", bearer("eu1"))
    without, line = lines(log, 2)
    assert "client" not in without
    assert line["client"] == "127.0.0.1"


ACCOUNTS = """
accounts:
  ids: [{query: portalId}]
  moved: {acme: eu1}
"""


@pytest.mark.parametrize(
    ("query", "accounts"),
    [
        ("", []),
        ("?portalId=62515", ["62515"]),
        ("?portalId=062515&portalId=62515", ["62515"]),
        ("?portalId=2&portalId=1", ["1", "2"]),
        ("?portalId=acme", ["acme"]),
        ("?portalId=c0ffee5ec2e7", []),
        ("?portalId=4111111111111111", []),
        ("?portalId=\u0661", ["1"]),
    ],
)
def test_law_4_an_account_is_a_number_or_one_of_the_table(query: str, accounts: list[str]) -> None:
    table = loads((TABLE.replace("PORT", "9") + ACCOUNTS).encode())
    request = Request("GET", ("api.hubapi.com",), f"/{query}")
    text = line_of(tflow.tflow(), Decided.now(table, request))
    assert json.loads(text)["accounts"] == accounts


ANY_NAME = """
domains: [api.hubapi.com]
hublets: {na1: {upstream: "http://127.0.0.1:9"}}
default: na1
credentials:
  - {name: key, in: {header: x-key}, hublet: {regex: "^(.+)-key$"}}
"""


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("zz9-key", "zz9"),
        ("na1-key", None),
        ("c0ffee5ec2e7-key", None),
        ("ZZ9-key", None),
        ("x", None),
    ],
)
def test_law_4_an_unknown_name_is_shown_where_it_is_like_a_hublets(
    key: str, named: str | None
) -> None:
    table = loads(ANY_NAME.encode())
    request = Request("GET", ("api.hubapi.com",), "/", (("x-key", key),))
    text = line_of(tflow.tflow(), Decided.now(table, request))
    assert json.loads(text)["named"] == named
    assert "c0ffee" not in text
