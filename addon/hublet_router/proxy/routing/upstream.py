"""Where a flow goes: the one function that retargets a request, and the stamp that it leaves."""

from mitmproxy import http
from mitmproxy.connection import Server

from ...core.table import Table, Upstream


class UpstreamHost(str):
    """The host of an upstream, with the server name that TLS must use there: a decision's stamp.

    mitmproxy pools the upstream connections of a client by address alone (`GetHttpConnection` in
    proxy/layers/http/__init__.py), and `server_connect` gets no flow. So the address is the only
    place where a decision can leave something that both will see.

    - Hosts with different server names are not equal. They are pooled apart, each with its SNI.
      The same holds for the CA that their certificate is verified with.
    - `passed_by` is the table that let a request for a foreign host pass, and None for a Hublet's.
    - An `UpstreamHost` never equals a plain `str`. So a request without a decision cannot reuse a
      pooled connection; mitmproxy must open one, and the upstream guard refuses it.
    - Streams of HTTP/3 are pooled apart by their flow's id: mitmproxy would send two of them over
      one HTTP/1 connection at a time, and crash.
    """

    __slots__ = ("ca", "http2", "passed_by", "port", "server_name", "stream")
    port: int
    server_name: str | None
    stream: str | None
    ca: str | None
    http2: bool
    passed_by: Table | None

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
        self.http2 = True
        self.passed_by = None
        return self

    def retire(self) -> None:
        """Have the connection to this host, which goes on, reused by no other request."""
        self.stream = ""

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, UpstreamHost)
            and self.port == other.port
            and self.server_name == other.server_name
            and self.stream == other.stream
            and self.ca == other.ca
            and self.http2 == other.http2
            and self.passed_by is other.passed_by
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
    stamp = UpstreamHost(upstream.host, upstream.port, name, stream, upstream.ca)
    stamp.http2 = upstream.http2
    request.data.host = stamp
    request.data.port = upstream.port
    request.scheme = upstream.scheme
    if flow.server_conn.transport_protocol != "tcp":  # HTTP/3 in front; no QUIC to the upstream
        flow.server_conn = Server(address=flow.server_conn.address, transport_protocol="tcp")


def outgoing(request: http.Request) -> tuple[object, ...]:
    """Return what leaves of a request but for its body; equal as long as nothing was edited.

    Two that are the same compare in no time, for their parts are the same objects.
    """
    data = request.data
    return data.host, data.port, data.method, data.authority, data.path, data.headers.fields
