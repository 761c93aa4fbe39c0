"""What mitmproxy crashes over, ended: client and upstream would wait for ten minutes."""

from typing import cast

from mitmproxy import ctx
from mitmproxy.connection import Client
from mitmproxy.flow import Error
from mitmproxy.proxy.commands import CloseConnection
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import Event
from mitmproxy.proxy.layer import CommandGenerator, Layer
from mitmproxy.proxy.layers import HttpLayer
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook


class CrashGuard:
    """Stands before the layers of a client, and closes its connection where they fail.

    mitmproxy logs the exception and goes on (`ConnectionHandler.server_event` in proxy/server.py),
    but nothing will come of that event.
    """

    def __init__(self, layer: Layer, client: Client) -> None:
        self._layer = layer
        self._client = client

    @property
    def context(self) -> Context:
        """What is known of the connection."""
        return self._layer.context

    def handle_event(self, event: Event) -> CommandGenerator[None]:
        """Handle an event; after a failure the client is closed, and the exception goes on."""
        try:
            yield from self._layer.handle_event(event)
        except Exception:
            yield CloseConnection(self._client)
            raise


def guard_against_crashes(client: Client) -> None:
    """Put the guard before the layers of a client."""
    proxyserver = ctx.master.addons.get("proxyserver")
    if handler := proxyserver and proxyserver.connections.get(client.id):
        handler.layer = cast(Layer, CrashGuard(handler.layer, client))


def end_crashed(layer: HttpLayer) -> None:
    """End the requests of a client that has gone, in whose streams mitmproxy failed.

    It has ended all others by now, but for tunnels, and for those that wait for a hook (a person
    looks at them). Without `error`, they would be in no log, and in flight for ever.
    """
    for stream in layer.streams.values():
        flow = getattr(stream, "flow", None)
        if flow and flow.live and not (flow.error or stream.child_layer or stream._paused):
            flow.error = Error("mitmproxy has crashed over this request")
            flow.live = False
            ctx.master.addons.trigger(HttpErrorHook(flow))
