"""The addon inside a real mitmproxy: what it routes, what it refuses, and what it leaves behind."""

import asyncio
import contextlib
import gzip
import itertools
import signal
import socket
import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.exceptions import OptionsError
from mitmproxy.flow import Error
from mitmproxy.options import Options
from mitmproxy.test import taddons, tflow, tutils
from mitmproxy.tools.dump import DumpMaster

import hublet_router.proxy.routing.annotate
from cases import cases
from harness import (
    API,
    TABLE,
    OwnWord,
    Stage,
    Upstream,
    WebSocket,
    authority,
    bearer,
    confdir,
    free_port,
    read_request,
    request,
    token,
    wait_for,
)
from http2_client import Http2Client
from hublet_router.analysis.fingerprint import fingerprint
from hublet_router.core.decision import Reason
from hublet_router.core.findings import Unread
from hublet_router.proxy import decider
from hublet_router.proxy.addon import HubletRouter
from hublet_router.tablefile import loads

# modes


def test_reverse_mode_routes_by_the_credential(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    with stage.client() as client:
        assert client.get("/a", bearer("eu1")).hublet == "eu1"
        assert client.get("/a?hapikey=eu1-00").hublet == "eu1"
        assert client.get("/a", bearer("na1")).hublet == "na1"
        assert client.get("/a").hublet == "na1"


def test_regular_mode_routes_what_is_inside_a_connect(stage: Stage) -> None:
    _, eu1 = stage.regions("na1", "eu1", certified=[API])
    stage.proxy(mode="regular")
    with stage.client() as client:
        client.connect_through("api.hubapi.com:443", API)
        assert client.get("/a", bearer("eu1")).hublet == "eu1"
    assert eu1.only == request("GET", "/a", bearer("eu1"))
    assert eu1.server_names == [API]


def test_regular_mode_routes_an_absolute_url(stage: Stage) -> None:
    _, eu1 = stage.regions("na1", "eu1")
    stage.proxy(mode="regular")
    assert stage.get("http://api.hubapi.com/a?b=c", bearer("eu1")).hublet == "eu1"
    assert eu1.only == request("GET", "/a?b=c", bearer("eu1"))


def test_a_websocket_goes_where_its_upgrade_goes(stage: Stage) -> None:
    na1, _ = stage.regions("na1", "eu1")
    stage.proxy()
    with stage.client() as client:
        assert WebSocket(client, "eu1").ask("hello") == "eu1: hello"
    assert na1.connections == []


@pytest.mark.parametrize(
    ("upgrade", "body", "version", "websocket"),
    [
        ("H2C", b"", 0, True),
        ("foo", b"", 13, True),
        ("h2c, x", b"", 0, True),
        ("h2c", b"x" * 70_000, 0, True),
        ("websocket", b"", 12, True),
        ("websocket", b"", 13, False),
    ],
)
def test_law_1_no_other_upgrade_becomes_a_tunnel(
    stage: Stage, upgrade: str, body: bytes, version: int, websocket: bool
) -> None:
    na1, _ = stage.regions("na1", "eu1")

    async def switches(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader, bytearray())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
            b"Upgrade: %s\r\n\r\n" % upgrade.encode()
        )
        na1.requests.append(await reader.read(65536))

    na1.behaviour = switches
    stage.proxy(websocket=websocket)
    asked = f"Upgrade: {upgrade}", f"Sec-WebSocket-Version: {version}"
    fields = bearer("na1"), "Connection: Upgrade", *asked
    with stage.client() as client, contextlib.suppress(OSError):
        client.socket.sendall(request("POST", "/x", *fields, body=body))
        client.receive_until(b"\r\n\r\n")
        client.socket.sendall(request("GET", "/smuggled", bearer("eu1")))
        client.receive_until(b"never")
    wait_for(lambda: na1.requests)
    assert b"/smuggled" not in b"".join(na1.requests)


@pytest.mark.parametrize("status", [101, 200])
def test_an_answer_from_a_recording_is_left_as_it_is(status: int) -> None:
    flow = tflow.tflow(resp=tutils.tresp(status_code=status), live=False)
    assert flow.response
    HubletRouter().responseheaders(flow)
    assert (flow.error, flow.response.stream) == (None, False)


class Meddling:
    """Another addon, which changes the port of what was decided."""

    port = 0

    def request(self, flow: http.HTTPFlow) -> None:
        flow.request.port = self.port


