"""The shadow: a candidate table that decides beside the live one, and changes nothing."""

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path
from weakref import WeakKeyDictionary

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader

from ...core.decision import Decision
from ...core.judge import decide
from ...core.request import Request
from ...core.table import Table
from ...explain.comparison import described, differ
from ...flows.requests import request_with_body
from ..live_table import TableSource
from ..routing.annotate import SHADOW_MARK, remark

logger = logging.getLogger(__name__)


class Shadow:
    """Tells where the candidate would decide otherwise."""

    name = "hublet-router-shadow"

    def __init__(self) -> None:
        self.table: Table | None = None
        self.counts: Counter[tuple[str, ...]] = Counter()  # Hublet and reason, of each
        self._source: TableSource | None = None
        self._waiting: WeakKeyDictionary[http.HTTPFlow, tuple[Request, Decision]]
        self._waiting = WeakKeyDictionary()
        self._logged: set[str] = set()

    def load(self, loader: Loader) -> None:
        """Declare the option."""
        loader.add_option(
            "hublet_shadow",
            str | None,  # type: ignore[arg-type]  # mitmproxy's own annotation is too narrow
            None,
            "A candidate table: it decides each request beside the live one, changes nothing, and"
            " tells where the two differ.",
        )

    def configure(self, updated: set[str]) -> None:
        """Watch another file; the watch reads it, too, so that no fault of it delays or fails."""
        if "hublet_shadow" not in updated:
            return
        self.done()
        if path := ctx.options.hublet_shadow:
            self._source = TableSource(Path(path).expanduser(), logging.WARNING)
            self._source.expire()
            self._source.follow(self._take)

    def done(self) -> None:
        """Forget the candidate."""
        if self._source:
            self._source.close()
        self._source = self.table = None
        self._waiting.clear()

    def note(self, flow: http.HTTPFlow, request: Request, decision: Decision) -> None:
        """Keep what was decided, until the whole request has come."""
        if self.table:
            self._waiting[flow] = request, decision

    def response(self, flow: http.HTTPFlow) -> None:
        """Let the candidate decide, on what the live table saw."""
        if not (self.table and (noted := self._waiting.pop(flow, None))):
            return
        request, live = noted
        try:
            if self.table.reads_body(request):
                body = None if flow.request.stream else request_with_body(flow).body
                request = replace(request, body=body)
            candidate = decide(self.table, request)
        except Exception as error:  # not its text, which can hold what the client sent
            self._log_once(f"the candidate failed with {type(error).__name__}")
            return
        if differ(live, candidate):
            self.counts[*live.labels, *candidate.labels] += 1
            old, new = described(live, candidate)
            remark(flow, "shadow", new, SHADOW_MARK)
            self._log_once(f"'{old}' would become '{new}'")

    error = response

    def _log_once(self, sentence: str) -> None:
        if sentence not in self._logged:
            self._logged.add(sentence)
            logger.warning("hublet_shadow: %s", sentence)

    def _take(self, table: Table) -> None:
        """Take another candidate, whose differences are news."""
        self.table = table
        self._logged.clear()
        logger.info("shadow table %s decides as well, and changes nothing", table.version)
