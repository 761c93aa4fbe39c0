"""What mitmproxy crashes over, ended: client and upstream would wait for ten minutes.

And the line that it logs for each answer that it passes on, left out.
"""

import logging
from typing import Any

from mitmproxy import ctx
from mitmproxy.flow import Error
from mitmproxy.proxy.layers import HttpLayer
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook
from mitmproxy.proxy.server import ConnectionHandler

from .connections import hang_up
from .log_filter import is_debugging

_plain_log = ConnectionHandler.log
# Logged at INFO (`start_response_stream` in proxy/layers/http/__init__.py), since mitmproxy streams
# large answers only.
_STREAMS = "Streaming response from "


def log(
    self: ConnectionHandler, message: str, level: int = logging.INFO, exc_info: Any = None
) -> None:
    """Close the connection of a client in whose layers mitmproxy has failed.

    mitmproxy logs the exception and goes on (`ConnectionHandler.server_event` in proxy/server.py),
    but nothing will come of that event. Its method that logs is the one that learns of it.
    """
    if message.startswith(_STREAMS):
        if not is_debugging():
            return  # before a record is made of it, which takes 2 % of a small request
        level = logging.DEBUG
    _plain_log(self, message, level, exc_info)
    if exc_info:
        hang_up(self.client, "crashed")


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
