"""The upstream of the benchmark: a Hublet that reads and answers with as little work as can be.

`python -m bench.upstream NAME PORT …` serves one Hublet a pair. `/bytes/N` is answered by N bytes.
"""

import asyncio
import re
import sys

PIECE = bytes(1 << 20)

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_TARGET = re.compile(rb"[A-Z]+ /bytes/([0-9]+)")


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
        self.left = int(target[1]) if target else 2
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
        first = PIECE[: self.left]
        self.transport.write(head % (self.left, self.name) + first)
        self.left -= len(first)
        self._go_on()

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


async def main() -> None:
    """Serve until the end."""
    loop = asyncio.get_running_loop()
    pairs = zip(sys.argv[1::2], sys.argv[2::2], strict=True)
    for name, port in pairs:
        await loop.create_server(lambda name=name: Upstream(name), "127.0.0.1", int(port))  # type: ignore[misc]
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
