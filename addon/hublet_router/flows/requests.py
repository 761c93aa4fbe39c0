"""From mitmproxy's flow to the core's request, whose body may still be on its way.

mitmproxy takes half a second to import, so what the command line needs at once does without.
"""

from typing import TYPE_CHECKING

from ..core.request import MAX_BODY, Request, fold_field, ip_address

if TYPE_CHECKING:
    from mitmproxy.http import Headers, HTTPFlow
    from mitmproxy.http import Request as HTTPRequest


def request_head(flow: "HTTPFlow", body: bytes | None = b"") -> Request:
    """Return what a decision may look at; a body that cannot be read is None."""
    request = flow.request
    headers = fields_of(request.headers)
    hosts = [value.strip(" \t") for name, value in headers if name == "host"] + _other_hosts(flow)
    target = request.data.path.decode("latin-1")
    sni = flow.client_conn.sni if flow.live and not flow.is_replay else None
    return Request(request.method, tuple(hosts), target, tuple(headers), body, sni)


def fields_of(headers: "Headers") -> list[tuple[str, str]]:
    """Return the fields of a head, or of trailers, as a decision sees them."""
    return [
        (fold_field(name.decode("latin-1")), value.decode("latin-1"))
        for name, value in headers.fields
    ]


def request_with_body(flow: "HTTPFlow") -> Request:
    """Return what a decision may look at if the body has come.

    The body is None if it is too long to be read, or was streamed and not kept.
    """
    body = flow.request.raw_content
    return request_head(flow, body if body is not None and len(body) <= MAX_BODY else None)


def spelled_request(flow: "HTTPFlow") -> Request:
    """Return the same, with the names of the fields as they were sent."""
    fields = flow.request.headers.fields
    decoded = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
    return request_with_body(flow).with_fields(decoded)


def body_size(request: "HTTPRequest") -> int | None:
    """Return the bytes of the body, or None if its length is not known before its end."""
    from mitmproxy.net.http.http1 import expected_http_body_size  # noqa: PLC0415

    if not is_framed(request):
        return None
    try:
        return expected_http_body_size(request)
    except ValueError:
        return None


def is_framed(request: "HTTPRequest") -> bool:
    """Return whether HTTP/1 could see where the request's body ends."""
    return (
        not (request.is_http2 or request.is_http3)
        or "content-length" in request.headers
        or "transfer-encoding" in request.headers
    )


def _other_hosts(flow: "HTTPFlow") -> list[str]:
    """Return each name that the request gives for its host beside the Host fields.

    The target of an explicit proxy (a CONNECT, an absolute URL) is one of them; it is not where
    it only says how mitmproxy was started (reverse mode), where an earlier decision wrote it
    (a recorded flow, a replay, a stamp), or where it is an address that the client looked up.
    """
    request = flow.request
    hosts = []
    if request.data.authority:
        hosts.append(request.data.authority.decode("latin-1"))
    method, path = request.data.method, request.data.path
    is_path = path.startswith(b"/") or (method, path) == (b"OPTIONS", b"*")
    if not is_path or (not request.is_http11 and len(b" ".join((method, path)).split()) != 2):
        # HTTP/2 lets a URL and blanks through: HTTP/1 would take host and path from elsewhere
        hosts.append("")
    reverse = flow.client_conn.proxy_mode.type_name == "reverse"
    is_asked = flow.live and not flow.is_replay and type(request.host) is str
    if is_asked and not reverse and not ip_address(request.host):
        hosts.append(request.host)
    return hosts
