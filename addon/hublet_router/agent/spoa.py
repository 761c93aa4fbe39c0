"""The agent: the table in use decides what HAProxy asks, and all is watched as in the proxy."""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.decision import NONE, Decision, Reason, refuse
from ..core.problem import problem
from ..core.request import Request
from ..core.table import Table
from ..proxy.live_table import LiveTable
from ..proxy.observe.decision_log import entry
from ..proxy.observe.failure import described
from ..proxy.observe.log_file import LogFile
from ..proxy.observe.shadow import Shadow
from ..proxy.routing.annotate import Decided
from ..proxy.routing.proxy_status import member
from .asked import READS_BODY, WITH_BODY, actions, body_of, has_long_body, head_of
from .spop import Frame, Value

if TYPE_CHECKING:
    from ..proxy.observe.counters import Counters  # it needs prometheus-client, an extra

logger = logging.getLogger(__name__)

_UNREAD = Request("", (), "/")
"""The request of a question that could not be read."""


class Agent:
    """Decides what it is asked. Without an answer that names a Hublet, HAProxy sends nothing."""

    def __init__(self) -> None:
        self.live = LiveTable(self._accept, option="--table FILE")
        self.shadow = Shadow("--shadow FILE")
        self.log: LogFile | None = None
        self.counters: Counters | None = None
        self.shows_status = False  # whether forwarded responses get a Proxy-Status, too

    def answer(self, message: str, asked: Mapping[str, Value], frame: Frame) -> bytes:
        """Return the actions that answer a message of HAProxy."""
        request, table = _UNREAD, self.live.table
        try:
            request = head_of(asked)
            reads_body = table is not None and table.reads_body(request)
            if reads_body:
                if message != WITH_BODY and not has_long_body(request):
                    return READS_BODY
                body = body_of(asked, request) if message == WITH_BODY else None
                request = replace(request, body=body)
            decided = Decided.now(table, request)
            decision = decided.decision
            status = None if decision.upstream else problem(decision, table).status
            answer = self._actions(decision, request, status)
            if self.log or self.counters or self.shadow.candidate.table:
                self._watch(decided, frame, reads_body, status)
        except Exception as error:
            logger.error("%s; the request is refused", described(error))
            decision = refuse(Reason.INTERNAL_ERROR)
            return self._actions(decision, request, problem(decision).status)
        return answer

    def reopen_and_reload(self) -> None:
        """Read the table again and open the log anew, as operators expect of SIGHUP."""
        if self.log:
            self.log.reopen()
        self.live.reload_soon()

    def _actions(self, decision: Decision, request: Request, status: HTTPStatus | None) -> bytes:
        upstream, reason = decision.upstream, decision.reason.value
        if not upstream:
            return actions(reason, answer=f"{reason}-{status}")
        name = None
        if upstream.scheme == "https" and upstream.sni == "client":
            name = upstream.server_name(request.sni, request.host or "")
        shown = member(decision) if self.shows_status else None
        return actions(reason, decision.hublet, name, shown)

    def _watch(
        self, decided: Decided, frame: Frame, has_body: bool, status: HTTPStatus | None
    ) -> None:
        """Count and log a decision, and let the candidate decide as well."""
        request, decision = decided.request, decided.decision
        assert request
        if self.counters:
            shown = f"{status // 100}xx" if status else NONE  # HAProxy counts what is answered
            self.counters.count_decision(decided, request, shown)
        if self.log:
            line = entry(time.time(), str(frame.stream), request, decided) | {
                "status": status,
                "answered_by": "router" if status else "hublet",
                "decision_seconds": round(decided.seconds, 7),
            }
            self.log.write(json.dumps(line))
        candidate = self.shadow.candidate.table
        if candidate and (has_body or not candidate.reads_body(request)):
            self.shadow.compare(request, decision, lambda: request.body)

    def _accept(self, table: Table, path: Path) -> Table:
        """Log and return a table that is about to be used."""
        before = self.live.table
        if before and before.version == table.version:
            return table
        hublets = ", ".join(f"{name} at {up}" for name, up in table.hublets.items())
        logger.info("table %s from %s: %s", table.version, path, hublets)
        if before and before.hublets != table.hublets:
            logger.warning(
                "'hublets' has changed, and HAProxy knows those of its own configuration: run"
                " `hublet-router export haproxy` again, and reload HAProxy"
            )
        return table
