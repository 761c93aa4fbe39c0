"""Proxy-Status (RFC 9209) on forwarded responses; the router's own answers always carry it."""

from mitmproxy import ctx, http

from ...core.decision import Action, Decision
from ...core.problem import PROXY_NAME
from .annotate import Ledger


class ProxyStatus:
    """Adds this router to the Proxy-Status (RFC 9209) of forwarded responses, on demand."""

    name = "hublet-router-proxy-status"

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Append our member, which has to be the last: what is before came from the upstream.

        A field of its own leaves theirs as they sent it (RFC 9110 section 5.3: one list).
        """
        if not ctx.options.hublet_proxy_status or not (decided := self.ledger.get(flow)):
            return
        if flow.response and is_forwarded(flow, decided.decision):
            flow.response.headers.add("Proxy-Status", member(decided.decision))


def is_forwarded(flow: http.HTTPFlow, decision: Decision) -> bool:
    """Return whether the response came from an upstream; another addon can have made it, too."""
    return (
        decision.action is not Action.REFUSE
        and flow.response is not None
        and flow.server_conn.timestamp_start is not None
    )


def member(decision: Decision) -> str:
    """Return what the router says of a response that it forwards: names of the table, no error."""
    hop = f'; next-hop="{decision.hublet}"' if decision.hublet else ""
    return f'{PROXY_NAME}{hop}; details="{decision.reason}"'
