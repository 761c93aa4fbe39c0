"""Minutes of mixed traffic through a real mitmdump, while tables and upstreams come and go.

`make soak` runs it. Each request says in fields of its own which region it expects, and its number.
So both ends are witnesses: the upstream that it reached, and the client that reads the answer, with
the number in it. Beside it, routers start under clients and stop with requests in flight. It exits
with 1 when a request was misrouted, when an answer belongs to another request, when a request
failed for no known cause, or when a reload, a start or a stop went wrong.
"""

import argparse
import asyncio
import contextlib
import hashlib
import html
import http.client
import itertools
import os
import random
import re
import ssl
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import grpc
import h2.exceptions

from harness import (
    API,
    REVERSE,
    SECONDS,
    Client,
    Stage,
    authority,
    confdir,
    free_port,
    request,
    wait_for,
)
from http2_client import Http2Client
from synthetic import access_token, api_key, personal_access_key, private_app_token
from test_grpc import Hublet, channel

SCRIPT = Path(__file__).parents[1] / "addon" / "router.py"
REGIONS = ("na1", "eu1", "ap1")
SOMETIMES = "us9"  # listed by every other table only
UPLOAD = 1 << 20
REFUSED = ("400", "421")
RELOAD_EVERY = 30.0
RESTART_EVERY = 20.0
DOWN = 1.0
GRACE = 1.0  # seconds after a restart in which the proxy may still find the old connection
START_EVERY = 15.0
EVENTS = 5
EVENT_EVERY = 0.1  # seconds
GRPC = ("gr1", "gr2")
PAUSE = 0.12  # the longest that a worker waits between requests: two cores carry all of this

# What a connection that ends in the middle looks like to the clients.
BROKEN = (OSError, AssertionError, http.client.HTTPException, h2.exceptions.H2Error)


@dataclass(frozen=True)
class Call:
    """A request, and where it may end: at its region, refused, or either."""

    kind: str
    method: str
    path: str
    fields: tuple[tuple[str, str], ...]
    expects: str | None
    body: bytes = b""
    may_be_refused: bool = False
    number: int = field(default_factory=itertools.count().__next__)

    @property
    def answer(self) -> str:
        """What its region answers, and no other request gets."""
        events = "".join(event(number) for number in range(EVENTS))
        said = f"{self.expects} {len(self.body)} {self.number}"
        return f"{events}{said}" if self.path == "/events" else said


def event(number: int) -> str:
    """Return one server-sent event."""
    return f"data: {number}\n\n"


@dataclass
class Tally:
    """What happened, from all threads."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    sent: Counter[str] = field(default_factory=Counter)
    routed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failed: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    misrouted: list[str] = field(default_factory=list)
    started: int = 0
    stopped_badly: list[str] = field(default_factory=list)
    restarts: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def explained(self, call: Call, since: float) -> bool:
        """Return whether an upstream of the request's region was away meanwhile."""
        return any(
            since <= until and time.monotonic() >= start
            for start, until in self.restarts.get(call.expects or "", ())
        )

    def count(self, protocol: str, call: Call, since: float, status: str, body: str) -> None:
        """Judge an answer; `status` is the code, or the name of what broke the connection."""
        kind = f"{protocol} {call.kind}"
        with self.lock:
            self.sent[kind] += 1
            if status == "200":
                self.routed[kind] += 1
                if body != call.answer:
                    self.misrouted.append(f"{kind}: expected {call.answer!r}, got {body[-60:]!r}")
            elif self._is_refusal(protocol, call, status, body):
                self.refused[kind] += 1
            else:
                cause = f"{status} {_reason(body)}".strip()
                self.failed[kind, cause, self.explained(call, since)] += 1

    @staticmethod
    def _is_refusal(protocol: str, call: Call, status: str, body: str) -> bool:
        if call.expects and not call.may_be_refused:
            return False
        # An upload that goes nowhere gets no answer where it is long or has no stated length, as
        # is usual in HTTP/2: see `_refuse` of the addon.
        cut = "no decision names this destination" in body or not status.isdigit()
        streamed = len(call.body) == UPLOAD or (protocol == "HTTP/2" and call.body)
        return status in REFUSED or bool(streamed and cut)

    def arrived(self, site: str, expects: str) -> None:
        """Take an upstream's word."""
        if expects != site:
            with self.lock:
                self.misrouted.append(f"{site} received a request that expected {expects}")


