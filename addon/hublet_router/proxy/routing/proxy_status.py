"""Who answered: what is forwarded can say so, as the router's own answers always do."""

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader

from ...core.decision import Action, Decision
from .annotate import Ledger
from .refusal import PROXY_NAME


class ProxyStatus:
    """Adds this router to the Proxy-Status (RFC 9209) of forwarded responses, on demand."""

    name = "hublet-router-proxy-status"

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def load(self, loader: Loader) -> None:
        """Declare the option."""
        loader.add_option(
            "hublet_proxy_status",
            bool,
            False,
            "Say in the Proxy-Status of forwarded responses, too, which Hublet was asked and why.",
        )

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Append our member, which has to be the last: what is before came from the upstream.

        A field of its own leaves theirs as they sent it (RFC 9110 section 5.3: one list).
        """
        if not ctx.options.hublet_proxy_status or not (decided := self.ledger.get(flow)):
            return
        if flow.response and is_forwarded(flow, decided.decision):
            flow.response.headers.add("Proxy-Status", member(decided.decision))


def is_forwarded(flow: http.HTTPFlow, decision: Decision) -> bool:
    """Tell whether the response came from an upstream; another addon can have made it, too."""
    return (
        decision.action is not Action.REFUSE
        and flow.response is not None
        and flow.server_conn.timestamp_start is not None
    )


def member(decision: Decision) -> str:
    """Return what the router says of a response that it forwards: names of the table, no error."""
    hop = f'; next-hop="{decision.hublet}"' if decision.hublet else ""
    return f'{PROXY_NAME}{hop}; details="{decision.reason}"'
