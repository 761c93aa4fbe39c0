"""Decides each flow once its head has come, or its body, and does what the decision says."""

import logging
from dataclasses import replace

from mitmproxy import http

from ..core.decision import Action, Decision, Reason, refuse
from ..core.findings import findings
from ..core.judge import decide
from ..core.request import MAX_BODY, Request
from ..core.table import Table
from ..flows.requests import body_size, fields_of, request_head, request_with_body
from .engine.error_pages import end_within
from .engine.http1 import settle_expectation
from .live_table import LiveTable
from .observe.failure import described
from .observe.shadow import Shadow
from .overrides import Overrides
from .routing.annotate import Decided, Ledger, annotate, is_annotated
from .routing.grpc_status import grpc_answer, is_grpc
from .routing.passing import keep_copy, pass_request_on
from .routing.refusal import send_refusal
from .routing.upstream import UpstreamHost, outgoing, retarget

logger = logging.getLogger(__name__)

BODY_SECONDS = 1.0
"""Seconds that a request which is refused has to send its body before it is answered anyway."""


class Decider:
    """Sends each request to the Hublet that its credential names, or refuses it."""

    def __init__(
        self, live: LiveTable, ledger: Ledger, overrides: Overrides, shadow: Shadow
    ) -> None:
        self._live = live
        self._ledger = ledger
        self._overrides = overrides
        self._shadow = shadow

    def decide_head(self, flow: http.HTTPFlow) -> None:
        """Decide before a byte leaves, unless a rule has to see the body first."""
        if flow.error:
            return
        if not flow.live:
            self._annotate_recorded(flow)
            return
        flow.request.data.host = str(flow.request.host)  # a replayed flow has the stamp it got then
        self._ledger.pop(flow, None)
        settle_expectation(flow.request)
        try:
            request, table = request_head(flow), self._live.table
            size = body_size(flow.request) if table and table.reads_body(request) else 0
            if size == 0:
                self._decide_now(flow, request)
                if isinstance(flow.request.host, UpstreamHost):
                    pass_request_on(flow)
            elif flow.request.stream or (size or 0) > MAX_BODY:
                self._decide_now(flow, replace(request, body=None))  # the body is never whole
            # Else wait for the body: `decide_whole` decides. One whose length is not known may turn
            # out to be too long: mitmproxy streams it then, without a stamp, and the guard refuses
            # it; `refuse_unread` says why.
        except Exception as error:
            self._fail(flow, error)

    def decide_whole(self, flow: http.HTTPFlow) -> None:
        """Decide what waited for its body, bears no stamp, or was edited since its decision."""
        keep_copy(flow.request)
        if not flow.live:
            return
        if not (flow.error or flow.response):
            try:
                if not isinstance(flow.request.host, UpstreamHost) or self._is_edited(flow):
                    self._decide_now(flow, request_with_body(flow))
            except Exception as error:
                self._fail(flow, error)
        if flow.request.trailers:
            self._settle_trailers(flow)

    def _settle_trailers(self, flow: http.HTTPFlow) -> None:
        """Leave trailers out with which the request would not go where it goes.

        They come when a body may have left, so they decide nothing. A credential in them is for
        its own Hublet all the same, and RFC 9110 section 6.5.1 has an intermediary discard them.
        """
        trailers, flow.request.trailers = flow.request.trailers, None  # also where this fails
        decided = self._ledger.get(flow)
        if trailers and decided and decided.table and decided.request:
            request = decided.request
            more = replace(request, headers=(*request.headers, *fields_of(trailers)))
            if decide(decided.table, more).hublet == decide(decided.table, request).hublet:
                flow.request.trailers = trailers

    def _is_edited(self, flow: http.HTTPFlow) -> bool:
        """Return whether an addon or a person has changed what the decision was made of.

        A pin is a part of that, and may have ended.
        """
        if flow.request.stream:
            return False  # it has left
        decided = self._ledger.get(flow)
        if not (decided and decided.request and decided.left == outgoing(flow.request)):
            return True
        if decided.decision.reason is Reason.PINNED:
            return True
        is_new = bool(flow.request.raw_content) and decided.request.body == b""
        return is_new and bool(decided.table and decided.table.reads_body(decided.request))

    def _decide_now(self, flow: http.HTTPFlow, request: Request) -> None:
        """Decide, do what the decision says, or what overrides it, and keep it."""
        flow.request.data.host = str(flow.request.host)  # no stamp of an earlier decision stays
        table = self._live.table
        decided = Decided.now(table, request)
        decision = decided.decision
        self._shadow.note(flow, request, decision)
        if table and self._overrides:
            decision = self._overrides.apply(table, flow, request, decision)
        if (
            decision.action is Action.PASS
            and table
            and table.is_upstream(flow.request.host, flow.request.port)
        ):
            decision = refuse(decision.reason, table=decision.table)  # no way round the decision
        # For this proxy alone (RFC 9110 section 11.7.2); mitmproxy passes it on where it asks none.
        flow.request.headers.pop("proxy-authorization", None)
        if decision.upstream:
            retarget(flow, decision.upstream, request.host or "")
        elif decision.action is Action.PASS:
            sni = flow.client_conn.sni  # what mitmproxy would use where the target stays
            passed = UpstreamHost(flow.request.host, flow.request.port, sni)
            flow.request.data.host, passed.passed_by = passed, table
        else:
            self._send_refusal(flow, decision, table)
        self._keep(flow, decided._replace(decision=decision, left=outgoing(flow.request)))
        if flow.response and decision.action is Action.REFUSE and is_grpc(flow.request):
            flow.response = grpc_answer(flow)

    def _send_refusal(self, flow: http.HTTPFlow, decision: Decision, table: Table | None) -> None:
        send_refusal(flow, decision, table)
        if not (flow.response or flow.request.stream):
            end_within(flow, BODY_SECONDS)

    def refuse_unread(self, flow: http.HTTPFlow) -> None:
        """Refuse a request whose body turned out too long for the rule that had to read it."""
        table = self._live.table
        head = request_head(flow, None)
        found = findings(table, head) if table else ()
        decision = refuse(Reason.TOO_LARGE, table=table.version if table else None)
        self._keep(flow, Decided(decision, table, 0, head, found))

    def _keep(self, flow: http.HTTPFlow, decided: Decided) -> None:
        annotate(flow, decided.decision)
        self._ledger[flow] = decided

    def _fail(self, flow: http.HTTPFlow, error: Exception) -> None:
        """Refuse a request over which the router failed; mitmproxy would forward it."""
        logger.error("%s; the request is refused", described(error))
        flow.request.data.host = str(flow.request.host)
        decision = refuse(Reason.INTERNAL_ERROR)
        self._send_refusal(flow, decision, None)
        self._keep(flow, Decided(decision, None, 0))

    def _annotate_recorded(self, flow: http.HTTPFlow) -> None:
        """Write on a flow from a file what the table decides; what was decided then stays."""
        if self._live.table and not is_annotated(flow):
            annotate(flow, decide(self._live.table, request_with_body(flow)))
