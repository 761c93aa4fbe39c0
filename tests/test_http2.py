"""HTTP/2 in front of HTTP/1 upstreams: where streams go, and how their bodies end."""

import contextlib
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest
from hyperframe.frame import HeadersFrame
from mitmproxy import http

from harness import API, Stage, token, wait_for
from http2_client import Http2Client


def start(stage: Stage) -> None:
    stage.regions("na1", "eu1", certified=[API])
    stage.proxy()


def test_streams_of_one_connection_go_each_to_its_region(stage: Stage) -> None:
    start(stage)
    with Http2Client(stage.port) as client:
        names = ["eu1", "na1", "eu1", "na1", "na1", "eu1"] * 5
        streams = [client.start("GET", f"/{name}", token(name), end=True) for name in names]
        assert [client.answer(stream) for stream in streams] == [
            ("200", name.encode()) for name in names
        ]
    for name, upstream in stage.upstreams.items():
        assert len(upstream.requests) == 15
        for raw in upstream.requests:
            assert raw.startswith(f"GET /{name} HTTP/1.1\r\nHost: {API}\r\n".encode())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "oauth/v1/token"),
        ("POST", f"http://{API}/oauth/v1/token"),
        ("POST", "*x"),
        ("POST", "*"),
        ("GET", "*"),
        ("POST", "/a /oauth/v1/token"),
        ("POST /oauth/v1/token", "/a"),
        ("POST\t/oauth/v1/token", "/a"),
    ],
)
def test_law_1_a_request_line_that_servers_read_in_several_ways_is_refused(
    stage: Stage, method: str, path: str
) -> None:
    start(stage)
    with Http2Client(stage.port) as client:
        body = b"refresh_token=eu1-0"
        stream = client.start(method, path, ("content-length", str(len(body))))
        client.data(stream, body, end=True)
        assert client.answer(stream)[0] == "421"
        stream = client.start("OPTIONS", "*", end=True)
        assert client.answer(stream)[0] == "200"
    (only,) = [raw for it in stage.upstreams.values() for raw in it.requests]
    assert only.startswith(b"OPTIONS * ")


SMUGGLED = b"GET /second HTTP/1.1\r\nHost: api.hubapi.com\r\n\r\n"


@pytest.mark.parametrize("size", [0, 60_000, 300_000], ids=["tiny", "short", "long"])
def test_a_body_without_a_length_is_no_second_request(stage: Stage, size: int) -> None:
    start(stage)
    body = SMUGGLED + b"x" * size
    with Http2Client(stage.port) as client:
        stream = client.start("POST", "/first", token("eu1"))
        client.data(stream, body, end=True)
        assert client.answer(stream) == ("200", b"eu1")
    raw = stage.upstreams["eu1"].only
    assert bytes(stage.upstreams["eu1"].connections[0]) == raw
    head, _, rest = raw.partition(b"\r\n\r\n")
    assert b"\r\ntransfer-encoding: chunked" in head
    assert unchunked(rest) == body


def unchunked(raw: bytes) -> bytes:
    body = b""
    while raw:
        size, _, raw = raw.partition(b"\r\n")
        body, raw = body + raw[: int(size, 16)], raw[int(size, 16) + 2 :]
    return body


def test_law_1_an_empty_part_of_a_body_does_not_end_it(stage: Stage) -> None:
    start(stage)
    with Http2Client(stage.port) as client:
        stream = client.start("POST", "/first", token("eu1"))
        for part in (b"", b"one ", b"", b"", SMUGGLED, b""):
            client.data(stream, part)
        client.data(stream, b"", end=True)
        assert client.answer(stream) == ("200", b"eu1")
        assert client.get("/next", token("eu1")) == ("200", b"eu1")
    first, _ = stage.upstreams["eu1"].requests
    assert unchunked(first.partition(b"\r\n\r\n")[2]) == b"one " + SMUGGLED
    assert first == bytes(stage.upstreams["eu1"].connections[0])


