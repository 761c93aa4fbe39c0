"""Requests whose answer has ended, handed on in batches to what writes and counts them.

One at a time, a line of the decision log needs twice the CPU: what the proxy does between two of
them has driven its code and data out of the processor's caches.
"""

import asyncio
from collections.abc import Callable

from mitmproxy import http
from mitmproxy.addonmanager import safecall

from ..routing.annotate import Decided, Ledger

INTERVAL = 0.05
"""Seconds that the first request of a batch waits."""

MAX_BATCH = 100
"""Requests of a batch: a few milliseconds in which no client is served."""

type Consumer = Callable[[http.HTTPFlow, Decided], None]


class FinishedFlows:
    """Collects the requests that were decided and have ended, and hands each to all consumers.

    A decision that is replaced before the end, as a provisional one is, never gets there.
    """

    name = "hublet-router-finished-flows"

    def __init__(self, ledger: Ledger, *consumers: Consumer) -> None:
        self._ledger = ledger
        self._consumers = consumers
        self._finished: list[tuple[http.HTTPFlow, Decided]] = []

    def response(self, flow: http.HTTPFlow) -> None:
        """Take a request whose answer has ended, or will not come.

        One without a decision is left out: the client disconnected before it sent the body.
        """
        if decided := self._ledger.get(flow):
            if not self._finished:
                asyncio.get_running_loop().call_later(INTERVAL, self.flush)
            self._finished.append((flow, decided))
            if len(self._finished) >= MAX_BATCH:
                self.flush()

    error = response

    def configure(self, _updated: set[str]) -> None:
        """Hand on what ended under the options of before."""
        self.flush()

    def done(self) -> None:
        """Hand on what is left."""
        self.flush()

    def flush(self) -> None:
        """Hand on what has ended until now.

        Where a consumer fails, that is logged, and those after it lose this one request.
        """
        finished, self._finished = iter(self._finished), []
        while True:
            with safecall():  # one for all, and another for those behind a failure
                for flow, decided in finished:
                    for consume in self._consumers:
                        consume(flow, decided)
                return
