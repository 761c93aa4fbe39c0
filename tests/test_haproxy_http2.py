"""What HTTP/2 can say to HAProxy and no library would: it is routed as it goes on, or refused."""

import asyncio
import ssl
from collections.abc import Sequence
from socket import create_connection

import pytest
from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
)

from haproxy_stage import certificate, haproxy, two_regions
from harness import API, SECONDS, Stage, authority, token
from http2_upstream import Fields
from hublet_router.core.judge import decide
from hublet_router.tablefile import load
from test_haproxy_wire import received

OTHER = "other.example"
EU, NA = token("eu1"), token("na1")
KEY = b"refresh_token=eu1-0000-0000-0000-0000-000000000000"
GET: Fields = [(":method", "GET"), (":scheme", "https"), (":path", "/a"), (":authority", API)]
POST: Fields = [
    (":method", "POST"), (":scheme", "https"), (":path", "/oauth/v1/token"), (":authority", API),
    ("content-type", "application/x-www-form-urlencoded"),
]  # fmt: skip
CONNECT: Fields = [(":method", "CONNECT"), (":authority", f"{API}:443")]
COOKIE = """\
  - name: session
    in: {cookie: session}
    hublet: {regex: "^([a-z]{2}[0-9])-"}
"""
LARGEST = 16_000  # bytes of a frame


class Stream:
    """A connection with one stream, of frames that are sent as they are."""

    def __init__(self, port: int) -> None:
        context = ssl.create_default_context(cafile=str(authority()))
        context.set_alpn_protocols(["h2"])
        self.socket = context.wrap_socket(
            create_connection(("127.0.0.1", port), SECONDS), server_hostname=API
        )
        self.file = self.socket.makefile("rb")
        self.encoder = Encoder()

    def exchange(self, head: Fields, body: bytes | None, trailers: Fields | None) -> str:
        """Send a request; return its status, or `reset` if its stream or connection is ended."""
        frames: list[Frame] = [SettingsFrame(0), *self._fields(head, end=body is None)]
        if body is not None:
            frames.append(DataFrame(1, body, flags=["END_STREAM"] * (trailers is None)))
        if trailers is not None:
            frames += self._fields(trailers, end=True)
        try:
            self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            self.socket.sendall(b"".join(it.serialize() for it in frames))
            return self._status()
        except OSError:
            return "reset"
        finally:
            self.file.close()
            self.socket.close()

    def _fields(self, fields: Fields, *, end: bool) -> Sequence[Frame]:
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
        block = self.encoder.encode(raw)
        parts = [block[at : at + LARGEST] for at in range(0, len(block), LARGEST)]
        frames: list[Frame] = [HeadersFrame(1, parts[0], flags=["END_STREAM"] * end)]
        frames += [ContinuationFrame(1, part) for part in parts[1:]]
        frames[-1].flags.add("END_HEADERS")
        return frames

    def _status(self) -> str:
        while head := self.file.read(9):
            frame, length = Frame.parse_frame_header(memoryview(head))
            frame.parse_body(memoryview(self.file.read(length)))
            if isinstance(frame, HeadersFrame):
                fields = dict(Decoder().decode(frame.data, raw=True))
                return bytes(fields[b":status"]).decode()
            if isinstance(frame, RstStreamFrame | GoAwayFrame):
                break
        return "reset"


def without(name: str, *instead: tuple[str, str]) -> Fields:
    return [*(it for it in GET if it[0] != name), *instead]


