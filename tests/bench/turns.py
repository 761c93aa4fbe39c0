"""`mitmdump -s` this: the router, whose log and metrics have every other turn of 50 ms.

What a request costs differs from process to process, and from second to second, by more than what
they add. `TURNS` names a file for what came of it: the microseconds of CPU for a request, turn by
turn, without and with them.
"""

import asyncio
import json
import os
import time
from itertools import cycle
from pathlib import Path

from mitmproxy import http

from hublet_router.addons import addons as routers
from hublet_router.proxy.addon import HubletRouter

TURN = 0.05  # seconds


class Turns:
    """Switches them on and off, and measures."""

    name = "bench-turns"

    def __init__(self, router: HubletRouter) -> None:
        self.router = router
        self.answered = 0
        self.taken: dict[str, list[float]] = {"without": [], "with": []}

    def running(self) -> None:
        """Begin."""
        self.file = self.router.decision_log.file
        self.task = asyncio.create_task(self._take_turns())

    def response(self, flow: http.HTTPFlow) -> None:
        """Count an answer."""
        self.answered += 1

    def done(self) -> None:
        """Write what came of it, and let the log write what it has."""
        self.task.cancel()
        self.router.decision_log.file = self.file
        Path(os.environ["TURNS"]).write_text(json.dumps(self.taken))

    async def _take_turns(self) -> None:
        metrics, log = self.router.metrics, self.router.decision_log
        counters = metrics.counters
        for turn in cycle(("without", "with", "with", "without")):
            metrics.counters = counters if turn == "with" else None
            log.file = self.file if turn == "with" else None
            begun, before = time.process_time(), self.answered
            await asyncio.sleep(TURN)
            self.router.finished_flows.flush()
            if answered := self.answered - before:
                self.taken[turn].append((time.process_time() - begun) / answered * 1e6)


addons: list[object] = [Turns(routers[0]), *routers]
