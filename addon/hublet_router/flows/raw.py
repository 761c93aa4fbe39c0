"""A request as it stands on the wire of HTTP/1, in one piece."""

import re

from mitmproxy.connection import Client, Server
from mitmproxy.http import HTTPFlow
from mitmproxy.net.http.http1 import expected_http_body_size, read_request_head

from ..core.request import Request
from .requests import request_with_body


class RequestError(Exception):
    """Text that is no request: a sentence, which repeats none of it."""


def read_request(raw: bytes) -> Request:
    """Read a head and what follows it; a line may end without its carriage return.

    Without Content-Length all that follows is the body. Raise RequestError.
    """
    head, *rest = re.split(rb"\r?\n\r?\n", raw.lstrip(), maxsplit=1)
    lines = re.split(rb"\r?\n", head.rstrip())
    lines[0] = re.sub(rb"HTTP/[23]$", b"HTTP/1.1", lines[0])  # as browsers and curl print it
    flow = HTTPFlow(Client(peername=("", 0), sockname=("", 0)), Server(address=None))
    try:
        flow.request = read_request_head(lines)
        size = expected_http_body_size(flow.request)
    except (ValueError, IndexError):
        # without its cause, which quotes the line: it may hold a credential
        raise RequestError(
            "not an HTTP request: the first line must be like GET /crm/v3 HTTP/1.1, each"
            " other one like Host: api.hubapi.com, and an empty line comes before the body; a"
            " command begins with curl, as browsers copy it (Copy as cURL)"
        ) from None
    if size is None:
        raise RequestError("a chunked body is not read; give it whole, with its Content-Length")
    body = b"".join(rest)
    flow.request.data.content = body[:size] if "content-length" in flow.request.headers else body
    return request_with_body(flow)
