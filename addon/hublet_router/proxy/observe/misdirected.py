"""Answers that report a wrong Hublet: counted, marked and logged, and passed on untouched."""

import logging
from collections import Counter
from collections.abc import Iterator

from mitmproxy import http

from ...flows.answers import misdirection_of
from ..routing.annotate import MISDIRECTED_MARK, Ledger, remark
from ..routing.proxy_status import is_forwarded
from .measurement import Measurement

logger = logging.getLogger(__name__)


class MisdirectedAnswers:
    """Notices what Hublets say of requests that they should not have got."""

    name = "hublet-router-misdirected"

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.counts: Counter[tuple[str, ...]] = Counter()  # by the Hublets `sent` and `named`
        self._logged: set[tuple[str, str]] = set()

    def measurements(self) -> Iterator[Measurement]:
        """Yield the count for the metrics."""
        yield Measurement(
            "hublet_misdirected",
            "counter",
            "Answers that named another Hublet: which was `sent` the request, and which the"
            " answer `named`; `migrating` is 477, `-` none that the table lists.",
            ("sent", "named"),
            lambda: self.counts,
        )

    def response(self, flow: http.HTTPFlow) -> None:
        """Look at an answer that has ended."""
        decided = self.ledger.get(flow)
        if not (decided and decided.table and decided.decision.hublet):
            return
        misdirection = misdirection_of(decided.table, flow)
        if not (misdirection and is_forwarded(flow, decided.decision)):
            return
        sent, named, why = decided.decision.hublet, str(misdirection), decided.decision.summary
        self.counts[sent, named] += 1
        remark(flow, "misdirected", named, MISDIRECTED_MARK)
        if (why, named) not in self._logged:
            self._logged.add((why, named))
            logger.warning("hublet_misdirected: %s, says the answer to '%s'", named, why)

    error = response
