"""What stays when the router is unloaded while mitmproxy runs on: nothing is connected then.

mitmproxy unloads a script whose file is missing at the moment of its look (an editor, `git
checkout` and `pip install` all do that), or that does not load any more, and proxies on without it
(`Script.watcher` in addons/script.py). In regular mode that is an open proxy. It also forgets a
script that was missing once.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

logger = logging.getLogger(__name__)

INTERVAL = 0.5
"""Seconds between two looks for the script."""

GONE = "hublet-router: the router is not loaded, so nothing is sent anywhere"


class UnloadGuard:
    """Refuses every upstream connection until the router is loaded again."""

    name = "hublet-router-unload-guard"

    def __init__(self, scripts: Sequence[str]) -> None:
        self.scripts = list(scripts)
        self._watcher: asyncio.Task[None] | None = None

    def load(self, _loader: Loader) -> None:
        """Say so, and begin to look for the scripts that mitmproxy has forgotten."""
        logger.warning("hublet-router is unloaded; no connection is made until it is loaded again")
        if self.scripts:
            self._watcher = asyncio.create_task(self._take_back())

    def done(self) -> None:
        """Stop looking."""
        if self._watcher:
            self._watcher.cancel()

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Refuse a connection."""
        data.server.error = data.server.error or GONE

    async def _take_back(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            current = list(ctx.options.scripts)
            there = [it for it in self.scripts if it in current or Path(it).expanduser().is_file()]
            if there != current:
                try:
                    ctx.options.update(scripts=there)
                except OptionsError as error:
                    logger.warning("%s", error)


class Standby:
    """Leaves the guard behind, and removes it when the router is loaded again."""

    name = "hublet-router-standby"

    def __init__(self) -> None:
        self._scripts: list[str] | None = None  # those of a proxy that is running

    def load(self, _loader: Loader) -> None:
        """Remove the guard that an earlier version of the router has left."""
        if guard := ctx.master.addons.get(UnloadGuard.name):
            ctx.master.addons.remove(guard)

    def running(self) -> None:
        """Remember which scripts there are while all is well."""
        self._scripts = list(ctx.options.scripts)

    def done(self) -> None:
        """Leave the guard, unless mitmproxy itself ends."""
        if self._scripts is not None and not ctx.master.should_exit.is_set():
            ctx.master.addons.add(UnloadGuard(self._scripts))
