"""HTTP/3 with clients: what aioquic lets pass, although RFC 9114 forbids it."""

from aioquic.h3.events import HeadersReceived
from mitmproxy.proxy.layers.http import _http3
from mitmproxy.proxy.layers.http._events import RequestHeaders, ResponseHeaders

_OF_CONNECTIONS = {b"connection", b"keep-alive", b"proxy-connection", b"upgrade"}


class Http3Server(_http3.Http3Server):
    """The client's side."""

    def parse_headers(self, event: HeadersReceived) -> RequestHeaders | ResponseHeaders:
        """Raise ValueError, which ends the connection, for fields that are a connection's own.

        Section 4.2 calls such a request malformed, and hyper-h2 takes none over HTTP/2. They would
        become those of the connection to an upstream of HTTP/1: a Connection field names others
        to be taken out there, and mitmproxy crashes over a WebSocket that begins.
        """
        for name, value in event.headers:
            if name in _OF_CONNECTIONS or (name == b"te" and value != b"trailers"):
                raise ValueError(f"a field of connections: {name.decode()}")
        return super().parse_headers(event)
