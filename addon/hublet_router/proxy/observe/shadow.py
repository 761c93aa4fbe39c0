"""The shadow: a candidate table that decides beside the live one, and changes nothing."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from weakref import WeakKeyDictionary

from mitmproxy import ctx, http

from ...analysis.comparison import described, differ
from ...core.decision import Decision
from ...core.judge import decide
from ...core.request import Request
from ...core.table import Table
from ...flows.requests import request_with_body
from ..live_table import LiveTable
from ..routing.annotate import SHADOW_MARK, remark
from .measurement import Measurement

logger = logging.getLogger(__name__)


class Shadow:
    """Reports where the candidate would decide otherwise."""

    name = "hublet-router-shadow"

    def __init__(self, option: str = "--set hublet_shadow=FILE") -> None:
        self._option = option  # how the candidate is named
        self.candidate = self._no_candidate()
        self.counts: Counter[tuple[str, ...]] = Counter()  # by Hublet and reason, of each table
        self._waiting: WeakKeyDictionary[http.HTTPFlow, tuple[Request, Decision]]
        self._waiting = WeakKeyDictionary()
        self._logged: set[str] = set()

    def configure(self, updated: set[str]) -> None:
        """Watch another file. The watch reads it, so that no fault of it delays or fails this."""
        if "hublet_shadow" not in updated:
            return
        self.done()
        if path := ctx.options.hublet_shadow:
            self.watch(Path(path).expanduser())

    def watch(self, path: Path) -> None:
        """Watch a file."""
        self.candidate.reload_soon(path)
        self.candidate.start_watching()

    def done(self) -> None:
        """Forget the candidate."""
        self.candidate.close()
        self.candidate = self._no_candidate()

    def measurements(self) -> Iterator[Measurement]:
        """Yield the count for the metrics."""
        yield Measurement(
            "hublet_shadow_differences",
            "counter",
            "Requests that the candidate of `hublet_shadow` would decide otherwise.",
            ("hublet", "reason", "candidate", "candidate_reason"),
            lambda: self.counts,
        )

    def note(self, flow: http.HTTPFlow, request: Request, decision: Decision) -> None:
        """Keep what was decided, until the whole request has come."""
        if self.candidate.table:
            self._waiting[flow] = request, decision

    def response(self, flow: http.HTTPFlow) -> None:
        """Let the candidate decide, on what the live table saw."""
        noted = self._waiting.pop(flow, None)
        if noted and (new := self.compare(*noted, lambda: request_with_body(flow).body)):
            remark(flow, "shadow", new, SHADOW_MARK)

    error = response

    def compare(
        self, request: Request, live: Decision, body: Callable[[], bytes | None]
    ) -> str | None:
        """Let the candidate decide as well, on what `live` was made of.

        Counts and logs a difference, and returns what the decision would become.
        """
        table = self.candidate.table
        if not table:
            return None
        try:
            if table.reads_body(request):
                request = replace(request, body=body())
            decision = decide(table, request)
        except Exception as error:  # not its text, which can hold what the client sent
            self._log_once(f"the candidate failed with {type(error).__name__}")
            return None
        if not differ(live, decision):
            return None
        self.counts[*live.labels, *decision.labels] += 1
        old, new = described(live, decision)
        self._log_once(f"'{old}' would become '{new}'")
        return new

    def _no_candidate(self) -> LiveTable:
        return LiveTable(self._accept, logging.WARNING, self._option)

    def _log_once(self, sentence: str) -> None:
        if sentence not in self._logged:
            self._logged.add(sentence)
            logger.warning("hublet_shadow: %s", sentence)

    def _accept(self, table: Table, _path: Path) -> Table:
        """Log another candidate, whose differences are news."""
        self._logged.clear()
        logger.info("shadow table %s decides as well, and changes nothing", table.version)
        return table
