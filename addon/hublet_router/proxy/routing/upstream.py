"""Where a flow goes: the one function that retargets a request, and the stamp that it leaves."""

from mitmproxy import http
from mitmproxy.connection import Server

from ...core.table import Upstream
from ...flows.requests import is_framed


class UpstreamHost(str):
    """The host of an upstream, with the server name that TLS must use there: a decision's stamp.

    mitmproxy pools the upstream connections of a client by address alone (`GetHttpConnection` in
    proxy/layers/http/__init__.py), and `server_connect` gets no flow. So the address is the only
    place where a decision can leave something that both will see.

    - Hosts with different server names are not equal. They are pooled apart, each with its SNI.
      The same holds for the CA that their certificate is verified with.
    - An `UpstreamHost` never equals a plain `str`. So a request without a decision cannot reuse a
      pooled connection; mitmproxy must open one, and the upstream guard refuses it.
    - Streams of HTTP/3 are pooled apart by their flow's id: mitmproxy would send two of them over
      one HTTP/1 connection at a time, and crash.
    """

    __slots__ = ("ca", "port", "server_name", "stream")
    port: int
    server_name: str | None
    stream: str | None
    ca: str | None

    def __new__(
        cls,
        host: str,
        port: int = 0,
        server_name: str | None = None,
        stream: str | None = None,
        ca: str | None = None,
    ) -> "UpstreamHost":
        """Stamp a host; `server_name` is None where there is no TLS, or mitmproxy may choose."""
        self = super().__new__(cls, host)
        self.port = port
        self.server_name = server_name
        self.stream = stream
        self.ca = ca
        return self

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, UpstreamHost)
            and self.port == other.port
            and self.server_name == other.server_name
            and self.stream == other.stream
            and self.ca == other.ca
            and str.__eq__(self, other)
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def retarget(flow: http.HTTPFlow, upstream: Upstream, host: str) -> None:
    """Send a request for a host to an upstream, and change nothing else of it.

    `request.host` and `request.port` would rewrite Host and `:authority` (`http.py`,
    `_update_host_and_authority`); `request.data` does not, and mitmproxy's own HTTP layer sets
    the target in the same way. The setter of `scheme` touches no header.
    """
    request = flow.request
    name = None
    if upstream.scheme == "https":
        name = upstream.server_name(flow.client_conn.sni, host)
    stream = flow.id if request.is_http3 else None
    request.data.host = UpstreamHost(upstream.host, upstream.port, name, stream, upstream.ca)
    request.data.port = upstream.port
    request.scheme = upstream.scheme
    if flow.server_conn.transport_protocol != "tcp":  # HTTP/3 in front; no QUIC to the upstream
        flow.server_conn = Server(address=flow.server_conn.address, transport_protocol="tcp")
    if not is_framed(request):
        # If mitmproxy streams the body, it writes the head before it calls the next hook.
        request.headers["transfer-encoding"] = "chunked"


def frame(request: http.Request) -> None:
    """Give a whole request of HTTP/2 or HTTP/3 the framing that its HTTP/1 upstream needs.

    Without a length the upstream would read the body as a second request. Trailers, which
    mitmproxy cannot write to HTTP/1, may be left out (RFC 9110 section 6.5.1).
    """
    if not (request.is_http2 or request.is_http3):
        return
    request.trailers = None
    ours = None if request.stream else request.headers.pop("transfer-encoding", None)
    if ours and request.raw_content:
        request.headers["content-length"] = str(len(request.raw_content))
