"""A line for each decision on the terminal of a demo: where a newcomer looks for it."""

import logging

from mitmproxy import ctx, http

from ...analysis.masking import mask_request
from ...flows.requests import request_with_body
from ..options import is_interactive
from ..routing.annotate import Ledger

logger = logging.getLogger(__name__)


class DecisionLines:
    """Logs each request as it ends, under mitmdump: `GET https://…: eu1 ← api-key, 200`."""

    name = "hublet-router-decision-lines"

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def response(self, flow: http.HTTPFlow) -> None:
        """Log a request whose answer has ended, or will not come."""
        if not ctx.options.hublet_demo or is_interactive():
            return
        if not (decided := self.ledger.get(flow)) or not decided.table:
            return
        request = decided.request or request_with_body(flow)
        shown = mask_request(decided.table, request, flow.request.scheme)
        status = flow.response.status_code if flow.response else "no answer"
        logger.info("%s: %s, %s", shown, decided.decision.summary, status)

    error = response
