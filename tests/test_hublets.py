"""The demo Hublets as a table asks for them."""

import asyncio
import contextlib
import errno
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mitmproxy.exceptions import OptionsError

from harness import authority, certificates, free_port
from hublet_router.core.table import Table
from hublet_router.demo.hublets import DemoHublets
from hublet_router.tablefile import loads


def table_of(**upstreams: str) -> Table:
    hublets = ", ".join(f"{name}: {{upstream: '{url}'}}" for name, url in upstreams.items())
    return loads(
        f"domains: [api.hubapi.com, '*.example.com']\nhublets: {{{hublets}}}\n"
        f"default: {next(iter(upstreams))}\n"
        "credentials: [{name: key, in: {query: key}, hublet: {regex: '^(...)'}}]\n".encode()
    )


@asynccontextmanager
async def serving() -> AsyncIterator[DemoHublets]:
    demo = DemoHublets()
    try:
        yield demo
    finally:
        demo.close()
        await asyncio.sleep(0)


async def ask(port: int, server_name: str | None = None, host: str = "127.0.0.1") -> object:
    context = ssl.create_default_context(cafile=str(authority())) if server_name else None
    reader, writer = await asyncio.open_connection(
        host, port, ssl=context, server_hostname=server_name
    )
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    body = (await reader.read()).partition(b"\r\n\r\n")[2]
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    seen = json.loads(body)
    return seen["hublet"], seen["sni"]


def test_every_upstream_of_the_table_is_served() -> None:
    async def main() -> None:
        plain, tls, six = free_port(), free_port(), free_port()
        table = table_of(
            na1=f"http://127.0.0.1:{plain}",
            eu1=f"https://localhost:{tls}",
            ap1=f"http://[::1]:{six}",
        )
        async with serving() as demo:
            demo.serve(table, certificates())
            assert await ask(plain) == ("na1", None)
            assert await ask(tls, "api.hubapi.com") == ("eu1", "api.hubapi.com")
            assert await ask(tls, "any.example.com") == ("eu1", "any.example.com")
            assert await ask(tls, "localhost") == ("eu1", "localhost")
            assert await ask(six, host="::1") == ("ap1", None)

    asyncio.run(main())


def test_another_table_is_served_instead() -> None:
    async def main() -> None:
        stays, goes, comes = free_port(), free_port(), free_port()
        async with serving() as demo:
            here = f"http://127.0.0.1:{stays}"
            demo.serve(table_of(na1=here, eu1=f"http://127.0.0.1:{goes}"), certificates())
            assert await ask(goes) == ("eu1", None)
            demo.serve(table_of(na1=here, ap1=f"http://127.0.0.1:{comes}"), certificates())
            await asyncio.sleep(0)
            assert await ask(stays) == ("na1", None)
            assert await ask(comes) == ("ap1", None)
            with pytest.raises(ConnectionRefusedError):
                await ask(goes)

    asyncio.run(main())


@pytest.mark.parametrize("url", ["http://10.20.0.4", "https://eu1.internal.example"])
def test_what_is_not_loopback_is_refused(url: str) -> None:
    with pytest.raises(OptionsError, match="hublet_demo serves loopback only, and eu1 is at"):
        DemoHublets().serve(table_of(eu1=url), certificates())


def test_a_port_that_is_taken_is_another_one_in_the_table_that_is_used(taken: int) -> None:
    async def main() -> None:
        free = free_port()
        table = table_of(na1=f"http://127.0.0.1:{free}", eu1=f"http://127.0.0.1:{taken}")
        async with serving() as demo:
            used = demo.serve(table, certificates())
            assert used.hublets["na1"] == table.hublets["na1"]
            moved = used.hublets["eu1"].port
            assert moved != taken
            assert await ask(moved) == ("eu1", None)
            assert demo.serve(table, certificates()) == used  # a reload of the same file
            assert used.version == table.version

    asyncio.run(main())


class Denied(socket.socket):
    """A socket that may not bind a low port, whoever runs the test."""

    def bind(self, address: Any) -> None:
        if address[1] == 7:
            raise PermissionError(errno.EACCES, "Permission denied")
        super().bind(address)


def test_what_cannot_be_served_leaves_everything_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hublet_router.demo.hublets.socket.socket", Denied)

    async def main() -> None:
        before = free_port()
        async with serving() as demo:
            demo.serve(table_of(na1=f"http://127.0.0.1:{before}"), certificates())
            nowhere = table_of(ap1=f"http://127.0.0.1:{free_port()}", eu1="http://localhost:7")
            with pytest.raises(
                OptionsError, match="eu1 at http://localhost:7: Permission denied; "
            ):
                demo.serve(nowhere, certificates())
            assert await ask(before) == ("na1", None)

    asyncio.run(main())


def test_a_client_that_speaks_nonsense_is_let_go() -> None:
    async def main() -> None:
        port = free_port()
        async with serving() as demo:
            demo.serve(table_of(na1=f"http://127.0.0.1:{port}"), certificates())
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"nonsense\r\n\r\n")
            assert await reader.read() == b""
            writer.close()
            assert await ask(port) == ("na1", None)

    asyncio.run(main())
