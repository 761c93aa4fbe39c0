"""A line for each decision on the terminal of a demo: where a newcomer looks for it."""

import logging

from mitmproxy import ctx, http

from ...analysis.masking import mask_request
from ...flows.requests import request_with_body
from ..options import is_interactive
from ..routing.annotate import Decided

logger = logging.getLogger(__name__)


def print_decision(flow: http.HTTPFlow, decided: Decided) -> None:
    """Log a request of a demo under mitmdump: `GET https://…: eu1 ← api-key, 200`."""
    if not ctx.options.hublet_demo or is_interactive() or not decided.table:
        return
    request = decided.request or request_with_body(flow)
    shown = mask_request(decided.table, request, flow.request.scheme)
    status = flow.response.status_code if flow.response else "no answer"
    logger.info("%s: %s, %s", shown, decided.decision.summary, status)
