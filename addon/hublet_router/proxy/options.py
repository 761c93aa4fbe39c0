"""The options: the router's own in one table, those that were given, and what routing needs."""

import difflib
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError

from ..core.request import MAX_BODY
from ..tablefile import DEFAULT_TABLE, TableError

logger = logging.getLogger(__name__)


class Option(NamedTuple):
    """What mitmproxy has to know of an option."""

    name: str
    type: Any
    default: object
    help: str
    least: int | None = None


OPTIONS = (
    Option(
        "hublets",
        str,
        DEFAULT_TABLE,
        "The table of Hublets and credentials. It is read again when the file changes, and the last"
        " good one goes on while the new one is bad.",
    ),
    Option(
        "hublet_connect_timeout",
        int,
        5,
        "Seconds within which an upstream must accept a connection, TLS included.",
        1,
    ),
    Option(
        "hublet_demo",
        bool,
        False,
        "Serve every upstream of the table, each on loopback, with a built-in Hublet that echoes"
        " what it received.",
    ),
    Option(
        "hublet_drain_timeout",
        int,
        10,
        "Seconds that requests under way get after SIGTERM or SIGINT. A second signal ends at"
        " once.",
        0,
    ),
    Option(
        "hublet_fast_dispatch",
        bool,
        True,
        "Call addon hooks from a table instead of searching every addon for each event.",
    ),
    Option(
        "hublet_fingerprint_key",
        str | None,
        None,
        "A file with the key of fingerprints, so that they stay the same from start to start."
        " Without it, each start has a new key.",
    ),
    Option(
        "hublet_log",
        str | None,
        None,
        "Append one JSON line for each request that was decided to this file, or to a pipe; '-' is"
        " standard output.",
    ),
    Option(
        "hublet_log_client",
        bool,
        False,
        "Write the client's address in each line of hublet_log, too.",
    ),
    Option(
        "hublet_metrics",
        str | None,
        None,
        "Serve metrics for Prometheus, /healthz and /readyz at [host]:port.",
    ),
    Option(
        "hublet_override",
        bool,
        False,
        "Let hublet.pin and hublet.resend work under mitmdump too, which shows no flows.",
    ),
    Option(
        "hublet_proxy_status",
        bool,
        False,
        "Say in the Proxy-Status of forwarded responses, too, which Hublet was asked and why.",
    ),
    Option(
        "hublet_shadow",
        str | None,
        None,
        "A candidate table. It decides each request beside the live one and changes nothing; each"
        " difference is reported.",
    ),
)


def declare(loader: Loader) -> None:
    """Declare every option of the router."""
    for option in OPTIONS:
        loader.add_option(*option[:4])


def check_seconds(updated: set[str]) -> None:
    """Raise OptionsError for a time that cannot be."""
    for name, _, _, _, least in OPTIONS:
        value = getattr(ctx.options, name)
        if name in updated and least is not None and value < least:
            raise OptionsError(f"{name} is {value}; give it {least} or more seconds")


type Configure[T] = Callable[[T, set[str]], None]


def reports_errors[T](configure: Configure[T]) -> Configure[T]:
    """Decorate a `configure` so that it logs the errors of the start, each as one sentence.

    While mitmproxy runs, it undoes an option that makes `configure` raise an OptionsError, and
    shows the text. At the start it prints a traceback instead and goes on without the addon
    (`Script.loadscript`). A logged error makes each of its tools exit with 1 (`ErrorCheck`).
    """

    @wraps(configure)
    def wrapper(self: T, updated: set[str]) -> None:
        try:
            configure(self, updated)
        except (TableError, OptionsError) as error:
            given = ctx.master.addons.get(GivenOptions.name)
            if given and given.is_running:
                raise OptionsError(str(error)) from error
            for sentence in str(error).splitlines():
                logger.error(sentence)

    return wrapper


class GivenOptions:
    """The options of the command line, which mitmproxy keeps until an addon declares them.

    Each one that cannot be taken is an error in the log, which stops the start.
    """

    name = "hublet-router-options"

    def __init__(self) -> None:
        self.is_running = False

    def load(self, _loader: Loader) -> None:
        """Take each by itself, before mitmproxy takes all of them at once.

        If that fails, its task for the script ends without a word (`Script.watcher`), and it
        forwards requests without the router.
        """
        deferred = ctx.options.deferred
        given = dict(deferred)
        for option, value in given.items():
            if option in ctx.options:
                deferred.clear()
                deferred[option] = value
                try:
                    ctx.options.process_deferred()
                except OptionsError as error:
                    logger.error("%s", error)
        deferred.clear()
        deferred.update({name: value for name, value in given.items() if name not in ctx.options})

    def running(self) -> None:
        """Report a misspelt option of ours, which mitmproxy would ignore."""
        self.is_running = True
        known = [option for option, _ in ctx.options.items() if option.startswith("hublet")]
        for option in ctx.options.deferred:
            if option.startswith("hublet"):
                near = difflib.get_close_matches(option, known, 1, cutoff=0)
                logger.error("unknown option %s; did you mean %s?", option, *near)


def is_interactive() -> bool:
    """Return whether a person is looking: in mitmproxy's console or mitmweb, but not mitmdump."""
    return hasattr(ctx.master, "view")


def be_faithful() -> None:
    """Set the options of mitmproxy that routing needs, and log it once.

    `keep_host_header` and `connection_strategy` keep mitmproxy from rewriting Host, and from
    connecting, before any hook. `keep_alt_svc_header` leaves an answer as it came.
    `stream_large_bodies` is the limit of a body that a rule has to see, in bytes.
    `validate_inbound_headers` rejects ambiguous framing (request smuggling).
    """
    needed = {
        "keep_host_header": True,
        "keep_alt_svc_header": True,
        "connection_strategy": "lazy",
        "stream_large_bodies": str(MAX_BODY),
        "validate_inbound_headers": True,
    }
    changed = {k: v for k, v in needed.items() if getattr(ctx.options, k) != v}
    if changed:
        settings = ", ".join(f"{k}={str(v).lower()}" for k, v in changed.items())
        logger.info("set for faithful routing: %s", settings)
        ctx.options.update(**changed)
