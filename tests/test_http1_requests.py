"""Requests of HTTP/1 after the public probe: what must be 400 is 400, and nothing arrives."""

import asyncio
from collections.abc import Iterator

import pytest

from cases import cases
from harness import API, Stage, Upstream, bearer, read_request, token, wait_for
from http2_client import Http2Client
from hublet_router.proxy.engine.client_limits import unread
from hublet_router.proxy.engine.connections import layers_of

HEAD = f"Host: {API}\r\n{bearer('eu1')}\r\n"
CHUNKED = f"POST / HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n"

BAD = {
    "NUL in the target": f"GET /\0a HTTP/1.1\r\n{HEAD}\r\n",
    "control in the target": f"GET /\x01 HTTP/1.1\r\n{HEAD}\r\n",
    "no path": f"GET a HTTP/1.1\r\n{HEAD}\r\n",
    "GET *": f"GET * HTTP/1.1\r\n{HEAD}\r\n",
    "method": f"G(T / HTTP/1.1\r\n{HEAD}\r\n",
    "HEAD in lower case": f"head / HTTP/1.1\r\n{HEAD}\r\n",
    "no version": "GET /\r\n\r\n",
    "version in lower case": f"GET / http/1.1\r\n{HEAD}\r\n",
    **{f"HTTP/{it}": f"GET / HTTP/{it}\r\n{HEAD}\r\n" for it in ("1.2", "2.0", "3.0", "1.10")},
    "CONNECT": f"CONNECT {API}:443 HTTP/1.1\r\n{HEAD}\r\n",
    "two Hosts": f"GET / HTTP/1.1\r\nHost: {API}\r\n{HEAD}\r\n",
    "two Hosts in another case": f"GET / HTTP/1.1\r\nhOST: {API}\r\n{HEAD}\r\n",
    "folded field": f"GET / HTTP/1.1\r\n{HEAD}X: a\r\n b\r\n\r\n",
    "first field folded": f"GET / HTTP/1.1\r\n {HEAD}\r\n",
    "blank before the colon": f"GET / HTTP/1.1\r\n{HEAD}X : a\r\n\r\n",
    "no colon": f"GET / HTTP/1.1\r\n{HEAD}X\r\n\r\n",
    "no name": f"GET / HTTP/1.1\r\n{HEAD}: a\r\n\r\n",
    "name": f"GET / HTTP/1.1\r\n{HEAD}X(: a\r\n\r\n",
    **{
        f"{it!r} in a value": f"GET / HTTP/1.1\r\n{HEAD}X: a{it}b\r\n\r\n"
        for it in ("\r", "\0", "\x01", "\x7f")
    },
    **{
        f"Content-Length: {it}": f"POST / HTTP/1.1\r\n{HEAD}Content-Length: {it}\r\n\r\nx"
        for it in ("-1", "+1", "0x1", "1, 1", "1 1", "9" * 19, "1" + "0" * 30, "0" * 99 + "1")
    },
    "two lengths": f"POST / HTTP/1.1\r\n{HEAD}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "length and chunks": f"{CHUNKED[:-2]}Content-Length: 1\r\n\r\n0\r\n\r\n",
    **{
        f"Transfer-Encoding: {it}": CHUNKED.replace("chunked", it) + "0\r\n\r\n"
        for it in ("gzip", "chunked, chunked", "xchunked", "identity")
    },
    "chunks of HTTP/1.0": CHUNKED.replace("HTTP/1.1", "HTTP/1.0") + "0\r\n\r\n",
    **{
        f"chunk {it!r}": CHUNKED + it
        for it in (
            "FFFFFFFFFFFFFFFFF\r\nabc",
            "8000000000000000\r\nabc",
            "F" * 21 + "\r\nabc",
            "-1\r\nabc",
            "0x1\r\na\r\n0\r\n\r\n",
            "1\r\naXX0\r\n\r\n",
            "1\na\r\n0\r\n\r\n",
            " 1\r\na\r\n0\r\n\r\n",
        )
    },
}

