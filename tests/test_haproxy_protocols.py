"""HAProxy with the agent: HTTP/2 in front, upgrades, bodies, and requests that are odd."""

import asyncio
import contextlib

import pytest

from haproxy_stage import certificate, haproxy, two_regions
from harness import API, Client, Stage, WebSocket, bearer, read_request, request, token, wait_for
from http2_client import Http2Client

FORM = "Content-Type: application/x-www-form-urlencoded"
KEY = b"refresh_token=eu1-0000-0000-0000-0000-000000000000"


def test_streams_of_one_connection_go_each_to_its_region(stage: Stage) -> None:
    table = two_regions(stage)
    with (
        haproxy(stage, table, tls=certificate(stage.folder, API)) as edge,
        Http2Client(edge.tls_port) as client,
    ):
        names = ["eu1", "na1", "eu1", "na1", "na1", "eu1"] * 5
        streams = [client.start("GET", f"/{name}", token(name), end=True) for name in names]
        assert [client.answer(stream) for stream in streams] == [
            ("200", name.encode()) for name in names
        ]
        assert client.get("/x", token("na2"))[0] == "421"
        body = client.start("POST", "/oauth/v1/token", ("content-type", FORM.split(" ")[1]))
        client.data(body, KEY[:20])
        client.data(body, KEY[20:], end=True)
        assert client.answer(body) == ("200", b"eu1")
    for name, upstream in stage.upstreams.items():
        assert set(upstream.server_names) == {API}
        for raw in upstream.requests[:15]:
            assert raw.startswith(f"GET /{name} HTTP/1.1\r\nhost: {API}\r\n".encode())
    assert KEY in stage.upstreams["eu1"].requests[-1]


type Said = tuple[str, str, list[tuple[str, str]]]
ONLY_HTTP_2: dict[str, tuple[Said, str]] = {
    "a fragment": (("GET", "//a/../%2e/b?c=%20#d", [token("eu1")]), "reset"),
    "a path as it is": (("GET", "//a/../%2e/b?c=%20", [token("eu1")]), "200"),
    "a URL as path": (("GET", f"https://{API}/a", [token("eu1")]), "reset"),
    "an asterisk": (("GET", "*", [token("eu1")]), "200"),
    "a blank": (("GET", "/a b", [token("eu1")]), "reset"),
    "a blank in the method": (("GET x", "/a", [token("eu1")]), "400"),
    "a host beside :authority": (("GET", "/a", [token("eu1"), ("host", "other.example")]), "200"),
    "two lines in a field": (("GET", "/a", [token("eu1"), ("x", "a\r\nhost: b")]), "reset"),
    "two credentials": (("GET", "/a", [token("eu1"), token("na1")]), "400"),
}


def outcome(port: int, said: Said) -> str:
    method, path, fields = said
    with Http2Client(port) as client:
        try:
            return client.answer(client.start(method, path, *fields, end=True))[0]
        except AssertionError:  # the whole connection is ended
            return "reset"


def test_what_http_2_can_say_and_http_1_cannot(stage: Stage) -> None:
    table = two_regions(stage)
    with haproxy(stage, table, tls=certificate(stage.folder, API)) as edge:
        answers = {what: outcome(edge.tls_port, said) for what, (said, _) in ONLY_HTTP_2.items()}
    assert answers == {what: answer for what, (_, answer) in ONLY_HTTP_2.items()}
    assert stage.upstreams["na1"].requests == []
    routed = [said for said, answer in ONLY_HTTP_2.values() if answer == "200"]
    for (method, path, _), raw in zip(routed, stage.upstreams["eu1"].requests, strict=True):
        sent = "/" if path == "*" else path  # HAProxy's own; the agent sees it, too
        assert raw.startswith(f"{method} {sent} HTTP/1.1\r\nhost: {API}\r\n".encode())


