"""What an operator sends elsewhere while debugging: by hand, logged loudly, gone at exit."""

import logging
from weakref import WeakKeyDictionary

from mitmproxy import ctx, http

from ..analysis.fingerprint import fingerprint
from ..core.decision import Decision, Reason, refuse, route
from ..core.findings import Finding, findings
from ..core.judge import check_request, judge
from ..core.request import Request
from ..core.table import Table

logger = logging.getLogger(__name__)


class Overrides:
    """Credentials and single flows that go to another Hublet than the one they name.

    A credential is known by its fingerprint alone.
    """

    def __init__(self) -> None:
        self.pins: dict[str, str] = {}
        self.resent: WeakKeyDictionary[http.HTTPFlow, str] = WeakKeyDictionary()

    def __bool__(self) -> bool:
        return bool(self.pins or self.resent)

    def end(self, why: str) -> None:
        """Send every credential and flow where it names again, and log that.

        A copy that waits to be resent is sent nowhere: it would repeat its request where that went.
        """
        if self:
            logger.warning("%s: nothing is pinned or resent elsewhere any more", why)
        if self.resent:
            ctx.master.commands.call("replay.client.stop")
        self.pins.clear()
        self.resent.clear()

    def apply(
        self, table: Table, flow: http.HTTPFlow, request: Request, decision: Decision
    ) -> Decision:
        """Return the decision, or the one that the operator asked for in its place.

        A pin replaces what its credential names, and then the request is decided as ever.
        """
        if check_request(table, request):
            return decision
        if hublet := self.resent.get(flow):
            if hublet not in table.hublets:  # the table is another one by now
                return refuse(Reason.UNKNOWN_HUBLET, decision.credential, table.version)
            return route(table, hublet, Reason.PINNED, decision.credential)
        found = findings(table, request)
        pinned = [self._pinned(it) for it in found]
        if pinned == found:
            return decision
        new, by = judge(table, request, pinned)
        return new._replace(reason=Reason.PINNED) if new.hublet and by not in found else new

    def _pinned(self, it: Finding) -> Finding:
        hublet = self.pins.get(fingerprint(it.credential)) if it.credential else None
        return it._replace(hublets=(hublet,), accounts=()) if hublet else it


def fingerprints(table: Table, request: Request) -> dict[str, str]:
    """Return the fingerprint of each credential of a request, with the rule that read it."""
    return {
        fingerprint(it.credential): it.rule.name for it in findings(table, request) if it.credential
    }
