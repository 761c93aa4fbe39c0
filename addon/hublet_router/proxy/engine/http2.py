"""HTTP/2 on both sides: streams that are paced, and connections that end without losing any.

`mitmproxy.proxy.layers.http` looks its classes up in its own module for each connection, and
`_http2.py` that of hyper-h2's connection. Those names are the seam.
"""

from operator import neg
from typing import Any, TypeGuard

from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, RequestReceived, StreamReset, TrailersReceived
from h2.events import Event as Http2Event
from h2.exceptions import InvalidBodyLengthError, ProtocolError, StreamClosedError
from hpack import Encoder, HPACKError
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame
from mitmproxy.connection import Connection
from mitmproxy.http import Headers, HTTPFlow
from mitmproxy.proxy.commands import SendData
from mitmproxy.proxy.events import Event
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HttpStream, _http2
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestProtocolError,
    ResponseProtocolError,
)

from ..routing.upstream import UpstreamHost
from .backpressure import Paced, PacedConnection, http_layer

MAX_FORGOTTEN = 64
"""Numbers of streams that are over and yet kept, before they are looked for."""

# What hyper-h2 takes for it: `_decode_headers` in its connection.py.
_BROKEN_COMPRESSION = HPACKError, IndexError, TypeError, UnicodeDecodeError

GOING_AWAY = "the upstream closes its connection"


class PlainEncoder(Encoder):
    """Writes fields without Huffman coding, which RFC 7541 section 5.2 leaves to the sender.

    hpack's takes time by the square of a field's length: one of 64 KiB took 0.6 s.
    """

    def encode(self, headers: Any, huffman: bool = False) -> bytes:
        """Return the block of these fields."""
        block: bytes = super().encode(headers, huffman)
        return block


class LastingConnection(PacedConnection):
    """A connection that goes on after GOAWAY, as RFC 9113 section 6.8 wants it.

    hyper-h2 takes no frame any more once one has come, and mitmproxy ends every stream, so that
    each restart of an upstream would cost what it was answering.
    """

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self.encoder = PlainEncoder()

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Http2Event]]:
        if frame.error_code != ErrorCodes.NO_ERROR:
            return super()._receive_goaway_frame(frame)
        event = ConnectionTerminated()
        event.error_code = ErrorCodes.NO_ERROR
        event.last_stream_id = frame.last_stream_id
        return [], [event]

    def _receive_headers_frame(self, frame: HeadersFrame) -> tuple[list[Frame], list[Http2Event]]:
        """Reset a stream whose fields are malformed, as RFC 9113 section 8.1.1 wants it.

        hyper-h2 ends the connection, and with it each other request. It still does where the
        compression is broken, which all streams share, and for a request that has begun: else a
        client could begin any number of them.
        """
        number = frame.stream_id
        is_new = number not in self.streams
        try:
            return super()._receive_headers_frame(frame)
        except ProtocolError as error:
            is_broken = isinstance(error.__cause__, _BROKEN_COMPRESSION)
            if is_broken or not (is_new or self.config.client_side):
                raise
        try:
            self.reset_stream(number, ErrorCodes.PROTOCOL_ERROR)
        except StreamClosedError:  # both sides have ended it
            if is_new:
                raise
        return [], [_reset(number)]

    def _receive_data_frame(self, frame: DataFrame) -> tuple[list[Frame], list[Http2Event]]:
        """Reset a stream as well whose answer has a body that is not of its length."""
        try:
            return super()._receive_data_frame(frame)
        except InvalidBodyLengthError:
            if not self.config.client_side:
                raise
        number = frame.stream_id
        self.reset_stream(number, ErrorCodes.PROTOCOL_ERROR)
        closed = StreamClosedError(number)  # what came for it gives the connection's window back
        return self._handle_data_on_closed_stream([_reset(number)], closed, frame)


def _reset(number: int) -> Http2Event:
    code = ErrorCodes.PROTOCOL_ERROR
    return StreamReset(stream_id=number, error_code=code, remote_reset=False)


def is_gentle(event: Http2Event) -> TypeGuard[ConnectionTerminated]:
    """Return whether a peer says that it takes no more streams, but finishes those that it has."""
    return isinstance(event, ConnectionTerminated) and event.error_code == ErrorCodes.NO_ERROR


