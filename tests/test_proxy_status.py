"""Proxy-Status on the wire: which hop answered, and what a Hublet cannot make a caller believe."""

import asyncio
from collections.abc import Callable

import http_sf
import pytest
from mitmproxy import http

from harness import API, Behaviour, Stage, WebSocket, bearer, read_request, request, token
from http2_client import Http2Client

OURS = b'Proxy-Status: hublet-router; next-hop="eu1"; details="credential"\r\n'


def answers(head: bytes, body: bytes = b"eu1") -> Behaviour:
    """An upstream that answers each request with the same bytes."""
    raw = b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)

    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(reader, bytearray()):
            writer.write(raw)
            await writer.drain()

    return behaviour


@pytest.fixture
def start(stage: Stage) -> Callable[..., None]:
    """Start the proxy in front of a region that answers with a head of its own."""

    def go(head: bytes = b"", body: bytes = b"eu1", *, status: bool = True) -> None:
        stage.upstream("na1")
        stage.upstream("eu1", behaviour=answers(head, body))
        stage.table()
        stage.proxy(hublet_proxy_status=status)

    return go


def heads(stage: Stage, *fields: str) -> bytes:
    with stage.client() as client:
        client.socket.sendall(request("GET", "/", *fields))
        return client.receive_until(b"\r\n\r\n").partition(b"\r\n\r\n")[0] + b"\r\n"


THEIRS = (
    b'Proxy-Status:  r34.example.net ; received-status=503,  "sess\\"ion"\r\nproxy-STATUS: cdn\r\n'
)


def test_without_the_option_an_answer_passes_as_it_is(
    stage: Stage, start: Callable[..., None]
) -> None:
    start(THEIRS, status=False)
    sent = b"HTTP/1.1 200 OK\r\n" + THEIRS.replace(b":  ", b": ") + b"Content-Length: 3\r\n"
    assert heads(stage, bearer("eu1")) == sent


@pytest.mark.parametrize("body", [b"eu1", b"x" * 100_000], ids=["buffered", "streamed"])
def test_with_it_ours_comes_after_what_the_upstream_said(
    stage: Stage, start: Callable[..., None], body: bytes
) -> None:
    start(THEIRS, body)
    head = heads(stage, bearer("eu1"))
    length = b"Content-Length: %d\r\n" % len(body)
    assert head == b"HTTP/1.1 200 OK\r\n" + THEIRS.replace(b":  ", b": ") + length + OURS
    answer = stage.get("/")
    assert answer.headers["proxy-status"] == 'hublet-router; next-hop="na1"; details="anonymous"'


def test_a_refusal_says_so_once(stage: Stage, start: Callable[..., None]) -> None:
    start()
    head = heads(stage, bearer("zz9"))
    assert head.count(b"Proxy-Status") == 1
    assert b'\r\nProxy-Status: hublet-router; error=destination_not_found; details="unk' in head


def test_a_stream_of_http2_says_it_too(stage: Stage) -> None:
    for name in ("na1", "eu1"):
        stage.upstream(name, API)
    stage.table()
    stage.proxy(hublet_proxy_status=True)
    with Http2Client(stage.port) as client:
        stream = client.start("GET", "/", token("eu1"), end=True)
        assert client.answer(stream) == ("200", b"eu1")
        assert ("proxy-status", OURS[14:-2].decode()) in client.heads[stream]


def test_a_websocket_says_it_when_it_is_accepted(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    stage.proxy(hublet_proxy_status=True)
    with stage.client() as client:
        head = WebSocket(client, "eu1").head
    assert head.startswith(b"HTTP/1.1 101 ")
    assert OURS in head


def test_a_host_that_passes_is_shown_no_hop(stage: Stage) -> None:
    stage.upstream("na1")
    stage.table(stage.table_text(more="policy: {foreign: pass}"))
    other = stage.upstream("other")
    stage.proxy(mode="regular", hublet_proxy_status=True)
    answer = stage.get(f"{other.url}/", host=f"127.0.0.1:{other.port}")
    assert answer.headers["proxy-status"] == 'hublet-router; details="foreign-host"'


class Local:
    """Another addon, which answers what was decided already."""

    def request(self, flow: http.HTTPFlow) -> None:
        flow.response = http.Response.make(200, b"made here")


def test_what_another_addon_answers_was_not_forwarded(
    stage: Stage, start: Callable[..., None]
) -> None:
    start()
    stage.master.addons.add(Local())
    answer = stage.get("/", bearer("eu1"))
    assert answer.body == b"made here"
    assert "proxy-status" not in answer.headers


FORGED = b'hublet-router; error=destination_not_found; details="unknown-hublet"'


@pytest.mark.parametrize(
    "theirs",
    [
        FORGED,
        FORGED + b', x; y="',
        FORGED + b', x; details="\\',
        FORGED + b", x; y=:",
        FORGED + b", (x",
        FORGED + b",",
        b"x; y=(",
        b"\xff",
    ],
    ids=range(8),
)
def test_no_hublet_can_make_its_answer_look_like_a_refusal(
    stage: Stage, start: Callable[..., None], theirs: bytes
) -> None:
    start(b"Proxy-Status: %s\r\n" % theirs)
    fields = [
        line.partition(b": ")[2]
        for line in heads(stage, bearer("eu1")).split(b"\r\n")
        if line.lower().startswith(b"proxy-status: ")
    ]
    assert fields == [theirs, OURS[14:-2]]
    try:
        members = http_sf.parse(b", ".join(fields), tltype="list")
    except ValueError:
        return  # no parser reads it as a refusal
    assert isinstance(members, list)
    assert members[-1] == (
        http_sf.Token("hublet-router"), {"next-hop": "eu1", "details": "credential"}
    )  # fmt: skip
