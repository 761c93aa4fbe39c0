"""A gentle end: no new connections, and time for the requests that are under way.

mitmproxy ends at once, and cuts them (`Master.shutdown` in master.py). Its signal handlers, the
console and mitmweb all look that method up when they need it, so it is replaced on the master.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import chain
from socket import socket

from hyperframe.frame import GoAwayFrame
from mitmproxy import ctx, http
from mitmproxy.flow import Error
from mitmproxy.log import ALERT
from mitmproxy.proxy import commands
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook
from mitmproxy.proxy.layers.http._http2 import Http2Server
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler

from ...analysis.masking import counted
from .connections import handlers, hang_up, http_layers, inject

logger = logging.getLogger(__name__)

POLL = 0.05
"""Seconds between two looks whether all is answered."""

QUIET_LOOKS = 20
"""Looks in which no client sent a byte, until their connections are taken for idle.

A client may send its next request just now; it is answered, and learns from that to go elsewhere.
"""

CLOSING = 1.0
"""Seconds that mitmproxy has to close what is left."""

CUT = "hublet-router: the router ended before the answer did"


class Drain:
    """Answers what is under way before mitmproxy ends, for `hublet_drain_timeout` seconds."""

    name = "hublet-router-drain"

    def __init__(self) -> None:
        self.is_draining = False
        self._flows: set[http.HTTPFlow] = set()  # under way
        self._is_cut = False
        self._deadline = 0.0
        self._task: asyncio.Task[None] | None = None

    def running(self) -> None:
        """Take the place of mitmproxy's own end."""
        vars(ctx.master)["shutdown"] = self.shutdown

    def done(self) -> None:
        """Give it back."""
        if vars(ctx.master).get("shutdown") == self.shutdown:
            del vars(ctx.master)["shutdown"]
        if self._task:
            self._task.cancel()

    def shutdown(self) -> None:
        """Begin to drain, or cut what is left if that has begun; from any thread."""
        ctx.master.event_loop.call_soon_threadsafe(self._begin)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Remember a request that is under way."""
        if flow.live:
            self._flows.add(flow)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Have the client of an answer close its connection, where it speaks HTTP/1."""
        response = flow.response
        is_http1 = flow.request.is_http10 or flow.request.is_http11
        if self.is_draining and response and is_http1 and response.status_code != 101:
            response.headers["connection"] = "close"

    def response(self, flow: http.HTTPFlow) -> None:
        """Forget a request that was answered, unless a WebSocket has begun."""
        if not flow.websocket:
            self._flows.discard(flow)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """Forget a WebSocket that has ended."""
        self._flows.discard(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        """Forget a request that failed, and say of one that was cut what cut it."""
        self._flows.discard(flow)
        if self._is_cut:
            flow.error = Error(CUT)

    def _begin(self) -> None:
        seconds = 0 if self.is_draining else ctx.options.hublet_drain_timeout
        self._deadline = time.monotonic() + seconds
        if not self.is_draining:
            self.is_draining = True
            self._task = asyncio.create_task(self._drain(seconds))

    async def _drain(self, seconds: int) -> None:
        try:
            await _stop_listening()
            for handler in list(handlers().values()):
                await self._send_goaway(handler)
            if seconds and (waiting := len(self._flows)):
                logger.log(
                    ALERT,
                    "hublet-router: waits up to %s s for %s; to end at once, ask again",
                    seconds,
                    counted(waiting, "request"),
                )
            looks, before = 0, None
            while handlers() and looks < QUIET_LOOKS and time.monotonic() < self._deadline:
                await asyncio.sleep(POLL)
                heard = {
                    it.client.id: it.timeout_watchdog.last_activity for it in handlers().values()
                }
                asking = {it.client_conn.id for it in self._flows}
                is_quiet = heard == before and not asking & heard.keys()
                looks, before = (looks + 1 if is_quiet else 0), heard
            await self._cut()
        finally:
            ctx.master.should_exit.set()

    async def _cut(self) -> None:
        """Close what is left; mitmproxy then ends each request with an error."""
        self._is_cut = True
        if left := len(self._flows):
            logger.warning("%s not answered in time", "1 is" if left == 1 else f"{left} are")
        for handler in list(handlers().values()):
            hang_up(handler.client, CUT)
        deadline = time.monotonic() + CLOSING
        while handlers() and time.monotonic() < deadline:
            await asyncio.sleep(POLL)
        for flow in list(self._flows):
            flow.error = Error(CUT)  # one that a person holds, which mitmproxy does not end
            await ctx.master.addons.trigger_event(HttpErrorHook(flow))

    async def _send_goaway(self, handler: ProxyConnectionHandler) -> None:
        """Have an HTTP/2 client open no more streams, as soon as it reads that (RFC 9113 6.8).

        h2's own `close_connection` would end the streams that are open.
        """
        for layer in http_layers(handler.client):
            if isinstance(layer.connections.get(handler.client), Http2Server):
                frame = GoAwayFrame(0, last_stream_id=2**31 - 1).serialize()
                await inject(handler.client, layer, commands.SendData(handler.client, frame))


async def _stop_listening() -> None:
    """Close the listening sockets, and serve the clients that wait in their queues.

    `ServerInstance.stop` would also close what HTTP/3 is served from.
    """
    proxyserver = ctx.master.addons.get("proxyserver")
    loop = asyncio.get_running_loop()
    for instance in proxyserver.servers if proxyserver else ():
        for server in getattr(instance, "_servers", ()):
            if not isinstance(server, asyncio.Server):
                continue
            listeners = [listener.dup() for listener in server.sockets]
            server.close()
            for client in chain.from_iterable(map(_waiting, listeners)):
                reader = asyncio.StreamReader()
                protocol = partial(asyncio.StreamReaderProtocol, reader, instance.handle_stream)
                await loop.connect_accepted_socket(protocol, client)


def _waiting(listener: socket) -> Iterator[socket]:
    """Yield each client in the queue of a listener, and close it."""
    with listener, suppress(OSError):  # the queue is empty
        listener.setblocking(False)
        while True:
            client, _ = listener.accept()
            client.setblocking(False)
            yield client
