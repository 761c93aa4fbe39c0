"""What fails around the proxy: what callers get, what the log says, which upstream sees no byte."""

import asyncio
import logging
import threading
from collections.abc import Callable
from http.client import HTTPConnection

import pytest

from harness import (
    API,
    Answer,
    Client,
    Stage,
    Upstream,
    bearer,
    free_port,
    read_request,
    request,
    token,
    wait_for,
)

TOKEN = token("eu1")[1]


def start(stage: Stage, *certified: str) -> Upstream:
    """Start a proxy whose na1 is well; return eu1, to be spoilt."""
    stage.upstream("na1", *certified)
    eu1 = stage.upstream("eu1", *certified)
    stage.table()
    stage.proxy(hublet_connect_timeout=2)
    return eu1


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """What the log says; nothing in this file may crash, or show a credential."""
    caplog.set_level(logging.INFO)

    def text() -> str:
        assert "crashed" not in caplog.text
        assert "Traceback" not in caplog.text
        assert "pat-eu1" not in caplog.text
        return caplog.text

    return text


def failed(answer: Answer) -> tuple[int, str, str]:
    """What a caller learns of a Hublet that gave no answer."""
    return answer.status, answer.problem["reason"], answer.problem["hublet"]


# the upstream


def test_an_upstream_that_refuses_is_a_502(stage: Stage, log: Callable[[], str]) -> None:
    eu1 = start(stage)
    path = stage.folder / "other.yaml"
    down = free_port()
    path.write_text(stage.table_text().replace(f":{eu1.port}", f":{down}"))
    stage.set_option(hublets=str(path))
    for raw in (
        request("GET", "/", bearer("eu1")),
        request("POST", "/", bearer("eu1"), body=b"x" * 1000),
        request("POST", "/", bearer("eu1"), body=b"x" * 100_000),
    ):
        answer = stage.send(raw)
        assert failed(answer) == (502, "connection_refused", "eu1")
        assert b"127.0.0.1" not in answer.body
    said = f"establishing server connection: [Errno 111] Connect call failed ('127.0.0.1', {down})"
    assert log().count(said) == 3
    assert stage.arrivals() == {"na1": 0, "eu1": 0}


def test_a_wrong_certificate_is_a_502(stage: Stage, log: Callable[[], str]) -> None:
    stage.upstream("na1", API)
    eu1 = stage.upstream("eu1", "elsewhere.example")
    stage.table()
    stage.proxy()
    for raw in (
        request("GET", "/", bearer("eu1")),
        request("POST", "/", bearer("eu1"), body=b"x" * 100_000),
    ):
        answer = stage.send(raw)
        assert failed(answer) == (502, "tls_certificate_error", "eu1")
        assert b"elsewhere.example" not in answer.body
    assert "Server TLS handshake failed. Certificate verify failed: hostname mismatch" in log()
    assert [bytes(connection) for connection in eu1.connections] == []
    assert stage.arrivals()["na1"] == 0


@pytest.mark.parametrize("large", [False, True], ids=["buffered", "streamed"])
@pytest.mark.parametrize(
    ("said", "expected", "reason"),
    [
        (b"", "server closed connection", "connection_terminated"),
        (b"HTTP/1.1 200", "unexpected server response", "http_protocol_error"),
        (b"no HTTP at all\r\n\r\n", "Cannot parse HTTP response", "http_protocol_error"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "Cannot parse HTTP response",
            "http_protocol_error",
        ),
    ],
    ids=["nothing", "half a head", "no HTTP", "no length"],
)
def test_an_answer_that_breaks_off_is_a_502(
    stage: Stage, log: Callable[[], str], said: bytes, expected: str, reason: str, *, large: bool
) -> None:
    eu1 = start(stage)

    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader, bytearray())
        writer.write(said)

    eu1.behaviour = broken
    with stage.client() as client:
        body = b"x" * (100_000 if large else 10)
        answer = client.send(request("POST", "/", bearer("eu1"), body=body))
    assert failed(answer) == (502, reason, "eu1")
    wait_for(lambda: stage.seen.flows)
    error = stage.seen.flows[0].error
    assert error
    assert expected in error.msg
    eu1.behaviour = None
    assert stage.get("/", bearer("eu1")).hublet == "eu1"
    log()
    assert stage.arrivals() == {"na1": 0, "eu1": 2}


