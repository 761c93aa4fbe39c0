"""The addon: mitmproxy's hooks, in the order of a life cycle, each a few lines around the core."""

import asyncio
import logging
import signal
import time
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.certs import CertStore
from mitmproxy.exceptions import OptionsError

from ..core.decision import Action, Reason, refuse
from ..core.judge import decide
from ..core.request import MAX_BODY, Request
from ..core.table import Table
from ..demo.hublets import DemoHublets
from ..flows.requests import body_size, request_head, request_with_body
from ..tablefile import TableError
from .commands import Commands
from .engine.dispatch import Dispatch
from .engine.http1 import Http1Cures
from .engine.unload_guard import leave_guard, remove_guard
from .engine.upstream_guard import UpstreamGuard
from .live_table import DEFAULT_TABLE, TableSource, table_path
from .observe.decision_log import DecisionLog
from .observe.endings import Endings
from .observe.metrics import Metrics
from .observe.misdirected import MisdirectedAnswers
from .observe.shadow import Shadow
from .observe.usage import Usage
from .options import GivenOptions, be_faithful
from .overrides import Overrides
from .routing.annotate import Decided, Ledger, annotate, is_annotated
from .routing.passing import keep_copy, pass_on
from .routing.proxy_status import ProxyStatus
from .routing.refusal import send_refusal
from .routing.upstream import UpstreamHost, frame, retarget

logger = logging.getLogger(__name__)


