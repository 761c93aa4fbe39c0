"""A stage for wire tests: a real mitmproxy, real upstreams and raw sockets, all on loopback.

mitmproxy and the upstreams live on one event loop in a thread; a test talks to them with plain
blocking sockets, so that it reads in a straight line.
"""

import asyncio
import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPResponse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from mitmproxy.certs import CertStore
from mitmproxy.connection import Client as MitmproxyClient
from mitmproxy.http import HTTPFlow
from mitmproxy.options import Options
from mitmproxy.tools.dump import DumpMaster
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Request, TextMessage

from hublet_router.demo import shipped
from hublet_router.demo.hublets import server_context
from hublet_router.proxy.addon import HubletRouter
from hublet_router.proxy.engine.last_word import LastWord

API = "api.hubapi.com"
REVERSE = "reverse:https://unrouted.invalid"
SECONDS = 20  # for any one step; a step that takes longer hangs

type Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@cache
def confdir() -> Path:
    """mitmproxy's folder for this run of the suite, with a CA.

    Its key is elliptic: each proxy loads it three times, and an RSA key takes 0.1 s each time.
    """
    folder = TemporaryDirectory(prefix="hublet-router-test-")
    _folders.append(folder)
    with patch(
        "mitmproxy.certs.rsa.generate_private_key", lambda **_: generate_private_key(SECP256R1())
    ):
        CertStore.create_store(Path(folder.name), "mitmproxy", 2048)
    return Path(folder.name)


_folders: list[TemporaryDirectory[str]] = []  # removed when the process ends


def certificates() -> CertStore:
    """What signs the certificates of mitmproxy and of the test upstreams."""
    return CertStore.from_store(confdir(), "mitmproxy", 2048)


def authority() -> Path:
    """The CA's certificate, for clients to trust."""
    return confdir() / "mitmproxy-ca-cert.pem"


class OwnWord(HubletRouter):
    """A router whose two hooks that decide a test can override."""

    def __init__(self) -> None:
        super().__init__()
        self.last_word = LastWord(self.decide_head, self.decide_whole)

    def decide_head(self, flow: HTTPFlow) -> None:
        self.decider.decide_head(flow)

    def decide_whole(self, flow: HTTPFlow) -> None:
        self.decider.decide_whole(flow)


@dataclass
class Upstream:
    """A server that keeps every byte that reached it, and says its name in each answer."""

    name: str
    port: int = 0
    tls: bool = False
    connections: list[bytearray] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    behaviour: Behaviour | None = None
    keep: bool = True
    server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def only(self) -> bytes:
        """The one request that arrived."""
        (request,) = self.requests
        return request

    async def start(self, context: ssl.SSLContext | None) -> None:
        if context:
            self.tls = True
            context.sni_callback = lambda _, name, __: self.server_names.append(name)
        self.server = await asyncio.start_server(
            self._connected, "127.0.0.1", self.port, ssl=context
        )
        self.port = self.server.sockets[0].getsockname()[1]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(bytearray())
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                if self.behaviour:
                    await self.behaviour(reader, writer)
                else:
                    await self.answer_all(reader, writer)
        finally:  # also where the stage is taken down
            writer.close()

    async def answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = self.connections[-1]
        while request := await read_request(reader, received):
            if self.keep:
                self.requests.append(request)
            else:
                received.clear()
            if b"\nupgrade: websocket" in request.lower():
                await self._speak_websocket(request, reader, writer)
                return
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nHublet: %s\r\n\r\n%s"
                % (len(self.name), self.name.encode(), self.name.encode())
            )
            await writer.drain()

    async def _speak_websocket(
        self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Accept, and send each message back with our name before it."""
        websocket = WSConnection(ConnectionType.SERVER)
        websocket.receive_data(request)
        next(websocket.events())
        accepted = websocket.send(AcceptConnection())
        writer.write(accepted.replace(b"websocket", b"WebSocket", 1))  # as many servers write it
        while data := await reader.read(65536):
            websocket.receive_data(data)
            for event in websocket.events():
                if isinstance(event, TextMessage):
                    writer.write(websocket.send(TextMessage(f"{self.name}: {event.data}")))
                elif isinstance(event, CloseConnection):
                    writer.write(websocket.send(event.response()))


async def read_request(reader: asyncio.StreamReader, received: bytearray) -> bytes:
    """Read one HTTP/1 request as it was written, framing and all; b"" at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        received += end.partial
        return b""
    received += head
    fields = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
    }
    body = b""
    if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
        while not body.endswith(b"\r\n0\r\n\r\n") and body != b"0\r\n\r\n":
            line = await reader.readuntil(b"\r\n")
            body += line + await reader.readexactly(int(line, 16) + 2)
    else:
        body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
    received += body
    return head + body


