"""What a client reads of a request that is refused before its body ends, or that fails."""

import asyncio
import json
import socket
from functools import partial
from pathlib import Path

import pytest
from h2.connection import H2Connection
from mitmproxy.connection import ConnectionState
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._http1 import Http1Server
from mitmproxy.proxy.layers.http._http2 import Http2Server
from mitmproxy.test.tflow import tclient_conn

from cases import cases
from harness import API, REVERSE, Behaviour, Client, Stage, bearer, request, token, wait_for
from http2_client import Http2Client
from hublet_router.proxy.engine import error_pages
from synthetic import private_app_token
from test_http3 import Http3Client, talk

EU1 = private_app_token("eu1")


async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept, and close without a word."""


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak first, and no TLS."""
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()
    await reader.read()


async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"this is no HTTP\r\n\r\n")
    await writer.drain()


def failing(stage: Stage, how: str) -> None:
    """A table whose eu1 does not answer."""
    behaviours: dict[str, Behaviour] = {"terminated": hang_up, "protocol": babble, "tls": greet}
    eu1 = stage.upstream("eu1", behaviour=behaviours.get(how))
    wrong = stage.upstream("na1", "another.test")
    upstream = {
        "refused": "http://127.0.0.1:1",
        "dns": "http://nowhere.invalid:80",
        "tls": eu1.url.replace("http:", "https:"),
        "certificate": wrong.url,
    }.get(how, eu1.url)
    stage.table(stage.table_text().replace(f"'{eu1.url}'", f"'{upstream}'", 1))
    stage.proxy()


@pytest.mark.parametrize("version", ["HTTP/1", "HTTP/2"])
@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("refused", "connection_refused"),
        ("dns", "dns_error"),
        ("tls", "tls_protocol_error"),
        ("certificate", "tls_certificate_error"),
        ("terminated", "connection_terminated"),
        ("protocol", "http_protocol_error"),
    ],
)
def test_a_failure_is_a_problem_document_that_names_the_hublet_and_no_address(
    stage: Stage, how: str, error: str, version: str
) -> None:
    failing(stage, how)
    if version == "HTTP/1":
        with stage.client() as client:
            answer = client.get("/", bearer("eu1"))
            again = client.get("/", bearer("eu1"))
        status, fields, body = str(answer.status), answer.headers, answer.body
        assert again.status == 502
    else:
        with Http2Client(stage.port) as http2:
            stream = http2.start("GET", "/", token("eu1"), end=True)
            status, body = http2.answer(stream)
            fields = dict(http2.heads[stream])
            assert http2.get("/", token("eu1"))[0] == "502"
    problem = json.loads(body)
    assert status == "502"
    assert fields["content-type"] == "application/problem+json"
    assert fields["proxy-status"] == f'hublet-router; next-hop="eu1"; error={error}'
    assert (problem["status"], problem["reason"], problem["hublet"]) == (502, error, "eu1")
    assert problem["detail"].startswith("Hublet eu1 ")
    assert "127.0.0.1" not in f"{fields}{problem}"
    assert "nowhere" not in f"{fields}{problem}"
    assert "mitmproxy" not in f"{fields}{problem}".lower()


def test_a_hublet_that_does_not_accept_in_time_is_a_504(stage: Stage, never_accepts: int) -> None:
    eu1 = stage.upstream("eu1")
    stage.table(stage.table_text().replace(eu1.url, f"http://127.0.0.1:{never_accepts}"))
    stage.proxy(hublet_connect_timeout=1)
    answer = stage.get("/", bearer("eu1"))
    assert (answer.status, answer.problem["reason"]) == (504, "connection_timeout")
    assert "127.0.0.1" not in str(answer)


