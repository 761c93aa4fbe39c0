"""What stands in the place of mitmproxy's own while the router is loaded.

mitmproxy looks each of these names up in its module or class when it needs it, for each connection.
That is the seam: no hook leads there. What each cures, its own module says.
"""

from collections.abc import Iterable

from mitmproxy.io import FlowReader
from mitmproxy.master import Master
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http import _http1, _http2
from mitmproxy.proxy.layers.tls import ClientTLSLayer
from mitmproxy.proxy.server import ConnectionHandler

from .backpressure import PacedStream
from .crash_guard import log
from .http1 import BodyReader, HeadBuffer, Http1Client, Http1Server
from .http2 import Http2Client, Http2Server, LastingConnection
from .http3 import Http3Server
from .loaded_flows import load_flow, read_flows
from .tls import send_close

type Patch = tuple[object, str, object]
"""A module or class of mitmproxy, the name there, and what stands in its place."""

PATCHES: tuple[Patch, ...] = (
    (_http1, "ReceiveBuffer", HeadBuffer),
    (_http1, "make_body_reader", BodyReader),
    (_http2, "BufferedH2Connection", LastingConnection),
    (http, "Http1Client", Http1Client),
    (http, "Http1Server", Http1Server),
    (http, "Http2Client", Http2Client),
    (http, "Http2Server", Http2Server),
    (http, "Http3Server", Http3Server),
    (http, "HttpStream", PacedStream),
    (ClientTLSLayer, "send_close", send_close),
    (ConnectionHandler, "log", log),
    (FlowReader, "stream", read_flows),
    (Master, "load_flow", load_flow),
)


class Patches:
    """Puts ours there, and gives mitmproxy its own back."""

    name = "hublet-router-patches"

    def __init__(self, *patches: Patch) -> None:
        self._patches = patches
        self._plain: list[Patch] = []

    def load(self, _loader: object = None) -> None:
        """Put ours there."""
        self._plain = [(owner, name, getattr(owner, name)) for owner, name, _ in self._patches]
        _put(self._patches)

    def done(self) -> None:
        """Leave mitmproxy as it was."""
        _put(self._plain)


def _put(patches: Iterable[Patch]) -> None:
    for owner, name, it in patches:
        setattr(owner, name, it)