def test_haproxy_removes_a_default_port_and_no_other(stage: Stage) -> None:
    """RFC 3986 section 6.2.3; it does so for HTTP/2, and where HTTP/1 has an absolute URL."""
    table = two_regions(stage)
    absolute = b"GET http://api.hubapi.com:80/a HTTP/1.1\r\nHost: api.hubapi.com:80\r\n"
    with (
        haproxy(stage, table, tls=certificate(stage.folder, API)) as edge,
        Http2Client(edge.tls_port) as client,
        Client(edge.port) as plain,
    ):
        for port in ("443", "8443"):
            stream = client.http.get_next_available_stream_id()
            pseudo = [(":method", "GET"), (":scheme", "https"), (":path", "/a")]
            fields = [*pseudo, (":authority", f"{API}:{port}"), token("eu1")]
            client.http.send_headers(stream, fields, end_stream=True)
            client.flush()
            assert client.answer(stream) == ("200", b"eu1")
        assert plain.send(absolute + bearer("eu1").encode() + b"\r\n\r\n").hublet == "eu1"
    starts = [raw.partition(b"\r\nauth")[0] for raw in stage.upstreams["eu1"].requests]
    assert starts == [
        b"GET /a HTTP/1.1\r\nhost: api.hubapi.com",
        b"GET /a HTTP/1.1\r\nhost: api.hubapi.com:8443",
        b"GET http://api.hubapi.com/a HTTP/1.1\r\nhost: api.hubapi.com",
    ]


def test_a_websocket_goes_where_its_upgrade_goes(stage: Stage) -> None:
    table = two_regions(stage)
    with haproxy(stage, table) as edge, Client(edge.port) as client:
        assert WebSocket(client, "eu1").ask("hello") == "eu1: hello"
    assert stage.upstreams["na1"].connections == []


@pytest.mark.parametrize(
    ("asked", "upgrade", "status"),
    [("h2c", "H2C", 502), ("foo", "foo", 502), ("websocket", "websocket", 400),
     ("x", "websocket", 502)],
    ids=["h2c", "foo", "a websocket of no version", "another one than asked for"],
)  # fmt: skip
def test_no_other_upgrade_becomes_a_tunnel(
    stage: Stage, asked: str, upgrade: str, status: int
) -> None:
    table = two_regions(stage)
    seen: list[bytes] = []

    async def switches(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader, bytearray())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
            b"Upgrade: %s\r\n\r\n" % upgrade.encode()
        )
        seen.append(await reader.read(65536))

    stage.upstreams["na1"].behaviour = switches
    fields = (bearer("na1"), "Connection: Upgrade", f"Upgrade: {asked}")
    with haproxy(stage, table) as edge:
        with Client(edge.port) as client, contextlib.suppress(OSError):
            client.socket.sendall(request("GET", "/x", *fields))
            assert client.receive().status == status
            client.socket.sendall(request("GET", "/smuggled", bearer("eu1")))
            client.receive_until(b"\r\n\r\n")
        wait_for(lambda: seen or status == 400)
    assert b"/smuggled" not in b"".join(seen)


def posted(length: int, *, in_chunks: bool) -> bytes:
    """A form of that length whose credential comes last: half of it would go to the default."""
    body = KEY.rjust(length, b"&")
    if not in_chunks:
        return request("POST", "/oauth/v1/token", FORM, body=body)
    pieces = [body[at : at + 4000] for at in range(0, length, 4000)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(it), it) for it in pieces) + b"0\r\n\r\n"
    head = request("PATCH", "/oauth/v1/token", FORM, "Transfer-Encoding: chunked")
    return head + chunks


@pytest.mark.parametrize(
    ("limit", "read", "refused"),
    [(None, [13_000], [15_500, 60_000]), (65_536, [13_000, 65_536], [65_537, 200_000])],
    ids=["the usual buffer", "64 KiB"],
)
def test_a_body_is_read_whole_or_the_request_is_refused(
    stage: Stage, limit: int | None, read: list[int], refused: list[int]
) -> None:
    table = two_regions(stage)
    cases = [(length, in_chunks) for length in read + refused for in_chunks in (False, True)]
    statuses = {}
    with haproxy(stage, table, body_limit=limit) as edge:
        for length, in_chunks in cases:
            with Client(edge.port) as client:
                with contextlib.suppress(OSError):  # it is answered before all of it was read
                    client.socket.sendall(posted(length, in_chunks=in_chunks))
                statuses[length, in_chunks] = client.receive().status
    assert statuses == {case: 200 if case[0] in read else 413 for case in cases}
    assert stage.upstreams["na1"].requests == []
    arrived = [raw.count(b"&") for raw in stage.upstreams["eu1"].requests]
    assert arrived == [length - len(KEY) for length in read for _ in (False, True)]


