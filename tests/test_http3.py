"""HTTP/3 in front: `reverse:https` listens on UDP too, and what comes there is routed over TCP."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, QuicEvent, StreamReset

from harness import API, SECONDS, Stage, Upstream, authority, token
from test_http2 import SMUGGLED, unchunked

type Field = tuple[str, str]


class Http3Client(QuicConnectionProtocol):
    """A client of one HTTP/3 connection that does exactly what it is asked."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.http = H3Connection(self._quic)
        self.answers: dict[int, tuple[str, bytes]] = {}
        self.ended: dict[int, asyncio.Event] = {}

    def quic_event_received(self, event: QuicEvent) -> None:
        match event:
            case StreamReset(stream_id=stream):
                self.answers.setdefault(stream, ("reset", b""))
                self.ended[stream].set()
            case ConnectionTerminated():
                for ended in self.ended.values():
                    ended.set()
        for answered in self.http.handle_event(event):
            self.http_event_received(answered)

    def http_event_received(self, event: H3Event) -> None:
        if isinstance(event, HeadersReceived):
            fields = {name.decode(): value.decode() for name, value in event.headers}
            self.answers[event.stream_id] = (fields[":status"], b"")
        elif isinstance(event, DataReceived):
            status, body = self.answers[event.stream_id]
            self.answers[event.stream_id] = (status, body + event.data)
        if isinstance(event, HeadersReceived | DataReceived) and event.stream_ended:
            self.ended[event.stream_id].set()

    def start(self, method: str, path: str, *fields: Field, end: bool, host: str = API) -> int:
        """Send the head of a request, and return its stream."""
        stream = self._quic.get_next_available_stream_id()
        self.ended[stream] = asyncio.Event()
        pseudo = [(":method", method), (":scheme", "https"), (":authority", host), (":path", path)]
        head = [(name.encode(), value.encode()) for name, value in [*pseudo, *fields]]
        self.http.send_headers(stream, head, end_stream=end)
        self.transmit()
        return stream

    async def answer(self, stream: int) -> tuple[str, bytes]:
        """Wait for the answer on a stream: its status and body."""
        await asyncio.wait_for(self.ended[stream].wait(), SECONDS / 2)
        return self.answers.get(stream, ("closed", b""))

    async def get(self, path: str, *fields: Field, host: str = API) -> tuple[str, bytes]:
        return await self.answer(self.start("GET", path, *fields, end=True, host=host))

    async def post(self, path: str, *fields: Field, body: bytes) -> tuple[str, bytes]:
        stream = self.start("POST", path, *fields, end=False)
        self.http.send_data(stream, body, end_stream=True)
        self.transmit()
        return await self.answer(stream)


type Answers = list[tuple[str, bytes]]


def talk(
    stage: Stage, conversation: Callable[[Http3Client], Coroutine[Any, Any, Answers]]
) -> Answers:
    """Let a client have its conversation with the proxy, on the loop of the stage."""

    async def connected() -> Answers:
        configuration = QuicConfiguration(alpn_protocols=["h3"], server_name=API)
        configuration.load_verify_locations(str(authority()))
        async with connect(
            "127.0.0.1", stage.port, configuration=configuration, create_protocol=Http3Client
        ) as client:
            return await conversation(cast(Http3Client, client))

    return stage.call(connected())


def start(stage: Stage, *certified: str) -> Upstream:
    stage.upstream("na1", *certified)
    eu1 = stage.upstream("eu1", *certified)
    stage.table()
    stage.proxy()
    return eu1


@pytest.mark.parametrize("certified", [(), (API,)], ids=["http", "https"])
def test_requests_of_one_connection_go_over_tcp_each_to_its_region(
    stage: Stage, certified: tuple[str, ...]
) -> None:
    eu1 = start(stage, *certified)
    names = ["eu1", "na1", "eu1", "na1", "na1", "eu1"] * 3

    async def conversation(client: Http3Client) -> Answers:
        streams = [client.start("GET", f"/{name}?a=%2f", token(name), end=True) for name in names]
        return [await client.answer(stream) for stream in streams]

    assert talk(stage, conversation) == [("200", name.encode()) for name in names]
    assert len(eu1.requests) == 9
    field = f"authorization: {token('eu1')[1]}"
    head = f"GET /eu1?a=%2f HTTP/1.1\r\nHost: {API}\r\n{field}\r\n\r\n"
    assert set(eu1.requests) == {head.encode()}
    assert eu1.server_names == [API] * len(eu1.connections if certified else [])


@pytest.mark.parametrize("size", [0, 60_000, 300_000], ids=["tiny", "short", "long"])
def test_a_body_without_a_length_is_no_second_request(stage: Stage, size: int) -> None:
    eu1 = start(stage)
    body = SMUGGLED + b"x" * size

    async def conversation(client: Http3Client) -> Answers:
        return [await client.post("/first", token("eu1"), body=body)]

    assert talk(stage, conversation) == [("200", b"eu1")]
    assert bytes(eu1.connections[0]) == eu1.only
    head, _, rest = eu1.only.partition(b"\r\n\r\n")
    assert b"\r\ntransfer-encoding: chunked" in head
    assert unchunked(rest) == body


