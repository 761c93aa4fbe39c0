"""What mitmproxy keeps of a client that is connected: its sockets, and the layers above them.

A layer acts only in answer to an event, and no hook passes the task that serves a client. So what
has to happen to a connection from outside goes through here.
"""

from itertools import pairwise
from types import SimpleNamespace
from typing import cast

from mitmproxy import ctx
from mitmproxy.connection import Client, Connection, ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import HttpLayer
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.server import ConnectionIO


def handlers() -> dict[str, ProxyConnectionHandler]:
    """Return what serves each client that is connected, by the client's id."""
    proxyserver = ctx.master.addons.get("proxyserver")
    return proxyserver.connections if proxyserver else {}


def socket_of(client: Client, connection: Connection) -> ConnectionIO | None:
    """Return the socket of a client, or of an upstream connection that was opened for it."""
    handler = handlers().get(client.id)
    return handler.transports.get(connection) if handler else None


def layers_of(client: Client) -> list[layer.Layer]:
    """Return the layers above a client's socket; inside a CONNECT, those below it go before."""
    handler = handlers().get(client.id)
    layers = handler.layer.context.layers if handler else []
    for it in layers:
        for stream in it.streams.values() if isinstance(it, HttpLayer) else ():
            if stream.child_layer:
                return stream.context.layers
    return layers


def http_layers(client: Client) -> list[HttpLayer]:
    """Return the layers that hold the streams and the connections of a client."""
    return [it for it in layers_of(client) if isinstance(it, HttpLayer)]


def close(client: Client, connection: Connection) -> None:
    """Close the socket of a connection that is over.

    mitmproxy leaves it open if it cancels the connection's task while that waits for a lock with
    data in hand (`handle_connection` in proxy/server.py). The peer would hang for ever.
    """
    io = socket_of(client, connection)
    if io and io.writer:
        io.writer.close()


def hang_up(client: Client, why: str) -> None:
    """End a client as mitmproxy does: its requests that are under way get an error."""
    io = socket_of(client, client)
    if io and io.handler:
        io.handler.cancel(why)


async def inject(client: Client, http_layer: HttpLayer, command: commands.Command) -> None:
    """Send a command through a client's HTTP layer, and through TLS below it.

    An HTTP layer passes the end of a wait to whatever asked for it (`command_sources` in
    proxy/layers/http/__init__.py), and sends on what that answers. Inside a CONNECT, the way to it
    leads through the HTTP layer of the proxy itself.
    """
    handler = handlers().get(client.id)
    if handler and client.state & ConnectionState.CAN_WRITE:  # else TLS would fail
        wake = commands.RequestWakeup(0)
        for above, below in pairwise(http_layer.context.layers):
            if isinstance(above, HttpLayer):
                above.command_sources[wake] = below
        answer = SimpleNamespace(handle_event=lambda _: iter([command]))
        http_layer.command_sources[wake] = cast(layer.Layer, answer)
        await handler.server_event(events.Wakeup(wake))
