"""An upstream that speaks HTTP/2, and does with each stream what a test wants."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hyperframe.frame import GoAwayFrame

type Fields = list[tuple[str, str]]
OK: Fields = [(":status", "200")]


class Exchange:
    """A request on its stream, and the ways to answer it."""

    def __init__(self, connection: "Connection", stream: int, fields: Fields) -> None:
        self.connection = connection
        self.stream = stream
        self.fields = fields
        self.trailers: Fields = []
        self.reset: int | None = None
        self.parts: asyncio.Queue[bytes | None] = asyncio.Queue()

    @property
    def path(self) -> str:
        return dict(self.fields)[":path"]

    async def read(self) -> bytes | None:
        """The next part of the body, None at its end; only what is read gets its window back."""
        part = await self.parts.get()
        if part:
            with contextlib.suppress(h2.exceptions.ProtocolError):
                self.connection.http.acknowledge_received_data(len(part), self.stream)
            self.connection.flush()
        return part

    async def body(self) -> bytes:
        """The whole body."""
        whole = b""
        while (part := await self.read()) is not None:
            whole += part
        return whole

    def head(self, fields: Fields = OK, *, end: bool = False) -> None:
        """Send a head: of an interim answer, of an answer, or trailers."""
        self.connection.http.send_headers(self.stream, fields, end_stream=end)
        self.connection.flush()

    async def data(self, data: bytes, *, end: bool = False) -> None:
        """Send a part of the answer, as windows allow."""
        http = self.connection.http
        while data:
            size = min(http.local_flow_control_window(self.stream), http.max_outbound_frame_size)
            if size:
                http.send_data(self.stream, data[:size])
                data = data[size:]
                self.connection.flush()
                await self.connection.writer.drain()
            else:
                await self.connection.windows_changed()
        if end:
            http.end_stream(self.stream)
            self.connection.flush()

    def abort(self, code: h2.errors.ErrorCodes) -> None:
        """Reset the stream."""
        self.connection.http.reset_stream(self.stream, code)
        self.connection.flush()


type Answer = Callable[[Exchange], Awaitable[None]]


class Connection:
    """One connection of a client."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: "Http2Upstream"
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.upstream = upstream
        config = h2.config.H2Configuration(
            client_side=False, header_encoding="utf-8",
            validate_inbound_headers=False, normalize_inbound_headers=False,
        )  # fmt: skip
        self.http = h2.connection.H2Connection(config)
        self.http.local_settings.update(upstream.settings)
        self.http.local_settings.acknowledge()  # else it would send the old ones
        self.exchanges: dict[int, Exchange] = {}
        self._changed = asyncio.Event()

    def flush(self) -> None:
        self.writer.write(self.http.data_to_send())

    def go_away(
        self, last: int, code: h2.errors.ErrorCodes = h2.errors.ErrorCodes.NO_ERROR
    ) -> None:
        """Say which stream is the last that will be answered; hyper-h2 would answer none."""
        frame = GoAwayFrame(0, last_stream_id=last, error_code=code)
        self.writer.write(frame.serialize())

    async def windows_changed(self) -> None:
        """Wait until the client has opened a window, or has gone."""
        self._changed.clear()
        await self._changed.wait()

    async def serve(self) -> None:
        self.http.initiate_connection()
        self.flush()
        async with asyncio.TaskGroup() as tasks:
            while data := await self.reader.read(65536):
                for event in self.http.receive_data(data):
                    self._take(event, tasks)
                self._changed.set()
                self.flush()
            raise asyncio.CancelledError

    def _take(self, event: h2.events.Event, tasks: asyncio.TaskGroup) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=int(stream), headers=list(headers)):
                fields = [(str(name), str(value)) for name, value in headers]
                exchange = self.exchanges[stream] = Exchange(self, stream, fields)
                self.upstream.exchanges.append(exchange)
                tasks.create_task(self._answer(exchange))
            case h2.events.DataReceived(stream_id=int(stream), data=bytes(data)):
                self.exchanges[stream].parts.put_nowait(data)
            case h2.events.TrailersReceived(stream_id=int(stream), headers=list(headers)):
                fields = [(str(name), str(value)) for name, value in headers]
                self.exchanges[stream].trailers = fields
            case h2.events.StreamEnded(stream_id=int(stream)):
                self.exchanges[stream].parts.put_nowait(None)
            case h2.events.StreamReset(stream_id=int(stream), error_code=code):
                self.exchanges[stream].reset = code
                self.exchanges[stream].parts.put_nowait(None)

    async def _answer(self, exchange: Exchange) -> None:
        with contextlib.suppress(h2.exceptions.ProtocolError):
            await self.upstream.answer(exchange)


class Http2Upstream:
    """A behaviour for `Stage.upstream`; it keeps its connections and what was asked on them."""

    def __init__(self, answer: Answer, settings: dict[int, int] | None = None) -> None:
        self.answer = answer
        self.settings = settings or {}
        self.connections: list[Connection] = []
        self.exchanges: list[Exchange] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, self)
        self.connections.append(connection)
        with contextlib.suppress(asyncio.CancelledError):
            await connection.serve()


async def say_path(exchange: Exchange) -> None:
    """Answer with the path, when the whole request has come."""
    await exchange.body()
    exchange.head()
    await exchange.data(exchange.path.encode(), end=True)
