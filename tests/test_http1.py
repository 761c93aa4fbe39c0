"""Interim answers, trailers and a blank line first: what mitmproxy's own HTTP/1 stumbles over."""

import asyncio
import inspect
import socket

import pytest
from mitmproxy import http
from mitmproxy.http import Headers
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.test import tflow

from harness import API, Stage, Upstream, bearer, read_request, request, token
from http2_client import Http2Client
from hublet_router.proxy.engine.http1 import MAX_SIZE, _is_countable, framed

HEAD = f"Host: {API}\r\n{bearer('eu1')}\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"


def start(stage: Stage, *parts: bytes) -> Upstream:
    """Start a proxy; its upstream sends the parts one by one, then says which path was asked."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while raw := await read_request(reader, bytearray()):
            eu1.requests.append(raw)
            path = raw.split()[1]
            for part in (*parts, OK % (len(path), path)):
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)

    eu1 = stage.upstream("eu1", behaviour=answer)
    stage.table()
    stage.proxy()
    return eu1


@pytest.mark.parametrize(
    "parts",
    [
        (EARLY_HINTS,),
        (EARLY_HINTS[:9], EARLY_HINTS[9:]),
        (b"HTTP/1.1 100 Continue\r\n\r\n",),
        (b"HTTP/1.1 102\r\n\r\n", EARLY_HINTS, b"HTTP/1.0 199 Odd\r\n\r\n"),
        (EARLY_HINTS * 3,),
    ],
    ids=["103", "103 in two pieces", "100 unasked", "several", "several at once"],
)
def test_the_final_answer_follows_interim_ones_and_belongs_to_its_request(
    stage: Stage, parts: tuple[bytes, ...]
) -> None:
    start(stage, *parts)
    with stage.client() as client:
        for path in ("/first", "/second"):
            answer = client.get(path, bearer("eu1"))
            assert (answer.status, answer.body.decode()) == (200, path)


def test_trailers_of_an_answer_are_dropped(stage: Stage) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(reader, bytearray()):
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
            writer.write(head + b"2\r\nok\r\n0\r\nX-T: 1\r\nX-U: HTTP/1.1 103\r\n\r\n")

    stage.upstream("eu1", behaviour=answer)
    stage.table()
    stage.proxy()
    with stage.client() as client:
        for _ in range(2):
            answered = client.get("/", bearer("eu1"))
            assert (answered.status, answered.body) == (200, b"ok")


def test_trailers_of_a_request_are_dropped(stage: Stage) -> None:
    (eu1,) = stage.regions("eu1")
    stage.proxy()
    head = request("PUT", "/x", bearer("eu1"), "Transfer-Encoding: chunked")
    with stage.client() as client:
        for _ in range(2):
            answer = client.send(head + b"2\r\nok\r\n0\r\nX-T: 1\r\n\r\n")
            assert answer.hublet == "eu1"
    assert [raw.partition(b"\r\n\r\n")[2] for raw in eu1.requests] == [b"2\r\nok\r\n0\r\n\r\n"] * 2


@pytest.mark.parametrize("blank", [b"\r\n", b"\n", b"\r\n\r\n"], ids=["CRLF", "LF", "twice"])
def test_blank_lines_before_a_request_are_ignored(stage: Stage, blank: bytes) -> None:
    (eu1,) = stage.regions("eu1")
    stage.proxy()
    with stage.client() as client:
        for _ in range(2):
            assert client.send(blank + request("GET", "/", bearer("eu1"))).hublet == "eu1"
    assert eu1.requests[0].startswith(b"GET / ")


def test_an_answer_that_ends_with_its_connection_is_whole(stage: Stage) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader, bytearray())
        writer.write(EARLY_HINTS + b"HTTP/1.1 200 OK\r\n\r\nok")

    stage.upstream("eu1", behaviour=answer)
    stage.table()
    stage.proxy()
    assert stage.get("/", bearer("eu1")).body == b"ok"


@pytest.mark.parametrize(
    ("version", "fields", "body", "stream", "added"),
    [
        ("HTTP/2.0", {}, b"body", False, {"content-length": "4"}),
        ("HTTP/2.0", {}, None, True, {"transfer-encoding": "chunked"}),
        ("HTTP/2.0", {}, b"kept", True, {"transfer-encoding": "chunked"}),
        ("HTTP/3", {}, None, True, {"transfer-encoding": "chunked"}),
        ("HTTP/2.0", {"content-length": "9"}, None, True, {}),
        ("HTTP/1.1", {}, b"", False, {}),
    ],
    ids=["whole", "streamed", "streamed and kept", "h3", "with a length", "HTTP/1"],
)
def test_a_request_gets_the_framing_that_it_lacks_and_its_flow_does_not(
    version: str, fields: dict[str, str], body: bytes | None, stream: bool, added: dict[str, str]
) -> None:
    request = tflow.tflow().request
    request.http_version = version
    request.headers = Headers([(b"x", b"1")])
    request.headers.update(fields)
    request.data.content = body
    request.stream = stream
    assert dict(framed(request).headers) == {"x": "1", **fields, **added}
    assert dict(request.headers) == {"x": "1", **fields}


@pytest.mark.parametrize(
    ("digits", "is_countable"),
    [
        (str(MAX_SIZE), True),
        (str(MAX_SIZE + 1), False),
        ("1".zfill(19), True),
        ("1".zfill(20), False),
        ("9" * 5000, False),  # Python itself counts no more than 4300
    ],
)
def test_which_lengths_every_server_can_count(digits: str, is_countable: bool) -> None:
    assert _is_countable(digits.encode()) is is_countable


def test_mitmproxy_still_needs_the_cures() -> None:
    """Should this fail, then mitmproxy reads trailers or interim answers itself by now."""
    assert "NotImplementedError" in inspect.getsource(_http1.Http1Connection.read_body)
    assert "status_code" not in inspect.getsource(_http1.Http1Client.read_headers)


def test_an_answer_that_has_begun_is_not_followed_by_another(stage: Stage) -> None:
    """The body turns out to be malformed while its answer comes."""
    may_end = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun")
        await may_end.wait()

    stage.upstream("eu1", behaviour=answer)
    stage.table()
    stage.proxy()
    with stage.client() as client:
        client.socket.sendall(
            f"PUT / HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        received = client.receive_until(b"begun")
        client.socket.sendall(b"zz\r\n")
        received += client.receive_until(b"never")
    assert received.count(b"HTTP/1.1") == 1
    stage.loop.call_soon_threadsafe(may_end.set)


class EditsPath:
    """Another addon that edits the path of a request."""

    def __init__(self, path: str) -> None:
        self.path = path

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.request.path = self.path


@pytest.mark.parametrize(
    ("sent", "edited", "arrives"),
    [(f"http://{API}/a", "/edited", f"https://{API}/edited"), ("/a", "/", "/")],
    ids=["absolute", "a path"],
)
def test_a_target_that_was_edited_arrives_as_edited(
    stage: Stage, sent: str, edited: str, arrives: str
) -> None:
    (eu1,) = stage.regions("eu1", certified=[API])
    stage.proxy(beside=[EditsPath(edited)])
    with stage.client() as client:
        assert client.send(f"GET {sent} HTTP/1.1\r\n{HEAD}\r\n".encode()).hublet == "eu1"
    assert eu1.only.startswith(f"GET {arrives} HTTP/1.1\r\n".encode())


def test_a_body_that_breaks_off_is_not_answered(stage: Stage) -> None:
    stage.regions("eu1")
    stage.proxy()
    with stage.client() as client:
        client.socket.sendall(f"PUT / HTTP/1.1\r\n{HEAD}Content-Length: 9\r\n\r\nhalf".encode())
        client.socket.shutdown(socket.SHUT_WR)
        assert client.receive_until(b"never") == b""
    assert stage.arrivals() == {"eu1": 0}


@pytest.mark.parametrize("front", ["HTTP/1", "HTTP/2"])
@pytest.mark.parametrize(
    ("method", "status", "length"),
    [("GET", 204, 0), ("GET", 204, 5), ("GET", 304, 5), ("HEAD", 200, 5), ("HEAD", 304, 0)],
)
def test_an_answer_without_a_body_may_have_a_length(
    stage: Stage, method: str, status: int, length: int, front: str
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(reader, bytearray()):
            writer.write(b"HTTP/1.1 %d Odd\r\nContent-Length: %d\r\n\r\n" % (status, length))
            await writer.drain()

    stage.upstream("eu1", API, behaviour=answer)
    stage.table()
    stage.proxy()
    if front == "HTTP/1":
        with stage.client() as client:
            for _ in range(2):
                answered = client.send(f"{method} / HTTP/1.1\r\n{HEAD}\r\n".encode(), method)
                assert (answered.status, answered.body) == (status, b"")
                assert answered.headers["content-length"] == str(length)
    else:
        with Http2Client(stage.port) as client2:
            for _ in range(2):
                stream = client2.start(method, "/", token("eu1"), end=True)
                assert client2.answer(stream) == (str(status), b"")
                sent = dict(client2.heads[stream]).get("content-length")
                assert sent == (None if status == 204 else str(length))
