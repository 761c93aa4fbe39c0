"""A router in a process of its own, whose Hublets are here and record what reaches them."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

import h11
import yaml

from ..cli.run import UNROUTED
from ..core.request import Request
from ..demo.http_server import Content, serve
from ..demo.shipped import free_port
from ..tablefile import load

SECONDS = 30
"""How long the start, and any answer, may take."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request that reached a Hublet; its `repr` shows no credential."""

    hublet: str
    method: str
    target: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> list[str]:
        """Return the value of each field with that name, in any case."""
        return [value for field_, value in self.headers if field_.lower() == name.lower()]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the router answered: `hublet` is None where no Hublet did."""

    status: int
    hublet: str | None
    headers: Mapping[str, str]
    body: bytes


class RecordingRouter:
    """`hublet-router run` with a table, for as long as a `with` block lasts.

    `url` is its address as a reverse proxy, `proxy_url` as an explicit one, and `authority` the
    file of the CA that clients have to trust. `requests` are those that reached a Hublet, in order.
    """

    def __init__(self, table: Path, folder: Path) -> None:
        """Take a table, and a folder of its own; raise TableError."""
        self.requests: list[Received] = []
        self._names = [*load(table).hublets]
        self._table, self._folder = table, folder
        self._running = ExitStack()  # the Hublets
        self._port, self._proxy_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.proxy_url = f"http://127.0.0.1:{self._proxy_port}"
        self.authority = folder / "mitmproxy-ca-cert.pem"

    def __enter__(self) -> Self:
        """Start the Hublets and the process; raise RuntimeError with why one does not listen."""
        ports = self._running.enter_context(_hublets(self._names, self.requests))
        table, log = self._folder / "hublets.yaml", self._folder / "log"
        table.write_text(yaml.safe_dump(_with_upstreams(self._table, ports)), "utf-8")
        command = [
            sys.executable, "-m", "hublet_router", "run", str(table),
            "--mode", f"{UNROUTED}@{self._port}", "--mode", f"regular@{self._proxy_port}",
            "--set", f"confdir={self._folder}",
        ]  # fmt: skip
        at_once = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with log.open("wb") as file:
            self._process = subprocess.Popen(  # noqa: S603  # all words are ours
                command, stdout=file, stderr=file, env=at_once
            )
        deadline = time.monotonic() + SECONDS
        while (said := log.read_text("utf-8")).count(" listening at ") < 2:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"the router does not listen:\n{said}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        """End the process and the Hublets."""
        self._process.terminate()
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._running.close()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes | str = b"",
    ) -> Answer:
        """Send a request for a URL to the router as a reverse proxy, and return its answer."""
        request = Request.of(method, url, headers, body)
        sent = body.encode() if isinstance(body, str) else body
        fields = [it for it in request.fields if it[0].lower() != "host"]
        connection = HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
        connection.putrequest(method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in (("Host", request.hosts[0]), *fields):
            connection.putheader(name, value)
        if sent and not request.header("content-length"):
            connection.putheader("Content-Length", str(len(sent)))
        connection.endheaders(sent)
        try:
            with connection.getresponse() as response:
                got = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, got.get(_NAME), got, response.read())
        finally:
            connection.close()


_NAME = "hublet"
"""The header in which a recording Hublet says its name."""


@contextmanager
def _hublets(names: Iterable[str], requests: list[Received]) -> Iterator[dict[str, int]]:
    """Run a Hublet for each name, in a thread of their own; yield their ports."""
    started: Future[tuple[dict[str, int], Callable[[], object]]] = Future()

    async def main() -> None:
        ports: dict[str, int] = {}
        with ExitStack() as listening:
            for name in names:
                respond = partial(_record, name, requests)
                server = await asyncio.start_server(partial(serve, respond), "127.0.0.1", 0)
                listening.callback(server.close)
                ports[name] = server.sockets[0].getsockname()[1]
            is_over = asyncio.Event()
            end = partial(asyncio.get_running_loop().call_soon_threadsafe, is_over.set)
            started.set_result((ports, end))
            await is_over.wait()

    def run() -> None:
        try:
            with asyncio.Runner() as loop:
                loop.run(main())
        except OSError as error:
            said = f"the recording Hublets do not listen: {error.strerror or error}"
            started.set_exception(RuntimeError(said))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ports, end = started.result(SECONDS)
    yield ports
    end()
    thread.join()


async def _record(
    name: str,
    requests: list[Received],
    head: h11.Request,
    body: AsyncIterator[bytes],
    _server_name: str | None,
) -> Content:
    """Record a request, and answer with the Hublet's name."""
    fields = tuple((field.decode(), value.decode("latin-1")) for field, value in head.headers)
    whole = b"".join([part async for part in body])
    target = head.target.decode("latin-1")
    requests.append(Received(name, head.method.decode(), target, fields, whole))
    return [("Content-Type", "application/json"), (_NAME, name)], json.dumps({_NAME: name}).encode()


def _with_upstreams(table: Path, ports: Mapping[str, int]) -> Any:
    """Return the document of a table with the recording Hublets in the place of its upstreams."""
    document = yaml.safe_load(table.read_bytes())
    for name, hublet in document["hublets"].items():
        kept = {key: value for key, value in hublet.items() if key == "aliases"}
        document["hublets"][name] = {"upstream": f"http://127.0.0.1:{ports[name]}", **kept}
    accounts = document.get("accounts") or {}
    if file := accounts.get("file"):
        accounts["file"] = str((table.parent / file).absolute())
    return document
