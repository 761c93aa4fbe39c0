"""The client's side of a connection: what mitmproxy may keep of it."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from mitmproxy.connection import Client
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers import ClientTLSLayer, HttpLayer
from mitmproxy.proxy.layers.http._http1 import Http1Server

from .backpressure import PausableReader

logger = logging.getLogger(__name__)

REPORT_INTERVAL = 60.0
"""Seconds between two reports that no client can be accepted."""

MAX_UNREAD = 64 * 1024
"""Bytes of a client that are kept before they are understood; h2 takes no longer head either."""


class FullHouse:
    """Reports that there is no descriptor left for a client, and not for each try to accept one.

    asyncio tries again and again (`_accept_connection` in its selector_events.py), and mitmproxy
    logs each failure with a traceback: some hundred a second.
    """

    name = "hublet-router-full-house"

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._quiet_until = 0.0

    def running(self) -> None:
        """Take over from mitmproxy what asyncio cannot handle."""
        loop = self._loop = asyncio.get_running_loop()
        self._plain = loop.get_exception_handler() or type(loop).default_exception_handler
        loop.set_exception_handler(self._handle)

    def done(self) -> None:
        """Give it back."""
        if self._loop and self._loop.get_exception_handler() == self._handle:
            self._loop.set_exception_handler(self._plain)

    def _handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "accept() out of system resource" not in context.get("message", ""):
            self._plain(loop, context)
        elif loop.time() >= self._quiet_until:
            self._quiet_until = loop.time() + REPORT_INTERVAL
            logger.error(
                "no client is accepted: %s; raise the limit of open files (ulimit -n)",
                getattr(context.get("exception"), "strerror", None),
            )


class BoundedReader(PausableReader):
    """Reads a client for mitmproxy, whose own buffers of unread bytes have no limit.

    They grow with a ClientHello or a head that never ends (the FIXME of `Http1Server.read_headers`
    in proxy/layers/http/_http1.py), with the size line of a chunk that never ends, and with what
    follows a request that waits for its answer. Such a connection ends here. A body whose upstream
    is still connecting waits with its client instead.
    """

    def __init__(self, reader: asyncio.StreamReader, unread: Callable[[], int]) -> None:
        super().__init__(reader)
        self._unread = unread
        self._unread_at_most = 0
        self._is_first = True

    async def read(self, size: int) -> bytes:
        """Return what has come, or b"" at the end, or where too much is unread."""
        if self._is_first:
            # mitmproxy starts the task that reads eagerly, and crashes where that closes the
            # connection before it has suspended once (`handle_client` in proxy/server.py).
            self._is_first = False
            await asyncio.sleep(0)
        if self._unread_at_most > MAX_UNREAD:  # else there is no need to look
            self._unread_at_most = self._unread()
            if self._unread_at_most > MAX_UNREAD:
                return b""
        data = await super().read(size)
        self._unread_at_most += len(data)
        return data


def unread(layers: Iterable[Layer], client: Client) -> int:
    """Return how many bytes of a client the layers of TLS and HTTP/1 keep and have not parsed."""
    size = 0
    for layer in layers:
        if isinstance(layer, ClientTLSLayer):
            size += len(layer.recv_buffer)
        elif isinstance(layer, HttpLayer):
            server = layer.connections.get(client)
            size += len(server.buf) if isinstance(server, Http1Server) else 0
    return size
