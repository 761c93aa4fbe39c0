"""Upstreams on loopback that record what arrives, one in the place of each address of a table."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

import h11
from mitmproxy.certs import CertStore

from ..core.request import Request
from ..core.table import Table
from ..demo.http_server import Content, serve
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
                partial(serve, partial(self._answer, address)), "127.0.0.1", 0, ssl=context
            )
            self._servers.append(server)
            self.ports[address] = server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        for server in self._servers:
            server.close()

    async def _answer(
        self, upstream: str, head: h11.Request, body: AsyncIterator[bytes], name: str | None
    ) -> Content:
        whole = b"".join([part async for part in body])
        self.arrivals.append(Arrival(upstream, _request(head, whole), name))
        return [], b""


def _request(head: h11.Request, body: bytes) -> Request:
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers]
    hosts = tuple(value for name, value in fields if name == "host")
    method, target = head.method.decode("latin-1"), head.target.decode("latin-1")
    return Request(method, hosts, target, (), body).with_fields(fields)
