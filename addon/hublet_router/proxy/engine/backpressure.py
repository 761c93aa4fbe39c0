"""Backpressure for HTTP/2, stream by stream: a sender that is not read waits.

mitmproxy gives each stream of HTTP/2 a window of 2 GiB and hands it back at once
(`BufferedH2Connection` in proxy/layers/http/_http_h2.py, `handle_h2_event` in _http2.py). What the
other side does not take waits in its memory: whole answers for a client that opens no window, whole
uploads while an upstream connects. Over HTTP/1 it waits until its socket takes more
(`drain_writers` in proxy/server.py), and so does HTTP/2 where the socket itself is full.

So a stream gets the window of RFC 9113 section 6.9.2, and a share of a reserve once it is used.
Bytes are acknowledged when their stream has taken them and the other side has room. Each side says
that it is full, or that it has room again, by a `Pace` on the way that the bytes came.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

import h2.config
from h2.connection import ConnectionState
from h2.stream import StreamState
from mitmproxy.connection import Client, Connection
from mitmproxy.proxy.commands import SendData
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import Event
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._base import HttpEvent
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

from .connections import socket_of

WINDOW = 65_535
"""Bytes that a stream may send before it has to wait; RFC 9113 gives them to a new one."""

RESERVE = 1 << 20
"""Bytes for the streams of one connection that use their window up: each gets half of what is left.

A long way to an upstream needs more than 64 KiB on it, and a hundred streams may not all have more.
"""

MAX_WAITING = 8
"""Pieces of a stream, of a frame each, that may wait for its peer to open its window."""

_OPEN = {StreamState.OPEN, StreamState.HALF_CLOSED_LOCAL}  # the peer may send


@dataclass
class Pace(HttpEvent):
    """Says what a connection may receive of a stream: less, more, or to look again itself.

    It is known by its attribute: a reload makes the class anew, and connections stay.
    """

    pace: Literal["full", "free", "look"]


class PausableReader:
    """Reads a connection for mitmproxy, except while it has to wait."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._may_read = asyncio.Event()
        self.go_on()

    def wait(self) -> None:
        """Read no more for now."""
        self._may_read.clear()

    def go_on(self) -> None:
        """Read again."""
        self._may_read.set()

    async def read(self, size: int) -> bytes:
        """Return what has come, or b"" at the end: the one method that mitmproxy calls."""
        if not self._may_read.is_set():
            await self._may_read.wait()
        return await self._reader.read(size)


def make_pausable(client: Client, connection: Connection) -> None:
    """Have a connection read by a `PausableReader`."""
    io = socket_of(client, connection)
    if io and isinstance(io.reader, asyncio.StreamReader):
        io.reader = cast(asyncio.StreamReader, PausableReader(io.reader))


def pace_reader(client: Client, connection: Connection, pace: str) -> None:
    """Pause a connection that carries nothing but one stream, or let it be read again."""
    io = socket_of(client, connection)
    if io and isinstance(reader := cast(object, io.reader), PausableReader):
        if pace == "full":
            reader.wait()
        elif pace == "free":
            reader.go_on()


def http_layer(context: Context) -> HttpLayer:
    """Return the layer that holds the streams and the connections of some context."""
    return next(layer for layer in reversed(context.layers) if isinstance(layer, HttpLayer))


class PacedConnection(BufferedH2Connection):
    """A connection of HTTP/2 that gives a window back when `must_wait` allows it."""

    def __init__(self, config: h2.config.H2Configuration) -> None:
        super().__init__(config)
        self.local_settings.initial_window_size = WINDOW
        # No longer frame than a window: a client may take the size of one for leave to send it.
        self.local_settings.max_frame_size = self.max_inbound_frame_size = WINDOW
        self.local_settings.acknowledge()
        self.must_wait: Callable[[int], bool] = lambda _: False
        self.held: dict[int, int] = {}
        self._reserve = RESERVE
        self.shares: dict[int, int] = {}

    def acknowledge_received_data(self, acknowledged_size: int, stream_id: int) -> None:
        """Acknowledge what a stream has received, now or when it may go on."""
        size = self.held.pop(stream_id, 0) + acknowledged_size
        if self.must_wait(stream_id):
            self.held[stream_id] = size
        else:
            stream = self.streams.get(stream_id)
            is_open = stream is not None and stream.state_machine.state in _OPEN
            is_used = is_open and self.remote_flow_control_window(stream_id) < WINDOW // 2
            super().acknowledge_received_data(size, stream_id)
            if is_used and stream_id not in self.shares and self._reserve >= WINDOW:
                share = self.shares[stream_id] = self._reserve // 2
                self._reserve -= share
                self.increment_flow_control_window(share, stream_id)

    def tidy(self) -> None:
        """Acknowledge what may be, and take the shares of streams back that are over."""
        for stream_id in list(self.held):
            if not self.must_wait(stream_id):
                self.acknowledge_received_data(0, stream_id)
        for stream_id in [it for it in self.shares if it not in self.streams]:
            self._reserve += self.shares.pop(stream_id)


