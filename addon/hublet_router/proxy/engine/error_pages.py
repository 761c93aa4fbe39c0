"""What a client reads where no answer came: a problem document, not mitmproxy's page of HTML.

Each protocol of a client has a place of its own that writes that page (`Http1Server.send`,
`Http2Connection._handle_event` and `Http3Connection._handle_event` in proxy/layers/http). It quotes
the error, and with it the address of an upstream.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HttpStream, _http1, _http2, _http3
from mitmproxy.proxy.layers.http._base import HttpConnection, ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    HttpEvent,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)

from ...core.decision import Action
from ...core.problem import failure
from ..routing.annotate import Decided, Ledger
from ..routing.refusal import answer, response_of
from .connections import Contexts, hang_up, http_layers, inject
from .upstream_guard import LOOP, NO_ROUTE

LINGER = 1.0
"""Seconds that a client may go on sending a body after its answer, which a reset would destroy."""

_ERRORS = [
    (re.compile(pattern), error)
    for pattern, error in (
        (re.escape(LOOP), "proxy_loop_detected"),
        (r"no connection within|\[Errno 110\]", "connection_timeout"),
        (r"\[Errno 111\]", "connection_refused"),
        (r"\[Errno -\d+\]", "dns_error"),
        (r"\[Errno (101|113)\]", "destination_ip_unroutable"),
        (r"[Cc]ertificate verify failed", "tls_certificate_error"),
        (r"TLS|SSL", "tls_protocol_error"),
        (r"clos(ed|es) (the |its )?connection|connection closed", "connection_terminated"),
        (r"protocol error|parse|unexpected server response|refusing", "http_protocol_error"),
    )
]  # fmt: skip
"""What mitmproxy says, and the type of RFC 9209 section 2.3."""


class ErrorPages:
    """Writes the answers to requests that are refused before their body ends, or that fail."""

    name = "hublet-router-error-pages"

    def __init__(
        self,
        ledger: Ledger,
        contexts: Contexts,
        refuse_unread: Callable[[http.HTTPFlow], None],
    ) -> None:
        self._ledger = ledger
        self._contexts = contexts
        self._refuse_unread = refuse_unread
        self._tasks: set[asyncio.Task[None]] = set()

    def load(self, _loader: object) -> None:
        """Take the place of the pages."""
        for owner, name, original, has_begun in _SEAMS:
            setattr(owner, name, self._instead(original, name, has_begun))

    def done(self) -> None:
        """Give them back."""
        for owner, name, original, _ in _SEAMS:
            setattr(owner, name, original)

    def error(self, flow: http.HTTPFlow) -> None:
        """Make of a refused request, whose connection the guard has refused, one that is answered.

        Where no decision was made, a body turned out too long for the rule that had to read it.
        """
        if not (flow.error and NO_ROUTE in flow.error.msg and not flow.response):
            return
        if flow not in self._ledger and flow.request.stream:
            self._refuse_unread(flow)
        decided = self._ledger.get(flow)
        if decided and decided.decision.action is Action.REFUSE:
            flow.response = answer(decided.decision, flow.request.method, decided.table)
            flow.error = None

    def end_within(self, flow: http.HTTPFlow, seconds: float) -> None:
        """Answer a refused request whose body has not ended by then."""

        def begin() -> None:
            task = asyncio.create_task(self._end(flow))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        asyncio.get_running_loop().call_later(seconds, begin)

    async def _end(self, flow: http.HTTPFlow) -> None:
        for layer in http_layers(self._contexts.get(flow.client_conn.id)):
            for stream in list(layer.streams.values()):
                if getattr(stream, "flow", None) is flow and _is_waiting(stream):
                    error = ResponseProtocolError(
                        stream.stream_id, NO_ROUTE, ErrorCode.CONNECT_FAILED
                    )
                    await inject(flow.client_conn, layer, ReceiveHttp(error))

    def _instead(self, original: Any, name: str, has_begun: Any) -> Any:
        pages = self

        def handle(self: HttpConnection, event: HttpEvent) -> CommandGenerator[None]:
            if isinstance(event, ResponseProtocolError):
                return answer_failure(self, event)
            passed: CommandGenerator[None] = original(self, event)
            return passed

        def answer_failure(
            self: HttpConnection, event: ResponseProtocolError
        ) -> CommandGenerator[None]:
            has_answer = has_begun(self, event.stream_id)
            response = None if has_answer else pages._page(self, event)
            if not response:
                yield from original(self, event)
                return
            if isinstance(self, _http1.Http1Server) and not self.request_done:
                response.headers["Connection"] = "close"
                asyncio.get_running_loop().call_later(
                    LINGER, hang_up, self.context.client, "the client did not close"
                )
            body = response.raw_content
            stream_id = event.stream_id
            send = getattr(self, name)
            yield from send(ResponseHeaders(stream_id, response, end_stream=not body))
            if body:
                yield from send(ResponseData(stream_id, body))
            yield from send(ResponseEndOfMessage(stream_id))

        return handle

    def _page(self, server: HttpConnection, event: ResponseProtocolError) -> http.Response | None:
        """Return the answer to a request that was refused, or whose upstream failed."""
        if event.code.http_status_code() != 502:
            return None  # what mitmproxy says of a bad request; it closes such a connection
        layers = http_layers(server.context)
        stream = layers[-1].streams.get(event.stream_id) if layers else None
        flow = getattr(stream, "flow", None)
        decided: Decided | None = self._ledger.get(flow) if flow else None
        if not flow or not decided:
            return None
        if decided.decision.action is Action.REFUSE:
            return answer(decided.decision, flow.request.method, decided.table)
        error = next((it for pattern, it in _ERRORS if pattern.search(event.message)), None)
        return response_of(failure(decided.decision.hublet, error), flow.request.method)


def _is_waiting(stream: HttpStream) -> bool:
    """Return whether mitmproxy waits for the rest of a body."""
    return bool(stream.client_state == stream.state_consume_request_body)


def _has_begun_http1(server: _http1.Http1Server, _stream_id: int) -> bool:
    return bool(server.response) or not server.conn.state & ConnectionState.CAN_WRITE


def _has_begun_http2(server: _http2.Http2Connection, stream_id: int) -> bool:
    is_open = isinstance(server, _http2.Http2Server) and server.is_open_for_us(stream_id)
    return not is_open or bool(server.h2_conn.streams[stream_id].state_machine.headers_sent)


def _has_begun_http3(server: _http3.Http3Connection, stream_id: int) -> bool:
    is_server = isinstance(server, _http3.Http3Server)
    return not is_server or server.h3_conn.has_sent_headers(stream_id)


_SEAMS: tuple[tuple[Any, str, Any, Any], ...] = tuple(
    (owner, name, getattr(owner, name), has_begun)
    for owner, name, has_begun in (
        (_http1.Http1Server, "send", _has_begun_http1),
        (_http2.Http2Connection, "_handle_event", _has_begun_http2),
        (_http3.Http3Connection, "_handle_event", _has_begun_http3),
    )
)
"""The class and method that write each page, and what looks whether an answer has begun."""
