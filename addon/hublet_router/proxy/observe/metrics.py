"""The hooks that feed the metrics: each label is a value of the table, no token can make one."""

import sys
from typing import TYPE_CHECKING

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.connection import Connection
from mitmproxy.exceptions import OptionsError
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import TlsData

from ...core.decision import NONE, Action
from ...core.table import Table
from ...flows.requests import request_head
from ...flows.trace import trace_id
from ..routing.annotate import Decided
from ..routing.proxy_status import is_forwarded
from .endings import Ended, Endings, each
from .metrics_server import Endpoint

if TYPE_CHECKING:
    from .instruments import Instruments, Router


class Metrics:
    """Counts what was decided and what came of it, when somebody asked for it."""

    name = "hublet-router-metrics"

    def __init__(self, endings: Endings, router: "Router") -> None:
        self.endings = endings
        self.router = router
        self.endpoint: Endpoint | None = None
        self.counts: Instruments | None = None
        self.table: Table | None = None  # for which these are the names of its Hublets
        self.names: dict[tuple[str, int], str] = {}

    def load(self, loader: Loader) -> None:
        """Declare the option."""
        loader.add_option(
            "hublet_metrics",
            str | None,  # type: ignore[arg-type]  # mitmproxy's own annotation is too narrow
            None,
            "Serve metrics for Prometheus, /healthz and /readyz at [host]:port.",
        )

    def take_options(self, updated: set[str]) -> None:
        """Open the endpoint; raise OptionsError where that cannot be."""
        if "hublet_metrics" not in updated:
            return
        address = ctx.options.hublet_metrics
        if address and not self.counts:
            try:
                from .instruments import Instruments  # noqa: PLC0415  # an extra of the package
            except ImportError as error:
                raise OptionsError(
                    "hublet_metrics needs prometheus-client, and it is not installed; run:"
                    f" {sys.executable} -m pip install prometheus-client"
                ) from error
            self.counts = Instruments(self.router)
            self.endings.takers.append(self._take)
        self.done()
        if address and self.counts:
            self.endpoint = Endpoint(
                address, self.counts.exposition, lambda: self.router.table is not None
            )

    def done(self) -> None:
        """Close the endpoint."""
        if self.endpoint:
            self.endpoint.close()
        self.endpoint = None

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Count a request in."""
        if self.counts and flow.live:
            self.counts.in_flight.add(flow.id)

    def response(self, flow: http.HTTPFlow) -> None:
        """Count a request out."""
        if self.counts:
            self.counts.in_flight.discard(flow.id)

    error = response

    def _take(self, ended: Ended) -> None:
        each(self._count_ended, ended)

    def _count_ended(self, flow: http.HTTPFlow, decided: Decided) -> None:
        counts, decision, response = self.counts, decided.decision, flow.response
        assert counts
        hublet = decision.hublet or NONE
        status = f"{response.status_code // 100}xx" if response and not flow.error else "error"
        reason, rule = decision.reason.value, decision.credential or NONE
        trace = trace_id(decided.request or request_head(flow))
        counts.requests.count((hublet, reason, rule, status), trace)
        counts.decision_seconds.observe(decided.seconds, trace)
        if decision.action is Action.REFUSE:
            counts.refusals[reason,] += 1
        elif response and is_forwarded(flow, decision):
            answered = response.timestamp_start
            asked = flow.request.timestamp_end or answered  # an answer need not wait for its body
            counts.first_byte_seconds[hublet].observe(max(answered - asked, 0), trace)
            opened = flow.server_conn.timestamp_start
            if decision.hublet and opened and opened < flow.request.timestamp_start:
                counts.connections[hublet, "reused"] += 1

    def server_connected(self, data: ServerConnectionHookData) -> None:
        """Count a connection that was opened."""
        self._count(data.server, "opened")

    def server_connect_error(self, data: ServerConnectionHookData) -> None:
        """Count one that could not be."""
        self._count(data.server, "failed")

    def tls_failed_server(self, data: TlsData) -> None:
        """Count one whose TLS failed."""
        self._count(data.conn, "failed")

    def _count(self, server: Connection, event: str) -> None:
        if not self.counts or not (table := self.router.table):
            return
        if table is not self.table:
            self.table = table
            self.names = {(it.host, it.port): name for name, it in table.hublets.items()}
        host, port = getattr(server, "address", None) or ("", 0)
        if name := self.names.get((str(host), port)):
            self.counts.connections[name, event] += 1