@pytest.mark.parametrize(
    "raw",
    [
        f"GET http://user:{EU1}@{API}/ HTTP/1.1\r\n\r\n",
        f"GET /{EU1} x HTTP/1.1\r\n\r\n",
        f"GET / HTTP/1.1\r\n{EU1}\r\n\r\n",
        f"POST / HTTP/1.1\r\nHost: {API}\r\nContent-Length: {EU1}\r\n\r\n",
        f"POST / HTTP/1.1\r\nHost: {API}\r\nTransfer-Encoding: {EU1}\r\n\r\n",
        f"POST / HTTP/1.1\r\nHost: {API}\r\n{EU1} x: y\r\n\r\n",
    ],
    ids=["userinfo", "a line of four parts", "no colon", "length", "coding", "a blank in a name"],
)
def test_law_4_the_page_for_a_malformed_request_repeats_none_of_it(stage: Stage, raw: str) -> None:
    stage.regions("eu1")
    stage.proxy()
    with stage.client() as client:
        answer = client.send(raw.encode())
    assert answer.status == 400
    assert EU1 not in answer.body.decode()


def test_law_4_nor_does_it_over_http2(stage: Stage) -> None:
    stage.regions("eu1")
    with Http2Client(stage.proxy(mode=REVERSE)) as client:
        status, body = client.answer(client.start("GET", "/", scheme=EU1, end=True))
    assert status == "400"
    assert EU1.encode() not in body


@pytest.mark.parametrize("version", ["HTTP/1", "HTTP/2", "HTTP/3"])
def test_an_answer_that_breaks_off_is_not_followed_by_a_document(
    stage: Stage, version: str
) -> None:
    may_break = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n")
        await may_break.wait()

    stage.upstream("eu1", behaviour=answer)
    stage.table()
    stage.proxy()
    go_on = partial(stage.loop.call_soon_threadsafe, may_break.set)
    if version == "HTTP/1":
        with stage.client() as client:
            client.socket.sendall(request("GET", "/", bearer("eu1")))
            received = client.receive_until(b"begun")
            go_on()
            received += client.receive_until(b"never")
            assert received.endswith(b"\r\n\r\n5\r\nbegun\r\n")
    elif version == "HTTP/2":
        with Http2Client(stage.port) as http2:
            stream = http2.start("GET", "/", token("eu1"), end=True)
            while not http2.answers.get(stream, ("", b""))[1]:
                http2.read()
            go_on()
            assert http2.answer(stream) == ("200", b"begun")
            assert stream in http2.cut
    else:

        async def conversation(client: Http3Client) -> list[tuple[str, bytes]]:
            stream = client.start("GET", "/", token("eu1"), end=True)
            while not client.answers.get(stream, ("", b""))[1]:
                await asyncio.sleep(0.01)
            may_break.set()
            return [await client.answer(stream)]

        assert talk(stage, conversation) == [("200", b"begun")]


def refusing(stage: Stage, log: Path, mode: str = REVERSE) -> None:
    stage.regions("eu1")
    stage.proxy(mode=mode, hublet_log=str(log))


def only_line(log: Path) -> dict[str, object]:
    wait_for(lambda: log.exists() and log.read_text())
    (line,) = map(json.loads, log.read_text().splitlines())
    return dict(line)


HALF = b"5\r\nhello\r\n"
LONG = b"".join(b"%x\r\n%s\r\n" % (8192, bytes(8192)) for _ in range(32))
CHUNKED = "Transfer-Encoding: chunked"
UPLOADS = {
    "chunked": (CHUNKED, HALF + b"0\r\n\r\n"),
    "chunked and never ends": (CHUNKED, HALF),
    "short and never ends": ("Content-Length: 99", b"hello"),
    "chunked and long": (CHUNKED, LONG),
    "long": ("Content-Length: 1000000", bytes(1000000)),
    "long and never ends": ("Content-Length: 1000000", b"hello"),
    "waits for 100": ("Content-Length: 5\r\nExpect: 100-continue", b""),
    "chunked and waits for 100": (f"{CHUNKED}\r\nExpect: 100-continue", b""),
}


@pytest.mark.parametrize("mode", [REVERSE, "regular"], ids=["reverse", "CONNECT"])
@cases(("framing", "body"), UPLOADS)
def test_a_refused_upload_gets_its_problem_document(
    stage: Stage, tmp_path: Path, framing: str, body: bytes, mode: str
) -> None:
    refusing(stage, tmp_path / "log", mode)
    with stage.client() as client:
        if mode == "regular":
            client.connect_through(f"{API}:443", API)
        client.socket.sendall(request("PUT", "/", bearer("zz9"), framing) + body)
        answer = client.receive("PUT")
        assert (answer.status, answer.problem["reason"]) == (421, "unknown-hublet")
    line = only_line(tmp_path / "log")
    assert (line["status"], line["reason"], line["error"]) == (421, "unknown-hublet", None)
    assert stage.arrivals() == {"eu1": 0}