class HubletRouter:
    """Sends each request to the Hublet that its credential names, or refuses it."""

    name = "hublet-router"

    def __init__(self) -> None:
        self.table: Table | None = None
        self.source: TableSource | None = None
        self.demo = DemoHublets()
        self.is_running = False
        self.scripts: list[str] = []
        self.decided: Ledger = WeakKeyDictionary()
        # mitmproxy calls the hooks of these too
        endings = Endings(self.decided)
        self.decision_log = DecisionLog(endings)
        self.metrics = Metrics(endings, self)
        self.door = UpstreamGuard()
        self.misdirection = MisdirectedAnswers(self.decided)
        self.shadow = Shadow()
        self.usage = Usage()
        self.overrides = Overrides()
        status = ProxyStatus(self.decided)
        self.prompt = Commands(self, self.overrides)
        self.addons = [
            self.door, self.misdirection, self.shadow, endings, self.decision_log,
            self.metrics, status, self.prompt, Http1Cures(), GivenOptions(), Dispatch(),
        ]  # fmt: skip

    # life cycle; plain functions all: mitmproxy cannot reload a script whose hooks here are async

    def load(self, loader: Loader) -> None:
        """Declare the options, and take SIGHUP, which would end the process.

        Not from the console, which must end with its terminal.
        """
        if not hasattr(ctx.options, "console_layout"):
            with suppress(ValueError, RuntimeError, NotImplementedError):  # a thread, or Windows
                asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hang_up)
        remove_guard()
        tls = ctx.master.addons.get("tlsconfig")
        if tls and tls.certstore is None:
            # mitmproxy makes the store in `running`, but listens before: the request of an early
            # client would fail for want of it, and end the process (`TlsConfig.request`).
            tls.configure({"confdir"})
        loader.add_option(
            "hublets",
            str,
            DEFAULT_TABLE,
            "The table of Hublets and credentials. It is read again when the file changes, and the"
            " last good one goes on while the new one is bad.",
        )
        loader.add_option(
            "hublet_demo",
            bool,
            False,
            "Serve every upstream of the table, each on loopback, with a built-in Hublet that"
            " echoes what it received.",
        )

    def configure(self, updated: set[str]) -> None:
        """Take the options, all or none; each that cannot be taken gets its sentence."""
        if ctx.options.ssl_insecure:
            self._complain(
                "ssl_insecure would take any server for a Hublet; leave it out, and name your own"
                " CA with --set ssl_verify_upstream_trusted_ca=FILE"
            )
            return
        be_faithful()
        try:
            self.door.take_options(updated)
            if "hublets" in updated:
                self._open(TableSource(table_path(ctx.options.hublets)))
            elif "hublet_demo" in updated:
                self._serve_demo()
            self.decision_log.take_options(updated)
            self.metrics.take_options(updated)
        except (TableError, OptionsError) as error:
            self._complain(*str(error).splitlines())

    def running(self) -> None:
        """Watch the table."""
        self.is_running = True
        self.scripts = list(ctx.options.scripts)
        if self.source:
            self.source.follow(partial(self._replace, self.source))

    def done(self) -> None:
        """Stop what runs beside the hooks, and let nothing pass should mitmproxy go on."""
        if self.is_running:
            leave_guard(self.scripts)
        with suppress(ValueError, RuntimeError, NotImplementedError):
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        if self.source:
            self.source.close()
        self.demo.close()

    # flows

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Decide before a byte leaves, except where a rule has to see the body first."""
        if flow.error:
            return
        if not flow.live:
            self._annotate_recorded(flow)
            return
        flow.request.data.host = str(flow.request.host)  # a replayed flow has the stamp it got then
        try:
            request, table = request_head(flow), self.table
            if table and table.reads_body(request.path) and (size := body_size(flow.request)) != 0:
                request = request_head(flow, body=None)
                if (size or 0) <= MAX_BODY and not flow.request.stream:
                    # To `request`, with the body; one that turns out longer is streamed, to where
                    # the other credentials say or to nowhere.
                    if size is None and decide(table, request).upstream:
                        asked = flow.request.host
                        self._apply(flow, request)
                        if isinstance(flow.request.host, UpstreamHost):  # no pin refused it
                            flow.request.host.asked = asked
                    return
            self._apply(flow, request)
        except Exception as error:
            self._fail(flow, error)

    def request(self, flow: http.HTTPFlow) -> None:
        """Decide what waited for its body, and whatever else bears no stamp of this addon."""
        if flow.error or flow.response or not flow.live:
            return
        try:
            host = flow.request.host
            if isinstance(host, UpstreamHost) and host.asked and not flow.request.stream:
                flow.request.data.host = host.asked  # the body has come
            if not isinstance(flow.request.host, UpstreamHost):
                self._apply(flow, request_with_body(flow))
            frame(flow.request)
        except Exception as error:
            self._fail(flow, error)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Pass an answer on, unless it opens a tunnel that nobody reads: all but WebSocket."""
        response = flow.response
        if not (flow.live and response):
            return
        if response.status_code != 101:
            pass_on(response, self.table)
        else:
            upgrade = response.headers.get("upgrade", "").lower()
            version = flow.request.headers.get("sec-websocket-version")
            if upgrade != "websocket" or version != "13" or not ctx.options.websocket:
                flow.kill()

    def response(self, flow: http.HTTPFlow) -> None:
        """Keep a short answer that was passed on, for those who look at it."""
        if flow.response:
            keep_copy(flow.response)

    # one way to do each thing

    def _apply(self, flow: http.HTTPFlow, request: Request) -> None:
        """Decide, and do what the decision says."""
        table = self.table
        started = time.perf_counter()
        decision = decide(table, request) if table else refuse(Reason.NO_TABLE)
        self.shadow.note(flow, request, decision)
        if table and self.overrides:
            decision = self.overrides.apply(table, flow, request, decision)
        seconds = time.perf_counter() - started
        if (
            decision.action is Action.PASS
            and table
            and table.is_upstream(flow.request.host, flow.request.port)
        ):
            decision = refuse(decision.reason, table=decision.table)  # no way round the decision
        if decision.upstream:
            retarget(flow, decision.upstream, request)
        elif decision.action is Action.PASS:
            sni = flow.client_conn.sni  # what mitmproxy would use where the target stays
            flow.request.data.host = UpstreamHost(flow.request.host, flow.request.port, sni)
        else:
            send_refusal(flow, decision)
        self._record(flow, Decided(decision, table, seconds, request))

    def _record(self, flow: http.HTTPFlow, decided: Decided) -> None:
        annotate(flow, decided.decision)
        self.usage.count(decided.decision)
        self.decided[flow] = decided

    def _fail(self, flow: http.HTTPFlow, error: Exception) -> None:
        """Refuse a request over which the router failed; mitmproxy would send it on."""
        # Not the error's text, which can hold what the client sent, but where, innermost first.
        frames = reversed(traceback.extract_tb(error.__traceback__))
        where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
        logger.error("%s at %s; the request is refused", type(error).__name__, where)
        flow.request.data.host = str(flow.request.host)
        decision = refuse(Reason.INTERNAL_ERROR)
        send_refusal(flow, decision)
        self._record(flow, Decided(decision, None, 0))

    def _annotate_recorded(self, flow: http.HTTPFlow) -> None:
        """Say what the table decides for a flow from a file; what was decided then stays."""
        if self.table and not is_annotated(flow):
            annotate(flow, decide(self.table, request_with_body(flow)))

    # the table

    def _open(self, source: TableSource) -> None:
        self._replace(source, source.load())
        if self.source:
            self.source.close()  # what its watch may be reading was there before
        self.source = source
        if self.is_running:
            source.follow(partial(self._replace, source))

    def reload(self) -> Table:
        """Read the table's file at once; raise TableError or OptionsError, and keep the old one."""
        assert self.source
        self._open(self.source)
        assert self.table
        return self.table

    def _replace(self, source: TableSource, table: Table) -> None:
        """Take another table, whole: each request is decided by one."""
        before, self.table = self.table, table
        try:
            self._serve_demo()
        except OptionsError:
            self.table = before
            raise
        if not before or before.version != table.version:
            hublets = ", ".join(f"{name} at {up}" for name, up in table.hublets.items())
            logger.info("table %s from %s: %s", table.version, source.path, hublets)

    def _hang_up(self) -> None:
        """Read the table again and open the log anew, as operators expect of SIGHUP."""
        self.decision_log.reopen()
        if self.source:
            self.source.expire()

    def _serve_demo(self) -> None:
        if not (ctx.options.hublet_demo and self.table):
            self.demo.close()
            return
        folder = Path(ctx.options.confdir).expanduser()
        self.demo.serve(self.table, CertStore.from_store(folder, "mitmproxy", ctx.options.key_size))
        if ctx.options.ssl_verify_upstream_trusted_ca is None:
            authority = folder / "mitmproxy-ca-cert.pem"
            ctx.options.update(ssl_verify_upstream_trusted_ca=str(authority))

    def _complain(self, *sentences: str) -> None:
        """Refuse options: mitmproxy takes an OptionsError back, but shows it as a crash at start.

        At start a logged error makes each of the tools exit with 1.
        """
        if self.is_running:
            raise OptionsError("\n".join(sentences))
        for sentence in sentences:
            logger.error(sentence)
