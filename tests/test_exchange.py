"""A request as HTTP/1 bytes, and the exchange with a server."""

import asyncio
from dataclasses import replace

import pytest

from cases import cases
from harness import Stage
from hublet_router.core.request import Request
from hublet_router.verify.exchange import as_bytes, exchange, sendable

GET = Request("GET", ("a",), "/x?y", (("host", "a"), ("x", "1: \xe9"), ("te", "trailers")))


def written(request: Request, *, in_chunks: bool = False) -> bytes:
    whole = sendable(request, in_chunks=in_chunks)
    assert whole
    return as_bytes(whole)


@cases(
    ("request_", "in_chunks", "raw"),
    {
        "as it is": (GET, False, b"GET /x?y HTTP/1.1\r\nhost: a\r\nx: 1: \xe9\r\n"),
        "a Host": (replace(GET, headers=()), False, b"GET /x?y HTTP/1.1\r\nhost: a\r\n"),
        "no Host": (replace(GET, hosts=(), headers=()), False, b"GET /x?y HTTP/1.1\r\n"),
        "a length": (
            replace(GET, method="POST", headers=(("content-length", "9"),), body=b"b"),
            False,
            b"POST /x?y HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n",
        ),
        "no body": (
            replace(GET, method="POST", headers=()),
            False,
            b"POST /x?y HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n",
        ),
        "chunks": (
            replace(GET, headers=(), body=b"bc"),
            True,
            b"GET /x?y HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n",
        ),
    },
)
def test_a_request_is_written_with_its_own_framing(
    request_: Request, in_chunks: bool, raw: bytes
) -> None:
    body = request_.body or b""
    end = b"2\r\nbc\r\n0\r\n\r\n" if in_chunks else body
    assert written(request_, in_chunks=in_chunks) == raw + b"connection: close\r\n\r\n" + end


def test_its_fields_keep_their_names_and_order() -> None:
    """A field that only a decision takes for one of the framing is none."""
    fields = (
        ("X_A", "1"),
        ("HOST", "a"),
        ("Content_Length", "9"),
        ("Transfer_Encoding", "chunked"),
    )
    own = (("CONTENT-LENGTH", "8"), ("X-A", "2"))
    request = Request.of("POST", "http://a/", [*fields, *own], b"b")
    assert written(request) == (
        b"POST / HTTP/1.1\r\nX_A: 1\r\nHOST: a\r\nContent_Length: 9\r\n"
        b"Transfer_Encoding: chunked\r\nX-A: 2\r\ncontent-length: 1\r\nconnection: close\r\n\r\nb"
    )


def test_its_hosts_are_those_of_its_fields() -> None:
    whole = sendable(replace(GET, hosts=("b", "a")))
    assert whole
    assert whole.hosts == ("a",)


def test_an_empty_body_in_chunks_has_only_its_end() -> None:
    assert written(replace(GET, headers=()), in_chunks=True).endswith(b"\r\n\r\n0\r\n\r\n")


@cases(
    "request_",
    {
        "a long body": replace(GET, body=None),
        "a blank": replace(GET, target="/a b"),
        "no target": replace(GET, target=""),
        "a method": replace(GET, method="GET /"),
        "two lines": replace(GET, headers=(("x", "a\r\nhost: b"),)),
        "a pseudo field": replace(GET, headers=((":path", "/"),)),
        "a host of two lines": replace(GET, headers=(), hosts=("a\r\nx: b",)),
        "a line feed": replace(GET, headers=(), hosts=("a\nx",)),
        "a carriage return": replace(GET, headers=(), hosts=("a\rx",)),
    },
)
def test_what_http_1_cannot_carry_is_not_sent(request_: Request) -> None:
    assert sendable(request_) is None


def test_an_answer_has_its_fields_and_body(stage: Stage) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 201 OK\r\nX: a\r\nx: b\r\nContent-Length: 2\r\n\r\nhi")

    upstream = stage.upstream("na1", behaviour=answer)
    whole = sendable(GET)
    assert whole
    got = exchange(("127.0.0.1", upstream.port), whole, None, "")
    assert got == (201, {"x": "a, b", "content-length": "2"}, b"hi")


@pytest.mark.parametrize(
    ("raw", "text"), [(b"", "RemoteDisconnected"), (b"SSH-2.0\r\n", "BadStatusLine")]
)
def test_an_answer_that_is_no_http_is_an_error(stage: Stage, raw: bytes, text: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)

    upstream = stage.upstream("na1", behaviour=answer)
    whole = sendable(GET)
    assert whole
    with pytest.raises(ValueError, match=rf"no answer in HTTP \({text}\)"):
        exchange(("127.0.0.1", upstream.port), whole, None, "")
