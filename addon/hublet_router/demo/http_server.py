"""A small server of HTTP/1.1, for the Hublets of demos, of proofs and of other people's tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing, suppress

import h11

type Content = tuple[list[tuple[str, str]], bytes]
"""The fields of an answer but for its length, and its body."""

type Respond = Callable[[h11.Request, AsyncIterator[bytes], str | None], Awaitable[Content]]
"""From the head of a request, its body as it comes, and the name that TLS was asked for."""


async def serve(
    respond: Respond, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer each request of a connection with 200, until its client ends it or errs."""
    name = getattr(writer.get_extra_info("ssl_object"), "sni", None)
    http = h11.Connection(h11.SERVER)
    with closing(writer), suppress(OSError, h11.RemoteProtocolError):  # which its client sees, too
        while isinstance(head := await _next_event(http, reader), h11.Request):
            fields, body = await respond(head, _body(http, reader, writer), name)
            fields = [*fields, ("Content-Length", str(len(body)))]
            answer = http.send(h11.Response(status_code=200, reason=b"OK", headers=fields)) or b""
            if head.method != b"HEAD":
                answer += http.send(h11.Data(data=body)) or b""
            writer.write(answer + (http.send(h11.EndOfMessage()) or b""))
            await writer.drain()
            if http.our_state is not h11.DONE:
                break
            http.start_next_cycle()


async def _next_event(http: h11.Connection, reader: asyncio.StreamReader) -> object:
    """Return the next event of a connection, and read as much as that takes."""
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await reader.read(65536))
    return event


async def _body(
    http: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> AsyncIterator[bytes]:
    if http.they_are_waiting_for_100_continue:
        go_ahead = http.send(h11.InformationalResponse(status_code=100, headers=[]))
        writer.write(go_ahead or b"")
    while isinstance(event := await _next_event(http, reader), h11.Data):
        yield bytes(event.data)
