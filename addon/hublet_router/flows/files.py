"""Recorded flows: mitmproxy's own files and HAR, one flow after another."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from mitmproxy.exceptions import FlowReadException
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowReader


class FlowFileError(Exception):
    """A file that holds no flows, or ends within one: what, where, and what to do."""


def read_flows(paths: Iterable[Path]) -> Iterator[HTTPFlow]:
    """Yield each HTTP flow of the files, in order, without keeping any; raise FlowFileError."""
    for path in paths:
        try:
            with path.open("rb") as file:
                for flow in FlowReader(file).stream():
                    if isinstance(flow, HTTPFlow):
                        yield flow
        except OSError as error:
            raise FlowFileError(f"{path}: cannot be read: {error.strerror}") from error
        except FlowReadException as error:
            raise FlowFileError(
                f"{path}: not a whole flow file of mitmproxy, nor a HAR file; record it again"
            ) from error
