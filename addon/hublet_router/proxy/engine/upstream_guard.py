"""Guards connections to upstreams: which are opened, how, and what is left of them.

Each method that makes up for something in mitmproxy names the place or the issue.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from socket import SOCK_STREAM
from typing import Any, cast

from mitmproxy import ctx, http
from mitmproxy.connection import Client, Connection, Server
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from ...core.table import Table
from ..routing.upstream import UpstreamHost
from .backpressure import make_pausable, pace_reader
from .client_limits import BoundedReader, unread
from .connections import close, handlers, http_layers, layers_of, socket_of
from .crash_guard import end_crashed

LOOP = "hublet-router: the upstream is this proxy itself; fix the table"
NO_ROUTE = "hublet-router: no decision names this destination, so nothing is sent there"
NO_NAME = "hublet-router: no certificate can be for this TLS server name"

logger = logging.getLogger(__name__)


class UpstreamGuard:
    """Opens connections only to what a decision has stamped, whatever went wrong before."""

    name = "hublet-router-upstream-guard"

    def __init__(self) -> None:
        self.deadlines: dict[str, asyncio.TimerHandle] = {}

    def done(self) -> None:
        """Stop the timers, and let every client be read."""
        for deadline in self.deadlines.values():
            deadline.cancel()
        for client in [it.client for it in handlers().values()]:
            pace_reader(client, client, "free")

    def client_connected(self, client: Client) -> None:
        """Limit what is kept of the client (see `BoundedReader`)."""
        io = socket_of(client, client)
        if io and isinstance(io.reader, asyncio.StreamReader):  # which QUIC has not
            reader = BoundedReader(io.reader, lambda: unread(layers_of(client), client))
            io.reader = cast(asyncio.StreamReader, reader)

    def client_disconnected(self, client: Client) -> None:
        """End what mitmproxy left open."""
        for layer in http_layers(client):
            end_crashed(layer)
        close(client, client)

    def error(self, flow: http.HTTPFlow) -> None:
        """Drop a stream that mitmproxy found invalid.

        mitmproxy keeps it for the life of its connection: only `DropStream` deletes it, and
        `check_invalid` in proxy/layers/http/__init__.py sends none.
        """
        for layer in http_layers(flow.client_conn):
            for number, stream in list(layer.streams.items()):
                if stream.client_state == stream.server_state == stream.state_errored:
                    del layer.streams[number]

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Refuse a connection without a stamp; give one with it a server name, protocol, deadline.

        mitmproxy has no connect timeout (its issue 1095). But it runs this hook in the task that
        connects, and reports the message with which that was cancelled.
        """
        if data.server.error:
            return
        assert data.server.address
        host = data.server.address[0]
        if not isinstance(host, UpstreamHost) or host.port != data.server.address[1]:
            data.server.error = NO_ROUTE
            return
        if (str(host), data.server.address[1]) in _own_addresses():
            data.server.error = LOOP
            return
        data.server.sni = host.server_name or data.server.sni
        if data.server.tls and data.server.sni and not _can_be_verified(data.server.sni):
            data.server.error = NO_NAME
            return
        speaks_http2 = data.client.alpn == b"h2" and host.http2
        data.server.alpn_offers = [b"h2", b"http/1.1"] if speaks_http2 else [b"http/1.1"]
        self._drop_dead_connections(data.client)
        if data.client.alpn != b"h2":  # whose other streams go on
            pace_reader(data.client, data.client, "full")
        task = asyncio.current_task()
        assert task
        seconds = ctx.options.hublet_connect_timeout
        self.deadlines[data.server.id] = asyncio.get_running_loop().call_later(
            seconds, task.cancel, f"hublet-router: no connection within {seconds} s"
        )

    def server_connected(self, data: ServerConnectionHookData) -> Awaitable[None] | None:
        """Stop the clock of an upstream without TLS, and let one stream of HTTP/2 pause it.

        A way round the decision is ended here, before a byte is sent. It has a name or an address
        of its own for a Hublet. The hook waits only for that: to wait costs all others time.
        """
        if data.client.alpn == b"h2":
            make_pausable(data.client, data.server)
        if not data.server.tls:
            self._arrived(data.server, data.client)
        host = data.server.address and data.server.address[0]
        if isinstance(host, UpstreamHost) and host.passed_by:
            return self._end_at_hublet(data, host.passed_by)
        return None

    async def _end_at_hublet(self, data: ServerConnectionHookData, table: Table) -> None:
        """Close a connection for a foreign host that is one to a Hublet, or may be."""
        may_be_one = True
        try:
            may_be_one = await _is_hublet(data.server, table)
        finally:
            if may_be_one:
                logger.warning("a connection for a foreign host led to a Hublet, and was closed")
                close(data.client, data.server)

    def tls_established_server(self, data: TlsData) -> None:
        """Stop the clock of an upstream with TLS."""
        self._arrived(data.conn, data.context.client)

    def server_connect_error(self, data: ServerConnectionHookData) -> None:
        """Let the next request try again.

        mitmproxy keeps the error, and answers that request with it (`HttpLayer.get_connection`).
        """
        self._arrived(data.server, data.client)
        data.server.error = None
        data.server.timestamp_end = time.time()

    def tls_failed_server(self, data: TlsData) -> None:
        """Let the next request try again, after a failure of TLS too."""
        data.conn.error = None

    def server_disconnected(self, data: ServerConnectionHookData) -> None:
        """Stop the clock of an upstream whose handshake has failed."""
        self._arrived(data.server, data.client)
        close(data.client, data.server)

    def _arrived(self, server: Connection, client: Client) -> None:
        if deadline := self.deadlines.pop(server.id, None):
            deadline.cancel()
        pace_reader(client, client, "free")

    def _drop_dead_connections(self, client: Client) -> None:
        """Forget the closed upstream connections of a client, except where a stream holds one.

        mitmproxy keeps each in `HttpLayer.connections` and searches them all for each request
        (`HttpLayer.get_connection`). In front of HTTP/1 upstreams, an HTTP/2 client makes one for
        each request.
        """
        for layer in http_layers(client):
            held = {id(stream.context.server) for stream in layer.streams.values()}
            for connection in list(layer.connections):
                if (
                    isinstance(connection, Server)
                    and connection.timestamp_end
                    and id(connection) not in held
                ):
                    del layer.connections[connection]