def test_a_client_that_waits_for_100_is_let_go_on_where_its_body_is_read(stage: Stage) -> None:
    table = two_regions(stage)
    raw = request("POST", "/oauth/v1/token", FORM, "Expect: 100-continue", body=KEY)
    with haproxy(stage, table) as edge, Client(edge.port) as client:
        client.socket.sendall(raw.removesuffix(KEY))
        assert client.receive_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        assert client.send(KEY).hublet == "eu1"
    assert stage.upstreams["eu1"].only.endswith(KEY)


ODD = {
    "a path as it is": (b"GET //a/../%2E/;b?c#d HTTP/1.1\r\nHost: api.hubapi.com\r\n", 400),
    "dots": (b"GET //a/../%2E/;b?c=%zz HTTP/1.1\r\nHost: api.hubapi.com\r\n", 200),
    "absolute": (b"GET http://api.hubapi.com/a HTTP/1.1\r\nHost: api.hubapi.com\r\n", 200),
    "absolute, another": (b"GET http://other.example/a HTTP/1.1\r\nHost: api.hubapi.com\r\n", 400),
    "no host": (b"GET /a HTTP/1.0\r\n", 421),
    "two hosts": (b"GET /a HTTP/1.1\r\nHost: api.hubapi.com\r\nHost: other.example\r\n", 400),
    "userinfo": (b"GET /a HTTP/1.1\r\nHost: a@api.hubapi.com\r\n", 421),
    "another spelling": (b"GET /a HTTP/1.1\r\nHost: API.hubapi.com.:8443\r\n", 200),
    "a method of its own": (b"PURGE /a HTTP/1.1\r\nHost: api.hubapi.com\r\n", 200),
    "connect": (b"CONNECT api.hubapi.com:443 HTTP/1.1\r\nHost: api.hubapi.com:443\r\n", 421),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: api.hubapi.com\r\n", 200),
    "bytes of a field": (b"GET /a HTTP/1.1\r\nHost: api.hubapi.com\r\nX: \xe9\xff\r\n", 200),
    "a bell in a field": (b"GET /a HTTP/1.1\r\nHost: api.hubapi.com\r\nX: a\x07b\r\n", 400),
    "bytes of the path": (b"GET /\xe9 HTTP/1.1\r\nHost: api.hubapi.com\r\n", 400),
    "a bare CR": (b"GET /a HTTP/1.1\r\nHost: api.hubapi.com\r\nX: a\rb\r\n", 400),
    "NUL": (b"GET /a HTTP/1.1\r\nHost: api.hubapi.com\r\nX: a\0b\r\n", 400),
}


def test_an_odd_request_arrives_as_it_was_or_not_at_all(stage: Stage) -> None:
    table = two_regions(stage)
    end = bearer("eu1").encode() + b"\r\n\r\n"
    statuses = {}
    with haproxy(stage, table) as edge:
        for what, (head, _) in ODD.items():
            with Client(edge.port) as client:
                statuses[what] = client.send(head + end, head.split(b" ")[0].decode()).status
    assert statuses == {what: status for what, (_, status) in ODD.items()}
    assert stage.upstreams["na1"].requests == []
    routed = [head for head, status in ODD.values() if status == 200]
    for head, raw in zip(routed, stage.upstreams["eu1"].requests, strict=True):
        lines = head.split(b"\r\n")
        assert raw.startswith(lines[0] + b"\r\n")
        assert raw.partition(b"host: ")[2].startswith(lines[1][6:] + b"\r\n")
        assert (b"x: \xe9\xff\r\n" in raw) == (b"X: \xe9\xff" in head)