class Paced(ABC):
    """What both sides of HTTP/2 do beside mitmproxy's own: a base to stand before its classes."""

    h2_conn: Any  # a PacedConnection
    context: Context
    conn: Connection
    is_closed: Callable[[int], bool]

    def __init__(self, context: Context) -> None:
        super().__init__(context)  # type: ignore[call-arg]
        self.h2_conn.must_wait = self._must_wait
        self.full: set[int] = set()  # streams whose other side is full
        self.stalled: set[int] = set()  # those whose peer opens no window

    @abstractmethod
    def of_flow(self, stream_id: int) -> HttpStream | None:
        """Return what mitmproxy makes of a stream of this connection."""

    @abstractmethod
    def of_peer(self, stream_id: int) -> int | None:
        """Return the number that a stream of mitmproxy has on this connection."""

    @abstractmethod
    def other_side(self, stream: HttpStream) -> Connection:
        """Return the connection to which a stream passes on what it receives here."""

    def _handle_event(self, event: Event) -> CommandGenerator[None]:
        if pace := getattr(event, "pace", None):
            self._set_pace(self.of_peer(cast(Pace, event).stream_id), pace)
        else:
            yield from super()._handle_event(event)  # type: ignore[misc]
        connection = self.h2_conn
        if connection.stream_buffers or connection.held or connection.shares or self.stalled:
            yield from self._look()

    def _set_pace(self, stream_id: int | None, pace: str) -> None:
        if stream_id is not None and pace == "full":
            self.full.add(stream_id)
        elif stream_id is not None and pace == "free":
            self.full.discard(stream_id)

    def _must_wait(self, stream_id: int) -> bool:
        """Return whether what a stream receives would only be kept, and note that it is owed."""
        stream = self.of_flow(stream_id)
        if stream is None or self.is_closed(stream_id):
            self.full.discard(stream_id)
            return False
        if stream._paused and hasattr(stream, "owed"):  # it waits for a hook or a connection
            stream.owed.add(self.conn)
            return True
        return stream_id in self.full

    def _look(self) -> CommandGenerator[None]:
        """Say of which streams the peer takes no more, or takes more again; acknowledge."""
        connection, layer = self.h2_conn, http_layer(self.context)
        if connection.state_machine.state is ConnectionState.CLOSED:
            return  # hyper-h2 would fail over what is owed
        for stream_id in self.stalled | connection.stream_buffers.keys():
            waiting = len(connection.stream_buffers.get(stream_id, ()))
            is_stalled = stream_id in self.stalled
            if waiting > MAX_WAITING if not is_stalled else not waiting:
                self.stalled ^= {stream_id}
                stream = self.of_flow(stream_id)
                if stream and (other := self.other_side(stream)) in layer.connections:
                    pace = Pace(stream.stream_id, "free" if is_stalled else "full")
                    yield SendHttp(pace, other)
        connection.tidy()
        if data := connection.data_to_send():
            yield SendData(self.conn, data)


class PacedStream(HttpStream):
    """A stream that has those look again whose bytes it had to leave waiting."""

    def __init__(self, context: Context, stream_id: int) -> None:
        super().__init__(context, stream_id)
        self.owed: set[Connection] = set()

    def _handle_event(self, event: Event) -> CommandGenerator[None]:
        commands = super()._handle_event(event)
        return self._and_look(commands) if self.owed else commands

    def _and_look(self, commands: CommandGenerator[None]) -> CommandGenerator[None]:
        yield from commands
        if not self._paused_event_queue:
            owed, self.owed = self.owed, set()
            layer = http_layer(self.context)
            for connection in owed:
                if connection in layer.connections:
                    yield SendHttp(Pace(self.stream_id, "look"), connection)
