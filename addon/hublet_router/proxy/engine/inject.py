"""Commands that mitmproxy's layers have no occasion for, sent through them all the same.

A layer acts only in answer to an event. The HTTP layer passes the end of a wait to whatever asked
for it (`command_sources` in proxy/layers/http/__init__.py), and sends on what that answers.
"""

from collections.abc import Iterator
from typing import cast

from mitmproxy import ctx
from mitmproxy.connection import Client
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import HttpLayer
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler


class _Answer:
    """Answers one event with a command."""

    def __init__(self, command: commands.Command) -> None:
        self._command = command

    def handle_event(self, _event: events.Event) -> Iterator[commands.Command]:
        yield self._command


async def inject(client: Client, http_layer: HttpLayer, command: commands.Command) -> None:
    """Send a command through a client's HTTP layer, and through TLS below it."""
    if handler := handlers().get(client.id):
        wake = commands.RequestWakeup(0)
        http_layer.command_sources[wake] = cast(layer.Layer, _Answer(command))
        await handler.server_event(events.Wakeup(wake))


def handlers() -> dict[str, ProxyConnectionHandler]:
    """Return what serves each client that is connected, by the client's id."""
    proxyserver = ctx.master.addons.get("proxyserver")
    return dict(proxyserver.connections) if proxyserver else {}