class Http2Server(Paced, _http2.Http2Server):
    """The client's side."""

    def of_flow(self, stream_id: int) -> HttpStream | None:
        """Return what mitmproxy makes of a stream: it has the client's number."""
        return http_layer(self.context).streams.get(stream_id)

    def of_peer(self, stream_id: int) -> int | None:
        """Return the same number."""
        return stream_id

    def other_side(self, stream: HttpStream) -> Connection:
        """Return the connection to the upstream."""
        return stream.context.server

    def handle_h2_event(self, event: Http2Event) -> CommandGenerator[bool]:
        """Let a client leave gently, and reset a request that no server could read."""
        if is_gentle(event):
            return _ignore()
        if isinstance(event, RequestReceived) and self.is_closed(event.stream_id):
            return self._drop(event.stream_id)  # it was reset in the same packet
        if isinstance(event, RequestReceived | TrailersReceived) and self._is_short(event):
            return self._drop(event.stream_id)
        return super().handle_h2_event(event)

    def _is_short(self, event: RequestReceived | TrailersReceived) -> bool:
        """Return whether a request ends before its length, with its head or with trailers.

        hyper-h2 looks only where it ends with a frame of DATA. RFC 9113 section 8.1.1 calls each
        malformed: an upstream of HTTP/1 would wait for the rest.
        """
        stream = self.of_flow(event.stream_id)
        head = stream.flow.request.headers if stream else Headers(event.headers or ())
        length: str = head.get("content-length", "")
        received = getattr(  # None where hyper-h2 has forgotten a stream that was reset
            self.h2_conn.streams.get(event.stream_id), "_actual_content_length", None
        )
        return bool(event.stream_ended) and length.isdigit() and int(length) != received

    def _drop(self, stream_id: int) -> CommandGenerator[bool]:
        """Reset a stream, unless its client has, and end what has begun of its request."""
        if not self.is_closed(stream_id):
            self.h2_conn.reset_stream(stream_id, ErrorCodes.PROTOCOL_ERROR)
            yield SendData(self.conn, self.h2_conn.data_to_send())
        if self.streams.pop(stream_id, None):
            error = "the body is shorter than its length"
            yield ReceiveHttp(
                RequestProtocolError(stream_id, error, ErrorCode.GENERIC_CLIENT_ERROR)
            )
        return False


class Http2Client(Paced, _http2.Http2Client):
    """The upstream's side."""

    def of_flow(self, stream_id: int) -> HttpStream | None:
        """Return what mitmproxy makes of a stream, by the number that it had before."""
        return http_layer(self.context).streams.get(self.their_stream_id.get(stream_id, 0))

    def of_peer(self, stream_id: int) -> int | None:
        """Return the number of a stream on this connection, None if it waits to be opened."""
        return self.our_stream_id.get(stream_id)

    def other_side(self, stream: HttpStream) -> Connection:
        """Return the connection to the client."""
        return stream.context.client

    def _handle_event(self, event: Event) -> CommandGenerator[None]:
        if len(self.our_stream_id) > 2 * len(self.streams) + MAX_FORGOTTEN:
            self._forget()
        return super()._handle_event(event)

    def handle_h2_event(self, event: Http2Event) -> CommandGenerator[bool]:
        """Give up the streams that an upstream will not answer, and use it for no more."""
        return self._retire(event) if is_gentle(event) else super().handle_h2_event(event)

    def _retire(self, event: ConnectionTerminated) -> CommandGenerator[bool]:
        address = self.context.server.address
        if address and isinstance(address[0], UpstreamHost):
            address[0].retire()
        last = event.last_stream_id or 0
        self.their_stream_id |= {-it: it for it in self.stream_queue}  # they wait for a number
        for stream_id in [*[it for it in self.streams if it > last], *map(neg, self.stream_queue)]:
            yield ReceiveHttp(
                ResponseProtocolError(stream_id, GOING_AWAY, ErrorCode.GENERIC_SERVER_ERROR)
            )
        self.stream_queue.clear()
        return False

    def _forget(self) -> None:
        """Forget the numbers of streams that are over, which mitmproxy keeps."""
        alive = http_layer(self.context).streams.keys()
        self.our_stream_id = {it: ours for it, ours in self.our_stream_id.items() if it in alive}
        self.their_stream_id = {ours: it for it, ours in self.our_stream_id.items()}


def _ignore() -> CommandGenerator[bool]:
    yield from ()
    return False


def settle_length(flow: HTTPFlow) -> None:
    """Leave the length out of an answer 204 to HTTP/2, whose clients reset the stream over it.

    RFC 9110 section 8.6 forbids it; HTTP/1 takes no notice, and so it is passed on there.
    """
    if flow.response and flow.response.status_code == 204 and flow.request.is_http2:
        flow.response.headers.pop("content-length", None)
