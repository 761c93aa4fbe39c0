"""The addon: mitmproxy's hooks, in the order of a life cycle, each a few lines around the core."""

import asyncio
import logging
import signal
from contextlib import suppress
from pathlib import Path
from weakref import WeakKeyDictionary

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.certs import CertStore
from mitmproxy.exceptions import OptionsError

from ..analysis.fingerprint import KeyFileError, fingerprint
from ..core.table import Table
from ..demo.hublets import DemoHublets
from ..tablefile import table_path
from ..tablefile.authority import fault_of_authority
from .commands import Commands
from .decider import Decider
from .engine.certificates import make_certificate_store
from .engine.client_limits import FullHouse
from .engine.dispatch import Dispatch
from .engine.drain import Drain
from .engine.early_clients import EarlyClients
from .engine.error_pages import ErrorPages
from .engine.http2 import settle_length
from .engine.last_word import LastWord
from .engine.loaded_flows import Playbacks
from .engine.log_filter import LogRedactor
from .engine.modes import check_modes
from .engine.patches import PATCHES, Patches
from .engine.tls import ClientTls
from .engine.unload_guard import Standby
from .engine.upstream_ca import UpstreamCa
from .engine.upstream_guard import UpstreamGuard
from .live_table import LiveTable
from .observe.decision_lines import DecisionLines
from .observe.decision_log import DecisionLog
from .observe.finished_flows import FinishedFlows
from .observe.metrics import Metrics
from .observe.misdirected import MisdirectedAnswers
from .observe.shadow import Shadow
from .observe.usage import Usage
from .options import (
    GivenOptions,
    be_faithful,
    check_seconds,
    declare,
    is_interactive,
    reports_errors,
)
from .overrides import Overrides
from .routing.annotate import Ledger
from .routing.passing import keep_copy, pass_on
from .routing.proxy_status import ProxyStatus

logger = logging.getLogger(__name__)


