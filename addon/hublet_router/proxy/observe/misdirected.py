"""Answers that tell of a wrong Hublet: counted, marked and told, and passed on untouched."""

import logging
from collections import Counter

from mitmproxy import http

from ...flows.answers import misdirection_of
from ..routing.annotate import MISDIRECTED_MARK, Ledger, remark
from ..routing.proxy_status import is_forwarded

logger = logging.getLogger(__name__)


class MisdirectedAnswers:
    """Notices what Hublets say of requests that they should not have got."""

    name = "hublet-router-misdirection"

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.counts: Counter[tuple[str, ...]] = Counter()  # who was sent it, who was named
        self._logged: set[tuple[str, str]] = set()

    def response(self, flow: http.HTTPFlow) -> None:
        """Look at an answer that has ended."""
        decided = self.ledger.get(flow)
        if not (decided and decided.table and decided.decision.hublet):
            return
        told = misdirection_of(decided.table, flow)
        if not (told and is_forwarded(flow, decided.decision)):
            return
        sent, named, why = decided.decision.hublet, str(told), decided.decision.summary
        self.counts[sent, named] += 1
        remark(flow, "misdirected", named, MISDIRECTED_MARK)
        if (why, named) not in self._logged:
            self._logged.add((why, named))
            logger.warning("hublet_misdirected: %s, says the answer to '%s'", named, why)

    error = response