@dataclass
class Answer:
    """A response, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def hublet(self) -> str | None:
        return self.headers.get("hublet")

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        return document


class Client:
    """One connection to the proxy, written to in bytes."""

    def __init__(self, port: int, server_name: str | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        if server_name:
            self.start_tls(server_name)

    def start_tls(self, server_name: str) -> None:
        context = ssl.create_default_context(cafile=str(authority()))
        self.socket = context.wrap_socket(self.socket, server_hostname=server_name)

    def connect_through(self, authority: str, server_name: str) -> None:
        """Open a tunnel as a client of an explicit proxy does, and speak TLS inside."""
        self.socket.sendall(f"CONNECT {authority} HTTP/1.1\r\n\r\n".encode())
        assert self.receive_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        self.start_tls(server_name)

    def receive_until(self, end: bytes) -> bytes:
        """Read until some bytes have come, or the end of the connection."""
        received = b""
        while end not in received and (data := self.socket.recv(65536)):
            received += data
        return received

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, raw: bytes, method: str = "GET") -> Answer:
        self.socket.sendall(raw)
        return self.receive(method)

    def receive(self, method: str = "GET") -> Answer:
        with HTTPResponse(
            self.socket, method=method
        ) as response:  # else one that breaks stays open
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())

    def get(self, path: str = "/", *fields: str, host: str = API) -> Answer:
        return self.send(request("GET", path, *fields, host=host))


def request(method: str, path: str, *fields: str, host: str = API, body: bytes = b"") -> bytes:
    """An HTTP/1.1 request; `fields` are whole header lines."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *fields]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def token(hublet: str) -> tuple[str, str]:
    """The field of a synthetic private-app token."""
    return "authorization", f"Bearer pat-{hublet}-00000000-0000-0000-0000-000000000000"


def bearer(hublet: str) -> str:
    """The header line of the same."""
    return f"Authorization: {token(hublet)[1]}"


class WebSocket:
    """A WebSocket over a client, whose upgrade bears the token of a Hublet."""

    def __init__(self, client: Client, hublet: str) -> None:
        self.client = client
        self._speaker = WSConnection(ConnectionType.CLIENT)
        fields = [(name.encode(), value.encode()) for name, value in [token(hublet)]]
        self.send(Request(API, "/socket", extra_headers=fields))
        self.head = client.receive_until(b"\r\n\r\n")
        self._speaker.receive_data(self.head)
        assert isinstance(next(self._speaker.events()), AcceptConnection)

    def send(self, event: Event) -> None:
        self.client.socket.sendall(self._speaker.send(event))

    def ask(self, text: str) -> str:
        """Send a message, and return the one that comes back."""
        self.send(TextMessage(text))
        self._speaker.receive_data(self.client.socket.recv(65536))
        (message,) = self._speaker.events()
        assert isinstance(message, TextMessage)
        return message.data


class Seen:
    """An addon that keeps the flows whose answer, or error, has come."""

    def __init__(self) -> None:
        self.ended: list[HTTPFlow] = []
        self.open = 0
        self.keep = True
        self.running_event = asyncio.Event()

    @property
    def flows(self) -> list[HTTPFlow]:
        """Those that ended; a client may have the last byte of one that mitmproxy has not ended."""
        wait_for(lambda: self.open == 0)
        return self.ended

    def requestheaders(self, flow: HTTPFlow) -> None:
        self.open += 1

    def running(self) -> None:
        self.running_event.set()

    def response(self, flow: HTTPFlow) -> None:
        self.open -= 1
        if self.keep:
            self.ended.append(flow)

    error = response


