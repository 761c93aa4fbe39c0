"""Connections to upstreams: which fail and how, and that nothing is left behind."""

import asyncio
import contextlib
import socket
from http.client import IncompleteRead
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.connection import Server
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import taddons, tflow

from cases import cases
from harness import API, Client, Stage, Upstream, bearer, read_request, request, token, wait_for
from http2_client import Http2Client
from hublet_router.proxy.addon import HubletRouter
from hublet_router.proxy.engine.connections import http_layers, layers_of, socket_of
from hublet_router.proxy.engine.upstream_guard import (
    NO_NAME,
    NO_ROUTE,
    UpstreamGuard,
    _can_be_verified,
    _is_hublet,
)
from hublet_router.proxy.routing.upstream import UpstreamHost
from hublet_router.tablefile import loads


def start(stage: Stage, *certified: str) -> tuple[Upstream, UpstreamGuard]:
    """Start a proxy whose na1 is well; return eu1, to be spoilt, and the proxy's guard."""
    stage.upstream("na1", *certified)
    eu1 = stage.upstream("eu1", *certified)
    stage.table()
    router = HubletRouter()
    stage.proxy(addon=router, hublet_connect_timeout=1)
    return eu1, router.upstream_guard


def test_an_upstream_that_never_accepts_is_a_504_in_time(stage: Stage, never_accepts: int) -> None:
    eu1, guard = start(stage)
    spoil(stage, eu1.url, f"http://127.0.0.1:{never_accepts}")
    answer = stage.get("/", bearer("eu1"))
    assert answer.status == 504
    assert b"did not accept a connection in time" in answer.body
    assert stage.upstreams["na1"].connections == []
    assert guard.deadlines == {}


def spoil(stage: Stage, url: str, other: str) -> None:
    """Take another table, in which an upstream is somewhere else."""
    path = stage.folder / "other.yaml"
    path.write_text(stage.table_text().replace(url, other))
    stage.set_option(hublets=str(path))


