"""Each request through an engine, and what became of it beside what the table decides."""

import asyncio
import shutil
from collections.abc import Iterable, Set
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from ..core.request import Request
from ..core.table import Table
from ..verify.exchange import exchange, sendable
from .difference import difference
from .upstreams import Upstreams

type Asked = tuple[str, Request]
"""A request, and the words that name it."""


class Engine(Protocol):
    """Runs a bundle before the upstreams of a table, and yields its port.

    The bundle is a copy, in which it may write other addresses and CAs. `hosts` are those that it
    will be asked for, since a domain may stand for many.
    """

    def __call__(
        self, table: Table, bundle: Path, upstreams: Upstreams, hosts: Set[str]
    ) -> AbstractAsyncContextManager[int]:
        """Start it; raise ExportError where it does not start."""


async def prove(
    engine: Engine, table: Table, bundle: Path, asked: Iterable[Asked]
) -> tuple[int, list[str]]:
    """Send requests through a bundle, each with its length, and those with a body in chunks, too.

    Returns how many were sent, and a sentence for each that is not decided as by the table. One
    that HTTP/1.1 cannot carry is left out.
    """
    faults: list[str] = []
    count = 0
    asked = [*asked]
    hosts = {request.host for _, request in asked if request.host}
    with TemporaryDirectory(prefix="hublet-router-prove-") as folder:
        copy = shutil.copytree(bundle, Path(folder, "bundle"))
        async with (
            Upstreams(table, Path(folder)) as upstreams,
            engine(table, copy, upstreams, hosts) as port,
        ):
            for name, request in asked:
                for in_chunks in (False, True) if request.body else (False,):
                    if sent := sendable(request, in_chunks=in_chunks):
                        count += 1
                        if fault := await _fault(table, sent, upstreams, port):
                            faults.append(f"{name}{' in chunks' if in_chunks else ''}: {fault}")
    return count, faults


async def _fault(table: Table, request: Request, upstreams: Upstreams, port: int) -> str | None:
    upstreams.arrivals.clear()
    try:
        answer = await asyncio.to_thread(exchange, ("127.0.0.1", port), request, None, "")
    except (OSError, ValueError) as error:
        return f"no answer ({type(error).__name__})"
    return difference(table, request, answer, upstreams.arrivals)
