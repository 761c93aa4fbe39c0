"""Clients that come before the router is ready: they wait until the start is complete.

mitmproxy listens before its addons have loaded, and before it looks whether the start has failed
(`Master.run` in master.py). A client that it served then could end the process, or be routed by
options that were not meant.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from mitmproxy import ctx
from mitmproxy.addons.errorcheck import ErrorCheck
from mitmproxy.connection import Client

POLL = 0.01
"""Seconds between two looks whether mitmproxy has found the start good."""

STOPPED = "hublet-router: the start was not completed"

_shutdown_if_errored: Callable[[ErrorCheck], Awaitable[None]] = ErrorCheck.shutdown_if_errored


class EarlyClients:
    """Holds each client in its first hook: nothing is read of it before it may be served."""

    name = "hublet-router-early-clients"

    def __init__(self) -> None:
        self.is_over = False  # whether the start is complete
        self._ended = asyncio.Event()  # well or not
        self._opening: asyncio.Task[None] | None = None

    def client_connected(self, client: Client) -> Awaitable[None] | None:
        """Let a client in, or have it wait."""
        return None if self.is_over else self._wait(client)

    def running(self) -> None:
        """Wait for the rest of the start: what other addons do in `running`, and its errors."""
        self._opening = asyncio.create_task(self._open())

    def done(self) -> None:
        """Send those away that still wait."""
        if self._opening:
            self._opening.cancel()
        self._ended.set()

    async def _wait(self, client: Client) -> None:
        await self._ended.wait()
        if not self.is_over:
            client.error = STOPPED

    async def _open(self) -> None:
        """Let clients in once `ErrorCheck` has taken its handler out, which it does at the end."""
        check = ctx.master.addons.get("errorcheck")
        while check and check.logger in logging.getLogger().handlers:
            await asyncio.sleep(POLL)
        self.is_over = True
        self._ended.set()


async def shutdown_if_errored(check: ErrorCheck) -> None:
    """Let scripts load before a failed start is looked for, so that no server is started for it.

    `Script.watcher` waits one turn longer than `ErrorCheck`. A process that ends while its server
    of HTTP/3 starts, in a thread of mitmproxy_rs, crashes one time in ten.
    """
    await asyncio.sleep(0)
    await _shutdown_if_errored(check)
