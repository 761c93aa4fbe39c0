"""The addon: mitmproxy's hooks, in the order of a life cycle, each a few lines around the core."""

import asyncio
import logging
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from weakref import WeakKeyDictionary

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.certs import CertStore
from mitmproxy.exceptions import OptionsError

from ..analysis.fingerprint import KeyFileError, fingerprint
from ..core.decision import Action, Decision, Reason, refuse
from ..core.judge import decide
from ..core.request import MAX_BODY, Request
from ..core.table import Table
from ..demo.hublets import DemoHublets
from ..flows.requests import body_size, request_head, request_with_body
from ..tablefile import table_path
from .commands import Commands
from .engine.dispatch import Dispatch
from .engine.drain import Drain
from .engine.early_clients import EarlyClients, make_certificate_store
from .engine.error_pages import ErrorPages
from .engine.har_files import HarFiles
from .engine.http1 import Http1Cures, settle_expectation
from .engine.http2 import Http2Cures
from .engine.last_word import LastWord
from .engine.modes import Modes
from .engine.tls import TlsCures
from .engine.unload_guard import Standby
from .engine.upstream_ca import UpstreamCa
from .engine.upstream_guard import UpstreamGuard
from .live_table import LiveTable
from .observe.decision_lines import DecisionLines
from .observe.decision_log import DecisionLog
from .observe.failure import described
from .observe.metrics import Metrics
from .observe.misdirected import MisdirectedAnswers
from .observe.shadow import Shadow
from .observe.usage import Usage
from .options import GivenOptions, be_faithful, declare, is_interactive, reports_errors
from .overrides import Overrides
from .routing.annotate import Decided, Ledger, annotate, is_annotated
from .routing.grpc_status import grpc_answer, is_grpc
from .routing.passing import keep_copy, pass_on, pass_request_on
from .routing.proxy_status import ProxyStatus
from .routing.refusal import send_refusal
from .routing.upstream import UpstreamHost, outgoing, retarget

logger = logging.getLogger(__name__)

