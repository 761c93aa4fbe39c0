"""Flows that mitmproxy loads (`-r`, `-C`, `-S`, the console and mitmweb), as the command line does.

Its own reader of HAR (`request_to_flow` in io/har.py) refuses a whole file for one field that no
decision needs, and gives no host to a request without a Host header, such as one of HTTP/2. All of
its tools call `FlowReader.stream`, which is public and the one seam.

In a reverse mode, mitmproxy writes the mode's host over the Host of each flow that it reads
(`Master.load_flow` in master.py). Here that host is `unrouted.invalid`, and the table says where a
request goes.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from mitmproxy import ctx, eventsequence
from mitmproxy.exceptions import FlowReadException
from mitmproxy.flow import Flow
from mitmproxy.io import FlowReader, read_flows_from_paths
from mitmproxy.master import Master

from ...flows.har import har_flows
from ...flows.har_entries import HarError
from ...flows.opened import json_encoding, peekable

logger = logging.getLogger(__name__)

_plain_stream = FlowReader.stream


def read_flows(reader: FlowReader) -> Iterable[Flow]:
    """Yield each flow of a file, HAR or mitmproxy's own; raise FlowReadException."""
    reader.fo = file = peekable(reader.fo)
    encoding = json_encoding(file)
    if encoding is None:
        yield from _plain_stream(reader)
        return
    try:
        yield from har_flows(file, logger.warning, encoding)
    except HarError as error:
        logger.error("%s", error)  # mitmproxy's sentence does not say why
        raise FlowReadException(str(error)) from error


async def load_flow(self: Master, flow: Flow) -> None:
    """Let each addon see a flow as it was read."""
    for event in eventsequence.iterate(flow):
        await self.addons.handle_lifecycle(event)


class Playbacks:
    """Has mitmproxy read again what is to be replayed: it has done so before any script.

    A file that it refuses has ended the process before that, unless `read_flows` came first.
    """

    name = "hublet-router-playbacks"

    def load(self, _loader: object) -> None:
        """Give a playback the flows of its files, if one of them is HAR."""
        for side in ("client", "server"):
            option = f"{side}_replay"  # which mitmproxy's console and mitmweb have, too
            paths = getattr(ctx.options, option) if option in ctx.options else ()
            if any(map(_is_har, paths)):
                ctx.master.commands.call(f"replay.{side}.stop")
                ctx.master.commands.call(f"replay.{side}", read_flows_from_paths(paths))


def _is_har(path: str) -> bool:
    with Path(path).expanduser().open("rb") as file:
        return json_encoding(peekable(file)) is not None
