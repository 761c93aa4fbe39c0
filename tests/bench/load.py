"""The clients of the benchmark, in a process of their own: each sends when it has its answer.

`python -m bench.load JOB` takes a `Job` as JSON. It writes a line when the measured seconds begin,
and `Done` as JSON when they end. Every answer is checked to be a whole one, of the right Hublet.
"""

import asyncio
import json
import ssl
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass

import h2.config
import h2.connection
import h2.events

API = "api.hubapi.com"
TOKEN = "pat-{}-00000000-0000-0000-0000-000000000000"
WARM_UP = 0.25  # seconds
HUBLETS = ("eu1", "na1")


@dataclass(frozen=True)
class Job:
    """What the clients do: `up` and `down` are bytes of body, `only` the upstream that answers all.

    With `events`, the upstream sends the body in pieces, a millisecond apart.
    """

    port: int
    seconds: float = 0.9
    connections: int = 16
    streams: int = 1
    fresh: bool = False
    up: int = 0
    down: int = 2
    authority: str | None = None
    only: str | None = None
    events: bool = False


@dataclass(frozen=True)
class Done:
    """What came of it: `wrong` answers are no answers."""

    requests: int
    wrong: int
    seconds: float


class Clients:
    """All of them, and what they have counted."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.answers = 0
        self.wrong = 0
        self.connecting: set[asyncio.Task[None]] = set()
        self.is_over = False
        self.context: ssl.SSLContext | None = None
        if job.authority:
            self.context = ssl.create_default_context(cafile=job.authority)
            self.context.set_alpn_protocols(["h2"] if job.streams > 1 else ["http/1.1"])

    async def run(self) -> Done:
        """Warm up, say so, and measure."""
        for number in range(self.job.connections):
            await self.connect(HUBLETS[number % 2])
        await asyncio.sleep(WARM_UP)
        begun, before = time.perf_counter(), self.answers
        print("begun", flush=True)
        await asyncio.sleep(self.job.seconds)
        self.is_over = True
        return Done(self.answers - before, self.wrong, time.perf_counter() - begun)

    async def connect(self, hublet: str) -> None:
        """Open one more connection, whose requests are for that Hublet."""
        kind = Http2 if self.job.streams > 1 else Http1
        await asyncio.get_running_loop().create_connection(
            lambda: kind(self, hublet), "127.0.0.1", self.job.port,
            ssl=self.context, server_hostname=API if self.context else None,
        )  # fmt: skip

    def connect_soon(self, hublet: str) -> None:
        """Open one in the place of another."""
        task = asyncio.ensure_future(self.connect(hublet))
        self.connecting.add(task)  # asyncio itself would let go of it
        task.add_done_callback(self.connecting.discard)

    def count(self, status: str, hublet: str, wanted: str, size: int) -> None:
        """Check an answer."""
        right = status == "200" and hublet == (self.job.only or wanted) and size == self.job.down
        self.answers += right
        self.wrong += not right


class Client(asyncio.Protocol, ABC):
    """One connection."""

    def __init__(self, clients: Clients, hublet: str) -> None:
        self.clients = clients
        self.job = clients.job
        self.hublet = hublet
        self.token = TOKEN.format(hublet)
        self.path = f"/{'events' if self.job.events else 'bytes'}/{self.job.down}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.begin()

    @abstractmethod
    def begin(self) -> None:
        """Send the first request, or the first ones."""


class Http1(Client):
    """HTTP/1.1, the next request on the same connection or on a new one."""

    def begin(self) -> None:
        """Send the first request."""
        method = "PUT" if self.job.up else "GET"
        self.raw = (
            f"{method} {self.path} HTTP/1.1\r\nHost: {API}\r\nUser-Agent: bench\r\nAccept: */*\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Length: {self.job.up}\r\n\r\n"
        ).encode() + bytes(self.job.up)
        self._send()

    def _send(self) -> None:
        self.head = b""
        self.fields: dict[str, str] | None = None
        self.size = 0
        self.transport.write(self.raw)

    def data_received(self, data: bytes) -> None:
        """Read the answer."""
        if self.fields is None:
            self.head += data
            if b"\r\n\r\n" not in self.head:
                return
            head, _, data = self.head.partition(b"\r\n\r\n")
            status, *fields = head.decode("latin-1").lower().split("\r\n")
            self.status = status.split(" ")[1]
            self.fields = dict(field.split(": ", 1) for field in fields)
        self.size += len(data)
        if self.size >= int(self.fields.get("content-length", 0)):
            self.clients.count(self.status, self.fields.get("hublet", ""), self.hublet, self.size)
            if self.job.fresh:
                self.transport.close()
            if self.job.fresh and not self.clients.is_over:
                self.clients.connect_soon(HUBLETS[HUBLETS.index(self.hublet) - 1])
            elif not self.transport.is_closing():
                self._send()


class Http2(Client):
    """HTTP/2, some streams at a time."""

    def begin(self) -> None:
        """Send the first requests."""
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.answers: dict[int, dict[str, str]] = {}
        self.sizes: dict[int, int] = {}
        for _ in range(self.job.streams):
            self._request()
        self.transport.write(self.h2.data_to_send())

    def _request(self) -> None:
        self.h2.send_headers(
            self.h2.get_next_available_stream_id(),
            [
                (":method", "GET"),
                (":scheme", "https"),
                (":authority", API),
                (":path", self.path),
                ("authorization", f"Bearer {self.token}"),
            ],
            end_stream=True,
        )

    def data_received(self, data: bytes) -> None:
        """Read answers, and send as many requests."""
        for event in self.h2.receive_data(data):
            match event:
                case h2.events.ResponseReceived():
                    self.answers[event.stream_id] = dict(event.headers)  # type: ignore[arg-type]
                case h2.events.DataReceived():
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    size = self.sizes.get(event.stream_id, 0) + len(event.data)
                    self.sizes[event.stream_id] = size
                case h2.events.StreamEnded():
                    answer = self.answers.pop(event.stream_id)
                    size = self.sizes.pop(event.stream_id, 0)
                    status, hublet = answer[":status"], answer.get("hublet", "")
                    self.clients.count(status, hublet, self.hublet, size)
                    self._request()
        self.transport.write(self.h2.data_to_send())


if __name__ == "__main__":
    clients = Clients(Job(**json.loads(sys.argv[1])))
    print(json.dumps(asdict(asyncio.run(clients.run()))))