def test_a_request_without_a_body_gets_no_framing(stage: Stage) -> None:
    start(stage)
    with Http2Client(stage.port) as client:
        assert client.get("/a", token("eu1")) == ("200", b"eu1")
        stream = client.start("POST", "/b", token("eu1"), end=True)
        assert client.answer(stream) == ("200", b"eu1")
    for raw in stage.upstreams["eu1"].requests:
        assert b"content-length" not in raw.lower()
        assert b"transfer-encoding" not in raw.lower()


def test_a_body_that_turns_out_to_be_empty_is_framed_as_one(stage: Stage) -> None:
    start(stage)
    with Http2Client(stage.port) as client:
        stream = client.start("POST", "/b", token("eu1"))
        client.data(stream, b"", end=True)
        assert client.answer(stream) == ("200", b"eu1")
    assert stage.upstreams["eu1"].only.endswith(b"chunked\r\n\r\n0\r\n\r\n")


def test_a_body_with_a_length_is_passed_on_as_it_is(stage: Stage) -> None:
    start(stage)
    body = b"refresh_token=eu1-0000"
    with Http2Client(stage.port) as client:
        stream = client.start("POST", "/oauth/v1/token", ("content-length", str(len(body))))
        client.data(stream, body, end=True)
        assert client.answer(stream) == ("200", b"eu1")
        stream = client.start("POST", "/oauth/v1/token")
        client.data(stream, body, end=True)
        assert client.answer(stream) == ("200", b"eu1")
    for raw in stage.upstreams["eu1"].requests:
        assert raw.count(b"content-length: 22\r\n") == 1
        assert raw.endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize("size", [0, 300_000], ids=["buffered", "streamed"])
@pytest.mark.parametrize(
    "field",
    [("transfer-encoding", "chunked"), ("content-length", "5"), ("content-length", "999999")],
    ids=["chunked", "short", "long"],
)
def test_framing_that_lies_makes_no_second_request(
    stage: Stage, field: tuple[str, str], size: int
) -> None:
    start(stage)
    with Http2Client(stage.port) as client, contextlib.suppress(AssertionError, OSError):
        stream = client.start("POST", "/first", token("eu1"), field)
        client.data(stream, SMUGGLED + b"x" * size, end=True)
        client.answer(stream)
    assert all(raw.startswith(b"POST /first ") for raw in stage.upstreams["eu1"].requests)
    assert stage.arrivals()["na1"] == 0


def test_trailers_are_left_out(stage: Stage) -> None:
    start(stage)
    with Http2Client(stage.port) as client:
        stream = client.start("POST", "/a", token("eu1"))
        client.data(stream, b"body")
        client.http.send_headers(stream, [("checksum", "1")], end_stream=True)
        client.flush()
        assert client.answer(stream) == ("200", b"eu1")
        assert client.get("/b", token("na1")) == ("200", b"na1")
    assert stage.upstreams["eu1"].only.endswith(b"chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n")


