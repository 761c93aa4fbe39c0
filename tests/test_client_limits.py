"""The client's side of a connection."""

import asyncio
import errno
import logging
from typing import Any

import pytest
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import ClientTLSLayer, HttpLayer
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.http._http1 import Http1Server
from mitmproxy.test import tflow

from hublet_router.proxy.engine.client_limits import (
    MAX_UNREAD,
    REPORT_INTERVAL,
    BoundedReader,
    FullHouse,
    unread,
)


def test_what_is_not_understood_yet_is_bounded() -> None:
    kept = [MAX_UNREAD, 5, MAX_UNREAD + 1]

    async def main() -> list[int]:
        stream = asyncio.StreamReader()
        stream.feed_data(bytes(MAX_UNREAD * 4))
        reader = BoundedReader(stream, lambda: kept.pop(0))
        return [len(await reader.read(size)) for size in (MAX_UNREAD, 1, 7, MAX_UNREAD, 1)]

    assert asyncio.run(main()) == [MAX_UNREAD, 1, 7, MAX_UNREAD, 0]
    assert kept == []


def test_no_look_is_taken_before_there_can_be_too_much() -> None:
    async def main() -> list[int]:
        stream = asyncio.StreamReader()
        stream.feed_data(bytes(MAX_UNREAD + 1))
        reader = BoundedReader(stream, lambda: pytest.fail("it looked"))
        return [len(await reader.read(size)) for size in (1, MAX_UNREAD)]

    assert asyncio.run(main()) == [1, MAX_UNREAD]


def test_a_client_waits_while_its_upstream_connects() -> None:
    async def main() -> bytes:
        stream = asyncio.StreamReader()
        stream.feed_data(b"one")
        reader = BoundedReader(stream, int)
        reader.wait()
        read = asyncio.ensure_future(reader.read(3))
        await asyncio.sleep(0)
        assert not read.done()
        reader.go_on()
        return await read

    assert asyncio.run(main()) == b"one"


def test_only_what_http1_has_of_a_client_counts() -> None:
    client = tflow.tclient_conn()
    assert unread([], client) == 0
    context = Context(client, Options())
    layer = HttpLayer(context, HTTPMode.regular)
    assert unread(context.layers, client) == 0
    server = layer.connections[client] = Http1Server(context)
    server.buf += b"GET / HTT"
    assert unread(context.layers, client) == 9
    ClientTLSLayer(context).recv_buffer += b"hello"
    assert unread(context.layers, client) == 14
    layer.connections.clear()
    assert unread(context.layers, client) == 5


def test_a_lack_of_descriptors_is_reported_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed_on: list[dict[str, Any]] = []
    lack = {
        "message": "socket.accept() out of system resource",
        "exception": OSError(errno.EMFILE, "Too many open files"),
    }
    other = {"message": "Task exception was never retrieved", "exception": ValueError("x")}

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: passed_on.append(context))
        plain = loop.get_exception_handler()
        house = FullHouse()
        house.done()  # before it ran
        house.running()
        now = loop.time()
        for later, context in ((0.0, lack), (1.0, lack), (1.0, other), (REPORT_INTERVAL, lack)):
            monkeypatch.setattr(loop, "time", lambda later=later: now + later)
            loop.call_exception_handler(context)
        monkeypatch.undo()
        house.done()
        assert loop.get_exception_handler() is plain

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert passed_on == [other]
    said = "no client is accepted: Too many open files; raise the limit of open files (ulimit -n)"
    assert caplog.messages == [said, said]