@pytest.mark.parametrize("mode", [REVERSE, "regular"], ids=["reverse", "CONNECT"])
@pytest.mark.parametrize(
    ("size", "end"),
    [(5, True), (5, False), (300_000, True)],
    ids=["ends", "never ends", "long"],
)
def test_a_refused_upload_over_http2_gets_its_problem_document(
    stage: Stage, tmp_path: Path, mode: str, size: int, *, end: bool
) -> None:
    refusing(stage, tmp_path / "log", mode)
    with Http2Client(stage.port, tunnel=mode == "regular") as client:
        stream = client.start("POST", "/", token("zz9"))
        client.data(stream, bytes(size), end=end)
        status, body = client.answer(stream)
        assert (status, json.loads(body)["reason"]) == ("421", "unknown-hublet")
        assert client.get("/", token("eu1"))[0] == "200"  # the other streams go on


def test_a_body_that_turns_out_too_long_for_its_rule_is_a_413(stage: Stage, tmp_path: Path) -> None:
    refusing(stage, tmp_path / "log")
    with stage.client() as client:
        raw = request("POST", "/oauth/v1/token", bearer("eu1"), CHUNKED)
        client.socket.sendall(raw.replace(b"Content-Length: 0\r\n", b"") + LONG)
        answer = client.receive("POST")
    assert (answer.status, answer.problem["reason"]) == (413, "too-large")
    line = only_line(tmp_path / "log")
    assert (line["status"], line["reason"], line["hublet"]) == (413, "too-large", None)


def test_an_answer_outlives_the_body_that_its_client_still_sends(stage: Stage) -> None:
    """A connection that is closed at once is reset, and the reset destroys the answer."""
    stage.regions("eu1")
    stage.proxy()
    with stage.client() as client:
        client.socket.sendall(request("PUT", "/", bearer("zz9"), "Content-Length: 90000000"))
        client.socket.sendall(bytes(65536))
        assert client.socket.recv(1, socket.MSG_PEEK)  # the answer is here
        for _ in range(16):
            client.socket.sendall(bytes(65536))
        assert client.receive("PUT").status == 421
        client.socket.settimeout(20)
        assert client.socket.recv(1) in {b""}  # and then it ends


def test_a_client_that_left_has_no_answer_in_the_log(stage: Stage, tmp_path: Path) -> None:
    refusing(stage, tmp_path / "log")
    with Client(stage.port) as client:
        client.socket.sendall(request("PUT", "/", bearer("zz9"), "Content-Length: 99"))
        wait_for(lambda: stage.router.drain._flows)
    line = only_line(tmp_path / "log")
    assert (line["status"], line["reason"]) == (None, "unknown-hublet")


def test_answer_is_over_for_a_client_of_http1_whose_connection_has_ended() -> None:
    """mitmproxy's writer fails on such a connection, where it has one at all."""
    client = tclient_conn()
    server = Http1Server(Context(client, Options()))
    for state, is_over in ((ConnectionState.OPEN, False), (ConnectionState.CLOSED, True)):
        client.state = state
        assert error_pages._has_begun_http1(server, 1) is is_over


def test_answer_is_over_for_a_stream_of_http2_that_its_client_has_reset() -> None:
    options = Options()
    options.add_option("validate_inbound_headers", bool, True, "as mitmproxy's own addon does")
    server = Http2Server(Context(tclient_conn(), options))
    head = [(":method", "GET"), (":scheme", "https"), (":authority", API), (":path", "/")]
    client = H2Connection()
    client.initiate_connection()
    client.send_headers(1, head)
    server.h2_conn.receive_data(client.data_to_send())
    assert not error_pages._has_begun_http2(server, 1)
    client.reset_stream(1)
    server.h2_conn.receive_data(client.data_to_send())
    assert error_pages._has_begun_http2(server, 1)
