"""What mitmproxy's HTTP/1 does not understand: interim answers, trailers, a blank line first, h2.

It takes every 1xx for the final answer (`Http1Client.read_headers`, its issue 2229), so that the
real one is lost or answers the next request. A trailer raises `NotImplementedError` in `read_body`
(its issue 2474), and both sides then wait for ten minutes. A blank line before a request is taken
for an incomplete head, although RFC 9112 section 2.2 has servers ignore it.

`_http1.py` looks up its buffer and its body readers in its own module for each connection. That is
the one seam, and it serves both directions: interim answers and trailers are dropped here, as
RFC 9110 sections 15.2 and 6.5.1 let an intermediary do.
"""

import re

import h11
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy.http import Request
from mitmproxy.proxy.commands import CloseConnection, SendData
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import DataReceived, Event
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._events import HttpEvent, RequestHeaders, RequestTrailers

from ...flows.requests import is_framed
from .backpressure import http_layer, pace_reader

_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)[0-9]{2}(?: |$)")  # 101 is a final answer

_REQUEST_LINE = re.compile(
    rb"(?:OPTIONS[ \t]+\*"
    rb"|(?:HEAD|(?!(?i:head)[ \t])[!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]+(?!\*[ \t])[^ \t]+)"
    rb"[ \t]+HTTP/1\.[01][ \t]*"
)
_COUNTED = re.compile(rb"host:|content-length:[ \t]*([0-9]+)", re.IGNORECASE)
_CONTROLS = b"\r\v\f"  # mitmproxy takes them off a value's ends, and so no rule would see them
_CONTROL_AT_END = re.compile(rb":[ \t]*[\r\v\f]|[\r\v\f][ \t]*\Z")
MAX_SIZE = 2**62
"""Bytes of a body or a chunk that every server can count; some read a longer number as a small one.

It is half of what fits, because h11 says what is left of a chunk, not how long it was.
"""

_plain_reader = _http1.make_body_reader


class HeadBuffer(ReceiveBuffer):
    """A buffer whose next head is a request or a final answer, not what may come before it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_in_body = False
        self.first_line = b""

    def maybe_extract_lines(self) -> list[bytearray] | None:
        """Return the lines of the next head, or of trailers; None if they are not complete."""
        lines: list[bytearray] | None = super().maybe_extract_lines()
        while not self.is_in_body and lines is not None and _is_skipped(lines):
            lines = super().maybe_extract_lines()
        return lines


class RequestBuffer(HeadBuffer):
    """A buffer of what a client sends: a head that RFC 9112 forbids becomes an empty line.

    mitmproxy answers that by 400. Left alone it forwards a Host that comes twice, a method that is
    no token, `GET *` and other versions, and waits for a body whose length has too many digits. It
    drops a CR at the end of a value. To `head` it takes the answer to have no body, which a server
    that knows no such method sends.
    """

    def maybe_extract_lines(self) -> list[bytearray] | None:
        """Return the lines of the next head, or of trailers; None if they are not complete."""
        lines = super().maybe_extract_lines()
        if lines is None or self.is_in_body:
            return lines
        self.first_line = bytes(lines[0])
        return lines if _is_valid(lines) else [bytearray()]


def _is_valid(lines: list[bytearray]) -> bool:
    """Return whether a head has a request line, no Host twice, and a length to be counted.

    Two Hosts that differ, and control characters within a value, are left to the decision, which
    refuses them with a document.
    """
    head = b"".join(lines)
    if len(head.translate(None, _CONTROLS)) < len(head) and any(map(_CONTROL_AT_END.search, lines)):
        return False
    hosts: set[bytes] = set()
    for line in lines:
        if found := _COUNTED.match(line):
            digits = found[1]
            if digits is None:
                host = bytes(line[len(b"host:") :]).strip().lower()
                if host in hosts:
                    return False
                hosts.add(host)
            elif not _is_countable(digits):
                return False
    return _REQUEST_LINE.fullmatch(lines[0]) is not None


def _is_countable(digits: bytes) -> bool:
    return len(digits) < 20 and int(digits) <= MAX_SIZE


class BodyReader:
    """Reads a body as h11 does, and drops its trailers."""

    def __init__(self, expected_size: int | None) -> None:
        self._reader = _plain_reader(expected_size)

    def __call__(self, buffer: HeadBuffer) -> object:
        """Return the next part of the body, its end, or None if more has to come."""
        buffer.is_in_body = True
        event = self._reader(buffer)
        if isinstance(event, h11.EndOfMessage):
            buffer.is_in_body = False
            return h11.EndOfMessage()
        if isinstance(self._reader, ChunkedReader) and self._reader._bytes_in_chunk > MAX_SIZE:
            raise h11.RemoteProtocolError("a chunk is too long to be counted")
        return event

    def read_eof(self) -> object:
        """Return the end of a body that ends with its connection, or raise h11.ProtocolError."""
        return self._reader.read_eof()


class Http1Server(_http1.Http1Server):
    """Reads a client of HTTP/1, and answers a body that it cannot read before it hangs up."""

    buf: RequestBuffer

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.buf = RequestBuffer()

    def read_body(self, event: Event) -> CommandGenerator[None]:
        """Read a part of a request's body."""
        for command in super().read_body(event):
            is_over = isinstance(command, CloseConnection) and isinstance(event, DataReceived)
            if is_over and not self.response:
                yield SendData(self.conn, _http1.make_error_response(400, "The body is malformed."))
            yield command


