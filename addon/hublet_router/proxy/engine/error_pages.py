"""What a client reads where no answer came: a problem document, not mitmproxy's page of HTML.

Each protocol of a client has a place of its own that writes that page (`Http1Server.send`,
`Http2Connection._handle_event` and `Http3Connection._handle_event` in proxy/layers/http). It quotes
the error, and with it the address of an upstream, or what a client has sent: `error_page` does not.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import _http1, _http2, _http3
from mitmproxy.proxy.layers.http._base import HttpConnection, ReceiveHttp, format_error
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    HttpEvent,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.utils.asyncio_utils import create_task

from ...core.decision import Action
from ...core.problem import failure
from ..routing.annotate import Decided, Ledger
from ..routing.grpc_status import grpc_answer, is_grpc
from ..routing.refusal import answer, response_of
from .backpressure import http_layer
from .connections import hang_up, http_layers, inject
from .patches import Patch
from .upstream_guard import LOOP, NO_ROUTE

LINGER = 1.0
"""Seconds that a client may go on sending a body after its answer, which a reset would destroy."""

_ERRORS = {
    re.escape(LOOP): "proxy_loop_detected",
    r"no connection within|\[Errno 110\]": "connection_timeout",
    r"\[Errno 111\]": "connection_refused",
    r"\[Errno -\d+\]": "dns_error",
    r"\[Errno (101|113)\]": "destination_ip_unroutable",
    r"[Cc]ertificate verify failed": "tls_certificate_error",
    r"TLS|SSL": "tls_protocol_error",
    r"clos(ed|es) (the |its )?connection|connection closed": "connection_terminated",
    r"protocol error|parse|unexpected server response|refusing": "http_protocol_error",
}
"""What mitmproxy says, and the type of RFC 9209 section 2.3."""


class ErrorPages:
    """Writes the answers to requests that are refused before their body ends, or that fail."""

    name = "hublet-router-error-pages"

    def __init__(self, ledger: Ledger, refuse_unread: Callable[[http.HTTPFlow], None]) -> None:
        self._ledger = ledger
        self._refuse_unread = refuse_unread
        self.patches: list[Patch] = [
            (owner, name, self._instead(original, name, has_begun))
            for owner, name, original, has_begun in _SEAMS
        ]
        self.patches += [(it, "format_error", error_page) for it in (_http1, _http2, _http3)]

    def error(self, flow: http.HTTPFlow) -> None:
        """Make of a refused request, whose connection the guard has refused, one that is answered.

        Where no decision was made, a body turned out too long for the rule that had to read it.
        """
        if not (flow.error and NO_ROUTE in flow.error.msg):
            return
        if flow not in self._ledger and flow.request.stream:
            self._refuse_unread(flow)
        decided = self._ledger.get(flow)
        if decided and decided.decision.action is Action.REFUSE:
            flow.response = answer(decided.decision, flow.request.method, decided.table)
            flow.error = None

    def _instead(self, original: Any, name: str, has_begun: Any) -> Any:
        def handle(server: HttpConnection, event: HttpEvent) -> CommandGenerator[None]:
            if (
                isinstance(event, ResponseProtocolError)
                and not has_begun(server, event.stream_id)
                and (response := self._page(server, event))
            ):
                return _answer(server, getattr(server, name), event.stream_id, response)
            passed: CommandGenerator[None] = original(server, event)
            return passed

        return handle

    def _page(self, server: HttpConnection, event: ResponseProtocolError) -> http.Response | None:
        """Return the answer to a request that was refused, or whose upstream failed."""
        stream = http_layer(server.context).streams.get(event.stream_id)
        flow = getattr(stream, "flow", None)
        if flow and is_grpc(flow.request):
            return grpc_answer(flow)
        decided: Decided | None = self._ledger.get(flow) if flow else None
        if not flow or not decided or event.code.http_status_code() != 502:
            return None  # what mitmproxy says of a bad request; it closes such a connection
        if decided.decision.action is Action.REFUSE:
            return answer(decided.decision, flow.request.method, decided.table)
        error = next((it for said, it in _ERRORS.items() if re.search(said, event.message)), None)
        return response_of(failure(decided.decision.hublet, error), flow.request.method)


def _answer(
    server: HttpConnection, send: Any, stream_id: int, response: http.Response
) -> CommandGenerator[None]:
    if isinstance(server, _http1.Http1Server) and not server.request_done:
        response.headers["Connection"] = "close"
        asyncio.get_running_loop().call_later(
            LINGER, hang_up, server.context.client, "the client did not close"
        )
    body = response.raw_content
    yield from send(ResponseHeaders(stream_id, response, end_stream=not body))
    if body:
        yield from send(ResponseData(stream_id, body))
    yield from send(ResponseEndOfMessage(stream_id))


def end_within(flow: http.HTTPFlow, seconds: float) -> None:
    """Answer a refused request whose body has not ended by then."""

    def begin() -> None:
        create_task(_end(flow), name="the end of a refused request", keep_ref=True)

    asyncio.get_running_loop().call_later(seconds, begin)


async def _end(flow: http.HTTPFlow) -> None:
    for layer in http_layers(flow.client_conn):
        for stream in list(layer.streams.values()):
            is_waiting = stream.client_state == stream.state_consume_request_body
            if is_waiting and stream.flow is flow:
                error = ResponseProtocolError(stream.stream_id, NO_ROUTE, ErrorCode.CONNECT_FAILED)
                await inject(flow.client_conn, layer, ReceiveHttp(error))


def _has_begun_http1(server: _http1.Http1Server, _stream_id: int) -> bool:
    return bool(server.response) or not server.conn.state & ConnectionState.CAN_WRITE


def _has_begun_http2(server: _http2.Http2Connection, stream_id: int) -> bool:
    is_open = isinstance(server, _http2.Http2Server) and server.is_open_for_us(stream_id)
    return not is_open or bool(server.h2_conn.streams[stream_id].state_machine.headers_sent)


def _has_begun_http3(server: _http3.Http3Connection, stream_id: int) -> bool:
    is_server = isinstance(server, _http3.Http3Server)
    return not is_server or server.h3_conn.has_sent_headers(stream_id)


def error_page(status_code: int, message: str) -> bytes:
    """Return mitmproxy's page for a request that is malformed, with no piece of it (law 4)."""
    return format_error(status_code, re.split("[:'\"]", message, maxsplit=1)[0])


_SEAMS: tuple[tuple[Any, str, Any, Any], ...] = tuple(
    (owner, name, getattr(owner, name), has_begun)
    for owner, name, has_begun in (
        (_http1.Http1Server, "send", _has_begun_http1),
        (_http2.Http2Connection, "_handle_event", _has_begun_http2),
        (_http3.Http3Connection, "_handle_event", _has_begun_http3),
    )
)
"""The class and method that write each page, and what looks whether an answer has begun."""
