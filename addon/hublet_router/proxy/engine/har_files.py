"""HAR read by mitmproxy (`-r`, `-C`, `-S`, mitmweb) as it is read by the command line.

Its own reader (`request_to_flow` in io/har.py) refuses a whole file for one field that no decision
needs, and gives no host to a request without a Host header, such as one of HTTP/2. All of its tools
call `FlowReader.stream`, which is public and the one seam.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from mitmproxy import ctx, flow
from mitmproxy.exceptions import FlowReadException
from mitmproxy.io import FlowReader, read_flows_from_paths

from ...flows.har import har_flows
from ...flows.har_entries import HarError
from ...flows.opened import json_encoding, peekable

logger = logging.getLogger(__name__)

_plain_stream = FlowReader.stream


def read_flows(reader: FlowReader) -> Iterable[flow.Flow]:
    """Yield each flow of a file, HAR or mitmproxy's own; raise FlowReadException."""
    reader.fo = file = peekable(reader.fo)
    encoding = json_encoding(file)
    if encoding is None:
        yield from _plain_stream(reader)
        return
    try:
        yield from har_flows(file, logger.warning, encoding)
    except HarError as error:
        raise FlowReadException(str(error)) from error


def install() -> None:
    """Have mitmproxy read HAR so."""
    FlowReader.stream = read_flows  # type: ignore[assignment, method-assign]


class HarFiles:
    """Reads HAR so while the router is loaded."""

    name = "hublet-router-har"

    def load(self, _loader: object) -> None:
        """Read what is to be replayed again: mitmproxy's playbacks have read it before any script.

        A file that they refuse has ended the process before that, unless `install` came first.
        """
        install()
        for side in ("client", "server"):
            _read_again(side)

    def done(self) -> None:
        """Leave mitmproxy as it was."""
        FlowReader.stream = _plain_stream  # type: ignore[method-assign]


def _read_again(side: str) -> None:
    """Give a playback the flows of its files, if one of them is HAR."""
    option = f"{side}_replay"  # which mitmproxy's console and mitmweb have, too
    paths = getattr(ctx.options, option) if option in ctx.options else ()
    if any(map(_is_har, paths)):
        ctx.master.commands.call(f"replay.{side}.stop")
        ctx.master.commands.call(f"replay.{side}", read_flows_from_paths(paths))


def _is_har(path: str) -> bool:
    with Path(path).expanduser().open("rb") as file:
        return json_encoding(peekable(file)) is not None
