"""Many flows, read with a progress bar and a rate on standard error."""

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..analysis.masking import counted
from ..core.request import Request
from ..flows.files import read_flows
from ..flows.requests import request_with_body

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

INTERVAL = 0.1
"""Seconds between two drawings of the bar."""

_ERASE = "\r\x1b[K"


def watched_flows(
    paths: Sequence[Path], where: str | None = None, *, takes_log: bool = False
) -> Iterator["HTTPFlow"]:
    """Yield each flow of the files as `read_flows` does.

    Draw a bar on a terminal, and print the rate at the end.
    """
    started = time.monotonic()
    bar = _Bar(paths) if sys.stderr.isatty() else None
    count = 0

    def report(sentence: str) -> None:
        print(f"{_ERASE if bar else ''}{sentence}", file=sys.stderr)

    try:
        for flow in read_flows(
            paths, bar.draw if bar else None, where, report, takes_log=takes_log
        ):
            count += 1
            yield flow
    finally:
        if bar:
            print(_ERASE, end="", file=sys.stderr, flush=True)
    seconds = time.monotonic() - started
    rate = round(count / seconds) if seconds else count
    print(f"{counted(count, 'flow')} in {seconds:.1f} s: {rate:,} a second", file=sys.stderr)


def watched_requests(
    paths: Sequence[Path], where: str | None = None
) -> Iterator[tuple["HTTPFlow", Request]]:
    """Yield each flow as `watched_flows` does, with its request."""
    for flow in watched_flows(paths, where):
        yield flow, request_with_body(flow)


class _Bar:
    def __init__(self, paths: Sequence[Path]) -> None:
        self.total = sum(path.stat().st_size for path in paths if path.is_file()) or 1
        self.drawn = 0.0

    def draw(self, read: int) -> None:
        """Draw how much was read, but not too often: a terminal is slow."""
        now = time.monotonic()
        if now - self.drawn < INTERVAL:
            return
        self.drawn = now
        width = max(shutil.get_terminal_size().columns - 8, 1)
        done = min(read / self.total, 1)
        bar = ("#" * round(width * done)).ljust(width, ".")
        print(f"\r{bar} {done:5.0%}", end="", file=sys.stderr, flush=True)
