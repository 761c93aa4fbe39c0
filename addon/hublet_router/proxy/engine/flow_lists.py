"""What the lists of flows lack in the console and in mitmweb: the Hublet, and the URL asked for.

Both show where mitmproxy connects. The console's list has no column for what an addon says, nor
for Host unless `showhost` is set (`format_flow` in tools/console/common.py). mitmweb joins the host
of the Host header with the upstream's port (`flow_to_json` in tools/web/app.py), where mitmproxy's
own `pretty_url` takes both from the header. Each looks its function up in its module for each row.
"""

import sys
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from mitmproxy.flow import Flow
from mitmproxy.http import HTTPFlow

WIDTH = 8
"""Columns of the console for the name of a Hublet."""

_PORTS = {"http": 80, "https": 443}


def show_hublets_in_console() -> None:
    """Put the Hublet before each row of the console's list, and there the URL asked for."""
    common: Any = sys.modules.get("mitmproxy.tools.console.common")
    if common is None or hasattr(common.format_flow, "__wrapped__"):
        return
    import urwid  # noqa: PLC0415  # only the console has it loaded

    plain = common.format_flow

    @wraps(plain)
    def format_flow(flow: Flow, *, render_mode: Any, hostheader: bool, **how: Any) -> Any:
        if "hublet_reason" not in flow.metadata:
            return plain(flow, render_mode=render_mode, hostheader=hostheader, **how)
        row = plain(flow, render_mode=render_mode, hostheader=True, **how)
        if render_mode is common.RenderMode.DETAILVIEW:
            return row
        name = str(flow.metadata.get("hublet", "-"))
        text = urwid.Text(("title", name[:WIDTH]), wrap="clip")
        return urwid.Columns([(WIDTH, text), row], dividechars=1)

    common.format_flow = format_flow


def show_asked_ports_in_mitmweb() -> None:
    """Send the browser the port that the client asked for, beside the host that it asked for."""
    app: Any = sys.modules.get("mitmproxy.tools.web.app")
    if app is None or hasattr(app.flow_to_json, "__wrapped__"):
        return
    plain = app.flow_to_json

    @wraps(plain)
    def flow_to_json(flow: Flow) -> dict[str, Any]:
        shown: dict[str, Any] = plain(flow)
        if isinstance(flow, HTTPFlow) and "hublet_reason" in flow.metadata:
            shown["request"]["port"] = asked_port(flow)
        return shown

    app.flow_to_json = flow_to_json


def asked_port(flow: HTTPFlow) -> int:
    """Return the port of the URL that a client asked for, by its Host header."""
    request = flow.request
    try:
        port = urlsplit(f"//{request.host_header or ''}").port
    except ValueError:
        port = None
    return port or _PORTS.get(request.scheme, request.port)