@pytest.mark.parametrize("size", [5, 300_000], ids=["buffered", "streamed"])
def test_a_body_with_a_length_is_passed_on_as_it_is(stage: Stage, size: int) -> None:
    eu1 = start(stage)

    async def conversation(client: Http3Client) -> Answers:
        length = ("content-length", str(size))
        return [await client.post("/a", token("eu1"), length, body=b"x" * size)]

    assert talk(stage, conversation) == [("200", b"eu1")]
    assert eu1.only.count(b"content-length: %d\r\n" % size) == 1
    assert b"transfer-encoding" not in eu1.only
    assert eu1.only.endswith(b"\r\n\r\n" + b"x" * size)


def test_a_body_that_may_hold_the_credential_is_waited_for(stage: Stage) -> None:
    start(stage)

    async def conversation(client: Http3Client) -> Answers:
        return [
            await client.post("/oauth/v1/token", body=b"refresh_token=eu1-0"),
            await client.post("/oauth/v1/token", body=b"refresh_token=na1-0"),
            await client.post("/oauth/v1/token", body=b"x" * 100_000),
        ]

    eu1, na1, refused = talk(stage, conversation)
    assert (eu1, na1) == (("200", b"eu1"), ("200", b"na1"))
    assert refused[0] in {"413", "502", "reset"}
    assert stage.arrivals() == {"na1": 1, "eu1": 1}


def test_a_refusal_is_answered_and_the_connection_goes_on(stage: Stage) -> None:
    start(stage)

    async def conversation(client: Http3Client) -> Answers:
        return [
            await client.get("/", token("zz9")),
            await client.get("/?hapikey=na1-0", token("eu1")),
            await client.get("/", token("eu1"), host="api.example.com"),
            await client.post("/", token("zz9"), body=b"x"),
            await client.post("/", token("zz9"), ("content-length", "1"), body=b"x"),
            await client.post("/", token("zz9"), body=b"x" * 1_000_000),
            await client.get("/", token("eu1")),
        ]

    unknown, conflict, foreign, short, framed, upload, good = talk(stage, conversation)
    assert (unknown[0], conflict[0], foreign[0]) == ("421", "400", "421")
    assert b'"reason": "unknown-hublet"' in unknown[1]
    assert framed[0] == "421"
    assert short[0] in {"421", "502"}
    assert upload[0] in {"421", "502", "reset"}
    assert good == ("200", b"eu1")
    assert stage.arrivals() == {"na1": 0, "eu1": 1}


@pytest.mark.parametrize(
    "field",
    [
        ("connection", "authorization"),
        ("keep-alive", "1"),
        ("proxy-connection", "close"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
    ],
)
def test_a_field_that_is_a_connections_own_ends_this_one(
    stage: Stage, field: Field, caplog: pytest.LogCaptureFixture
) -> None:
    start(stage)

    async def one(client: Http3Client) -> Answers:
        return [await client.get("/", token("eu1"), field, ("sec-websocket-version", "13"))]

    async def fine(client: Http3Client) -> Answers:
        return [await client.get("/", token("eu1"), ("te", "trailers"))]

    assert talk(stage, one)[0][0] == "closed"
    assert talk(stage, fine) == [("200", b"eu1")]
    assert stage.arrivals() == {"na1": 0, "eu1": 1}
    assert "crashed" not in caplog.text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_target_of_no_resource_is_one_of_options_alone(stage: Stage, method: str) -> None:
    start(stage)

    async def conversation(client: Http3Client) -> Answers:
        starts = [client.start(it, "*", token("eu1"), end=True) for it in (method, "OPTIONS")]
        return [await client.answer(stream) for stream in starts]

    refused, good = talk(stage, conversation)
    assert (refused[0], good) == ("421", ("200", b"eu1"))
    assert stage.arrivals() == {"na1": 0, "eu1": 1}


def test_a_region_that_failed_is_tried_again(stage: Stage) -> None:
    eu1 = start(stage)
    assert eu1.server
    eu1.server.get_loop().call_soon_threadsafe(eu1.server.close)

    async def conversation(client: Http3Client) -> Answers:
        down = await client.get("/", token("eu1"))
        other = await client.get("/", token("na1"))
        await eu1.start(None)
        return [down, other, await client.get("/", token("eu1"))]

    down, other, up = talk(stage, conversation)
    assert down[0] == "502"
    assert (other, up) == (("200", b"na1"), ("200", b"eu1"))


def test_a_region_that_does_not_accept_holds_up_no_other_stream(
    stage: Stage, never_accepts: int
) -> None:
    stage.upstream("na1")
    eu1 = stage.upstream("eu1")
    stage.table(stage.table_text().replace(eu1.url, f"http://127.0.0.1:{never_accepts}"))
    stage.proxy(hublet_connect_timeout=1000)

    async def conversation(client: Http3Client) -> Answers:
        client.start("GET", "/", token("eu1"), end=True)
        while not stage.router.upstream_guard.deadlines:
            await asyncio.sleep(0.01)
        return [await client.get("/", token("na1"))]

    assert talk(stage, conversation) == [("200", b"na1")]
