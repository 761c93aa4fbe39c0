"""The upstream of the benchmark: a Hublet that reads and answers with as little work as can be.

`python -m bench.upstream NAME PORT …` serves one Hublet a pair. `/bytes/N` is answered by N bytes,
`/events/N` by as many in pieces of 16, a millisecond apart. With `PEM FILE` among the pairs, it
speaks HTTP/2 in TLS with that certificate.
"""

import asyncio
import re
import ssl
import sys
from functools import partial

import h2.config
import h2.connection
import h2.events

PIECE = bytes(1 << 20)
EVENT = 16

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_TARGET = re.compile(rb"[A-Z]+ /(bytes|events)/([0-9]+)")


class Upstream(asyncio.Protocol):
    """One connection of one Hublet."""

    def __init__(self, name: str) -> None:
        self.name = name.encode()
        self.buffer = b""
        self.missing = 0  # bytes of the body, and in chunks, until their end has come
        self.in_chunks = False
        self.tail = b""
        self.left = 0  # bytes of the answer
        self.may_write = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Read one request at a time: no client of ours sends the next before the answer."""
        if self.in_chunks:
            self._until_last_chunk(data)
        elif self.missing:
            self.missing -= len(data)
            if not self.missing:
                self._answer()
        else:
            self.buffer += data
            if (end := self.buffer.find(b"\r\n\r\n")) >= 0:
                head, rest, self.buffer = self.buffer[:end], self.buffer[end + 4 :], b""
                self._begin(head, rest)

    def _begin(self, head: bytes, rest: bytes) -> None:
        target = _TARGET.match(head)
        self.left = int(target[2]) if target else 2
        self.size = EVENT if target and target[1] == b"events" else len(PIECE)
        length = _LENGTH.search(head)
        self.missing = int(length[1]) - len(rest) if length else 0
        self.in_chunks = b"chunked" in head
        if self.in_chunks:
            self.tail = b""
            self._until_last_chunk(rest)
        elif not self.missing:
            self._answer()

    def _until_last_chunk(self, data: bytes) -> None:
        self.tail = (self.tail + data)[-7:]
        if self.tail.endswith(b"\r\n0\r\n\r\n") or self.tail == b"0\r\n\r\n":
            self.in_chunks = False
            self._answer()

    def _answer(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nHublet: %s\r\n\r\n"
        first = PIECE[: min(self.left, self.size)]
        self.transport.write(head % (self.left, self.name) + first)
        self.left -= len(first)
        if self.size == EVENT:
            self._send_event()
        else:
            self._go_on()

    def _send_event(self) -> None:
        if self.left and not self.transport.is_closing():
            asyncio.get_running_loop().call_later(0.001, self._send_event)
            self.transport.write(PIECE[: min(self.left, EVENT)])
            self.left -= min(self.left, EVENT)

    def _go_on(self) -> None:
        while self.left and self.may_write:
            self.transport.write(PIECE[: self.left])
            self.left -= min(self.left, len(PIECE))

    def pause_writing(self) -> None:
        """Wait: whoever reads is slow."""
        self.may_write = False

    def resume_writing(self) -> None:
        """Go on."""
        self.may_write = True
        self._go_on()


class Http2Upstream(asyncio.Protocol):
    """One connection of HTTP/2: it answers each request when its head has come."""

    def __init__(self, name: str) -> None:
        self.name = name
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.h2.initiate_connection()
        transport.write(self.h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        """Answer."""
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.RequestReceived) and event.stream_id:
                fields = [(":status", "200"), ("hublet", self.name), ("content-length", "2")]
                self.h2.send_headers(event.stream_id, fields)
                self.h2.send_data(event.stream_id, b"ok", end_stream=True)
        self.transport.write(self.h2.data_to_send())


async def main() -> None:
    """Serve until the end."""
    loop = asyncio.get_running_loop()
    pairs = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    context: ssl.SSLContext | None = None
    kind: type[Upstream] | type[Http2Upstream] = Upstream
    if certificate := pairs.pop("PEM", None):
        kind = Http2Upstream
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.set_alpn_protocols(["h2"])
    for name, port in pairs.items():
        await loop.create_server(partial(kind, name), "127.0.0.1", int(port), ssl=context)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
