"""Uploads: each is decided before its first byte goes out, and none is kept in memory."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy import http

from cases import cases
from forked import Forked
from harness import (
    Answer,
    Client,
    OwnWord,
    Stage,
    authority,
    bearer,
    confdir,
    free_port,
    request,
    wait_for,
)  # fmt: skip
from hublet_router.proxy.addon import HubletRouter

ROOT = Path(__file__).parents[1]
MIB = 1 << 20
PIECE = bytes(range(256)) * 256  # 64 KiB
UPLOAD = 64 * MIB  # more than the limits of memory below


class Mitmdump:
    """The proxy as a process of its own, whose memory can be measured alone."""

    def __init__(self, stage: Stage, *arguments: str) -> None:
        self.stage = stage
        self.port = free_port()
        self.log = stage.folder / f"log-{self.port}"
        command: list[str | Path] = [
            "mitmdump", "-s", ROOT / "addon" / "router.py",
            "--mode", "reverse:https://unrouted.invalid", "--set", "flow_detail=0",
            "--listen-host", "127.0.0.1", "--listen-port", str(self.port),
            "--set", f"hublets={stage.folder / 'hublets.yaml'}",
            "--set", f"confdir={confdir()}",
            "--set", f"ssl_verify_upstream_trusted_ca={authority()}", *arguments,
        ]  # fmt: skip
        self.process = Forked(*command, stdout=self.log)
        wait_for(self.routes)

    def routes(self) -> bool:
        try:
            with Client(self.port) as client:
                return client.get("/", bearer("eu1")).status == 200
        except OSError:
            return False

    def peak(self) -> int:
        """The most memory that the process ever had, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def clients(self) -> list[str]:
        """The connections that the process has not closed, as Linux lists them."""
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        port, over = f":{self.port:04X}", {"06", "0A"}  # TIME_WAIT, LISTEN
        return [
            state for _, local, _, state, *_ in rows if local.endswith(port) and state not in over
        ]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        said = self.log.read_text()
        assert "crashed" not in said
        assert "Traceback" not in said


@pytest.fixture(
    scope="module",
    params=[None, "stream_large_bodies=1m", "stream_large_bodies=1k"],
    ids=["unset", "1m", "1k"],
)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mitmdump]:
    """A proxy with what its user says of streaming."""
    with Stage(tmp_path_factory.mktemp("streams")) as stage:
        stage.regions("na1", "eu1")
        setting = ["--set", request.param] if request.param else []
        mitmdump = Mitmdump(stage, *setting)
        try:
            yield mitmdump
        finally:
            mitmdump.stop()


def head(path: str, *fields: str, size: int, chunked: bool, host: str = "api.hubapi.com") -> bytes:
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    return request("PUT", path, *fields, framing, host=host)


