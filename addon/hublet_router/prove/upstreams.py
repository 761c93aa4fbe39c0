"""Upstreams on loopback that record what arrives, one in the place of each address of a table."""

import asyncio
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

import h11
from mitmproxy.certs import CertStore

from ..core.request import Request
from ..core.table import Table
from ..demo.echo import next_event
from ..demo.hublets import context_of


class Arrival(NamedTuple):
    """A request that arrived: at which upstream, and under which name TLS was asked for."""

    upstream: str
    request: Request
    server_name: str | None


class Upstreams:
    """The upstreams of a table, for as long as an `async with` block lasts.

    `arrivals` grows; `ports` has the port of each address.
    """

    def __init__(self, table: Table, folder: Path) -> None:
        self.arrivals: list[Arrival] = []
        self.ports: dict[str, int] = {}
        self.authority = folder / "mitmproxy-ca-cert.pem"
        self._table = table
        self._store = CertStore.from_store(folder, "mitmproxy", 2048)
        self._servers: list[asyncio.Server] = []

    async def __aenter__(self) -> Self:
        """Listen on free ports."""
        for address, upstream in {str(it): it for it in self._table.hublets.values()}.items():
            context = context_of(upstream, self._table, self._store)
            server = await asyncio.start_server(
                partial(self._serve, address), "127.0.0.1", 0, ssl=context
            )
            self._servers.append(server)
            self.ports[address] = server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        for server in self._servers:
            server.close()

    async def _serve(
        self, upstream: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        name = getattr(writer.get_extra_info("ssl_object"), "sni", None)
        http = h11.Connection(h11.SERVER)
        with suppress(OSError, h11.RemoteProtocolError):
            while isinstance(head := await next_event(http, reader), h11.Request):
                body = b""
                while isinstance(part := await next_event(http, reader), h11.Data):
                    body += bytes(part.data)
                self.arrivals.append(Arrival(upstream, _request(head, body), name))
                answer = h11.Response(status_code=200, headers=[("Content-Length", "0")])
                writer.write((http.send(answer) or b"") + (http.send(h11.EndOfMessage()) or b""))
                await writer.drain()
                if http.our_state is not h11.DONE:
                    break
                http.start_next_cycle()
        writer.close()


def _request(head: h11.Request, body: bytes) -> Request:
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers
    )
    hosts = tuple(value for name, value in headers if name == "host")
    method, target = head.method.decode("latin-1"), head.target.decode("latin-1")
    return Request(method, hosts, target, headers, body)
