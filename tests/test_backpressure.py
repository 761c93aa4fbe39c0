"""Backpressure: a stream that is not read sends no more, and holds up no other."""

import asyncio
import logging
import time
from collections.abc import Iterator

import pytest
from hyperframe.frame import DataFrame

from harness import API, SECONDS, Stage, token, wait_for
from http2_client import Http2Client
from http2_upstream import Exchange, Http2Upstream
from hublet_router.proxy.engine.backpressure import RESERVE, WINDOW
from hublet_router.proxy.engine.connections import http_layers
from hublet_router.proxy.engine.http2 import Http2Server

MIB = 1 << 20
PIECE = bytes(1 << 16)
MUCH = 16 * MIB
KERNEL = 12 * MIB
"""What the sockets of both connections may keep, on loopback."""


class Hublet:
    """Answers `/N` by N bytes as fast as it can, and counts what it got rid of and what it read."""

    def __init__(self) -> None:
        self.sent: dict[str, int] = {}
        self.read = 0
        self.may_read = asyncio.Event()

    async def http1(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (raw := await reader.readuntil(b"\r\n\r\n")).startswith(b"POST"):
            await self.may_read.wait()
            while data := await reader.read(65536):
                self.read += len(data)
            return
        path = raw.split()[1].decode()
        size = int(path.rpartition("/")[2])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(0, size, len(PIECE)):
            writer.write(PIECE)
            await writer.drain()
            self.sent[path] = self.sent.get(path, 0) + len(PIECE)

    async def http2(self, exchange: Exchange) -> None:
        path = exchange.path
        if dict(exchange.fields)[":method"] == "POST":
            await self.may_read.wait()
            while data := await exchange.read():
                self.read += len(data)
            exchange.head(end=True)
            return
        exchange.head()
        for _ in range(0, int(path.rpartition("/")[2]), len(PIECE)):
            await exchange.data(PIECE)
            self.sent[path] = self.sent.get(path, 0) + len(PIECE)
        await exchange.data(b"", end=True)


@pytest.fixture(params=["http/1.1", "h2"])
def protocol(request: pytest.FixtureRequest) -> str:
    protocol: str = request.param
    return protocol


def start(stage: Stage, protocol: str) -> Hublet:
    hublet = Hublet()
    behaviour = Http2Upstream(hublet.http2) if protocol == "h2" else hublet.http1
    stage.upstream("na1", API)
    stage.upstream("eu1", API, behaviour=behaviour, alpn=(protocol,))
    stage.table()
    stage.proxy()
    return hublet


def settled(of: dict[str, int], path: str) -> int:
    """Wait until an upstream gets rid of no more, and return how much it could."""
    wait_for(lambda: path in of)
    before = -1
    while before != of[path]:
        before = of[path]
        time.sleep(0.3)
    return before


def test_a_client_that_opens_no_window_stops_its_answer_and_no_other(
    stage: Stage, protocol: str
) -> None:
    hublet = start(stage, protocol)
    with Http2Client(stage.port) as client:
        streams = [client.start("GET", f"/{n}/{MUCH}", token("eu1"), end=True) for n in range(2)]
        for number in range(2):
            assert settled(hublet.sent, f"/{number}/{MUCH}") < KERNEL
        client.withhold(streams)
        assert client.get("/131072", token("eu1")) == ("200", bytes(131072))
        assert client.get("/na1", token("na1")) == ("200", b"na1")
        kept = sum(len(it) for it in pieces(stage))
        assert 0 < kept < 2 * MIB
        client.open_windows()
        for stream in streams:
            while len(client.answers[stream][1]) < 2 * MIB:
                client.read()


def pieces(stage: Stage) -> list[bytes]:
    """What waits in the proxy for the client's window."""
    (server,) = servers(stage)
    return [piece.data for buffer in server.h2_conn.stream_buffers.values() for piece in buffer]


def test_an_upstream_that_does_not_read_stops_its_upload(stage: Stage, protocol: str) -> None:
    hublet = start(stage, protocol)
    with Http2Client(stage.port) as client:
        stream = client.start("POST", "/upload", token("eu1"))
        client.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            client.data(stream, bytes(MUCH))
        sent = MUCH - client.unsent
        assert sent < (KERNEL if protocol == "http/1.1" else 2 * (WINDOW + RESERVE))
        client.socket.settimeout(SECONDS)
        stage.loop.call_soon_threadsafe(hublet.may_read.set)
        client.data(stream, bytes(client.unsent))
        wait_for(lambda: hublet.read >= MUCH)


def test_what_is_owed_when_a_client_is_ended_does_not_crash(
    stage: Stage, never_accepts: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A client overruns its window while its upstream connects."""
    eu1 = stage.upstream("eu1")
    stage.table(stage.table_text().replace(eu1.url, f"http://127.0.0.1:{never_accepts}"))
    stage.proxy()
    with Http2Client(stage.port) as client:
        client.start("POST", "/", token("eu1"))
        client.socket.sendall(DataFrame(1, bytes(40_000)).serialize())
        wait_for(lambda: any(it.h2_conn.held for it in servers(stage)))
        client.socket.sendall(DataFrame(1, bytes(40_000)).serialize())
        with pytest.raises(AssertionError, match=r"ended|closed"):
            client.answer(1)
    wait_for(lambda: not stage.seen.open)
    assert [it.getMessage() for it in caplog.records if it.levelno >= logging.ERROR] == []


def servers(stage: Stage) -> Iterator[Http2Server]:
    """The clients' sides of HTTP/2."""
    for client in stage.clients:
        for layer in http_layers(client):
            server = layer.connections.get(client)
            if isinstance(server, Http2Server):
                yield server


def test_more_uploads_at_once_than_the_reserve_has_shares_for(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Half of what is left is nothing after twenty of them."""
    hublet = start(stage, "h2")
    stage.loop.call_soon_threadsafe(hublet.may_read.set)
    with Http2Client(stage.port) as client:
        streams = [client.start("POST", "/", token("eu1")) for _ in range(40)]
        for stream in streams:
            client.data(stream, bytes(WINDOW // 2 + 8192))
        for stream in streams:
            client.data(stream, bytes(WINDOW), end=True)
        wait_for(lambda: hublet.read >= 40 * (WINDOW // 2 + 8192 + WINDOW))
    assert [it.getMessage() for it in caplog.records if it.levelno >= logging.ERROR] == []
