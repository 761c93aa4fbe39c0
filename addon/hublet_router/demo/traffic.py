"""Traffic for the console and mitmweb: each example of the table, through the proxy's port.

`hublet-router demo` names it to mitmproxy as a second script (`-s`), and nothing else does. As an
option of the addon it could be switched on in front of real Hublets; as a process beside mitmproxy
it would send to whatever holds the port if mitmproxy could not take it. It sends real requests and
replays no flows, so that a person sees what any call looks like: decided, connected and answered.
"""

import asyncio
import logging

from mitmproxy import ctx
from mitmproxy.log import ALERT

from hublet_router.proxy.addon import HubletRouter
from hublet_router.verify.exchange import exchange, sendable

logger = logging.getLogger("hublet_router.demo.traffic")  # mitmproxy names a script otherwise


class Traffic:
    """Sends each example once, in the table's order, and only where demo Hublets answer."""

    name = "hublet-traffic"

    def __init__(self) -> None:
        self.sending: asyncio.Task[None] | None = None

    def running(self) -> None:
        """Begin, beside the hooks."""
        if ctx.options.hublet_demo:
            self.sending = asyncio.create_task(_send_examples())

    def done(self) -> None:
        """Stop after the request that is under way."""
        if self.sending:
            self.sending.cancel()


async def _send_examples() -> None:
    while not (addresses := ctx.master.addons.get("proxyserver").listen_addrs()):
        await asyncio.sleep(0.05)
    router: HubletRouter = ctx.master.addons.get("hublet-router")
    examples = router.live.table.examples if router.live.table else ()
    for sent in filter(None, [sendable(it.request) for it in examples]):
        await asyncio.to_thread(exchange, ("127.0.0.1", addresses[0][1]), sent, None, "")
    if url := getattr(ctx.master, "web_url", None):  # the line of mitmweb is far above by now
        logger.log(ALERT, "a request of every kind was sent; see them at %s", url)


addons = [Traffic()]