GOOD = {
    "OPTIONS *": f"OPTIONS * HTTP/1.1\r\n{HEAD}\r\n",
    "a method that begins like HEAD": f"heady / HTTP/1.1\r\n{HEAD}\r\n",
    "HTTP/1.0": f"GET / HTTP/1.0\r\n{HEAD}\r\n",
    "any token": f"M-SEARCH!~ / HTTP/1.1\r\n{HEAD}\r\n",
    "a target of any bytes": f"GET //..;%7e?#|\xe9 HTTP/1.1\r\n{HEAD}\r\n",
    "extension of a chunk": f"{CHUNKED}1;a=b\r\na\r\n0\r\n\r\n",
    "leading zeros of a chunk": f"{CHUNKED}0001\r\na\r\n0\r\n\r\n",
    "length of no body": f"POST / HTTP/1.1\r\n{HEAD}Content-Length: 0\r\n\r\n",
    "fields like others": f"GET / HTTP/1.1\r\n{HEAD}Host-: a\r\nHosts: b\r\nHost2: c\r\n\r\n",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One proxy for all rows: a start takes longer than any of them."""
    with Stage(tmp_path_factory.mktemp("requests")) as stage:
        stage.regions("eu1", certified=[API])
        stage.proxy()
        yield stage


@cases("raw", BAD)
def test_what_must_be_400_is(shared: Stage, eu1: Upstream, raw: str) -> None:
    with shared.client() as client:
        assert client.send(raw.encode("latin-1")).status == 400
    assert eu1.requests == []


@cases("raw", GOOD)
def test_what_is_right_arrives(shared: Stage, eu1: Upstream, raw: str) -> None:
    with shared.client() as client:
        assert client.send(raw.encode("latin-1")).hublet == "eu1"
    assert eu1.only.partition(b"\r\n")[0] == raw.partition("\r\n")[0].encode("latin-1")


def test_a_head_may_come_in_pieces(shared: Stage, eu1: Upstream) -> None:
    raw = f"GET / HTTP/1.1\r\n{HEAD}\r\n".encode()
    with shared.client() as client:
        client.socket.sendall(raw[:-9])
        wait_for(lambda: len(raw) - 9 in [unread(layers_of(it), it) for it in shared.clients])
        assert client.send(raw[-9:]).hublet == "eu1"
    assert eu1.only == raw


def test_credentials_for_the_proxy_stay_here(shared: Stage, eu1: Upstream) -> None:
    fields = "Proxy-Authorization: Basic YTpi\r\nproxy-authorization: Basic Yzpk\r\n"
    with shared.client() as client:
        assert client.send(f"GET / HTTP/1.1\r\n{HEAD}{fields}\r\n".encode()).hublet == "eu1"
    assert eu1.only == f"GET / HTTP/1.1\r\n{HEAD}\r\n".encode()


EXPECT = {
    "once": "Expect: 100-continue",
    "in another case": "EXPECT: 100-Continue",
    "twice": "Expect: 100-continue\r\nExpect: 100-continue",
    "a list": "Expect: 100-continue, 100-continue",
    "an empty member": "Expect: , 100-continue",
    "beside another": "Expect: 100-continue, x=y",
}


@cases("field", EXPECT)
@pytest.mark.parametrize("size", [1, 70_000])
def test_100_is_sent_however_it_is_asked_for(
    shared: Stage, eu1: Upstream, field: str, size: int
) -> None:
    raw = f"POST / HTTP/1.1\r\n{HEAD}{field}\r\nContent-Length: {size}\r\n\r\n"
    with shared.client() as client:
        client.socket.sendall(raw.encode())
        assert client.receive_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert client.send(b"x" * size).hublet == "eu1"
    assert b"xpect" not in eu1.only


def test_100_is_not_sent_to_http_1_0_and_no_other_expectation_is_met(
    shared: Stage, eu1: Upstream
) -> None:
    for version, value, passes in (("1.0", "100-continue", False), ("1.1", "x=y", True)):
        raw = f"POST / HTTP/{version}\r\n{HEAD}Expect: {value}\r\nContent-Length: 1\r\n\r\nx"
        with shared.client() as client:
            client.socket.sendall(raw.encode())
            assert client.receive_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        assert (b"Expect: " in eu1.requests[-1]) is passes


def test_100_is_sent_to_a_client_of_http2(shared: Stage) -> None:
    with Http2Client(shared.port) as client:
        stream = client.start("POST", "/", token("eu1"), ("expect", "100-continue, 100-continue"))
        while not client.interim:
            client.read()
        client.data(stream, b"x", end=True)
        assert client.answer(stream) == ("200", b"eu1")


@pytest.mark.parametrize(
    "interim", [b"HTTP/1.1  103 Early\r\n\r\n", b"HTTP/2.0 103 Early\r\n\r\n"], ids=["blank", "h2"]
)
def test_an_interim_answer_that_only_mitmproxy_reads_ends_its_request(
    shared: Stage, eu1: Upstream, monkeypatch: pytest.MonkeyPatch, interim: bytes
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(reader, bytearray()):
            writer.write(interim + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    monkeypatch.setattr(eu1, "behaviour", answer)
    with shared.client() as client:
        client.socket.sendall(f"GET / HTTP/1.1\r\n{HEAD}\r\n".encode())
        assert client.receive_until(b"ok") == b""


ABSOLUTE = [
    f"http://{API}/a?b=%2f", f"https://{API}/a", f"HTTP://{API}/", f"http://{API}", f"http://{API}:80/",
]  # fmt: skip


@pytest.mark.parametrize("target", ABSOLUTE)
@pytest.mark.parametrize("front", [None, API], ids=["http", "https"])
def test_an_absolute_target_arrives_as_it_was_sent(
    shared: Stage, eu1: Upstream, target: str, front: str | None
) -> None:
    raws = [f"{line} HTTP/1.1\r\n{HEAD}\r\n".encode() for line in (f"GET {target}", "GET /b")]
    with shared.client(front) as client:
        assert [client.send(raw).hublet for raw in raws] == ["eu1", "eu1"]
    assert eu1.requests == raws