HEADS: dict[str, tuple[Fields, str]] = {
    "two authorities": ([*GET, (":authority", OTHER), EU], "reset"),
    "another authority first": ([(":authority", OTHER), *GET, EU], "reset"),
    "an authority twice": ([*GET, (":authority", API), EU], "reset"),
    "another host beside": ([*GET, ("host", OTHER), EU], "200"),
    "another authority, our host": (
        without(":authority", (":authority", OTHER), ("host", API), EU), "421",
    ),
    "an empty authority, our host": (
        without(":authority", (":authority", ""), ("host", API), EU), "421",
    ),
    "a host alone": (without(":authority", ("host", API), EU), "200"),
    "another host alone": (without(":authority", ("host", OTHER), EU), "421"),
    "two hosts, ours first": (without(":authority", ("host", API), ("host", OTHER), EU), "200"),
    "two hosts, ours last": (without(":authority", ("host", OTHER), ("host", API), EU), "421"),
    "no host": (without(":authority", EU), "421"),
    "userinfo": (without(":authority", (":authority", f"a@{API}"), EU), "421"),
    "a path in the authority": (without(":authority", (":authority", f"{API}/b"), EU), "421"),
    "two names in the authority": (
        without(":authority", (":authority", f"{API},{OTHER}"), EU), "421",
    ),
    "a URL as scheme": (without(":scheme", (":scheme", f"https://{OTHER}/?"), EU), "400"),
    "another scheme": (without(":scheme", (":scheme", "ftp"), EU), "421"),
    "two paths": ([*GET, (":path", "/b"), EU], "reset"),
    "a path that goes on with the host": (without(":path", (":path", f"@{OTHER}/"), EU), "reset"),
    "a pseudo-field behind a field": ([EU, *GET], "reset"),
    "a name in upper case": ([*GET, ("Authorization", EU[1])], "reset"),
    "a colon in a name": ([*GET, ("authorization: x", NA[1]), EU], "reset"),
    "a line in a name": ([*GET, ("x\r\nauthorization", NA[1]), EU], "reset"),
    "a line in a value": ([*GET, ("x", f"\r\nauthorization: {NA[1]}"), EU], "reset"),
    "a blank in front": ([*GET, (EU[0], f" {EU[1]} ")], "200"),
    "a field for one connection": ([*GET, ("connection", "authorization"), EU], "reset"),
    "cookie crumbs": ([*GET, ("cookie", "a=b"), ("cookie", "session=eu1-0")], "200"),
    "crumbs of two regions": (
        [*GET, ("cookie", "session=na1-0"), ("cookie", "session=eu1-0")], "400",
    ),
    "a crumb and a token": ([*GET, ("cookie", "a=b"), ("cookie", "session=na1-0"), EU], "400"),
    "CONNECT": ([*CONNECT, EU], "421"),
    "CONNECT with a path": ([*CONNECT, (":path", "/a"), (":scheme", "https"), EU], "reset"),
    "extended CONNECT": (
        [(":method", "CONNECT"), *GET[1:], (":protocol", "connect-udp"), EU], "200",
    ),
    "100 fields": ([*GET, EU, *[(f"x{n}", "y" * 90) for n in range(100)]], "200"),
    "300 fields": ([*GET, EU, *[(f"x{n}", "y" * 90) for n in range(300)]], "reset"),
    "60,000 bytes of a field": ([*GET, EU, ("x", "!" * 60_000)], "reset"),
    "60,000 bytes before the token": ([*GET, ("x", "!" * 60_000), EU], "reset"),
}  # fmt: skip

LENGTH = str(len(KEY))
BODIES: dict[str, tuple[Fields, str]] = {
    "no length": (POST, "200"),
    "its length": ([*POST, ("content-length", LENGTH)], "200"),
    "its length twice": ([*POST, *[("content-length", LENGTH)] * 2], "200"),
    "a shorter length": ([*POST, ("content-length", "5")], "reset"),
    "a longer length": ([*POST, ("content-length", "500")], "reset"),
    "two lengths": ([*POST, ("content-length", "5"), ("content-length", LENGTH)], "reset"),
    "no number": ([*POST, ("content-length", f"+{LENGTH}")], "reset"),
    "chunks": ([*POST, ("transfer-encoding", "chunked")], "reset"),
}


@pytest.mark.parametrize("cases", [HEADS, BODIES], ids=["heads", "bodies"])
def test_what_arrives_is_where_the_core_sends_it(
    stage: Stage, cases: dict[str, tuple[Fields, str]]
) -> None:
    path = two_regions(stage, COOKIE)
    body = KEY if cases is BODIES else None
    with haproxy(stage, path, tls=certificate(stage.folder, API)) as edge:
        said = {
            what: Stream(edge.tls_port).exchange(head, body, None)
            for what, (head, _) in cases.items()
        }
    assert said == {what: status for what, (_, status) in cases.items()}
    table = load(path)
    for name, upstream in stage.upstreams.items():
        arrived = [received(raw) for raw in upstream.requests]
        assert {decide(table, it).hublet for it in arrived} <= {name}
        assert all(
            it.host == API and it.header("content-length") in ([], [LENGTH]) for it in arrived
        )
    routed = sum(status == "200" for _, status in cases.values())
    assert len(stage.upstreams["eu1"].requests) == routed


@pytest.mark.parametrize("trailer", [NA, ("host", OTHER), (":path", "/b"), ("content-length", "3")])
def test_a_trailer_changes_nothing(stage: Stage, trailer: tuple[str, str]) -> None:
    """HAProxy passes it on as one, and from 3.2 on drops it; none becomes a field."""
    path = two_regions(stage, COOKIE)
    seen: list[bytes] = []

    async def reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    stage.upstreams["eu1"].behaviour = reads
    head = [*POST, EU] if trailer == NA else [*GET, EU]
    with haproxy(stage, path, tls=certificate(stage.folder, API)) as edge:
        said = Stream(edge.tls_port).exchange(head, b"x", [trailer])
    assert said == ("204" if trailer == NA else "reset")
    # HAProxy may have sent the head on before it has read the rest.
    assert [it.count(b"authorization") for it in seen] in ([1], [1] * (said == "204"))
    assert stage.upstreams["na1"].connections == []
