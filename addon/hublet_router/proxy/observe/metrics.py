"""The metrics endpoint, and the hooks that feed it."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from mitmproxy import ctx, http
from mitmproxy.connection import Connection
from mitmproxy.exceptions import OptionsError
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import TlsData

from ...core.table import Table
from ..live_table import LiveTable
from ..options import reports_errors
from ..routing.annotate import Decided
from .measurement import Measured
from .metrics_server import Endpoint

if TYPE_CHECKING:
    from .counters import Counters  # it needs prometheus-client, an extra of the package


def make_counters(features: Iterable[Measured]) -> "Counters":
    """Return the counters; raise OptionsError where prometheus-client is missing."""
    try:
        from .counters import Counters  # noqa: PLC0415
    except ImportError as error:
        raise OptionsError(
            "hublet_metrics needs prometheus-client, and it is not installed; run:"
            f" {sys.executable} -m pip install prometheus-client"
        ) from error
    return Counters(features)


class Metrics:
    """Counts what was decided and what came of it, once `hublet_metrics` asks for it."""

    name = "hublet-router-metrics"

    def __init__(
        self,
        live: LiveTable,
        unready: Callable[[], str],
        features: Sequence[Measured],
    ) -> None:
        self.live = live
        self.unready = unready
        self.features = features
        self.endpoint: Endpoint | None = None
        self.counters: Counters | None = None
        self._named: Table | None = None  # the table that `_names` is made from
        self._names: dict[tuple[str, int], str] = {}  # a Hublet by its address

    @reports_errors
    def configure(self, updated: set[str]) -> None:
        """Open the endpoint; raise OptionsError if that fails."""
        if "hublet_metrics" not in updated:
            return
        address = ctx.options.hublet_metrics
        if address and not self.counters:
            self.counters = make_counters([self.live, *self.features])
        self.done()
        if address and self.counters:
            exposition, loop = self.counters.exposition, ctx.master.event_loop
            self.endpoint = Endpoint(address, exposition, self.unready, loop)

    def done(self) -> None:
        """Close the endpoint."""
        if self.endpoint:
            self.endpoint.close()
        self.endpoint = None

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Count a request in."""
        if self.counters and flow.live:
            self.counters.in_flight.add(flow.id)

    def response(self, flow: http.HTTPFlow) -> None:
        """Count a request out."""
        if self.counters:
            self.counters.in_flight.discard(flow.id)

    error = response

    def count(self, flow: http.HTTPFlow, decided: Decided) -> None:
        """Count what was decided of a request, and what came of it."""
        if self.counters:
            self.counters.count(flow, decided)

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
        table = self.live.table
        if not (self.counters and table):
            return
        if table is not self._named:
            self._named = table
            self._names = {(it.host, it.port): name for name, it in table.hublets.items()}
        host, port = getattr(server, "address", None) or ("", 0)
        if name := self._names.get((str(host), port)):
            self.counters.connections.labels(name, event).inc()
