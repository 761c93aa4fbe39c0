"""Clients that come before the router is ready: they wait until the start is complete.

mitmproxy listens before its addons have loaded, and before it looks whether the start has failed
(`Master.run` in master.py). A client that it served then could end the process, or be routed by
options that were not meant.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.connection import Client
from mitmproxy.exceptions import OptionsError

logger = logging.getLogger(__name__)

POLL = 0.01
"""Seconds between two looks whether mitmproxy has found the start good."""

STOPPED = "hublet-router: the start was not completed"


def make_certificate_store() -> None:
    """Have mitmproxy make its CA now, or log where that cannot be written.

    It makes it in `running` (`TlsConfig` in addons/tlsconfig.py), and prints a traceback then.
    """
    tls = ctx.master.addons.get("tlsconfig")
    if not tls or tls.certstore is not None:
        return
    try:
        tls_configure(tls, {"confdir"})
    except OptionsError as error:
        logger.error("%s", error)


_configure: Callable[[TlsConfig, set[str]], None] = TlsConfig.configure


def tls_configure(tls: TlsConfig, updated: set[str]) -> None:
    """Do as mitmproxy's own, and raise OptionsError for `confdir`, or a file, that cannot be used.

    `run` puts it in the place of mitmproxy's, which prints a traceback for `--set confdir=FOLDER`.
    """
    try:
        _configure(tls, updated)
    except OSError as error:
        certificates = {Path(it.rpartition("=")[2]).expanduser() for it in ctx.options.certs}
        if Path(str(error.filename)) in certificates:
            raise OptionsError(f"{error.filename} cannot be read: {error.strerror}") from error
        raise OptionsError(
            f"confdir {ctx.options.confdir} cannot be written: {error.strerror}; name a folder that"
            " can, with --set confdir=FOLDER"
        ) from error


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