class Http1Client(_http1.Http1Client):
    """Speaks HTTP/1 to an upstream for a client of HTTP/2 or HTTP/3 too.

    mitmproxy writes a request without a length as it came, so that the upstream reads the body as
    a second request. It makes the last chunk of an empty part, and so what follows a second request
    as well. It cannot write trailers, which RFC 9110 section 6.5.1 lets it leave out.
    """

    def send(self, event: HttpEvent) -> CommandGenerator[None]:
        """Write a part of a request."""
        if pace := getattr(event, "pace", None):
            pace_reader(self.context.client, self.conn, pace)
        elif getattr(event, "data", True) and not isinstance(event, RequestTrailers):
            if isinstance(event, RequestHeaders):
                if not event.end_stream:
                    event.request = framed(event.request)
                if target := self._absolute_target(event.request):
                    yield from _with_target(super().send(event), target)
                    return
            yield from super().send(event)

    def _absolute_target(self, request: Request) -> bytes | None:
        """Return the target of a client that has sent a whole URL, where it was not edited.

        mitmproxy overwrites its scheme by that of the mode before any hook
        (`state_wait_for_request_headers` in proxy/layers/http/__init__.py).
        """
        if not request.data.authority:
            return None
        server = http_layer(self.context).connections[self.context.client]
        if not isinstance(server, Http1Server):
            return None
        target = server.buf.first_line.split()[1]
        rest = target.partition(b"://")[2]
        return target if request.data.authority + request.data.path in (rest, rest + b"/") else None


def _with_target(commands: CommandGenerator[None], target: bytes) -> CommandGenerator[None]:
    for command in commands:
        if isinstance(command, SendData):
            method, _, rest = command.data.split(b" ", 2)
            command.data = b" ".join((method, target, rest))
        yield command


def framed(request: Request) -> Request:
    """Return a request that has a body with the framing that HTTP/1 needs."""
    if is_framed(request):
        return request
    body = None if request.stream else request.raw_content
    request = request.copy()
    if body is None:
        request.headers["transfer-encoding"] = "chunked"
    else:
        request.headers["content-length"] = str(len(body))
    return request


def _is_skipped(lines: list[bytearray]) -> bool:
    """Return whether a head is a blank line, or an interim answer."""
    return not lines or _INTERIM.match(lines[0]) is not None


def settle_expectation(request: Request) -> None:
    """Have mitmproxy answer `Expect: 100-continue` however it is written.

    It compares the whole value (`state_wait_for_request_headers` in proxy/layers/http/__init__.py).
    So one on two lines, or in a list, went to the upstream, whose 100 is dropped here: the client
    would wait in vain. From HTTP/1.0 it means nothing (RFC 9110 section 10.1.1).
    """
    if "expect" not in request.headers:
        return
    members = ",".join(request.headers.get_all("expect")).lower().split(",")
    if "100-continue" in {member.strip() for member in members}:
        del request.headers["expect"]
        if request.http_version != "HTTP/1.0":
            request.headers["expect"] = "100-continue"
