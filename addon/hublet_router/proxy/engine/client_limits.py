"""The client's side of a connection: what mitmproxy may keep of it."""

import asyncio
from collections.abc import Callable, Iterable

from mitmproxy.connection import Client
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers import ClientTLSLayer, HttpLayer
from mitmproxy.proxy.layers.http._http1 import Http1Server

from .backpressure import PausableReader

MAX_UNREAD = 64 * 1024
"""Bytes of a client that are kept before they are understood; h2 takes no longer head either."""


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