def test_trailers_of_what_is_not_routed_are_no_fault(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    class Answers:
        def request(self, flow: http.HTTPFlow) -> None:
            flow.response = http.Response.make(204)

    stage.regions("eu1")
    stage.proxy(beside=[Answers()])
    with Http2Client(stage.port) as client:
        for table in (stage.router.live.table, None):
            stage.router.live.table = table
            stream = client.start("POST", "/oauth/v1/token")
            client.data(stream, b"refresh_token=eu1-0")
            client.http.send_headers(stream, [("x-t", "1")], end_stream=True)
            client.flush()
            assert client.answer(stream)[0] == "204"
    assert "error" not in caplog.text.lower()


def test_a_refusal_is_answered_and_the_connection_goes_on(stage: Stage) -> None:
    start(stage)
    with Http2Client(stage.port) as client:
        assert client.get("/a", token("zz9"))[0] == "421"
        stream = client.start("POST", "/a", token("zz9"))
        client.data(stream, b"x" * 300_000, end=True)
        assert client.answer(stream)[0] in {"421", "502", "reset"}
        assert client.get("/a", token("eu1")) == ("200", b"eu1")
    assert stage.arrivals() == {"na1": 0, "eu1": 1}


def test_a_region_that_failed_is_tried_again(stage: Stage) -> None:
    start(stage)
    eu1 = stage.upstreams["eu1"]
    assert eu1.server
    stage.loop.call_soon_threadsafe(eu1.server.close)
    with Http2Client(stage.port) as client:
        assert client.get("/a", token("eu1"))[0] == "502"
        assert client.get("/a", token("na1")) == ("200", b"na1")
        certificate = "elsewhere.example"
        other = stage.upstream("eu1", certificate, port=eu1.port)
        assert client.get("/a", token("eu1"))[0] == "502"
        assert other.server
        stage.loop.call_soon_threadsafe(other.server.close)
        stage.upstream("eu1", API, port=eu1.port)
        assert client.get("/a", token("eu1")) == ("200", b"eu1")


def resident() -> int:
    """Bytes of memory of this process, proxy, upstreams and client all together."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


def test_250_requests_on_one_connection_leave_nothing_behind(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    for upstream in stage.upstreams.values():
        upstream.keep = False
    stage.seen.keep = False
    with Http2Client(stage.port) as client:
        for _ in range(150):
            assert client.get("/", token("eu1")) == ("200", b"eu1")
        before = resident()
        for _ in range(250):
            assert client.get("/", token("eu1")) == ("200", b"eu1")
            client.answers.clear()
        grown = resident() - before
    assert grown < 1_000_000


def test_a_regional_domain_is_seen_in_both_protocols(stage: Stage) -> None:
    stage.upstream("na1", API)
    stage.upstream("eu1", API)
    text = stage.table_text(domains="[api.hubapi.com, api-eu1.hubapi.com]")
    rule = '  - {name: domain, in: {host: "^api-([a-z0-9]+)[.]"}, hublet: {regex: "^(.+)$"}}\n'
    stage.table(
        text.replace("credentials:\n", f"credentials:\n{rule}").replace(
            "'}", "', sni: api.hubapi.com}"
        )
    )
    port = stage.proxy()
    regional = "api-eu1.hubapi.com"
    with Http2Client(port) as client, stage.client() as plain:
        for fields, status in (((), 200), ((token("eu1"),), 200), ((token("na1"),), 400)):
            stream = client.start("GET", "/2", *fields, end=True, authority=regional)
            assert client.answer(stream)[0] == str(status)
            lines = [f"{name}: {value}" for name, value in fields]
            assert plain.get("/1", *lines, host=regional.upper()).status == status
        assert client.get("/global", token("na1"))[1] == b"na1"
    arrived = [request.split(b" ")[1] for request in stage.upstreams["eu1"].requests]
    assert arrived == [b"/2", b"/1", b"/2", b"/1"]
    assert len(stage.upstreams["na1"].requests) == 1


@pytest.mark.parametrize("sent", ["", "body", "trailers"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_is_shorter_than_its_length_ends_its_stream_alone(
    stage: Stage, tmp_path: Path, method: str, sent: str
) -> None:
    (eu1,) = stage.regions("eu1", certified=[API])
    stage.proxy(hublet_log=str(tmp_path / "log"))
    with Http2Client(stage.port) as client:
        stream = client.start(method, "/", token("eu1"), ("content-length", "5"), end=not sent)
        if sent:
            client.data(stream, b"body" if sent == "body" else b"")
            client.http.send_headers(stream, [("checksum", "1")], end_stream=True)
            client.flush()
        assert client.answer(stream)[0] == "reset"
        assert client.get("/", token("eu1")) == ("200", b"eu1")
        options = client.start("OPTIONS", "*", token("eu1"), ("content-length", "0"), end=True)
        assert client.answer(options)[0] == "200"
    assert [it.split(b" ")[1] for it in eu1.requests] == [b"/", b"*"]
    wait_for(lambda: not stage.router.drain._flows)
    wait_for(lambda: len((tmp_path / "log").read_text().splitlines()) == 2 + bool(sent))


@pytest.mark.parametrize(
    "field",
    [
        ("x", " blanks around "),
        ("X-Upper", "1"),
        ("te", "gzip"),
        ("connection", "close"),
        ("host", API.upper()),
        ("content-length", "five"),
        (":late", "1"),
    ],
)
def test_a_malformed_head_ends_its_stream_alone(stage: Stage, field: tuple[str, str]) -> None:
    """What follows on its stream is ignored, and gives its window back."""
    start(stage)
    config = h2.config.H2Configuration(
        header_encoding="utf-8",
        validate_outbound_headers=False,
        normalize_outbound_headers=False,
    )
    with Http2Client(stage.port) as client:
        client.http.config = config
        begun = client.start("POST", "/", token("eu1"))
        wait_for(lambda: stage.router.drain._flows)
        stream = client.start("POST", "/", token("eu1"), field)
        client.data(stream, b"body")
        client.http.send_headers(stream, [("checksum", "1")], end_stream=True)
        client.flush()
        assert client.answer(stream)[0] == "reset"
        client.data(begun, b"body", end=True)
        assert client.answer(begun) == ("200", b"eu1")
        assert client.get("/", token("eu1")) == ("200", b"eu1")
    assert stage.arrivals() == {"na1": 0, "eu1": 2}


def test_what_is_malformed_of_a_request_that_has_begun_ends_the_connection(stage: Stage) -> None:
    """Else a client could begin any number of them; and compression is that of all streams."""
    start(stage)
    with Http2Client(stage.port) as client:
        begun = client.start("POST", "/", token("eu1"), ("content-length", "5"))
        wait_for(lambda: stage.router.drain._flows)
        client.data(begun, b"longer")
        with pytest.raises(AssertionError, match="ended the connection"):
            client.answer(begun)
    with Http2Client(stage.port) as client:
        begun = client.start("POST", "/", token("eu1"))
        client.http.send_headers(begun, [("te", "gzip")], end_stream=True)
        client.flush()
        with pytest.raises(AssertionError, match="ended the connection"):
            client.answer(begun)
    with Http2Client(stage.port) as client:
        stream = client.http.get_next_available_stream_id()
        client.start("POST", "/", token("eu1"))
        frame = HeadersFrame(stream + 2, data=b"\xff\xff\xff", flags=["END_HEADERS"])
        client.socket.sendall(frame.serialize())
        with pytest.raises(AssertionError, match="ended the connection"):
            client.answer(stream)


def test_a_number_of_a_stream_that_is_over_ends_the_connection(stage: Stage) -> None:
    start(stage)
    with Http2Client(stage.port) as client:
        for _ in range(3):  # hyper-h2 forgets a stream that is over with a later one
            assert client.get("/", token("eu1")) == ("200", b"eu1")
        head = HeadersFrame(1, data=b"\x82", flags=["END_HEADERS", "END_STREAM"])
        client.socket.sendall(head.serialize())
        with pytest.raises(AssertionError, match="ended the connection"):
            client.read()


def test_a_stream_that_is_reset_at_once_harms_no_other(stage: Stage) -> None:
    """hyper-h2 has closed it when mitmproxy hears of its head, or of its trailers."""
    start(stage)
    length = ("content-length", "5")
    pseudo = [(":method", "POST"), (":scheme", "https"), (":path", "/"), (":authority", API)]
    with Http2Client(stage.port) as client:
        begun = client.start("POST", "/", token("eu1"), length)
        wait_for(lambda: stage.router.drain._flows)
        client.http.send_headers(begun, [("checksum", "1")], end_stream=True)
        client.http.reset_stream(begun)
        for fields in ([length], []):
            stream = client.http.get_next_available_stream_id()
            client.http.send_headers(stream, [*pseudo, token("eu1"), *fields], end_stream=True)
            client.http.reset_stream(stream)
        client.flush()
        assert client.get("/", token("eu1")) == ("200", b"eu1")
    assert stage.arrivals() == {"na1": 0, "eu1": 1}