def _reason(body: str) -> str:
    """Return mitmproxy's sentence out of its error page, without what differs each time."""
    found = re.search(r"<p>(.*?)</p>", body, re.DOTALL)
    said = html.unescape(found[1]) if found else " ".join(body.split())[:100]
    return re.sub(r"\d{4,5}", "PORT", said)


class Site:
    """What an upstream does: it reads to the end, and answers with its region and the length."""

    def __init__(self, region: str, tally: Tally) -> None:
        self.region = region
        self.tally = tally
        self.writers: set[StreamWriter] = set()

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.writers.add(writer)
        try:
            while head := await self._head(reader):
                self.tally.arrived(self.region, head.get("soak-expects", "nothing"))
                length = await self._body(reader, head)
                answer = f"{self.region} {length} {head.get('soak-number')}".encode()
                if head[""] == "/hints":
                    for interim in (b"103 Early Hints\r\nLink: </a>", b"102 Processing"):
                        writer.write(b"HTTP/1.1 %s\r\n\r\n" % interim)
                if head[""] == "/events":
                    await self._send_events(answer, writer)
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer))
                    writer.write(answer)
                await writer.drain()
        finally:
            self.writers.discard(writer)

    @staticmethod
    async def _send_events(last: bytes, writer: StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
        for piece in [*(event(number).encode() for number in range(EVENTS)), last]:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(EVENT_EVERY)
        writer.write(b"0\r\n\r\n")

    @staticmethod
    async def _head(reader: StreamReader) -> dict[str, str]:
        """Return the fields of a request, and its target under the empty name."""
        raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = raw.split("\r\n")
        lines = (line.partition(":") for line in rest if line)
        fields = {name.strip().lower(): value.strip() for name, _, value in lines}
        return fields | {"": first.split(" ")[1]}

    @staticmethod
    async def _body(reader: StreamReader, head: dict[str, str]) -> int:
        if head.get("transfer-encoding", "").lower() != "chunked":
            length = int(head.get("content-length", "0"))
            for left in range(length, 0, -65536):
                await reader.readexactly(min(left, 65536))
            return length
        length = 0
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
            length += size
        await reader.readexactly(2)
        return length


class Sites:
    """The upstreams: two of eu1, which the tables use in turn, and one of each other region."""

    def __init__(self, stage: Stage, tally: Tally) -> None:
        self.stage = stage
        self.tally = tally
        self.sites = {name: Site(name[:3], tally) for name in (*REGIONS, "eu1-b", SOMETIMES)}
        for name in self.sites:
            self._open(name)
        self.grpc = {name: Hublet(name) for name in GRPC}

    def _open(self, name: str, port: int = 0) -> None:
        certified = () if name == "na1" else (API,)  # one without TLS, the rest with
        self.stage.upstream(name, *certified, behaviour=self.sites[name].serve, port=port)

    def stop(self) -> None:
        """End those of gRPC; the rest ends with the stage."""
        for hublet in self.grpc.values():
            hublet.stop()

    def restart(self, name: str) -> None:
        """Go away with every connection, and come back at the same address."""
        region, upstream = name[:3], self.stage.upstreams[name]
        down = time.monotonic()
        windows = self.tally.restarts.setdefault(region, [])
        windows.append((down, float("inf")))
        self.stage.call(self._leave(name))
        time.sleep(DOWN)
        self._open(name, upstream.port)
        windows[-1] = (down, time.monotonic() + GRACE)

    async def _leave(self, name: str) -> None:
        server = self.stage.upstreams[name].server
        assert server
        server.close()
        for writer in self.sites[name].writers:
            writer.transport.abort()

    def table(self, turn: int) -> str:
        """Return a good table; odd ones name the other eu1, and a region more."""
        listed = {
            **{region: region for region in REGIONS},
            **({"eu1": "eu1-b"} if turn % 2 else {}),
        }
        if turn % 2:
            listed[SOMETIMES] = SOMETIMES
        urls = {name: self.stage.upstreams[site].url for name, site in listed.items()}
        urls |= {name: f"https://127.0.0.1:{it.port}" for name, it in self.grpc.items()}
        hublets = "".join(f"  {name}: {{upstream: '{url}'}}\n" for name, url in urls.items())
        return f"# turn {turn}\n" + TABLE.replace("HUBLETS\n", hublets)


TABLE = r"""
domains: [api.hubapi.com, api.hubspot.com]
hublets:
HUBLETS
default: na1
credentials:
  - name: private-app-token
    in: {header: authorization, scheme: bearer}
    hublet: {regex: "^pat-([a-z]{2}[0-9]{1,3})-"}
  - name: oauth-access-token
    in: {header: authorization, scheme: bearer}
    hublet: {protobuf: 9}
  - name: api-key
    in: {query: hapikey}
    hublet: {regex: "^([a-z]{2}[0-9]{1,3})-"}
  - name: refresh-token
    paths: "^/oauth/"
    in: {form: [refresh_token, code]}
    hublet: {regex: "^([a-z]{2}[0-9]{1,3})-"}
  - name: personal-access-key
    paths: "^/localdevauth/"
    in: {json: encodedOAuthRefreshToken}
    hublet: {protobuf: 9}
"""
BAD_TABLES = (
    "domains: [api.hubapi.com\n",
    TABLE.replace("HUBLETS", "  eu1: {upstream: 'http://127.0.0.1:1'}"),  # na1 dangles
    "",
    "\0",
    TABLE.replace("HUBLETS", "  na1: {upstream: nowhere}"),
)


def _bearer(token: str) -> tuple[str, str]:
    return ("authorization", f"Bearer {token}")


def draw(dice: random.Random) -> Call:
    """Return a request of any kind, with what is right for it."""
    region = dice.choice(REGIONS)
    token = dice.choice((private_app_token, access_token))(region)
    small = bytes(dice.randrange(2_000, 30_000))
    form = f"grant_type=refresh_token&refresh_token={api_key(region)}".encode()
    key = f'{{"encodedOAuthRefreshToken": "{personal_access_key(region)}"}}'.encode()
    unknown, other = (
        _bearer(private_app_token("zz9")),
        dice.choice([name for name in REGIONS if name != region]),
    )
    calls = [
        (30, Call("get", "GET", "/crm", (_bearer(token),), region)),
        (10, Call("get, key in query", "GET", f"/crm?hapikey={api_key(region)}", (), region)),
        (10, Call("token request, form", "POST", "/oauth/v1/token", (), region, form)),
        (5, Call("token request, json", "POST", "/localdevauth/v1/x", (), region, key)),
        (5, Call("anonymous", "GET", "/forms", (), "na1")),
        (10, Call("upload, small", "POST", "/files", (_bearer(token),), region, small)),
        (5, Call("upload, 1 MiB", "POST", "/files", (_bearer(token),), region, bytes(UPLOAD))),
        (8, Call("server-sent events", "GET", "/events", (_bearer(token),), region)),
        (8, Call("early hints", "GET", "/hints", (_bearer(token),), region)),
        (5, Call("refused", "GET", "/crm", (unknown,), None)),
        (5, Call("refused upload, small", "POST", "/files", (unknown,), None, small)),
        (3, Call("refused upload, 1 MiB", "POST", "/files", (unknown,), None, bytes(UPLOAD))),
        (
            5,
            Call("conflict", "GET", f"/crm?hapikey={api_key(other)}", (_bearer(token),), None),
        ),
        (
            5,
            Call(
                "region that comes and goes",
                "GET",
                "/crm",
                (_bearer(private_app_token(SOMETIMES)),),
                SOMETIMES,
                may_be_refused=True,
            ),
        ),
    ]
    (call,) = dice.choices([call for _, call in calls], [weight for weight, _ in calls])
    return call


class Worker(ABC, threading.Thread):
    """A client that sends until it has to stop, over connections that it renews."""

    protocol: str

    def __init__(self, port: int, tally: Tally, seed: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.tally = tally
        self.dice = random.Random(seed)
        self.stop = threading.Event()

    def run(self) -> None:
        while not self.stop.is_set():
            with contextlib.suppress(*BROKEN):  # counted where it broke
                self.one_connection(self.dice.randrange(1, 200))

    @abstractmethod
    def one_connection(self, requests: int) -> None:
        """Send so many requests over one connection, or until it breaks."""

    def pause(self) -> bool:
        return self.stop.wait(self.dice.uniform(0, PAUSE))

    def fields(self, call: Call) -> list[tuple[str, str]]:
        marks = [("soak-expects", call.expects or "refusal"), ("soak-number", str(call.number))]
        return [*call.fields, *marks]


class Http1Worker(Worker):
    """HTTP/1.1 with keep-alive, in clear or over TLS."""

    def __init__(self, port: int, tally: Tally, seed: int, server_name: str | None) -> None:
        super().__init__(port, tally, seed)
        self.server_name = server_name
        self.protocol = "HTTP/1.1 TLS" if server_name else "HTTP/1.1"

    def one_connection(self, requests: int) -> None:
        with Client(self.port, self.server_name) as client:
            for _ in range(requests):
                if self.pause():
                    return
                self.send(client, draw(self.dice))

    def send(self, client: Client, call: Call) -> None:
        since = time.monotonic()
        lines = [f"{name}: {value}" for name, value in self.fields(call)]
        body = call.body
        if len(body) == UPLOAD and self.dice.random() < 0.5:
            lines.append("Transfer-Encoding: chunked")
            raw = request("PUT", call.path, *lines, host=API) + b"%x\r\n%s\r\n0\r\n\r\n" % (
                len(body),
                body,
            )
        else:
            raw = request(call.method, call.path, *lines, host=API, body=body)
        try:
            answer = client.send(raw)
        except BROKEN as error:
            self.tally.count(self.protocol, call, since, type(error).__name__, str(error))
            raise
        text = answer.body.decode("latin-1")
        self.tally.count(self.protocol, call, since, str(answer.status), text)
        if answer.headers.get("connection") == "close":
            raise ConnectionError


class _Loud:
    """A socket on which the end of the connection is an error; the client would wait for ever."""

    def __init__(self, under: ssl.SSLSocket) -> None:
        self.under = under
        self.sendall = under.sendall
        self.close = under.close

    def recv(self, size: int) -> bytes:
        data = self.under.recv(size)
        if not data:
            raise ConnectionError("the proxy closed the connection")
        return data


class Http2Worker(Worker):
    """HTTP/2, a few streams at a time."""

    protocol = "HTTP/2"

    def one_connection(self, requests: int) -> None:
        with Http2Client(self.port) as client:
            client.socket = cast("ssl.SSLSocket", _Loud(client.socket))
            for _ in range(requests):
                if self.pause():
                    return
                self.send(client, [draw(self.dice) for _ in range(self.dice.choice((1, 1, 2, 5)))])

    def send(self, client: Http2Client, calls: list[Call]) -> None:
        since = time.monotonic()
        waiting = list(calls)
        try:
            streams = {}
            for call in calls:
                fields = self.fields(call)
                if call.body and self.dice.random() < 0.5:
                    fields.append(("content-length", str(len(call.body))))
                stream = client.start(call.method, call.path, *fields, end=not call.body)
                streams[stream] = call
                if call.body:
                    # Where the proxy ends a stream early, what it said is the answer.
                    with contextlib.suppress(h2.exceptions.StreamClosedError):
                        client.data(stream, call.body, end=True)
            for stream, call in streams.items():
                status, body = client.answer(stream)
                status = "reset" if stream in client.cut else status
                self.tally.count(self.protocol, call, since, status, body.decode("latin-1"))
                waiting.remove(call)
                client.answers.pop(stream, None)
                client.ended.discard(stream)
        except BROKEN as error:
            for call in waiting:
                self.tally.count(self.protocol, call, since, type(error).__name__, str(error))
            raise


class GrpcWorker(Worker):
    """gRPC, by the stock client: calls of all four kinds."""

    protocol = "gRPC"

    def one_connection(self, requests: int) -> None:
        with channel(self.port) as calls:
            for _ in range(requests):
                if self.pause():
                    return
                region = self.dice.choice(GRPC)
                kind = self.dice.choice(("unary", "sum", "count", "talk"))
                call = Call(kind, "POST", f"/test.Echo/{kind}", (), region)
                since = time.monotonic()
                try:
                    said = self.send(calls, call)
                except grpc.RpcError as error:
                    said = str(error.code())
                    self.tally.count(self.protocol, call, since, said, "")
                else:
                    self.tally.count(self.protocol, call, since, "200", said)

    @staticmethod
    def send(calls: grpc.Channel, call: Call) -> str:
        """Return the answer of the call where all came back as it should, and what came else."""
        mark = str(call.number).encode()
        parts = [mark] * EVENTS
        how: dict[str, Any] = {
            "metadata": [_bearer(private_app_token(call.expects or ""))],
            "timeout": SECONDS,
        }
        said = f"{call.expects}:".encode() + mark
        match call.kind:
            case "unary":
                got, right = [calls.unary_unary(call.path)(mark, **how)], [said]
            case "sum":
                got = [calls.stream_unary(call.path)(iter(parts), **how)]
                right = [b"%d" % (len(mark) * EVENTS)]
            case "count":
                got = [*calls.unary_stream(call.path)(b"%d" % EVENTS, **how)]
                right = [b"%d" % number for number in range(EVENTS)]
            case _:
                got, right = [*calls.stream_stream(call.path)(iter(parts), **how)], [said] * EVENTS
        return call.answer if got == right else repr(got)


class Callers(threading.Thread):
    """Clients that call a router while it starts: each is answered by its region, or not let in."""

    def __init__(self, port: int, tally: Tally) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.tally = tally
        self.answered = threading.Event()
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.wait(0.05):
            call = Call(
                "during a start", "GET", "/crm", (_bearer(private_app_token("na1")),), "na1"
            )
            since = time.monotonic()
            with contextlib.suppress(ConnectionRefusedError):
                try:
                    with Client(self.port) as client:
                        answer = client.send(written(call))
                except BROKEN as error:
                    if isinstance(error, ConnectionRefusedError):
                        continue
                    self.tally.count("HTTP/1.1", call, since, type(error).__name__, str(error))
                else:
                    status, body = str(answer.status), answer.body.decode()
                    self.tally.count("HTTP/1.1", call, since, status, body)
                    self.answered.set()


def written(call: Call) -> bytes:
    """Return a request of HTTP/1, with the fields that both ends look at."""
    lines = [f"{name}: {value}" for name, value in call.fields]
    lines += [f"soak-expects: {call.expects}", f"soak-number: {call.number}"]
    return request(call.method, call.path, *lines, host=API)


def start_and_stop(folder: Path, sites: Sites, tally: Tally) -> None:
    """Start a router under clients, and stop it with a stream of events in flight."""
    tally.started += 1
    port = free_port()
    callers = Callers(port, tally)
    callers.start()
    with TemporaryDirectory(dir=folder) as name:
        proxy = Proxy(Path(name), sites.table(0), port)
        try:
            if not callers.answered.wait(SECONDS):
                tally.stopped_badly.append("no answer after a start")
            callers.is_over.set()
            callers.join()
            call = Call(
                "during a stop", "GET", "/events", (_bearer(private_app_token("na1")),), "na1"
            )
            since = time.monotonic()
            try:
                with Client(port) as client:
                    client.socket.sendall(written(call))
                    time.sleep(2 * EVENT_EVERY)
                    proxy.process.terminate()
                    answer = client.receive()
                status, body = str(answer.status), answer.body.decode()
            except BROKEN as error:
                status, body = type(error).__name__, str(error)
            tally.count("HTTP/1.1", call, since, status, body)
            if proxy.process.wait(SECONDS):
                tally.stopped_badly.append(f"exit status {proxy.process.returncode}")
            tally.stopped_badly += proxy.complaints()
        finally:
            proxy.stop()


class Proxy:
    """mitmdump with the addon, as its users start it."""

    def __init__(self, folder: Path, text: str, port: int) -> None:
        self.table = folder / "hublets.yaml"
        self.log = folder / "log"
        self.port = port
        self.good = self.bad = 0
        self.versions = [self._write(text)]
        settings = {
            "hublets": self.table,
            "confdir": confdir(),
            "ssl_verify_upstream_trusted_ca": authority(),
            "flow_detail": 0,
        }
        command: list[str | Path] = [
            Path(sys.executable).parent / "mitmdump", "-s", SCRIPT, "--mode", REVERSE,
            "--listen-host", "127.0.0.1", "--listen-port", str(self.port),
            *itertools.chain(*(("--set", f"{key}={value}") for key, value in settings.items())),
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        wait_for(lambda: "listening at" in self.said() or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise SystemExit(f"mitmdump did not start:\n{self.said()}")

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def _write(self, text: str) -> str:
        new = self.table.with_suffix(".new")
        new.write_text(text)
        new.replace(self.table)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def reload(self, turn: int, sites: Sites) -> None:
        """Write a good table at even turns, a bad one at odd turns."""
        if turn % 2 == 0:
            self.good += 1
            self.versions.append(self._write(sites.table(turn // 2 + 1)))
        else:
            self._write(BAD_TABLES[turn // 2 % len(BAD_TABLES)])
            self.bad += 1

    def reloads(self) -> tuple[int, int]:
        """Return how many good tables were taken, and bad ones refused, as the log says."""
        said = self.said()
        taken = sum(f"table {version} from " in said for version in self.versions[1:])
        return taken, said.count("is not used; the last good table goes on")

    def complaints(self) -> Counter[str]:
        """Return the lines of the log that report a bug."""
        lines = self.said().splitlines()
        return Counter(
            line[-100:] for line in lines if "Traceback" in line or "the request is refused" in line
        )

    def resident(self) -> float:
        """Return the process's memory in MiB."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE") / (1 << 20)

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Measure:
    """Memory and open files of the proxy, once it is warm and at the end."""

    memory: float
    files: int


def soak(minutes: float) -> int:
    """Run it; return the exit status."""
    tally = Tally()
    seed = random.randrange(1 << 32)
    print(f"soak: {minutes:g} minutes, seed {seed}", flush=True)
    with TemporaryDirectory(prefix="hublet-router-soak-") as name, Stage(Path(name)) as stage:
        sites = Sites(stage, tally)
        proxy = Proxy(Path(name), sites.table(0), free_port())
        workers: list[Worker] = [
            Http1Worker(proxy.port, tally, seed, None),
            Http1Worker(proxy.port, tally, seed + 1, None),
            Http1Worker(proxy.port, tally, seed + 2, API),
            Http2Worker(proxy.port, tally, seed + 3),
            Http2Worker(proxy.port, tally, seed + 4),
            GrpcWorker(proxy.port, tally, seed + 5),
        ]
        try:
            for worker in workers:
                worker.start()
            warm = _disturb(minutes * 60, sites, proxy, random.Random(seed))
            end = Measure(proxy.resident(), proxy.descriptors())
            for worker in workers:
                worker.stop.set()
            for worker in workers:
                worker.join(2 * SECONDS)
            hung = sum(worker.is_alive() for worker in workers)
            return _report(tally, proxy, warm, end, hung)
        finally:
            proxy.stop()
            sites.stop()


def _disturb(seconds: float, sites: Sites, proxy: Proxy, dice: random.Random) -> Measure:
    """Reload and restart until the time is over; return what the proxy took when it was warm."""
    start = time.monotonic()
    warm_up = min(60.0, seconds / 4)
    warm: Measure | None = None
    due: list[tuple[float, float, Callable[[int], None]]] = [
        (RELOAD_EVERY, RELOAD_EVERY, lambda turn: proxy.reload(turn, sites)),
        (RESTART_EVERY, RESTART_EVERY, lambda _: sites.restart(dice.choice([*sites.sites]))),
        (
            START_EVERY,
            START_EVERY,
            lambda _: start_and_stop(proxy.table.parent, sites, sites.tally),
        ),
        (60.0, 60.0, lambda turn: print(f"{turn + 1} min: {proxy.resident():.1f} MiB", flush=True)),
    ]
    # Nothing is disturbed in the last seconds: the log has to report the last reload.
    while (now := time.monotonic() - start) < seconds:
        if warm is None and now >= warm_up:
            warm = Measure(proxy.resident(), proxy.descriptors())
        for index, (at, every, act) in enumerate(due):
            if now >= at and now < seconds - 4:
                act(round(at / every) - 1)
                due[index] = (at + every, every, act)
        if proxy.process.poll() is not None:
            raise SystemExit(f"mitmdump ended:\n{proxy.said()[-2000:]}")
        time.sleep(0.1)
    return warm or Measure(proxy.resident(), proxy.descriptors())


def _report(tally: Tally, proxy: Proxy, warm: Measure, end: Measure, hung: int) -> int:
    print(f"\n{'requests':<42}{'sent':>8}{'routed':>8}{'refused':>8}{'failed':>8}")
    failed: Counter[str] = Counter()
    for (kind, _, _), times in tally.failed.items():
        failed[kind] += times
    for kind in sorted(tally.sent):
        row = (tally.sent[kind], tally.routed[kind], tally.refused[kind], failed[kind])
        print(f"{kind:<42}" + "".join(f"{times:>8}" for times in row))
    totals = [each.total() for each in (tally.sent, tally.routed, tally.refused, failed)]
    print(f"{'all':<42}" + "".join(f"{times:>8}" for times in totals))

    causes: Counter[tuple[str, bool]] = Counter()
    for (_, cause, explained), times in tally.failed.items():
        causes[cause, explained] += times
    print("\nfailed, by cause")
    for (cause, explained), times in causes.most_common():
        when = "while its upstream restarted" if explained else "UNEXPLAINED"
        print(f"{times:>8}  {when}: {cause}")
    if not causes:
        print(f"{0:>8}")

    taken, refused = proxy.reloads()
    complaints = proxy.complaints()
    print(f"\n{'misrouted':<24}{len(tally.misrouted)}")
    for line in tally.misrouted[:10]:
        print(f"    {line}")
    print(f"{'good tables':<24}{proxy.good} written, {taken} taken")
    print(f"{'bad tables':<24}{proxy.bad} written, {refused} refused")
    print(f"{'upstream restarts':<24}{sum(len(each) for each in tally.restarts.values())}")
    print(f"{'router starts and stops':<24}{tally.started}, {len(tally.stopped_badly)} went wrong")
    for line in tally.stopped_badly[:5]:
        print(f"    {line}")
    print(f"{'faults in its log':<24}{complaints.total()}")
    for line, times in complaints.most_common(5):
        print(f"    {times} x {line}")
    print(f"{'clients that hang':<24}{hung}")
    print(f"{'proxy memory':<24}{warm.memory:.1f} MiB when warm, {end.memory:.1f} MiB at the end")
    print(f"{'proxy open files':<24}{warm.files} when warm, {end.files} at the end", flush=True)
    unexplained = any(not explained for _, explained in causes)
    reloads_failed = (taken, refused) != (proxy.good, proxy.bad)
    wrong = [tally.misrouted, tally.stopped_badly, unexplained, complaints, hung, reloads_failed]
    return int(any(wrong))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("minutes", type=float, nargs="?", default=10.0)
    return soak(parser.parse_args().minutes)


if __name__ == "__main__":
    sys.exit(main())