class HubletRouter:
    """Sends each request to the Hublet that its credential names, or refuses it."""

    name = "hublet-router"

    def __init__(self) -> None:
        self.live = LiveTable(self._accept)
        self.demo = DemoHublets()
        self.overrides = Overrides()
        self.ledger: Ledger = WeakKeyDictionary()
        # mitmproxy calls the hooks of these too, in this order
        self.early_clients = EarlyClients()
        self.upstream_guard = UpstreamGuard()
        self.drain = Drain()
        self.misdirected = MisdirectedAnswers(self.ledger)
        self.shadow = Shadow()
        self.usage = Usage()
        self.decision_log = DecisionLog()
        self.metrics = Metrics(
            self.live, self._unready, [self.decision_log, self.misdirected, self.shadow]
        )
        self.finished_flows = FinishedFlows(
            self.ledger, self.usage.count, self.metrics.count, self.decision_log.write
        )
        self.commands = Commands(self.live, self.usage, self.misdirected, self.overrides)
        self.decider = Decider(self.live, self.ledger, self.overrides, self.shadow)
        self.error_pages = ErrorPages(self.ledger, self.decider.refuse_unread)
        self.last_word = LastWord(self.decider.decide_head, self.decider.decide_whole)
        self.addons = [
            LogRedactor(),
            self.early_clients,
            FullHouse(),
            self.upstream_guard,
            self.error_pages,  # before what logs and counts: it answers requests that have failed
            self.drain,  # before the log: it says of a request that was cut what cut it
            self.misdirected,
            self.shadow,
            self.finished_flows,
            self.decision_log,
            DecisionLines(self.ledger),
            self.metrics,
            ProxyStatus(self.ledger),
            self.commands,
            UpstreamCa(),
            ClientTls(),
            Patches(*PATCHES, *self.error_pages.patches),
            Playbacks(),
            Standby(),
            GivenOptions(),  # after all that a given option can configure
            Dispatch(),
        ]

    # life cycle; plain functions all: mitmproxy cannot reload a script whose hooks here are async

    def load(self, loader: Loader) -> None:
        """Declare the options, and take SIGHUP, which would end the process.

        Where a person is looking, it stays as it is: a console must end with its terminal.
        """
        declare(loader)
        make_certificate_store()
        if not is_interactive():
            with suppress(ValueError, RuntimeError, NotImplementedError):  # a thread, or Windows
                asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hang_up)

    @reports_errors
    def configure(self, updated: set[str]) -> None:
        """Take the table and what mitmproxy needs to be faithful."""
        if ctx.options.ssl_insecure:
            raise OptionsError(
                "ssl_insecure would take any server for a Hublet; leave it out, and name your own"
                " CA with --set ssl_verify_upstream_trusted_ca=FILE"
            )
        authority = ctx.options.ssl_verify_upstream_trusted_ca
        if authority and (fault := fault_of_authority(authority)):
            raise OptionsError(f"ssl_verify_upstream_trusted_ca: {fault}")
        check_seconds(updated)
        if "mode" in updated:
            check_modes()
        be_faithful()
        if "hublet_fingerprint_key" in updated:
            _use_key(ctx.options.hublet_fingerprint_key)
            self.overrides.end("the key of fingerprints has changed")
        if "hublets" in updated:
            self.live.use(table_path(ctx.options.hublets))
        elif "hublet_demo" in updated and self.live.path:
            self.live.use(self.live.path)

    def running(self) -> None:
        """Watch the table, and take the last place among the addons."""
        self.last_word.append()
        self.live.start_watching()

    def done(self) -> None:
        """Stop what runs beside the hooks."""
        with suppress(ValueError, RuntimeError, NotImplementedError):
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        self.overrides.end("the router is unloaded")
        self.last_word.remove()
        self.live.close()
        self.demo.close()

    # answers

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Pass an answer on, unless it opens a tunnel of unknown content: all but WebSocket."""
        response = flow.response
        if not (flow.live and response):
            return
        if response.status_code >= 200:
            settle_length(flow)
            pass_on(response, self.live.table)
        else:
            upgrade = response.headers.get("upgrade", "").lower()
            version = flow.request.headers.get("sec-websocket-version")
            is_websocket = upgrade == "websocket" and version == "13" and ctx.options.websocket
            if not is_websocket:  # it is a 101: the other interim answers were dropped before
                flow.kill()

    def response(self, flow: http.HTTPFlow) -> None:
        """Keep the body of a short answer that was passed on, for logs, recordings and views."""
        if flow.response:
            keep_copy(flow.response)

    error = response

    # the table

    def _unready(self) -> str:
        """Return why no request should be sent here, or nothing."""
        if self.drain.is_draining:
            return "draining"
        if not self.early_clients.is_over:
            return "starting"
        return "" if self.live.table else "no table"

    def _accept(self, table: Table, path: Path) -> Table:
        """Log and return the table to use from now on; refuse one that the demo cannot serve."""
        table = self._serve_demo(table)
        before = self.live.table
        if not before or before.version != table.version:
            hublets = ", ".join(f"{name} at {up}" for name, up in table.hublets.items())
            logger.info("table %s from %s: %s", table.version, path, hublets)
        return table

    def _hang_up(self) -> None:
        """Read the table again and open the log anew, as operators expect of SIGHUP."""
        self.decision_log.reopen()
        self.live.reload_soon()

    def _serve_demo(self, table: Table) -> Table:
        if not ctx.options.hublet_demo:
            self.demo.close()
            return table
        folder = Path(ctx.options.confdir).expanduser()
        served = self.demo.serve(
            table, CertStore.from_store(folder, "mitmproxy", ctx.options.key_size)
        )
        if ctx.options.ssl_verify_upstream_trusted_ca is None:
            authority = folder / "mitmproxy-ca-cert.pem"
            ctx.options.update(ssl_verify_upstream_trusted_ca=str(authority))
        return served


def _use_key(file: str | None) -> None:
    """Take the key of fingerprints; raise OptionsError where it cannot be read."""
    try:
        fingerprint.use(Path(file).expanduser() if file else None)
    except KeyFileError as error:
        raise OptionsError(f"hublet_fingerprint_key: {error}") from error
