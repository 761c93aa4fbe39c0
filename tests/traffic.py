"""Traffic for `make console` and `make web`: each example of the table, through the proxy's port.

Those two name it to mitmproxy as a second script (`-s`), and nothing else does. As an option of the
addon it could be switched on in front of real Hublets; as a process beside mitmproxy it would send
to whoever holds the port when mitmproxy could not take it. Real requests of a local client, and not
a replay of flows: a person then sees what any call looks like, decided, connected and answered.
"""

import asyncio

from mitmproxy import ctx

from flows.record import plain
from hublet_router.proxy.addon import HubletRouter


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
    for example in router.live.table.examples if router.live.table else ():
        await asyncio.to_thread(plain, addresses[0][1], example.request)


addons = [Traffic()]