async def never_answers(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Take a connection, and then nothing."""
    while await reader.read(65536):
        pass


def test_an_upstream_that_never_finishes_tls_is_a_502_in_time(stage: Stage) -> None:
    eu1, guard = start(stage)
    eu1.behaviour = never_answers
    spoil(stage, eu1.url, eu1.url.replace("http:", "https:"))
    assert stage.get("/", bearer("eu1")).status == 502
    assert stage.upstreams["na1"].connections == []
    wait_for(lambda: guard.deadlines == {})


@pytest.mark.parametrize("label", ["x-", "-x", "xn--", "-"])
def test_a_server_name_that_no_certificate_can_have_is_a_502_at_once(
    stage: Stage, caplog: pytest.LogCaptureFixture, label: str
) -> None:
    """OpenSSL 4 takes no such name; a wildcard of the table does."""
    stage.upstream("eu1", f"a{label}b.regional.example")
    stage.table(stage.table_text(domains="['*.regional.example']"))
    stage.proxy(hublet_connect_timeout=1000)
    with stage.client() as client:
        answer = client.get("/", bearer("eu1"), host=f"{label}.regional.example")
        # OpenSSL 3 takes these names, and finds that the certificate has none of them.
        assert answer.problem["reason"] in {"tls_protocol_error", "tls_certificate_error"}
        assert client.get("/", bearer("eu1"), host=f"a{label}b.regional.example").hublet == "eu1"
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [("a_b.test", True), ("10.0.0.1", True), ("::1", True), (f"{'a' * 64}.test", False)],
)
def test_which_server_names_a_certificate_can_have(name: str, *, is_taken: bool) -> None:
    assert _can_be_verified(name) is is_taken


def test_a_slow_answer_is_waited_for_longer_than_a_connection(stage: Stage) -> None:
    eu1, _ = start(stage)

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader, bytearray())
        await asyncio.sleep(1.5)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        await asyncio.sleep(0.5)
        writer.write(b"slow")

    eu1.behaviour = slow
    assert stage.get("/", bearer("eu1")).body == b"slow"


@pytest.mark.parametrize(
    ("said", "outcome"),
    [(b"", 502), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", IncompleteRead)],
    ids=["before its answer", "within its answer"],
)
def test_an_upstream_that_resets_is_no_reason_to_ask_another(
    stage: Stage, said: bytes, outcome: object
) -> None:
    eu1, _ = start(stage)

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader, bytearray())
        writer.write(said)
        await writer.drain()
        writer.transport.abort()

    eu1.behaviour = reset
    with stage.client() as client:
        try:
            seen: object = client.get("/", bearer("eu1")).status
        except IncompleteRead:
            seen = IncompleteRead
    assert seen == outcome
    assert stage.get("/", bearer("na1")).hublet == "na1"
    assert stage.arrivals() == {"na1": 1, "eu1": 1}


def test_an_idle_connection_that_the_upstream_closed_is_opened_again(stage: Stage) -> None:
    eu1, _ = start(stage)

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        eu1.requests.append(await read_request(reader, bytearray()))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nonce")

    eu1.behaviour = once
    with stage.client() as client:
        assert client.get("/1", bearer("eu1")).body == b"once"
        assert client.get("/n", bearer("na1")).hublet == "na1"
        assert client.get("/2", bearer("eu1")).body == b"once"
    assert stage.arrivals() == {"na1": 1, "eu1": 2}


def test_a_client_that_leaves_in_the_middle_of_its_upload_leaves_the_rest_whole(
    stage: Stage,
) -> None:
    eu1, _ = start(stage)
    raw = request("POST", "/", bearer("eu1"), "X: 1", body=b"x" * 200_000)
    with stage.client() as client:
        client.socket.sendall(raw[:100_000])
        wait_for(lambda: eu1.connections)
    assert stage.get("/", bearer("eu1")).hublet == "eu1"
    assert stage.upstreams["na1"].connections == []
    assert [raw[:5] for raw in eu1.requests] == [b"GET /"]


def test_nothing_is_kept_of_a_client_that_left(stage: Stage) -> None:
    _, guard = start(stage, API)
    for server_name in (None, API):
        with stage.client(server_name) as client:
            assert client.get("/", bearer("eu1")).hublet == "eu1"
    wait_for(lambda: not stage.clients)
    assert guard.deadlines == {}


def test_an_upstream_connection_without_a_stamp_is_refused_for_plain_tcp_too(stage: Stage) -> None:
    """What is no HTTP at all inside a CONNECT would go where the CONNECT says."""
    (na1,) = stage.regions("na1")
    stage.proxy(mode="regular")
    with Client(stage.port) as client:
        client.socket.sendall(f"CONNECT 127.0.0.1:{na1.port} HTTP/1.1\r\n\r\n".encode())
        client.receive_until(b"\r\n\r\n")
        client.socket.sendall(b"\x00\x01 nothing known\r\n")
        assert client.receive_until(b"never") == b""
    assert na1.connections == []


def data_for(host: str) -> ServerConnectionHookData:
    return ServerConnectionHookData(Server(address=(host, 443)), tflow.tclient_conn())


@pytest.mark.parametrize("host", ["10.20.0.4", UpstreamHost("10.20.0.4", 444)])
def test_what_bears_no_stamp_for_its_port_is_refused(host: str) -> None:
    data = data_for(host)
    UpstreamGuard().server_connect(data)
    assert data.server.error == NO_ROUTE


def test_an_error_that_another_addon_set_stays() -> None:
    data = data_for(UpstreamHost("10.20.0.4", 443))
    data.server.error = "not with me"
    UpstreamGuard().server_connect(data)
    assert data.server.error == "not with me"


def test_no_timer_outlives_the_addon() -> None:
    async def main() -> None:
        guard = UpstreamGuard()
        with taddons.context(guard) as context:
            context.options.add_option("hublet_connect_timeout", int, 5, "")
            guard.server_connect(data_for(UpstreamHost("10.20.0.4", 443)))
            (deadline,) = guard.deadlines.values()
            guard.done()
            assert deadline.cancelled()

    asyncio.run(main())


@cases(
    ("tls", "name", "error"),
    {
        "no certificate can be for it": (True, f"{'a' * 64}.test", NO_NAME),
        "none is asked for": (False, f"{'a' * 64}.test", None),
        "mitmproxy chooses the name": (True, None, None),
    },
)
def test_a_name_has_to_be_one_that_a_certificate_can_have(
    tls: bool, name: str | None, error: str | None
) -> None:
    """The stamp bears none, as that of a foreign host."""

    async def main() -> None:
        guard = UpstreamGuard()
        with taddons.context(guard) as context:
            context.options.add_option("hublet_connect_timeout", int, 5, "")
            data = data_for(UpstreamHost("10.20.0.4", 443))
            data.server.tls, data.server.sni = tls, name
            guard.server_connect(data)
            assert data.server.error == error
            assert len(guard.deadlines) == (error is None)
            guard.done()

    asyncio.run(main())


def test_a_table_that_leads_back_to_the_proxy_makes_no_loop(stage: Stage) -> None:
    stage.regions("na1")
    port = stage.proxy()
    spoil(stage, stage.upstreams["na1"].url, f"http://127.0.0.1:{port}")
    answer = stage.get("/", bearer("na1"))
    assert answer.status == 502
    assert b"is this router itself" in answer.body


def test_a_client_that_mitmproxy_does_not_list_is_let_be() -> None:
    """As it is for what QUIC carries, and in a mitmproxy without a server."""

    async def main() -> None:
        guard = UpstreamGuard()
        with taddons.context(guard):
            client = tflow.tclient_conn()
            guard.client_connected(client)
            guard.client_disconnected(client)
            assert layers_of(client) == []

    asyncio.run(main())


def test_no_client_waits_for_an_addon_that_is_gone(stage: Stage, never_accepts: int) -> None:
    eu1, guard = start(stage)
    spoil(stage, eu1.url, f"http://127.0.0.1:{never_accepts}")
    with stage.client() as client:
        client.socket.sendall(request("GET", "/", bearer("eu1")))
        wait_for(lambda: guard.deadlines)
        (client_conn,) = stage.clients
        io = socket_of(client_conn, client_conn)
        assert io
        reader: Any = io.reader
        assert not reader._may_read.is_set()
        stage.loop.call_soon_threadsafe(guard.done)
        wait_for(reader._may_read.is_set)


def test_a_refused_upload_is_cut_off_and_its_socket_closed(stage: Stage) -> None:
    """mitmproxy forgets to, where it is in the middle of reading it; the client would hang."""
    start(stage)
    for _ in range(3):
        with stage.client() as client, contextlib.suppress(OSError):
            raw = request("POST", "/", bearer("zz9"), body=b"x" * 3_000_000)
            client.socket.sendall(raw)
            client.receive_until(b"never")
    assert stage.arrivals() == {"na1": 0, "eu1": 0}


def test_invalid_streams_are_not_kept(stage: Stage) -> None:
    start(stage, API)
    with Http2Client(stage.port) as client:
        for _ in range(20):
            client.answer(client.start("GET", "/", end=True, scheme="ftp"))
        assert client.get("/", ("authorization", token("eu1")[1])) == (
            "200",
            b"eu1",
        )
        (layer,) = http_layers(stage.clients[0])
        wait_for(lambda: len(layer.streams) <= 1)


def test_upstreams_that_failed_are_not_kept(stage: Stage) -> None:
    eu1, _ = start(stage, API)
    spoil(stage, eu1.url, "http://127.0.0.1:1")
    with Http2Client(stage.port) as client:
        for _ in range(20):
            assert client.get("/", token("eu1"))[0] == "502"
        (layer,) = http_layers(stage.clients[0])
        assert len(layer.connections) <= 3


def test_an_upstream_that_left_is_kept_while_a_stream_holds_it(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Without its layer, mitmproxy would crash over the end of an upload that a person held."""

    class Holds:
        def request(self, flow: http.HTTPFlow) -> None:
            if flow.request.path == "/held":
                flow.intercept()
                held.append(flow)

    async def leave(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"part")

    held: list[http.HTTPFlow] = []
    stage.upstream("na1")
    stage.upstream("eu1", behaviour=leave)
    stage.table()
    stage.proxy(beside=[Holds()])
    with Http2Client(stage.port) as client:
        upload = client.start("POST", "/held", token("eu1"))
        client.data(upload, b"part", end=True)
        wait_for(lambda: held)
        (layer,) = http_layers(stage.clients[0])
        (server,) = (it for it in layer.connections if isinstance(it, Server))
        wait_for(lambda: server.timestamp_end)
        assert client.get("/", token("na1")) == ("200", b"na1")
        stage.loop.call_soon_threadsafe(held[0].resume)
        assert client.answer(upload)[0] == "502"
        assert client.get("/", token("na1")) == ("200", b"na1")
    assert "crashed" not in caplog.text


@pytest.mark.parametrize("host", ["0.0.0.0", "other.example"])
def test_a_foreign_host_that_leads_to_a_hublet_gets_no_byte(
    stage: Stage, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo
    names = {"other.example": "127.0.0.1"}
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda name, *more, **how: look_up(names.get(name, name), *more, **how),
    )
    na1 = stage.upstream("na1")
    stage.upstream("eu1")
    stage.table(stage.table_text(more="policy: {foreign: pass}"))
    stage.proxy(mode="regular")
    answer = stage.get(f"http://{host}:{na1.port}/", bearer("eu1"), host=f"{host}:{na1.port}")
    assert answer.status == 502
    assert b"".join(na1.connections) == b""


def test_law_1_a_connection_that_an_earlier_table_let_pass_is_lent_no_more(stage: Stage) -> None:
    """By the table of now, it leads to a Hublet."""
    eu1 = stage.upstream("eu1")
    text = stage.table_text(more="policy: {foreign: pass}")
    stage.table(text)
    other = stage.upstream("other")
    stage.proxy(mode="regular")
    later = stage.folder / "later.yaml"
    later.write_text(text.replace(eu1.url, other.url))
    host = f"0.0.0.0:{other.port}"
    with stage.client() as client:
        assert client.get(f"http://{host}/", host=host).status == 200
        stage.set_option(hublets=str(later))
        assert client.get(f"http://{host}/", host=host).status == 502
    assert len(other.requests) == 1


@cases(
    ("peer", "here", "is_one"),
    {
        "the address of an upstream": ("192.0.2.7", "192.0.2.1", True),
        "another one": ("192.0.2.8", "192.0.2.1", False),
        "this machine": ("192.0.2.8", "192.0.2.8", True),
        "loopback": ("127.0.0.2", "127.0.0.1", True),
    },
)
@pytest.mark.parametrize("port", [8443, 8444])
def test_what_was_connected_is_held_against_the_table(
    peer: str, here: str, is_one: bool, port: int
) -> None:
    table = loads(
        b"domains: [a.example]\ndefault: na1\n"
        b"hublets: {na1: {upstream: 'http://192.0.2.7:8443'}, x: {upstream: 'http://no.invalid:8443'}}"
        b"\ncredentials: [{name: a, in: {query: a}, hublet: {regex: '^(a)'}}]"
    )
    server = Server(address=("x", port), peername=(peer, port), sockname=(here, 1))

    assert asyncio.run(_is_hublet(server, table)) is (is_one and port == 8443)
