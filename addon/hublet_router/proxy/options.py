"""The options that the user gave, and those of mitmproxy's own that routing needs."""

import difflib
import logging

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError

from ..core.request import MAX_BODY

logger = logging.getLogger(__name__)


class GivenOptions:
    """What was given at the start, before our options were known. The last of our addons to load.

    Each that cannot be taken is an error in the log, which stops the start.
    """

    name = "hublet-router-options"

    def load(self, _loader: Loader) -> None:
        """Take each by itself, before mitmproxy takes all of them.

        Where that fails, its task for the script ends: it would go on without the addon, unrouted,
        and tell nobody (`Script.watcher`).
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
        """Tell a misspelt option of ours, which would be ignored."""
        known = [option for option, _ in ctx.options.items() if option.startswith("hublet")]
        for option in ctx.options.deferred:
            if option.startswith("hublet"):
                near = difflib.get_close_matches(option, known, 1, cutoff=0)
                logger.error("unknown option %s; did you mean %s?", option, *near)


def be_faithful() -> None:
    """Set what routing needs, and say so; the user need not have typed it.

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