BODY_SECONDS = 1.0
"""Seconds that a request which is refused has to send its body before it is answered anyway."""


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
        self.drain = Drain(self.upstream_guard.contexts)
        self.misdirected = MisdirectedAnswers(self.ledger)
        self.shadow = Shadow()
        self.usage = Usage(self.ledger)
        self.decision_log = DecisionLog(self.ledger)
        self.metrics = Metrics(
            self.ledger,
            self.live,
            self._unready,
            [self.decision_log, self.misdirected, self.shadow],
        )
        self.commands = Commands(self.live, self.usage, self.misdirected, self.overrides)
        self.error_pages = ErrorPages(
            self.ledger, self.upstream_guard.contexts, self._refuse_unread
        )
        self.last_word = LastWord(self.decide_head, self.decide_whole)
        self.addons = [
            Modes(),
            self.early_clients,
            self.upstream_guard,
            self.error_pages,  # before what logs and counts: it answers requests that have failed
            self.drain,  # before the log: it says of a request that was cut what cut it
            self.misdirected,
            self.shadow,
            self.usage,
            self.decision_log,
            DecisionLines(self.ledger),
            self.metrics,
            ProxyStatus(self.ledger),
            self.commands,
            UpstreamCa(),
            Http1Cures(),
            Http2Cures(),
            TlsCures(),
            HarFiles(),
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
        be_faithful()
        if "hublet_fingerprint_key" in updated:
            _use_key(ctx.options.hublet_fingerprint_key)
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
        self.last_word.remove()
        self.live.close()
        self.demo.close()

    # flows; `LastWord` calls the two that decide

    def decide_head(self, flow: http.HTTPFlow) -> None:
        """Decide before a byte leaves, unless a rule has to see the body first."""
        if flow.error:
            return
        if not flow.live:
            self._annotate_recorded(flow)
            return
        flow.request.data.host = str(flow.request.host)  # a replayed flow has the stamp it got then
        self.ledger.pop(flow, None)
        settle_expectation(flow.request)
        try:
            request, table = request_head(flow), self.live.table
            size = body_size(flow.request) if table and table.reads_body(request) else 0
            if size == 0:
                self._decide_now(flow, request)
                if isinstance(flow.request.host, UpstreamHost):
                    pass_request_on(flow)
            elif flow.request.stream or (size or 0) > MAX_BODY:
                self._decide_now(flow, replace(request, body=None))  # the body is never whole
            # Else wait for the body: `decide_whole` decides. One whose length is not known may turn
            # out to be too long: mitmproxy streams it then, without a stamp, and the guard refuses
            # it; `_refuse_unread` says why.
        except Exception as error:
            self._fail(flow, error)

    def decide_whole(self, flow: http.HTTPFlow) -> None:
        """Decide what waited for its body, bears no stamp, or was edited since its decision."""
        keep_copy(flow.request)
        if flow.error or flow.response or not flow.live:
            return
        try:
            if not isinstance(flow.request.host, UpstreamHost) or self._is_edited(flow):
                self._decide_now(flow, request_with_body(flow))
        except Exception as error:
            self._fail(flow, error)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Pass an answer on, unless it opens a tunnel of unknown content: all but WebSocket."""
        response = flow.response
        if not (flow.live and response):
            return
        if response.status_code >= 200:
            pass_on(response, self.live.table)
        else:
            upgrade = response.headers.get("upgrade", "").lower()
            version = flow.request.headers.get("sec-websocket-version")
            is_websocket = upgrade == "websocket" and version == "13" and ctx.options.websocket
            if response.status_code != 101 or not is_websocket:  # others were dropped before
                flow.kill()

    def response(self, flow: http.HTTPFlow) -> None:
        """Keep the body of a short answer that was passed on, for logs, recordings and views."""
        if flow.response:
            keep_copy(flow.response)

    error = response

    # one way to do each thing

    def _is_edited(self, flow: http.HTTPFlow) -> bool:
        """Return whether another addon or a person has changed what the decision was made of."""
        if flow.request.stream:
            return False  # it has left
        decided = self.ledger.get(flow)
        if not (decided and decided.request and decided.left == outgoing(flow.request)):
            return True
        is_new = bool(flow.request.raw_content) and decided.request.body == b""
        return is_new and bool(decided.table and decided.table.reads_body(decided.request))

    def _decide_now(self, flow: http.HTTPFlow, request: Request) -> None:
        """Decide, do what the decision says, or what overrides it, and keep it."""
        flow.request.data.host = str(flow.request.host)  # no stamp of an earlier decision stays
        table = self.live.table
        started = time.perf_counter()
        decision = decide(table, request) if table else refuse(Reason.NO_TABLE)
        seconds = time.perf_counter() - started
        self.shadow.note(flow, request, decision)
        if table and self.overrides:
            decision = self.overrides.apply(table, flow, request, decision)
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
        left = outgoing(flow.request)
        self._keep(flow, Decided(decision, table, seconds, request, left))
        if flow.response and decision.action is Action.REFUSE and is_grpc(flow.request):
            flow.response = grpc_answer(flow)

    def _send_refusal(self, flow: http.HTTPFlow, decision: Decision, table: Table | None) -> None:
        send_refusal(flow, decision, table)
        if not (flow.response or flow.request.stream):
            self.error_pages.end_within(flow, BODY_SECONDS)

    def _refuse_unread(self, flow: http.HTTPFlow) -> None:
        """Refuse a request whose body turned out too long for the rule that had to read it."""
        table = self.live.table
        decision = refuse(Reason.TOO_LARGE, table=table.version if table else None)
        self._keep(flow, Decided(decision, table, 0, request_head(flow, None)))

    def _keep(self, flow: http.HTTPFlow, decided: Decided) -> None:
        annotate(flow, decided.decision)
        self.ledger[flow] = decided

    def _fail(self, flow: http.HTTPFlow, error: Exception) -> None:
        """Refuse a request over which the router failed; mitmproxy would forward it."""
        logger.error("%s; the request is refused", described(error))
        flow.request.data.host = str(flow.request.host)
        decision = refuse(Reason.INTERNAL_ERROR)
        self._send_refusal(flow, decision, None)
        self._keep(flow, Decided(decision, None, 0))

    def _annotate_recorded(self, flow: http.HTTPFlow) -> None:
        """Write on a flow from a file what the table decides; what was decided then stays."""
        if self.live.table and not is_annotated(flow):
            annotate(flow, decide(self.live.table, request_with_body(flow)))

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
    except OSError as error:
        raise OptionsError(
            f"hublet_fingerprint_key: {file} cannot be read: {error.strerror}; name a file that"
            " holds at least 16 random bytes"
        ) from error
