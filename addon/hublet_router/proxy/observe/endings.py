"""Requests whose answers have ended, for those who count them and write them down."""

import asyncio
from collections.abc import Callable

from mitmproxy import http
from mitmproxy.addonmanager import safecall

from ..routing.annotate import Decided, Ledger

GATHER = 0.05
"""Seconds in which requests gather: taken together, each costs a third of what it would alone."""

type Ended = list[tuple[http.HTTPFlow, Decided]]


class Endings:
    """Gathers requests, and tells of them together."""

    name = "hublet-router-endings"

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.takers: list[Callable[[Ended], None]] = []
        self._ended: Ended = []

    def response(self, flow: http.HTTPFlow) -> None:
        """Gather one whose answer has ended, or will not come.

        One that was never decided had a client that left before its body had come.
        """
        if self.takers and (decided := self.ledger.get(flow)):
            if not self._ended:
                asyncio.get_running_loop().call_later(GATHER, self.tell)
            self._ended.append((flow, decided))

    error = response

    def tell(self) -> None:
        """Tell of what has gathered now, before somebody comes or goes."""
        ended, self._ended = self._ended, []
        for take in self.takers:
            take(ended)


def each[T](work: Callable[[http.HTTPFlow, Decided], T], ended: Ended) -> list[T]:
    """Return what some work makes of each; an error is logged, and loses that one alone."""
    made = []
    for flow, decided in ended:
        try:
            made.append(work(flow, decided))
        except Exception:
            with safecall():
                raise
    return made
