"""What an operator sends elsewhere while debugging: by hand, logged loudly, gone at exit."""

from weakref import WeakKeyDictionary

from mitmproxy import http

from ..core.decision import Action, Decision, Reason, refuse
from ..core.findings import findings
from ..core.request import Request
from ..core.table import Table
from .observe.fingerprint import fingerprint

_NOT_OURS = {Reason.FOREIGN_HOST, Reason.NO_TABLE, Reason.INTERNAL_ERROR}


class Overrides:
    """Credentials and single flows that go to another Hublet than the one they name.

    A credential is known by its fingerprint alone.
    """

    def __init__(self) -> None:
        self.pins: dict[str, str] = {}
        self.resent: WeakKeyDictionary[http.HTTPFlow, str] = WeakKeyDictionary()

    def __bool__(self) -> bool:
        return bool(self.pins or self.resent)

    def apply(
        self, table: Table, flow: http.HTTPFlow, request: Request, decision: Decision
    ) -> Decision:
        """Return the decision, or the one that the operator asked for in its place."""
        if decision.reason in _NOT_OURS:
            return decision
        hublets = {self.resent[flow]} if flow in self.resent else self._pinned(table, request)
        if not hublets:
            return decision
        hublet = hublets.pop()
        if hublets:
            return refuse(Reason.CONFLICT, decision.credential, table.version)
        if hublet not in table.hublets:  # the table is another one by now
            return refuse(Reason.UNKNOWN_HUBLET, decision.credential, table.version)
        upstream = table.hublets[hublet]
        return decision._replace(
            action=Action.ROUTE, hublet=hublet, upstream=upstream, reason=Reason.PINNED
        )

    def _pinned(self, table: Table, request: Request) -> set[str]:
        found = fingerprints(table, request)
        return {self.pins[credential] for credential in found if credential in self.pins}


def fingerprints(table: Table, request: Request) -> dict[str, str]:
    """Return the fingerprint of each credential of a request, with the rule that read it."""
    return {
        fingerprint(it.credential): it.rule.name for it in findings(table, request) if it.credential
    }