class Stage:
    """The event loop in its thread, with upstreams and at most one proxy on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.upstreams: dict[str, Upstream] = {}
        self.master: DumpMaster
        self.running: asyncio.Task[None] | None = None
        self.seen: Seen
        self.router: HubletRouter
        self.port = 0

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(SECONDS)
        self.loop.close()

    def call[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something on the loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(SECONDS)

    async def _close(self) -> None:
        for upstream in self.upstreams.values():
            if upstream.server:
                upstream.server.close()
        if self.running:
            await self.master.addons.get("proxyserver").servers.update([])  # it stops listening
            self.master.shutdown()
            await self.running
        await asyncio.sleep(0)  # a task that is cancelled before its first turn closes no socket
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        # A connection whose peer does not read what is on its way does not close by itself.
        for transport in list(self.loop._transports.values()):  # type: ignore[attr-defined]
            transport.abort()
        await asyncio.sleep(0)  # what was closed is gone one turn later

    def upstream(
        self,
        name: str,
        *certified: str,
        behaviour: Behaviour | None = None,
        port: int = 0,
        alpn: Sequence[str] = (),
    ) -> Upstream:
        """Start an upstream; with names, one that speaks TLS and has a certificate for them."""
        upstream = self.upstreams[name] = Upstream(name, port, behaviour=behaviour)
        context = server_context(certificates(), certified) if certified else None
        if context and alpn:
            context.set_alpn_protocols(list(alpn))
        self.call(upstream.start(context))
        return upstream

    def regions(self, *names: str, certified: Sequence[str] = ()) -> list[Upstream]:
        """Start upstreams, those with names as ones that speak TLS, and write the table of them."""
        started = [self.upstream(name, *certified) for name in names]
        self.table()
        return started

    def table(self, text: str | None = None) -> Path:
        """Write the table: `text`, or one for the upstreams that were started."""
        path = self.folder / "hublets.yaml"
        path.write_text(text if text is not None else self.table_text())
        return path

    def table_text(
        self, *, domains: str = "[api.hubapi.com, api.hubspot.com]", more: str = ""
    ) -> str:
        hublets = "".join(
            f"  {name}: {{upstream: '{upstream.url}'}}\n"
            for name, upstream in self.upstreams.items()
        )
        return TABLE.format(
            domains=domains, hublets=hublets, default=next(iter(self.upstreams)), more=more
        )

    def proxy(
        self,
        *,
        mode: str = REVERSE,
        addon: HubletRouter | None = None,
        beside: Sequence[object] = (),
        **options: object,
    ) -> int:
        """Start mitmproxy with the addon and the table as it stands; return its port."""
        self.router = addon or HubletRouter()
        self.call(self._start(mode, [self.router, *beside], options))
        return self.port

    async def _start(self, mode: str, ours: Sequence[object], options: dict[str, object]) -> None:
        settings = Options(
            mode=[mode], listen_host="127.0.0.1", listen_port=0, confdir=str(confdir())
        )
        self.master = DumpMaster(settings, with_termlog=False, with_dumper=False)
        self.seen = Seen()
        self.master.addons.add(*ours, self.seen)
        settings.update(
            hublets=str(self.folder / "hublets.yaml"),
            ssl_verify_upstream_trusted_ca=str(authority()),
            **{"hublet_drain_timeout": 0, **options},
        )
        self.running = asyncio.create_task(self.master.run())
        await asyncio.wait_for(self.seen.running_event.wait(), SECONDS)
        proxyserver = self.master.addons.get("proxyserver")
        self.port = proxyserver.listen_addrs()[0][1]

    def client(self, server_name: str | None = None) -> Client:
        return Client(self.port, server_name)

    def get(self, path: str = "/", *fields: str, host: str = API) -> Answer:
        """Ask the proxy once, over a connection of its own."""
        return self.send(request("GET", path, *fields, host=host))

    def send(self, raw: bytes, method: str = "GET") -> Answer:
        """Send a request over a connection of its own."""
        with self.client() as client:
            return client.send(raw, method)

    def set_option(self, **options: object) -> None:
        """Set options as the console would."""

        async def update() -> None:
            self.master.options.update(**options)

        self.call(update())

    def command(self, name: str, *arguments: Any) -> Any:
        """Run a command of mitmproxy as the console would."""

        async def run() -> Any:
            return self.master.commands.call(name, *arguments)

        return self.call(run())

    def finish(self, count: int = 1) -> None:
        """Wait until that many flows have ended, and have them written and counted."""
        wait_for(lambda: len(self.seen.flows) == count)

        async def flush() -> None:
            self.router.finished_flows.flush()

        self.call(flush())

    @property
    def clients(self) -> list[MitmproxyClient]:
        """The clients that mitmproxy serves."""
        proxyserver = self.master.addons.get("proxyserver")
        return [handler.client for handler in list(proxyserver.connections.values())]

    @property
    def metrics_port(self) -> int:
        """Where the metrics are served."""
        endpoint = self.router.metrics.endpoint
        assert endpoint
        return endpoint.port

    def arrivals(self) -> dict[str, int]:
        """How many connections each upstream has had: the witness that no byte went astray."""
        return {name: len(up.connections) for name, up in self.upstreams.items()}


free_port = shipped.free_port


def is_listening(port: int) -> bool:
    try:
        Client(port).socket.close()
    except OSError:
        return False
    return True


def wait_for(condition: Callable[[], object], seconds: int = SECONDS) -> None:
    """Wait until something is so; fail when it takes too long."""
    waiting = threading.Event()
    for _ in range(seconds * 50):
        if condition():
            return
        waiting.wait(0.02)
    raise AssertionError("waited in vain")


TABLE = """\
domains: {domains}
hublets:
{hublets}
default: {default}
{more}
credentials:
  - name: private-app-token
    in: {{header: authorization, scheme: bearer}}
    hublet: {{regex: "^pat-([a-z]{{2}}[0-9]{{1,3}})-"}}
  - name: oauth-access-token
    in: {{header: authorization, scheme: bearer}}
    hublet: {{protobuf: 9}}
  - name: api-key
    in: {{query: hapikey}}
    hublet: {{regex: "^([a-z]{{2}}[0-9]{{1,3}})-"}}
  - name: refresh-token
    paths: "^/oauth/"
    in: {{form: [refresh_token, code]}}
    hublet: {{regex: "^([a-z]{{2}}[0-9]{{1,3}})-"}}
  - name: personal-access-key
    paths: "^/localdevauth/"
    in: {{json: encodedOAuthRefreshToken}}
    hublet: {{protobuf: 9}}
"""