def test_law_1_a_stamp_is_for_one_port(stage: Stage) -> None:
    _, eu1 = stage.regions("na1", "eu1")
    stage.proxy()
    meddling = Meddling()
    meddling.port = eu1.port
    stage.master.addons.add(meddling)
    assert stage.get("/", bearer("na1")).status == 502
    assert stage.arrivals() == {"na1": 0, "eu1": 0}


def test_a_connection_that_mixes_regions_reuses_one_upstream_connection_each(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    with stage.client() as client:
        for hublet in ("eu1", "na1", "eu1", "na1", "eu1"):
            assert client.get("/", bearer(hublet)).hublet == hublet
    assert stage.arrivals() == {"na1": 1, "eu1": 1}


def test_400_requests_of_20_clients_that_mix_five_regions(stage: Stage) -> None:
    names = ("na1", "na2", "na3", "eu1", "ap1")
    for name in names:
        stage.upstream(name)
    stage.table()
    stage.proxy()
    answers: list[tuple[str, str]] = []

    def talk(number: int) -> None:
        connection = HTTPConnection("127.0.0.1", stage.port, timeout=60)
        for name in itertools.islice(itertools.cycle(names), number, number + 20):
            token = f"Bearer pat-{name}-{number}"
            headers = {"Host": API, "Authorization": token, "Expected": name}
            connection.request("POST", f"/{number}", name, headers)
            answers.append((name, connection.getresponse().read().decode()))
        connection.close()

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 400
    assert all(wanted == got for wanted, got in answers)
    for name, upstream in stage.upstreams.items():
        assert len(upstream.requests) == 80
        assert all(f"Expected: {name}".encode() in raw for raw in upstream.requests)


# TLS to the upstream


@pytest.mark.parametrize(
    ("sni", "front", "host", "seen"),
    [
        ("client", "api.hubspot.com", API, "api.hubspot.com"),
        ("client", None, f"{API.upper()}:8080", API),
        ("upstream", API, API, None),
        ("eu1.internal.example", API, API, "eu1.internal.example"),
    ],
    ids=["client with TLS", "client without TLS", "upstream", "a name"],
)
def test_the_server_name_is_what_the_table_says(
    stage: Stage, sni: str, front: str | None, host: str, seen: str | None
) -> None:
    certified = ["127.0.0.1"] if sni == "upstream" else [seen or ""]
    eu1 = stage.upstream("eu1", *certified)
    stage.table(stage.table_text().replace("'}", f"', sni: {sni}}}"))
    stage.proxy()
    with stage.client(front) as client:
        assert client.get("/", bearer("eu1"), host=host).hublet == "eu1"
    assert eu1.server_names == [seen]


def test_two_domains_that_share_an_upstream_keep_their_own_server_name(stage: Stage) -> None:
    (na1,) = stage.regions("na1", certified=[API, "api.hubspot.com"])
    stage.proxy()
    with stage.client() as client:
        for host in (API, "api.hubspot.com", API, "api.hubspot.com"):
            assert client.get("/", host=host).hublet == "na1"
    assert na1.server_names == [API, "api.hubspot.com"]


def test_a_wrong_certificate_is_a_502_and_no_byte_is_sent(stage: Stage) -> None:
    eu1 = stage.upstream("eu1", "elsewhere.example")
    stage.table()
    stage.proxy()
    assert stage.get("/", bearer("eu1")).status == 502
    assert eu1.requests == []


# refusals


def refusals() -> dict[str, tuple[bytes, int, Reason]]:
    other = ("GET", "/", bearer("eu1"))
    return {
        "unknown": (request("GET", "/", bearer("zz9")), 421, Reason.UNKNOWN_HUBLET),
        "conflict": (request("GET", "/?hapikey=na1-0", bearer("eu1")), 400, Reason.CONFLICT),
        "foreign": (request(*other, host="api.example.com"), 421, Reason.FOREIGN_HOST),
        "two hosts": (request(*other, f"Host: {API}.example"), 421, Reason.FOREIGN_HOST),
        "no host": (b"GET / HTTP/1.0\r\n\r\n", 421, Reason.FOREIGN_HOST),
        "long": (request("GET", f"/?hapikey=eu1-{'0' * 16384}"), 413, Reason.TOO_LARGE),
        "body": (request("POST", "/", bearer("zz9"), body=b"x"), 421, Reason.UNKNOWN_HUBLET),
    }


@cases(("raw", "status", "reason"), refusals())
def test_a_refusal_is_a_problem_document_that_shows_no_credential(
    stage: Stage, raw: bytes, status: int, reason: Reason
) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    answer = stage.send(raw)
    assert answer.status == status
    assert answer.problem["status"] == status
    assert answer.problem["reason"] == reason
    assert answer.headers["proxy-status"].startswith("hublet-router; error=")
    assert answer.headers["proxy-status"].endswith(f'; details="{reason}"')
    assert not any(secret in answer.body for secret in (b"pat-", b"0000", b"eu1", b"zz9"))
    assert stage.arrivals() == {"na1": 0, "eu1": 0}


def test_a_refused_connection_can_go_on(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    with stage.client() as client:
        assert client.get("/", bearer("zz9")).status == 421
        head = client.send(request("HEAD", "/", bearer("zz9")), "HEAD")
        assert (head.status, head.body) == (421, b"")
        assert client.get("/", bearer("eu1")).hublet == "eu1"


def test_a_region_that_is_down_is_a_502_and_no_other_region_is_asked(stage: Stage) -> None:
    na1, _ = stage.regions("na1", "eu1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        down = f"http://127.0.0.1:{unused.getsockname()[1]}"
        stage.table(stage.table_text().replace(stage.upstreams["eu1"].url, down))
        stage.proxy()
        assert stage.get("/", bearer("eu1")).status == 502
    assert na1.connections == []


# bodies


def test_a_body_that_may_hold_the_credential_is_waited_for(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    chunked = request("POST", "/oauth/v1/token", "Transfer-Encoding: chunked").replace(
        b"Content-Length: 0\r\n", b""
    )
    chunks = b"9\r\nrefresh_t\r\n10\r\noken=eu1-0000000\r\n0\r\n\r\n"
    with stage.client() as client:
        assert client.send(chunked + chunks).hublet == "eu1"
        assert stage.upstreams["eu1"].only == chunked + b"19\r\n" + b"refresh_token=eu1-0000000" + (
            b"\r\n0\r\n\r\n"
        )
        key = '{"encodedOAuthRefreshToken": "CgF4SgNldTE"}'
        path = "/localdevauth/v1/auth/refresh"
        assert client.send(request("POST", path, body=key.encode())).hublet == "eu1"


@pytest.mark.parametrize("size", [100, 65536])
def test_a_body_that_is_read_may_take_its_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Only a request that is refused by its head has a second for the rest."""
    monkeypatch.setattr(decider, "BODY_SECONDS", 0)
    stage.regions("na1", "eu1")
    stage.proxy()
    body = b"refresh_token=eu1-0&x=".ljust(size, b"x")
    raw = request("POST", "/oauth/v1/token", body=body)
    with stage.client() as client:
        client.socket.sendall(raw.removesuffix(body))
        wait_for(lambda: stage.seen.open)
        stage.call(asyncio.sleep(0.1))
        assert client.send(body).hublet == "eu1"


def test_an_answer_of_another_addon_stands(stage: Stage) -> None:
    class Answers:
        def request(self, flow: http.HTTPFlow) -> None:
            flow.response = http.Response.make(204)

    stage.regions("na1", "eu1")
    stage.proxy(beside=[Answers()])
    refused = request("POST", "/oauth/v1/token", body=b"refresh_token=zz9-0")
    assert stage.send(refused, "POST").status == 204


def test_a_body_that_turns_out_too_long_is_decided_by_its_head(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    head = f"POST /oauth/v1/token HTTP/1.1\r\nHost: {API}\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"11170\r\n" + b"x" * 70_000 + b"\r\n0\r\n\r\n"
    assert stage.send(head.encode() + body, "POST").problem["reason"] == "too-large"
    decided = stage.router.ledger[stage.seen.flows[0]]
    assert decided.table is stage.router.live.table
    assert decided.table
    assert decided.decision.table == decided.table.version
    assert {it.unread for it in decided.found} == {Unread.LONG_BODY}


def test_an_edit_of_what_has_left_decides_nothing(stage: Stage) -> None:
    """It is in no byte of the request, and so in no log."""

    class Edits:
        def request(self, flow: http.HTTPFlow) -> None:
            flow.request.headers["authorization"] = token("na1")[1]

    stage.regions("na1", "eu1")
    stage.proxy(beside=[Edits()])
    head = f"PUT / HTTP/1.1\r\nHost: {API}\r\n{bearer('eu1')}\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert stage.send(head.encode() + b"1\r\nx\r\n0\r\n\r\n", "PUT").hublet == "eu1"
    assert stage.seen.flows[0].metadata["hublet"] == "eu1"


def test_a_body_is_read_up_to_64_kib(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    body = b"refresh_token=eu1-0&x=".ljust(65537, b"x")
    with stage.client() as client:
        assert client.send(request("POST", "/oauth/v1/token", body=body[:-1])).hublet == "eu1"
        longer = client.send(request("POST", "/oauth/v1/token", body=body))
        assert longer.problem["reason"] == "too-large"
    assert stage.arrivals() == {"na1": 0, "eu1": 1}


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"x=y", 200), (b"x" * 60_000, 200), (b"refresh_token=na1-0", 400)],
    ids=["short", "long", "another Hublet's"],
)
def test_a_chunked_body_waits_for_its_end_even_where_a_header_names_the_hublet(
    stage: Stage, body: bytes, status: int
) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    fields = (bearer("eu1"), "Transfer-Encoding: chunked")
    head = request("PUT", "/oauth/v1/token", *fields)
    answer = stage.send(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert answer.status == status
    assert stage.arrivals() == {"na1": 0, "eu1": 1 if status == 200 else 0}


def test_law_1_a_provisional_decision_does_not_send_a_body_of_another_region(
    stage: Stage,
) -> None:
    stage.regions("na1", "eu1")
    stage.proxy(mode="regular")
    body = b"refresh_token=na1-0"
    fields = (bearer("eu1"), "Transfer-Encoding: chunked")
    head = request("PUT", f"http://{API}/oauth/v1/token", *fields)
    answer = stage.send(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert answer.problem["reason"] == "conflict"
    assert stage.arrivals() == {"na1": 0, "eu1": 0}


def test_a_replayed_flow_is_timed_anew(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    stage.get("/", bearer("eu1"))
    (flow,) = stage.seen.flows
    stage.router.ledger[flow] = stage.router.ledger[flow]._replace(seconds=1000)
    wait_for(lambda: not flow.live)
    stage.command("replay.client", [flow])
    wait_for(lambda: len(stage.seen.flows) == 2)
    assert stage.router.ledger[flow].seconds < 1000


def test_law_1_a_compressed_form_is_refused_and_not_guessed(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    body = gzip.compress(b"refresh_token=eu1-0000")
    with stage.client() as client:
        raw = request("POST", "/oauth/v1/token", "Content-Encoding: gzip", body=body)
        assert client.send(raw).problem["reason"] == "unreadable"
        raw = request("POST", "/other", "Content-Encoding: gzip", bearer("eu1"), body=body)
        assert client.send(raw).hublet == "eu1"
    assert stage.arrivals() == {"na1": 0, "eu1": 1}


# what is left on a flow


def test_a_flow_says_where_it_went_and_why(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    with stage.client() as client:
        client.get("/", bearer("eu1"))
        client.get("/", bearer("zz9"))
    routed, refused = stage.seen.flows
    assert routed.comment == "eu1 ← private-app-token"
    assert routed.marked == ""
    version = routed.metadata["hublet_table"]
    assert routed.metadata == {
        "hublet": "eu1",
        "hublet_reason": "credential",
        "hublet_credential": "private-app-token",
        "hublet_table": version,
    }
    assert refused.comment == "refused: unknown-hublet (private-app-token)"
    assert refused.marked == ":no_entry:"
    assert refused.metadata["hublet_reason"] == "unknown-hublet"
    assert "hublet" not in refused.metadata


@cases(
    ("front", "host", "status"),
    {
        "another domain of the table": ("api.hubspot.com", API, 200),
        "upper case": (API.upper(), API, 200),
        "a label of a wildcard": ("x.regional.example", API, 200),
        "the name of a region's own": ("api-eu1.internal.example", API, 421),
        "the proxy's own": ("localhost", API, 421),
        "no label of a wildcard": ("regional.example", API, 421),
    },
)
def test_a_server_name_that_the_table_does_not_own_is_misdirected(
    stage: Stage, front: str, host: str, status: int
) -> None:
    na1 = stage.upstream("na1", API, "api.hubspot.com", "x.regional.example")
    stage.table(stage.table_text().replace("domains: [", "domains: ['*.regional.example', "))
    stage.proxy()
    with stage.client(front) as client:
        assert client.get("/", host=host).status == status
    assert na1.server_names == ([front] if status == 200 else [])


@pytest.mark.parametrize(
    "host",
    [
        "user:secret@x.regional.example", "http://x.regional.example", "a, b.regional.example",
        "a\tb.regional.example", "[x].regional.example", f"{'x' * 64}.regional.example",
        "\xe9.regional.example", "a%2eb.regional.example", ".regional.example",
        "*.regional.example",
    ],
)  # fmt: skip
def test_what_is_no_label_is_no_host_of_a_wildcard(
    stage: Stage, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    stage.upstream("na1", "*.regional.example")
    stage.table(stage.table_text().replace("domains: [", "domains: ['*.regional.example', "))
    stage.proxy()
    assert stage.get("/", host=host).status in {400, 421}
    assert stage.arrivals() == {"na1": 0}
    assert "Traceback" not in caplog.text


# foreign hosts


def test_foreign_hosts_pass_where_the_table_says_so(stage: Stage) -> None:
    na1, _ = stage.regions("na1", "eu1")
    stage.table(stage.table_text(more="policy: {foreign: pass}"))
    elsewhere = Upstream("elsewhere")
    stage.call(elsewhere.start(None))
    stage.proxy(mode="regular")
    with stage.client() as client:
        url = f"http://localhost:{elsewhere.port}/a"
        assert client.get(url, host=f"localhost:{elsewhere.port}").hublet == "elsewhere"
    with stage.client() as client:  # not by its address either, and whatever Host says
        assert client.get(na1.url, host=na1.url[7:]).problem["reason"] == "foreign-host"
    with stage.client() as client:
        odd = f"http://127.1:{na1.port}/"
        assert client.get(odd, host="api.example.com").problem["reason"] == "foreign-host"
    with stage.client() as client:
        other = client.get(f"http://{API}/", host="api.example.com")
        assert other.problem["reason"] == "foreign-host"
    assert elsewhere.server
    elsewhere.server.close()
    assert stage.arrivals() == {"na1": 0, "eu1": 0}


# closed by construction: three layers, each alone against a live upstream as the default target


class WithoutUpstreamGuard(OwnWord):
    """An addon that lets every connection through."""

    def __init__(self) -> None:
        super().__init__()
        self.addons = []


def broken(*_: object) -> None:
    raise RuntimeError("a bug with Bearer pat-eu1-secret in its text")


@cases(
    "raw",
    {
        "by its head": request("GET", "/", bearer("eu1")),
        "by its body": request("POST", "/oauth/v1/token", body=b"code=eu1-0"),
    },
)
def test_law_1_an_exception_refuses(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, raw: bytes
) -> None:
    na1, _ = stage.regions("na1", "eu1")
    monkeypatch.setattr(hublet_router.proxy.routing.annotate, "examine", broken)
    stage.proxy(mode=f"reverse:{na1.url}", addon=WithoutUpstreamGuard())
    assert stage.send(raw).problem["reason"] == "internal-error"
    assert stage.arrivals() == {"na1": 0, "eu1": 0}
    assert "RuntimeError at test_addon.py:" in caplog.text
    assert "secret" not in caplog.text


class Unguarded(OwnWord):
    """An addon whose hook itself raises."""

    def decide_head(self, flow: http.HTTPFlow) -> None:
        broken()

    def decide_whole(self, flow: http.HTTPFlow) -> None:
        broken()


def test_law_1_a_connection_that_no_decision_names_is_not_opened(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    na1, _ = stage.regions("na1", "eu1")
    stage.proxy(mode=f"reverse:{na1.url}", addon=Unguarded())
    assert stage.get("/", bearer("na1")).status == 502
    assert stage.arrivals() == {"na1": 0, "eu1": 0}
    caplog.clear()


class UnguardedAtTimes(OwnWord):
    """An addon whose hook raises for some requests."""

    def decide_head(self, flow: http.HTTPFlow) -> None:
        if flow.request.path == "/raise":
            broken()
        super().decide_head(flow)

    decide_whole = Unguarded.decide_whole


def test_law_1_a_connection_that_is_open_already_is_not_lent_to_what_bears_no_stamp(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """mitmproxy reuses a connection without a hook, so the pool itself has to separate them."""
    na1, _ = stage.regions("na1", "eu1")
    stage.proxy(mode=f"reverse:{na1.url}", addon=UnguardedAtTimes())
    with stage.client() as client:
        assert client.get("/", bearer("na1")).hublet == "na1"
        assert client.get("/raise", bearer("eu1")).status == 502
    assert len(na1.requests) == 1
    assert stage.arrivals() == {"na1": 1, "eu1": 0}
    caplog.clear()


def test_law_1_a_refused_upload_finds_no_open_connection(stage: Stage) -> None:
    """The client's own CONNECT names the address to which its last request was routed."""
    (eu1,) = stage.regions("eu1", certified=[API])
    stage.proxy(mode="regular")
    with stage.client() as client:
        client.connect_through(f"127.0.0.1:{eu1.port}", API)
        assert client.get("/", bearer("eu1")).hublet == "eu1"
        raw = request("POST", "/", bearer("zz9"), body=b"x" * 100_000)
        assert client.send(raw, "POST").problem["reason"] == "unknown-hublet"
    assert len(eu1.requests) == 1
    assert len(eu1.connections) == 1


def test_law_1_a_request_over_which_the_router_fails_keeps_no_stamp(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It had one when it failed, and its body is streamed."""
    stage.regions("na1", "eu1")
    stage.proxy()
    monkeypatch.setattr("hublet_router.proxy.decider.annotate", broken)
    raw = request("POST", "/", bearer("eu1"), body=b"x" * 100_000)
    assert stage.send(raw, "POST").status == 502
    assert stage.arrivals() == {"na1": 0, "eu1": 0}
    caplog.clear()


def test_law_1_a_replay_whose_body_is_too_long_by_now_goes_nowhere(stage: Stage) -> None:
    """It bears the stamp of its first decision, and mitmproxy does not wait for the body."""
    stage.regions("na1", "eu1", certified=[API])
    stage.proxy()
    with Http2Client(stage.port) as client:
        stream = client.start("POST", "/oauth/v1/token")
        client.data(stream, b"refresh_token=eu1-0", end=True)
        assert client.answer(stream) == ("200", b"eu1")
    (flow,) = stage.seen.flows
    wait_for(lambda: not flow.live)
    flow.request.data.content = b"refresh_token=na1-0&x=" + b"x" * 100_000
    stage.command("replay.client", [flow])
    wait_for(lambda: len(stage.seen.flows) == 2)
    assert stage.arrivals() == {"na1": 0, "eu1": 1}


class Absent(WithoutUpstreamGuard):
    """An addon that does nothing at all."""

    def decide_head(self, flow: http.HTTPFlow) -> None:
        """Do nothing."""

    decide_whole = decide_head


def test_law_1_the_launch_target_leads_nowhere(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    stage.proxy(addon=Absent())
    assert stage.get("/", bearer("na1")).status == 502
    assert stage.arrivals() == {"na1": 0, "eu1": 0}


def test_the_three_layers_are_what_stops_it(stage: Stage) -> None:
    """Without any of them the request arrives: the tests above can fail."""
    na1, _ = stage.regions("na1", "eu1")
    stage.proxy(mode=f"reverse:{na1.url}", addon=Absent())
    assert stage.get("/", bearer("eu1")).hublet == "na1"


# options


def test_a_pin_beats_the_credential(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    router = HubletRouter()
    stage.proxy(addon=router)
    router.overrides.pins[fingerprint("pat-na1-pinned")] = "eu1"
    with stage.client() as client:
        assert client.get("/", "Authorization: Bearer pat-na1-pinned").hublet == "eu1"
        assert client.get("/", bearer("na1")).hublet == "na1"


def test_a_user_cannot_switch_faithful_routing_off(stage: Stage) -> None:
    _, eu1 = stage.regions("na1", "eu1")
    stage.proxy()
    stage.set_option(keep_host_header=False, connection_strategy="eager")
    stage.set_option(validate_inbound_headers=False)
    assert stage.master.options.validate_inbound_headers is True
    assert stage.master.options.keep_host_header is True
    assert stage.master.options.connection_strategy == "lazy"
    stage.get("/", bearer("eu1"))
    assert b"Host: api.hubapi.com\r\n" in eu1.only


def test_another_option_leaves_the_table_the_key_of_fingerprints_and_pins(stage: Stage) -> None:
    stage.regions("eu1")
    stage.proxy()
    stage.router.overrides.pins["x"] = "eu1"
    before = stage.router.live.good, fingerprint("x")
    stage.set_option(hublet_connect_timeout=6)
    assert (stage.router.live.good, fingerprint("x")) == before
    assert stage.router.overrides.pins == {"x": "eu1"}


def test_a_bad_table_set_later_is_refused_and_the_old_one_goes_on(
    stage: Stage, tmp_path: Path
) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    bad = tmp_path / "bad.yaml"
    bad.write_text("domains: []\n")
    with pytest.raises(OptionsError, match=r"bad\.yaml:1:1: the table has no 'hublets'; add it"):
        stage.set_option(hublets=str(bad))
    assert stage.get("/", bearer("eu1")).hublet == "eu1"


def test_another_table_can_be_set_later(stage: Stage, tmp_path: Path) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    other = tmp_path / "other.yaml"
    other.write_text(stage.table_text(domains="[api.example.com]"))
    stage.set_option(hublets=str(other))
    assert stage.get("/", bearer("eu1"), host="api.example.com").hublet == "eu1"


def test_a_server_whose_certificate_is_not_checked_is_no_hublet(stage: Stage) -> None:
    stage.regions("na1", "eu1", certified=[API])
    stage.proxy()
    with pytest.raises(OptionsError, match="ssl_insecure would take any server for a Hublet"):
        stage.set_option(ssl_insecure=True)


def test_a_file_by_which_no_server_can_be_verified_is_not_taken(
    stage: Stage, tmp_path: Path
) -> None:
    """mitmproxy would look into it for each connection, and answer each request with 502."""
    stage.regions("na1", "eu1", certified=[API])
    stage.proxy()
    (tmp_path / "ca.pem").write_text("no certificate")
    for name, fault in ("ca.pem", "holds no certificate"), ("none.pem", "cannot be read: No such"):
        sentence = f"ssl_verify_upstream_trusted_ca: {tmp_path / name} {fault}"
        with pytest.raises(OptionsError, match=sentence):
            stage.set_option(ssl_verify_upstream_trusted_ca=str(tmp_path / name))
    assert stage.get("/", bearer("eu1")).hublet == "eu1"


def test_without_a_table_everything_is_refused(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    router = HubletRouter()
    stage.proxy(addon=router)
    router.live.table = None
    with stage.client() as client:
        assert client.get("/", bearer("eu1")).problem["reason"] == "no-table"
        body = client.send(request("POST", "/oauth/v1/token", body=b"refresh_token=eu1-0"))
        assert body.problem["reason"] == "no-table"
    assert stage.arrivals() == {"na1": 0, "eu1": 0}


def test_a_pipelined_request_is_decided_for_itself(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    with stage.client() as client:
        client.socket.sendall(request("GET", "/1", bearer("eu1")) + request("GET", "/2"))
        assert b"Hublet: eu1" in client.receive_until(b"Hublet: na1")
    assert stage.arrivals() == {"na1": 1, "eu1": 1}


# before it runs, and over recorded flows: straight into the hooks


def table_in(folder: Path, upstream: str = "http://127.0.0.1:1") -> str:
    path = folder / "hublets.yaml"
    text = TABLE.format(
        domains=f"[{API}]", hublets=f"  eu1: {{upstream: '{upstream}'}}", default="eu1", more=""
    )
    path.write_text(text)
    return str(path)


def configured(**options: object) -> HubletRouter:
    """An addon as it is before mitmproxy runs."""

    async def load() -> HubletRouter:
        settings = Options(confdir=str(confdir()))
        master = DumpMaster(settings, with_termlog=False, with_dumper=False)
        router = HubletRouter()
        master.addons.add(router)
        settings.update(**options)
        master.addons.get("errorcheck").finish()
        await master.done()
        return router

    return asyncio.run(load())


def test_before_it_runs_a_fault_is_an_error_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    router = configured(hublets=str(tmp_path / "nowhere.yaml"))
    assert router.live.table is None
    assert "nowhere.yaml:1:1: cannot be read: No such file or directory" in caplog.text


def test_before_it_runs_no_table_is_taken_beside_ssl_insecure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    router = configured(hublets=table_in(tmp_path), ssl_insecure=True)
    assert router.live.table is None
    assert "ssl_insecure would take any server for a Hublet" in caplog.text


def test_router_runs_without_a_table() -> None:
    async def run() -> None:
        router = HubletRouter()
        router.running()
        router.done()
        assert router.live.path is None

    asyncio.run(run())


def test_a_table_can_be_read_at_once(tmp_path: Path) -> None:
    path = table_in(tmp_path)
    router = configured(hublets=path)
    before = router.live.table
    with Path(path).open("a") as file:
        file.write("# changed\n")
    assert router.live.reload() is router.live.table
    assert router.live.table != before


def test_the_default_table_is_found_beside_the_addon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    router = configured(hublets="hublets.yaml", hublet_demo=False)
    assert router.live.path == Path(__file__).parents[1] / "hublets.yaml"


def test_the_demo_can_be_switched_on_and_off(stage: Stage, tmp_path: Path) -> None:
    port = free_port()
    table_in(tmp_path, f"https://127.0.0.1:{port}")
    stage.proxy()
    assert stage.get("/", bearer("eu1")).status == 502
    stage.set_option(ssl_verify_upstream_trusted_ca=None)
    stage.set_option(hublet_demo=True)
    assert b'"hublet": "eu1"' in stage.get("/", bearer("eu1")).body
    assert stage.master.options.ssl_verify_upstream_trusted_ca == str(authority())
    stage.set_option(hublet_demo=False)
    assert stage.get("/", bearer("eu1")).status == 502


def test_a_table_that_the_demo_cannot_serve_is_not_taken(stage: Stage, tmp_path: Path) -> None:
    table_in(tmp_path, f"https://127.0.0.1:{free_port()}")
    router = HubletRouter()
    stage.proxy(addon=router, hublet_demo=True)
    before = router.live.table
    other = tmp_path / "other.yaml"
    other.write_text((tmp_path / "hublets.yaml").read_text().replace("127.0.0.1", "10.20.0.4"))
    with pytest.raises(OptionsError, match="hublet_demo serves loopback only"):
        stage.set_option(hublets=str(other))
    assert before
    assert router.live.table
    assert router.live.table.version == before.version


def recorded(body: bytes) -> http.HTTPFlow:
    flow = tflow.tflow(resp=True)
    flow.live = False
    flow.request.headers = http.Headers(host=API)
    flow.request.data.path = b"/oauth/v1/token"
    flow.request.data.content = body
    return flow


def test_a_recorded_flow_is_annotated_once_and_left_where_it_is(tmp_path: Path) -> None:
    router = configured(hublets=table_in(tmp_path))
    flow = recorded(b"refresh_token=eu1-0")
    flow.response = None
    before = flow.request.copy()
    router.decider.decide_head(flow)
    router.decider.decide_whole(flow)
    assert flow.comment == "eu1 ← refresh-token"
    assert flow.request.get_state() == before.get_state()
    router.live.table = loads(
        (tmp_path / "hublets.yaml").read_bytes().replace(b"eu1:", b"eu2:").replace(b"eu1", b"eu2")
    )
    router.decider.decide_head(flow)
    assert flow.metadata["hublet"] == "eu1"


def test_a_recorded_flow_stays_as_it_is_without_a_table_or_with_an_error(tmp_path: Path) -> None:
    flow = recorded(b"refresh_token=eu1-0")
    HubletRouter().decider.decide_head(flow)
    flow.error = Error("it failed then")
    configured(hublets=table_in(tmp_path)).decider.decide_head(flow)
    assert flow.metadata == {}


def test_sighup_reloads_the_table_if_there_is_one(tmp_path: Path) -> None:
    router = configured(hublets=table_in(tmp_path))
    before = router.live._states
    router._hang_up()
    assert router.live._states != before
    HubletRouter()._hang_up()


@pytest.mark.parametrize("is_console", [False, True], ids=["mitmdump", "console"])
def test_sighup_is_handled_except_in_the_console(is_console: bool) -> None:
    async def run() -> bool:
        with taddons.context() as context:
            if is_console:
                vars(context.master)["view"] = object()
            context.master.addons.add(router := HubletRouter())
            is_handled = asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
            context.master.addons.remove(router)  # and its filter of the log
            return is_handled

    assert asyncio.run(run()) is not is_console


def test_the_log_and_the_metrics_are_options_like_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, taken: int
) -> None:
    """Before it runs, what cannot be opened is an error in the log, and ends the start."""
    table = table_in(tmp_path)
    configured(hublets=table, hublet_log=str(tmp_path / "nowhere" / "log"))
    configured(hublets=table, hublet_metrics=f":{taken}")
    assert "hublet_log: " in caplog.text
    assert f"hublet_metrics cannot listen at :{taken}" in caplog.text
