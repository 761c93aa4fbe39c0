"""A connection from HAProxy: frames in, answers out, and nothing decided here."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from . import spop
from .spop import Frame, FrameError, Value

logger = logging.getLogger(__name__)

type Decide = Callable[[str, Mapping[str, Value], Frame], bytes]
"""From a message, its arguments and its frame to the actions that answer it."""


class Connection(asyncio.Protocol):
    """Answers each NOTIFY at once, in order; `others` are all connections that are open."""

    def __init__(self, decide: Decide, others: set["Connection"]) -> None:
        self._decide = decide
        self._others = others
        self._data = b""
        self._size = 0  # bytes of a frame that were agreed upon, 0 before the greeting
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._others.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget the connection."""
        self._others.discard(self)

    def pause_writing(self) -> None:
        """Read nothing more from a HAProxy that does not read."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Answer the frames that have come whole, in one write."""
        data = self._data + data if self._data else data
        answers = []
        at = 0
        try:
            while len(data) - at >= 4:
                end = at + 4 + int.from_bytes(data[at : at + 4])
                if end - at - 4 > (self._size or spop.MAX_FRAME):
                    raise FrameError(spop.TOO_BIG)
                if end > len(data):
                    break
                answers.append(self._answer(data[at + 4 : end]))
                at = end
        except FrameError as error:
            if error.status != spop.NORMAL:
                logger.error("HAProxy is disconnected: %s", error)
            answers.append(spop.farewell(error.status))
            self._finish(answers)
            return
        self._data = data[at:]
        self._transport.write(b"".join(answers))

    def close(self) -> None:
        """Say that no more is answered; what was asked before has its answer."""
        self._finish([spop.farewell(spop.NORMAL)])

    def _finish(self, answers: list[bytes]) -> None:
        self._transport.write(b"".join(answers))
        self._transport.close()

    def _answer(self, data: bytes) -> bytes:
        frame = spop.parse(data)
        if not self._size:
            hello, self._size = spop.greeting(frame)
            return hello
        if frame.kind == spop.NOTIFY:
            decide = self._decide
            messages = spop.messages(frame.payload)
            answers = [decide(name, arguments, frame) for name, arguments in messages]
            return spop.frame(spop.ACK, frame.ids, b"".join(answers))
        if frame.kind == spop.HAPROXY_DISCONNECT:
            raise FrameError(spop.NORMAL)
        return b""  # section 3.2.2: unknown frames may be skipped