@pytest.mark.parametrize("sent", [4, 100_000], ids=["short", "long"])
def test_an_answer_that_breaks_off_in_its_body_ends_the_connection(
    stage: Stage, log: Callable[[], str], sent: int
) -> None:
    """It is streamed: the head is gone, so the end of the connection has to show the failure."""
    eu1 = start(stage)

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader, bytearray())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * sent)
        await writer.drain()

    eu1.behaviour = half
    with stage.client() as client:
        client.socket.sendall(request("GET", "/", bearer("eu1")))
        received = client.receive_until(b"never")
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(received) < 200_000
    assert "HTTP/1.1 502" not in received.decode()
    log()
    assert stage.arrivals() == {"na1": 0, "eu1": 1}


def test_an_upstream_that_never_answers_is_waited_for_as_long_as_its_caller_waits(
    stage: Stage, log: Callable[[], str]
) -> None:
    eu1 = start(stage)
    left = threading.Event()

    async def never(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        left.set()

    eu1.behaviour = never
    with stage.client() as client:
        client.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            client.get("/", bearer("eu1"))
    wait_for(left.is_set)
    assert stage.get("/", bearer("na1")).hublet == "na1"
    assert "server disconnect" in log()
    assert stage.arrivals() == {"na1": 1, "eu1": 1}


@pytest.mark.parametrize("size", [0, 10, 100_000], ids=["GET", "buffered", "streamed"])
@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
def test_a_connection_that_is_closed_as_a_request_is_written_is_a_502(
    stage: Stage, log: Callable[[], str], size: int, *, reset: bool
) -> None:
    """Whether the request was acted upon is unknown, so only its caller may repeat it."""
    eu1 = start(stage)

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        eu1.requests.append(await read_request(reader, bytearray()))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nonce")
        await reader.readexactly(1)
        if reset:
            writer.transport.abort()

    eu1.behaviour = once
    raw = request("POST" if size else "GET", "/2", bearer("eu1"), body=b"x" * size)
    with stage.client() as client:
        assert client.get("/1", bearer("eu1")).body == b"once"
        try:
            assert client.send(raw).status == 502
        except ConnectionError:
            assert size > 65536  # its last bytes may meet the closed connection
    assert [raw[:6] for raw in eu1.requests] == [b"GET /1"]
    assert stage.get("/3", bearer("eu1")).body == b"once"
    log()
    assert stage.arrivals() == {"na1": 0, "eu1": 2}


# the client


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("path", ["/", "/oauth/v1/token"], ids=["streamed", "waited for"])
def test_a_client_that_leaves_in_its_upload_takes_its_request_along(
    stage: Stage, log: Callable[[], str], path: str, *, chunked: bool
) -> None:
    """What waited for its body is never sent; what streams ends as the unfinished thing it is."""
    eu1 = start(stage)
    ended = threading.Event()

    async def whole(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        received = b""
        while data := await reader.read(65536):
            received += data
        assert not received.endswith(b"0\r\n\r\n")
        ended.set()

    eu1.behaviour = whole
    framing = "Transfer-Encoding: chunked" if chunked else "Content-Length: 60000"
    size = b"ea60\r\n" if chunked else b""
    raw = request("PUT", path, bearer("eu1"), framing) + size + b"x" * 30_000
    streams = path == "/"
    if streams:
        raw = raw.replace(b"60000", b"900000").replace(b"ea60", b"dbba0") + b"x" * 100_000
    with stage.client() as client:
        client.socket.sendall(raw)
        if streams and not chunked:
            wait_for(lambda: eu1.connections)
    if streams and eu1.connections:
        wait_for(ended.is_set)
    eu1.behaviour = None
    assert stage.get("/", bearer("na1")).hublet == "na1"
    log()
    assert stage.arrivals() == {"na1": 1, "eu1": int(streams)}


def test_clients_that_leave_in_their_downloads_leave_no_connection_open(
    stage: Stage, log: Callable[[], str]
) -> None:
    eu1 = start(stage)
    open_now = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now
        open_now += 1
        try:
            await read_request(reader, bytearray())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
            while not writer.is_closing():
                writer.write(b"x" * 65536)
                await writer.drain()
        finally:
            open_now -= 1

    eu1.behaviour = endless
    for _ in range(40):
        with stage.client() as client:
            client.socket.sendall(request("GET", "/", bearer("eu1")))
            client.socket.recv(100_000)
    wait_for(lambda: len(eu1.connections) == 40 and open_now == 0)
    log()
    assert stage.arrivals()["na1"] == 0


# the table


@pytest.mark.parametrize("damage", ["truncated", "dangling", "not UTF-8", "a loop of links"])
def test_a_table_that_cannot_be_read_changes_nothing(
    stage: Stage, log: Callable[[], str], damage: str
) -> None:
    start(stage)
    path = stage.folder / "hublets.yaml"
    good = path.read_bytes()
    path.unlink()
    match damage:
        case "truncated":
            path.write_bytes(good[: len(good) // 2])
        case "dangling":
            path.symlink_to("nowhere.yaml")
        case "not UTF-8":
            path.write_bytes(good + b"# \xff\xfe\n")
        case _:
            path.symlink_to(path.name)
    wait_for(lambda: f"{path} is not used; the last good table goes on" in log())
    assert f"{path}:" in log()
    assert stage.get("/", bearer("eu1")).hublet == "eu1"
    path.unlink()
    path.write_bytes(good + b"# again\n")
    wait_for(lambda: "again" and log().count(f" from {path}: na1 at ") == 2)
    assert stage.arrivals()["na1"] == 0


def test_four_clients_at_full_speed_see_no_reload(stage: Stage, log: Callable[[], str]) -> None:
    """Through a bad and a good reload: no request fails, each is decided by one table, as said."""
    stage.upstream("na1")
    stage.upstream("eu1")
    path = stage.table()
    moved = Upstream("moved")
    stage.call(moved.start(None))
    old = path.read_text()
    new = old.replace(stage.upstreams["eu1"].url, moved.url)
    stage.proxy()
    answers: list[tuple[str, int, str]] = []
    stop = threading.Event()

    def talk(number: int) -> None:
        connection = HTTPConnection("127.0.0.1", stage.port, timeout=20)
        for count in range(100_000):
            if stop.is_set():
                break
            name = f"/{number}/{count}"
            connection.request("GET", name, headers={"Host": API, "Authorization": TOKEN})
            response = connection.getresponse()
            answers.append((name, response.status, response.read().decode()))
        connection.close()

    clients = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
    for client in clients:
        client.start()
    try:
        wait_for(lambda: len(answers) > 100)
        path.write_text("domains: []\n")
        wait_for(lambda: "is not used; the last good table goes on" in log())
        after_bad = len(answers)
        wait_for(lambda: len(answers) > after_bad + 100)
        path.write_text(new)
        wait_for(lambda: any(body == "moved" for _, _, body in answers))
        after_good = len(answers)
        wait_for(lambda: len(answers) > after_good + 100)
    finally:
        stop.set()
        for client in clients:
            client.join()
        assert moved.server
        stage.loop.call_soon_threadsafe(moved.server.close)
    assert {status for _, status, _ in answers} == {200}
    wait_for(lambda: len(stage.seen.flows) == len(answers))
    decided = {flow.request.path: str(flow.metadata["hublet_table"]) for flow in stage.seen.flows}
    named = {(decided[name], body) for name, _, body in answers}
    assert {body for _, body in named} == {"eu1", "moved"}
    assert len(named) == 2
    assert len({version for version, _ in named}) == 2
    assert stage.arrivals()["na1"] == 0


def test_a_silent_client_harms_no_other(stage: Stage, log: Callable[[], str]) -> None:
    start(stage)
    silent = [Client(stage.port) for _ in range(50)]
    assert stage.get("/", bearer("eu1")).hublet == "eu1"
    for one in silent:
        one.socket.close()
    wait_for(lambda: log().count("client disconnect") == 51)
    assert stage.arrivals() == {"na1": 0, "eu1": 1}
