"""What a demo Hublet says about the requests that it received."""

import asyncio
import json
from contextlib import suppress
from hashlib import sha256
from typing import Any

import h11
import pytest

from hublet_router.core.table import Table
from hublet_router.demo.echo import echo
from hublet_router.demo.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from hublet_router.tablefile import loads

TABLE: Table = loads(b"""\
domains: [api.hubapi.com]
hublets: {eu1: {upstream: "http://127.0.0.1:1"}}
default: eu1
credentials:
  - {name: key, in: {query: hapikey}, hublet: {regex: "^(...)"}}
""")


def answers_to(raw: bytes) -> bytes:
    """Send bytes to an echoing server, and return all that it answers."""

    async def talk() -> bytes:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(h11.RemoteProtocolError):
                await echo("eu1", TABLE, reader, writer)
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            return answer

    return asyncio.run(talk())


def document(raw: bytes) -> dict[str, Any]:
    _, _, body = answers_to(raw).partition(b"\r\n\r\n")
    seen: dict[str, Any] = json.loads(body)
    return seen


def test_it_says_what_it_received() -> None:
    seen = document(
        b"POST /a?b=%2f HTTP/1.1\r\nhOsT: API.hubapi.com\r\nX-One: 1\r\nx-one: 2\r\n"
        b"Content-Length: 4\r\n\r\nbody"
    )
    assert seen == {
        "hublet": "eu1",
        "request": "POST /a?***=*** HTTP/1.1",
        "host": "API.hubapi.com",
        "sni": None,
        "headers": ["hOsT", "X-One", "x-one", "Content-Length"],
        "body": {"bytes": 4, "sha256": sha256(b"body").hexdigest()},
        "signature": "absent",
        "results": [],
    }


@pytest.mark.parametrize(
    ("url", "verdict"),
    [("https://api.hubapi.com/a?b", "valid"), ("https://elsewhere/a?b", "INVALID")],
)
def test_it_verifies_a_signature_over_the_whole_url(url: str, verdict: str) -> None:
    signature = sign("POST", url, b"onetwo", "99")
    head = (
        f"POST /a?b HTTP/1.1\r\nHost: api.hubapi.com\r\nTransfer-Encoding: chunked\r\n"
        f"{TIMESTAMP_HEADER}: 99\r\n{SIGNATURE_HEADER}: {signature}\r\n\r\n"
    )
    seen = document(head.encode() + b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
    assert seen["signature"] == verdict
    assert seen["body"]["bytes"] == 6


def test_law_4_it_masks_the_credentials_of_the_url() -> None:
    seen = document(b"GET /a?hapikey=secret&b=c HTTP/1.1\r\nHost: a\r\n\r\n")
    assert seen["request"] == "GET /a?hapikey=***&***=*** HTTP/1.1"


def test_a_connection_serves_request_after_request() -> None:
    head = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
    assert answers_to(head * 3).count(b'"request": "GET /a HTTP/1.1"') == 3
    assert answers_to(head.replace(b"1.1", b"1.0") * 3).count(b"GET /a HTTP/1.0") == 1


def test_head_gets_no_body_and_a_waiting_client_its_go_ahead() -> None:
    assert answers_to(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").endswith(b"\r\n\r\n")
    waiting = b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n1"
    assert b"HTTP/1.1 200 OK" in answers_to(waiting)


def test_it_says_go_ahead_before_the_body_comes() -> None:
    head = b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    assert answers_to(head).startswith(b"HTTP/1.1 100 ")