async def _is_hublet(server: Server, table: Table) -> bool:
    """Return whether a connection has led to the address of an upstream.

    This machine has addresses that no one can list, so on it the port alone decides.
    """
    assert server.peername
    assert server.sockname
    (address, port, *_), here = server.peername, server.sockname[0]
    hosts = {up.host for up in table.hublets.values() if up.port == port}
    if hosts and (address == here or ip_address(address).is_loopback):
        return True
    resolve = asyncio.get_running_loop().getaddrinfo
    found = await asyncio.gather(
        *[resolve(host, port, type=SOCK_STREAM) for host in hosts], return_exceptions=True
    )
    known = [it for it in found if not isinstance(it, BaseException)]
    return address in {info[4][0] for infos in known for info in infos}


@lru_cache(64)
def _can_be_verified(server_name: str) -> bool:
    """Return whether OpenSSL takes a name for that of a certificate, as it takes no `-x.test`.

    mitmproxy ends its preparations where it does not (`tls_start_server` in addons/tlsconfig.py),
    with a traceback, and the client would wait for the deadline.
    """
    with suppress(ValueError):
        return bool(ip_address(server_name))
    try:
        name = server_name.encode("idna")
    except UnicodeError:
        return False
    library: Any = SSL
    connection: Any = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
    is_taken = library._lib.X509_VERIFY_PARAM_set1_host(
        library._lib.SSL_get0_param(connection._ssl), name, len(name)
    )
    library._lib.ERR_clear_error()
    return bool(is_taken)


def _own_addresses() -> set[tuple[str, int]]:
    """Return where this proxy listens; mitmproxy's own guard does not see `reverse:https` modes."""
    proxyserver = ctx.master.addons.get("proxyserver")
    listening = proxyserver.listen_addrs() if proxyserver else []
    return {
        (host, port)
        for own, port, *_ in listening
        for host in (own, "localhost", "127.0.0.1", "::1")
    }