def upload(client: Client, size: int, *, chunked: bool) -> None:
    """Send a body in pieces; a proxy that does not want it may close the connection."""
    piece = b"%x\r\n%s\r\n" % (len(PIECE), PIECE) if chunked else PIECE
    for _ in range(size // len(PIECE)):
        client.socket.sendall(piece)
    if chunked:
        client.socket.sendall(b"0\r\n\r\n")


def try_upload(port: int, raw: bytes, size: int, *, chunked: bool) -> Answer | None:
    """Return the answer, or None where the connection was closed; fail where neither comes."""
    with Client(port) as client:
        try:
            client.socket.sendall(raw)
            upload(client, size, chunked=chunked)
        except ConnectionError:
            pass  # an answer may have come before the reset
        try:
            return client.receive("PUT")
        except ConnectionError:
            return None


REFUSED: dict[str, tuple[str, tuple[str, ...], str]] = {
    "unknown-hublet": ("/", (bearer("zz9"),), "api.hubapi.com"),
    "conflict": ("/?hapikey=na1-0", (bearer("eu1"),), "api.hubapi.com"),
    "foreign-host": ("/", (bearer("eu1"),), "api.example.com"),
    "too-large": ("/oauth/v1/token", (), "api.hubapi.com"),
}


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@cases(("path", "fields", "host"), REFUSED)
def test_a_refused_upload_ends_at_once_and_leaves_nothing_behind(
    running: Mitmdump, path: str, fields: tuple[str, ...], host: str, *, chunked: bool
) -> None:
    """A client that neither gets an answer nor is cut off fails in its own timeout."""
    stage = running.stage
    arrived, peak = stage.arrivals(), running.peak()
    raw = head(path, *fields, size=UPLOAD, chunked=chunked, host=host)
    answer = try_upload(running.port, raw, UPLOAD, chunked=chunked)
    assert answer is None or answer.status in {400, 413, 421, 502}
    assert running.peak() - peak < 20 * MIB
    assert stage.arrivals() == arrived
    assert running.routes()
    wait_for(lambda: running.clients() == [])


@pytest.mark.parametrize("fields", [(bearer("zz9"),), ()], ids=["unknown-hublet", "too-large"])
def test_a_client_that_waits_for_100_is_refused_before_it_sends(
    running: Mitmdump, fields: tuple[str, ...]
) -> None:
    raw = head("/oauth/v1/token", *fields, "Expect: 100-continue", size=UPLOAD, chunked=False)
    with Client(running.port) as client:
        client.socket.sendall(raw)
        assert client.receive_until(b"\r\n\r\n")[9:12] in {b"413", b"421"}


def test_a_client_that_waits_for_100_gets_it_where_it_is_routed(running: Mitmdump) -> None:
    raw = head("/", bearer("eu1"), "Expect: 100-continue", size=MIB, chunked=False)
    with Client(running.port) as client:
        client.socket.sendall(raw)
        assert client.receive_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        upload(client, MIB, chunked=False)
        assert client.receive("PUT").hublet == "eu1"


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_routed_upload_streams_through_whole(running: Mitmdump, *, chunked: bool) -> None:
    stage = running.stage
    seen: list[tuple[int, str]] = []

    async def digest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one upload without keeping it."""
        await reader.readuntil(b"\r\n\r\n")
        sha, size = hashlib.sha256(), 0
        left = await next_chunk(reader) if chunked else UPLOAD
        while left:
            data = await reader.read(min(left, len(PIECE)))
            sha.update(data)
            size, left = size + len(data), left - len(data)
            if chunked and not left:
                await reader.readexactly(2)
                left = await next_chunk(reader)
        seen.append((size, sha.hexdigest()))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    eu1, arrived, peak = stage.upstreams["eu1"], stage.arrivals(), running.peak()
    eu1.behaviour = digest
    try:
        raw = head("/", bearer("eu1"), size=UPLOAD, chunked=chunked)
        answer = try_upload(running.port, raw, UPLOAD, chunked=chunked)
    finally:
        eu1.behaviour = None
    expected = hashlib.sha256()
    for _ in range(UPLOAD // len(PIECE)):
        expected.update(PIECE)
    assert answer
    assert answer.status == 200
    assert seen == [(UPLOAD, expected.hexdigest())]
    assert running.peak() - peak < 50 * MIB
    assert stage.arrivals() == {**arrived, "eu1": arrived["eu1"] + 1}


async def next_chunk(reader: asyncio.StreamReader) -> int:
    return int(await reader.readuntil(b"\r\n"), 16)


# bodies that a rule has to see: 64 KiB, whatever the user says of streaming


def form(size: int) -> bytes:
    return b"refresh_token=eu1-0&x=".ljust(size, b"x")


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_body_of_64_kib_is_read(running: Mitmdump, *, chunked: bool) -> None:
    body = form(65536)
    raw = head("/oauth/v1/token", size=len(body), chunked=chunked)
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    with Client(running.port) as client:
        assert client.send(raw + sent, "PUT").hublet == "eu1"


@pytest.mark.parametrize("path", ["/oauth/v1/token", "/localdevauth/v1/auth/refresh"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_longer_body_is_not_waited_for(running: Mitmdump, path: str, *, chunked: bool) -> None:
    """The answer comes while most of the body is not sent yet, so it cannot have been kept."""
    arrived = running.stage.arrivals()
    body = form(65536 + 1)
    sent = b"%x\r\n%s\r\n" % (len(body), body) if chunked else body
    with Client(running.port) as client:
        client.socket.sendall(head(path, size=10 * MIB, chunked=chunked) + sent)
        assert client.receive_until(b"\r\n\r\n")[9:12] in {b"", b"413", b"502"}
    assert running.stage.arrivals() == arrived
    assert running.routes()


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_longer_body_is_refused_whatever_else_names_a_hublet(
    running: Mitmdump, *, chunked: bool
) -> None:
    raw = head("/oauth/v1/token", bearer("eu1"), size=MIB, chunked=chunked)
    arrived = running.stage.arrivals()
    answer = try_upload(running.port, raw, MIB, chunked=chunked)
    assert not answer or answer.status in {413, 502}
    assert running.stage.arrivals() == arrived


@pytest.mark.parametrize("mode", ["regular", "reverse:https://unrouted.invalid"])
@pytest.mark.parametrize(
    ("token", "expected"), [("eu1", "eu1"), ("na1", "conflict"), ("zz9", "unknown-hublet")]
)
def test_a_short_chunked_body_is_read_beside_another_credential(
    stage: Stage, mode: str, token: str, expected: str
) -> None:
    stage.regions("na1", "eu1")
    stage.proxy(mode=mode)
    url = "http://api.hubapi.com/oauth/v1/token" if mode == "regular" else "/oauth/v1/token"
    raw = head(url, bearer(token), size=0, chunked=True) + b"13\r\nrefresh_token=eu1-0\r\n0\r\n\r\n"
    answer = stage.send(raw, "PUT")
    assert (answer.hublet or answer.problem["reason"]) == expected
    assert stage.arrivals() == {"na1": 0, "eu1": int(expected == "eu1")}


# in one process with the proxy


def test_without_a_table_an_upload_is_refused_too(stage: Stage) -> None:
    stage.regions("na1")
    router = HubletRouter()
    stage.proxy(addon=router)
    router.live.table = None
    raw = head("/", bearer("na1"), size=20 * MIB, chunked=False)
    answer = try_upload(stage.port, raw, 20 * MIB, chunked=False)
    assert answer is None or answer.status in {502, 503}
    assert stage.arrivals() == {"na1": 0}


class StreamsAll:
    """Another addon that streams every request."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.request.stream = True


class StreamsFirst(OwnWord):
    """The same, before ours."""

    def decide_head(self, flow: http.HTTPFlow) -> None:
        flow.request.stream = True
        super().decide_head(flow)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_stream_that_another_addon_asks_for_is_decided_too(
    stage: Stage, caplog: pytest.LogCaptureFixture, *, before: bool
) -> None:
    stage.regions("na1", "eu1")
    stage.proxy(addon=StreamsFirst() if before else HubletRouter())
    if not before:
        stage.loop.call_soon_threadsafe(stage.master.addons.add, StreamsAll())
    for raw in (
        request("POST", "/", bearer("zz9"), body=b"x"),
        request("POST", "/?hapikey=na1-0", bearer("eu1"), body=b"x"),
        request("POST", "/oauth/v1/token", body=form(100)),
    ):
        assert stage.send(raw, "POST").status in {400, 413, 421, 502}
    assert stage.arrivals() == {"na1": 0, "eu1": 0}
    with stage.client() as client:
        assert client.send(request("POST", "/", bearer("eu1"), body=b"x")).hublet == "eu1"
        assert client.get("/", bearer("zz9")).problem["reason"] == "unknown-hublet"
        assert client.get("/", bearer("na1")).hublet == "na1"
    assert "crashed" not in caplog.text


def test_an_upload_waits_with_its_client_while_its_region_does_not_accept(
    stage: Stage, never_accepts: int
) -> None:
    na1 = stage.upstream("na1")
    stage.upstream("eu1")
    stage.table(stage.table_text().replace(f":{na1.port}", f":{never_accepts}"))
    mitmdump = Mitmdump(stage, "--set", "hublet_connect_timeout=2")
    try:
        peak = mitmdump.peak()
        raw = head("/", bearer("na1"), size=UPLOAD, chunked=False)
        answer = try_upload(mitmdump.port, raw, UPLOAD, chunked=False)
        assert answer is None or answer.status == 504
        assert mitmdump.peak() - peak < 20 * MIB
        assert mitmdump.routes()
    finally:
        mitmdump.stop()
    assert na1.connections == []
