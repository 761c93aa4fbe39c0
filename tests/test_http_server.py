"""The server that Hublets of demos, proofs and tests share."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import h11

from harness import SECONDS
from hublet_router.demo.http_server import Content, serve

WAITING = b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"


async def respond(head: h11.Request, body: AsyncIterator[bytes], name: str | None) -> Content:
    parts = [part async for part in body]
    return [("X-Method", head.method.decode())], b"%s %s" % (b"".join(parts), str(name).encode())


def answers_to(raw: bytes, *, ends: bool = True) -> bytes:
    """Send bytes, and the end if the client `ends`; return all that is answered."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(raw)
        if ends:
            writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), SECONDS)
        writer.close()
        return answer

    return asyncio.run(with_server(talk))


async def with_server[T](talk: Callable[..., Awaitable[T]]) -> T:
    """Connect to a server; no error of it may reach the event loop."""
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))
    server = await asyncio.start_server(partial(serve, respond), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    result = await talk(*await asyncio.open_connection("127.0.0.1", port))
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), SECONDS)
    await asyncio.sleep(0)
    assert errors == []
    return result


def test_an_answer_has_the_fields_and_the_body_that_it_is_given() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert answers_to(head + b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n") == (
        b"HTTP/1.1 200 OK\r\nX-Method: POST\r\nContent-Length: 11\r\n\r\nonetwo None"
    )


def test_a_connection_serves_request_after_request() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert answers_to(head * 3).count(b"200 OK") == 3
    assert answers_to(head.replace(b"1.1", b"1.0") * 3, ends=False).count(b"200 OK") == 1


def test_head_gets_no_body() -> None:
    answer = answers_to(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.endswith(b"\r\nContent-Length: 5\r\n\r\n")


def test_a_waiting_client_gets_its_go_ahead_before_the_body_comes() -> None:
    assert answers_to(WAITING).startswith(b"HTTP/1.1 100 ")
    assert b"HTTP/1.1 200 OK" in answers_to(WAITING + b"1")


def test_a_client_that_speaks_nonsense_is_let_go() -> None:
    assert answers_to(b"nonsense\r\n\r\n", ends=False) == b""


def test_a_client_that_resets_its_connection_is_no_error() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(WAITING)
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    asyncio.run(with_server(reset))
